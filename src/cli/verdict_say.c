/* SPDX-License-Identifier: ISC */
#include "cli/verdict_say.h"

#include <stdio.h>

#include "util/err.h"

int
verdict_say(struct span answer, const char *program)
{
	struct span line, word;
	int status = 0;

	while (answer.len > 0) {
		line = span_cut(&answer, '\n');
		word = span_cut(&line, ' ');
		if (span_eq(word, SPAN_LIT("ok"))) {
			(void)printf("%.*s\n", (int)line.len, line.p);
		} else if (span_eq(word, SPAN_LIT("no"))) {
			(void)fprintf(stderr, "%s: %.*s\n", program,
			    (int)line.len, line.p);
			status = po_code_info(PO_EDATA)->exit_status;
		}
	}
	return status;
}
