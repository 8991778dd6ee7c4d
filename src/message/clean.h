/* SPDX-License-Identifier: ISC */
/*
 * Bytes as programs write them become lines as po keeps them: LF alone ends a
 * line, every CR before it is dropped, any other CR is a space (never a line
 * end: that would let a header field hide in another), NUL is dropped
 * (RFC 5321, 4.1.1.4; RFC 5322, 2.3). A last line without LF gets one.
 *
 * For callers that do not say -i, a line of one dot ends the message, and one
 * of two dots at the beginning of a line is removed: what sendmail always did.
 * For SMTP's DATA every dot at the beginning is (RFC 5321, 4.5.2). There a line
 * is what the client means by it: where it ends its commands with CRLF, neither
 * a bare LF nor anything with a NUL in it begins or ends a line, so that no
 * text can contain the end of the message (SMTP smuggling).
 *
 * Holds nothing but a few counters: any input may come in pieces of any size.
 */
#ifndef PO_MESSAGE_CLEAN_H
#define PO_MESSAGE_CLEAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"
#include "util/sink.h"

enum clean_dots {
	DOTS_DATA,      /* -i: a dot is a dot */
	DOTS_SENDMAIL,  /* "." ends; ".." at the beginning loses one */
	DOTS_SMTP_CRLF, /* "." ends; "." at the beginning is lost */
	DOTS_SMTP_LF    /* the same, for a client whose lines end with LF */
};

struct clean {
	struct sink out;
	enum clean_dots dots;
	bool ended;       /* a lone dot was seen */
	bool line_start;  /* nothing of this line was written yet */
	bool dot_counts;  /* here a dot is at the beginning of a line */
	bool dot;         /* the line began with a dot, which is held back */
	uint64_t returns; /* CRs that wait for what follows */
	size_t used;      /* of the input of the last clean_write() */
};

void clean_init(struct clean *c, enum clean_dots dots, struct sink out);

/* Take `len` bytes. After a lone dot c->ended is true, c->used tells how many
 * bytes were eaten (its line end included), and the rest is not looked at. */
int clean_write(struct clean *c, const char *p, size_t len, struct po_err *err);

/* The input is at its end: write what was held back. */
int clean_end(struct clean *c, struct po_err *err);

#endif
