/* SPDX-License-Identifier: ISC */
/* The command line of po-mail (po-mail(1)): one letter, and how it goes out. */
#ifndef PO_CLI_MAIL_ARGS_H
#define PO_CLI_MAIL_ARGS_H

#include <stdio.h>

#include "compose/letter.h"

struct mail_args {
	struct letter letter;
	const char *text, *html;  /* files; "-" is standard input */
	const char *context_file; /* likewise */
	const char *json, *batch; /* likewise; NULL: not given */
	const char *config, *timezone;
	bool dry_run, help, version;
};

/* Read it; the letter is to be cleared. PO_EUSAGE, PO_EDATA. */
int mail_args_read(struct mail_args *a, int argc, char **argv,
    struct po_err *err);

void mail_args_usage(FILE *to);

#endif
