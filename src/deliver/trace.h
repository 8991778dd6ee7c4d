/* SPDX-License-Identifier: ISC */
/* The lines that a final delivery puts before the content (RFC 5321, 4.4, and
 * the custom of Postfix and qmail). */
#ifndef PO_DELIVER_TRACE_H
#define PO_DELIVER_TRACE_H

#include <stdint.h>

#include "deliver/transport.h"
#include "util/buf.h"

enum trace_line {
	TRACE_FROM = 1,         /* "From sender date", as in mbox files */
	TRACE_RETURN_PATH = 2,  /* Return-Path: <sender> */
	TRACE_DELIVERED_TO = 4, /* Delivered-To: recipient */
	TRACE_ORIGINAL_TO = 8   /* X-Original-To: what the sender wrote */
};
#define TRACE_MAX_BYTES 8192u
#define TRACE_MAILBOX                                                          \
	(TRACE_RETURN_PATH | TRACE_DELIVERED_TO | TRACE_ORIGINAL_TO)

/* The address that the message was sent to at first: ORCPT (RFC 3461, 4.2)
 * where it has one of type rfc822 that can stand in a line, else the
 * recipient's. Text of the recipient, or of `out`. */
const char *trace_original(const struct recipient *r, struct buf *out);

/* Append the lines `which` for a recipient. PO_EDATA: an address that cannot
 * stand in a line. */
int trace_put(struct buf *out, const struct deliver_message *m,
    const struct recipient *r, unsigned which, int64_t now, struct po_err *err);

/* Has the header a "Delivered-To: address" already, so that it goes round in
 * circles? 1, 0, or -1: the file cannot be read. `block` is CONTENT_BLOCK_BYTES
 * of scratch, which is all of the header that is looked at. */
int trace_is_loop(const struct deliver_message *m, const char *address,
    char *block, struct po_err *err);

#endif
