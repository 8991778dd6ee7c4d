/* SPDX-License-Identifier: ISC */
/*
 * A server's reply (RFC 5321, 4.2): one or more lines with one code, "250-"
 * to go on and "250 " to end, perhaps an enhanced status (RFC 2034) first in
 * each text. The input is hostile.
 */
#ifndef PO_DELIVER_REPLY_H
#define PO_DELIVER_REPLY_H

#include <stddef.h>

#include "util/buf.h"
#include "util/span.h"

#define REPLY_LINE_BYTES 512u  /* of a line are kept (RFC 5321, 4.5.3.1.5) */
#define REPLY_MAX_BYTES 65536u /* a longer reply is none */

enum reply_step { REPLY_MORE, REPLY_DONE, REPLY_BAD };

struct reply {
	int code;        /* 200 to 599; 0 before the first line */
	char status[12]; /* "D.DDD.DDD" of the first line that has one of the
	                  * code's class, or "" */
	struct buf text; /* the lines without code and status, joined by LF */
	size_t bytes;
};

void reply_init(struct reply *r);
void reply_clear(struct reply *r);
void reply_reset(struct reply *r); /* for the next reply; keeps the memory */

/* One line without its line end. `bytes` is its length on the wire. BAD: no
 * code, another code than the line before, or too much; the dialogue is out
 * of step then. */
enum reply_step reply_feed(struct reply *r, struct span line, size_t bytes);

/* "250 2.0.0 Ok: queued as X" on one printable line, cut to fit. */
void reply_print(const struct reply *r, char *out, size_t max);

#endif
