/* SPDX-License-Identifier: ISC */
/* The two ends of an SMTP dialogue: lines and bytes in, replies out. */
#ifndef PO_SUBMIT_SMTP_IO_H
#define PO_SUBMIT_SMTP_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/err.h"

struct smtp_io {
	int in, out;
	int64_t timeout_s;
	bool ended;       /* nothing more is read */
	unsigned errors;  /* commands that were none: replies 50x */
	bool line_has_cr; /* the last line ended with CRLF */
	struct buf replies;
	size_t sent;    /* of them */
	size_t at, len; /* what is unread in `input` */
	char *input;
	struct po_err *err; /* PO_ENOINPUT when reading failed */
};

/* `timeout_s` is the longest wait for input, and for a client that does not
 * take its replies. *err is PO_OK until reading fails. */
void smtp_io_init(struct smtp_io *s, int in, int out, int64_t timeout_s,
    struct po_err *err);
void smtp_io_clear(struct smtp_io *s);

/* One reply, without its line end; it leaves with the next read or flush. */
void smtp_io_reply(struct smtp_io *s, const char *text);

/* A reply of a code, an enhanced status (or ""), and any text. */
void smtp_io_reply_with(struct smtp_io *s, const char *code, const char *status,
    const char *text);

/* A failure of ours as a reply: 452 or 451 with the status of its code where
 * trying again helps, 550 5.7.1 where it is not allowed, else `permanent`
 * ("553 5.1.3"), then its text. */
void smtp_io_reply_error(struct smtp_io *s, const struct po_err *e,
    const char *permanent);

/* All replies leave: 0, or -1: the client is gone or does not take them, and
 * the dialogue ended. */
int smtp_io_flush(struct smtp_io *s);

/* The same at the end of a dialogue, whatever ended it: a few seconds long. */
void smtp_io_say_goodbye(struct smtp_io *s);

/* When all of the input is read: more of it, after the replies so far. False
 * at its end, or when the time is over: the dialogue ended. */
bool smtp_io_fill(struct smtp_io *s);

/* The next line into *line, without its end. 1; 0: it was longer than the
 * ceiling of *line, which has its beginning; -1: there is none. */
int smtp_io_read_line(struct smtp_io *s, struct buf *line);

#endif
