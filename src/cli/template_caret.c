/* SPDX-License-Identifier: ISC */
#include "cli/template_caret.h"

#define CARET_BYTES 400u

static struct span
line_of(struct span source, unsigned line)
{
	struct span s;

	do
		s = span_cut(&source, '\n');
	while (--line > 0 && source.len > 0);
	if (s.len > CARET_BYTES)
		s.len = CARET_BYTES;
	return s;
}

void
template_caret_print(FILE *to, struct span source,
    const struct template_place *where)
{
	struct span line = line_of(source, where->line);
	unsigned column = 1;
	size_t i;

	(void)fprintf(to, "%5u | ", where->line);
	for (i = 0; i < line.len; i++)
		(void)fputc(ascii_is_control((unsigned char)line.p[i]) &&
		                    line.p[i] != '\t'
		                ? '?'
		                : line.p[i],
		    to);
	(void)fputs("\n      | ", to);
	for (i = 0; i < line.len && column < where->column; i++) {
		if (((unsigned char)line.p[i] & 0xc0) == 0x80)
			continue;
		(void)fputc(line.p[i] == '\t' ? '\t' : ' ', to);
		column++;
	}
	(void)fputs("^\n", to);
}
