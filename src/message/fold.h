/* SPDX-License-Identifier: ISC */
/*
 * No line of a message is longer than 998 bytes (RFC 5322, 2.1.1; RFC 5321,
 * 4.5.3.1.6): some servers cut what is longer, some refuse it. A longer line of
 * the body goes on in the next line behind a blank; a header field is folded at
 * white space, else behind a comma, else like the body. UTF-8 sequences stay
 * whole.
 */
#ifndef PO_MESSAGE_FOLD_H
#define PO_MESSAGE_FOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"
#include "util/err.h"
#include "util/sink.h"

#define LINE_MAX_BYTES 998u /* without its end */

#define FIELD_NAME_MAX 255u

/* The body, as a stream of any pieces. */
struct fold {
	struct sink out;
	size_t column;
};

void fold_init(struct fold *f, struct sink out);
int fold_write(struct fold *f, const char *p, size_t len, struct po_err *err);

/* Append the lines of one header field, `raw`, LF at its end; its name, at most
 * FIELD_NAME_MAX bytes, is never cut. False: *out is at its ceiling. */
bool fold_field(struct span raw, struct buf *out);

#endif
