/* SPDX-License-Identifier: ISC */
/*
 * The command line of sendmail, as every program writes it since 4.2BSD: single
 * letters, joined or not, each a row of one table (letter, argument, effect).
 * Options end at "--" and at the first argument that is none: what comes later
 * is a recipient, whatever it looks like. Nothing here opens a file.
 */
#ifndef PO_CLI_ARGUMENTS_H
#define PO_CLI_ARGUMENTS_H

#include <stddef.h>

#include "submit/submission.h"
#include "util/err.h"

enum arguments_mode {
	ARGUMENTS_SEND,    /* -bm, the default */
	ARGUMENTS_SMTP,    /* -bs */
	ARGUMENTS_LIST,    /* -bp, mailq */
	ARGUMENTS_ALIASES, /* -bi, -I, newaliases */
	ARGUMENTS_VERIFY,  /* -bv */
	ARGUMENTS_RUN,     /* -q */
	ARGUMENTS_NOTHING, /* -bh, -bH */
	ARGUMENTS_HELP,
	ARGUMENTS_VERSION
};

#define ARGUMENTS_MAX_WARNINGS 8
#define ARGUMENTS_MAX_RUNS 16

/* A value that is passed over: mail must not be lost for a wrong -N. */
struct arguments_warning {
	char letter;
	const char *value;
	const char *why;
};

struct arguments {
	enum arguments_mode mode;
	struct submit_request request;
	bool waits;     /* --wait: for what the queue says to it */
	bool immediate; /* -odi: for the attempt, where it can be made here */
	/* -qItext, -qRtext, -qStext, each with a "!" in front or not, without
	 * -q; none: all of the queue */
	const char *runs[ARGUMENTS_MAX_RUNS];
	size_t n_runs;
	struct arguments_warning warnings[ARGUMENTS_MAX_WARNINGS];
	size_t n_warnings;
};

/*
 * Read argv (argc at least 1; argv[0] decides for mailq and newaliases). *a
 * points into argv. PO_EUSAGE: the option that is not taken; PO_EDATA: control
 * characters in -V, which would reach SMTP.
 */
int arguments_read(int argc, char *const argv[], struct arguments *a,
    struct po_err *err);

/* One line for a letter, NULL when sendmail does not know it: for --help, and
 * the test that compares the man page. */
const char *arguments_help(char letter);

#endif
