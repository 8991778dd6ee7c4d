/* SPDX-License-Identifier: ISC */
/* What the submitter should know although his mail goes its way: lines, kept
 * until the program has a place to say them. */
#ifndef PO_SUBMIT_WARNINGS_H
#define PO_SUBMIT_WARNINGS_H

#include <stddef.h>

#include "util/buf.h"

#define WARNINGS_MAX 100u

struct warnings {
	struct buf text; /* lines, each with its LF, safe for a terminal */
	size_t n;        /* all of them; beyond WARNINGS_MAX only counted */
};

/* Nothing is allocated until there is one. */
void warnings_init(struct warnings *w);
void warnings_clear(struct warnings *w);

/* One line, without its end, cut at 900 bytes. `w` NULL: nobody listens. */
void warnings_add(struct warnings *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
