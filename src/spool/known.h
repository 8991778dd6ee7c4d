/* SPDX-License-Identifier: ISC */
/* A newcomer whose id is known: is it the same message, and is the first copy
 * of it still right? */
#ifndef PO_SPOOL_KNOWN_H
#define PO_SPOOL_KNOWN_H

#include "spool/file.h"

enum known_verdict {
	KNOWN_SAME,    /* the same message, right in every part */
	KNOWN_DAMAGED, /* nothing says that it is another one, but something of
	                  it is damaged */
	KNOWN_OTHER,   /* another message, or another uid's */
};

/* `old` is a descriptor of the first, `f` the newcomer's checked copy, of
 * `uid`. */
enum known_verdict known_judge(int old, const struct message_file *f,
    uint32_t uid);

/* Before f replaces a damaged `old`: if anybody worked on it, its valid heads
 * and all its slots go over, as they are (damaged ones read as in doubt). f has
 * the same geometry. */
int known_keep_cells(int old, const struct message_file *f, struct po_err *err);

#endif
