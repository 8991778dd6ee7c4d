/* SPDX-License-Identifier: ISC */
/* Content-Transfer-Encoding (RFC 2045, 6): bytes as lines of ASCII, streamed.
 */
#ifndef PO_COMPOSE_ENCODING_H
#define PO_COMPOSE_ENCODING_H

#include <stdbool.h>

#include "util/buf.h"
#include "util/err.h"
#include "util/sink.h"

/* Base64 in lines of 76; begin with a zeroed one but for `out`. */
struct base64 {
	struct sink out;
	unsigned char held[57];
	size_t n;
};
int base64_write(struct base64 *b, const void *p, size_t len,
    struct po_err *err);
int base64_end(struct base64 *b, struct po_err *err);

/* Append what base64 text stands for; white space is passed over. False when
 * it is none, or *out is full. */
bool base64_decode(struct span s, struct buf *out);

enum encoding { ENCODING_7BIT, ENCODING_QP, ENCODING_BASE64 };
extern const char *const encoding_names[];

/* What suits a text: 7bit where that carries it unchanged, quoted-printable
 * where most of it is ASCII, else base64. */
enum encoding encoding_of_text(struct span text);

/* A text in that encoding; CRLF, CR and LF are line ends. It ends with LF. */
int encoding_put_text(enum encoding e, struct span text, struct sink out,
    struct po_err *err);

#endif
