/* SPDX-License-Identifier: ISC */
/*
 * A message on its way to a server that takes no 8-bit text (RFC 6152, 3), or
 * no UTF-8 in the header (RFC 6531): made fit while it is read, part by part
 * (RFC 2045), without holding it.
 *
 *   a part with 8-bit bytes   becomes quoted-printable or base64, whichever is
 *                             shorter; its header is corrected
 *   text without a type       is called text/plain, UTF-8 where it is that,
 *                             else unknown-8bit (RFC 1428)
 *   multipart, message/rfc822 are gone into; a message in a message likewise
 *   multipart/signed          cannot be changed: with 8-bit bytes inside it is
 *                             not converted (5.6.3), nor is an encoding that is
 *                             not of RFC 2045
 *   fields of the header      get encoded words (RFC 2047) and parameters of
 *                             RFC 2231; an address outside of ASCII cannot be
 *                             written so (5.6.7)
 *   preamble, epilogue        what nobody reads: "?" for each such byte
 */
#ifndef PO_DELIVER_SEVEN_H
#define PO_DELIVER_SEVEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "deliver/delivery.h"
#include "deliver/transport.h"
#include "util/err.h"

struct seven;

/*
 * Look through the content of `m`, which must outlive it; `bodies`: not only
 * header fields are to be converted. 1 *out is to be read; 0 it cannot be, *why
 * says so (FAILED); -1 the file cannot be read.
 */
int seven_new(const struct deliver_message *m, bool bodies, struct seven **out,
    struct delivery *why, struct po_err *err);
void seven_free(struct seven *s);

/* Bytes of what comes out, LF-only lines. */
uint64_t seven_length(const struct seven *s);

/* The next bytes, at most `max`; *last with the final ones. To the beginning
 * again: seven_rewind(). */
ssize_t seven_read(struct seven *s, char *out, size_t max, bool *last,
    struct po_err *err);
void seven_rewind(struct seven *s);

/* Append the fields of a header block, LF-only, those with bytes above 0x7f
 * rewritten. 1; 0 an address has such bytes; -1 *out is at its ceiling. */
int seven_header(struct span block, struct buf *out);

#endif
