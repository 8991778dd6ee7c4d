/* SPDX-License-Identifier: ISC */
/*
 * Quoted-printable and base64 (RFC 2045, 6.7 and 6.8) of text that comes in
 * pieces, as LF-only lines. For files of this room. All return false when `out`
 * is full.
 */
#ifndef PO_DELIVER_SEVEN_ENCODE_H
#define PO_DELIVER_SEVEN_ENCODE_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"
#include "util/span.h"

/* Of one part; begins as zeros. */
struct encoder {
	size_t column;
	char blank;             /* QP: a blank that may end its line, or '\0' */
	unsigned char held[57]; /* base64: a line's worth */
	size_t n_held;
};

/* A piece of a line, without its LF. */
bool encode_qp(struct encoder *e, struct span piece, struct buf *out);
/* The line ends, with an LF or, the last one, without. */
bool encode_qp_end(struct encoder *e, bool line_end, struct buf *out);

/* Any bytes; a line end of text is CRLF. */
bool encode_base64(struct encoder *e, struct span s, struct buf *out);
bool encode_base64_end(struct encoder *e, struct buf *out);

/* What is encoded already, but for bytes above 0x7f: these become
 * quoted-printable, or are left out. */
bool encode_8bit(struct span s, bool escape, struct buf *out);

#endif
