/* SPDX-License-Identifier: ISC */
#include "cli/json_text.h"

#include "util/utf8.h"

void
json_text_print(FILE *to, const char *key, struct span s)
{
	size_t i, n;

	(void)fprintf(to, "\"%s\": \"", key);
	for (i = 0; i < s.len; i += n == 0 ? 1 : n) {
		n = utf8_sequence(s.p + i, s.len - i);
		if (n == 0)
			(void)fputs("\xef\xbf\xbd", to);
		else if (s.p[i] == '"' || s.p[i] == '\\')
			(void)fprintf(to, "\\%c", s.p[i]);
		else if ((unsigned char)s.p[i] < 0x20)
			(void)fprintf(to, "\\u%04x", (unsigned)s.p[i]);
		else
			(void)fwrite(s.p + i, 1, n, to);
	}
	(void)fputc('"', to);
}
