/* SPDX-License-Identifier: ISC */
/*
 * The header block as it is sent: Received on top, what RFC 5322 asks for and
 * is missing (3.6; in a resent message also its Resent- twin, 3.6.6), addresses
 * qualified, Bcc, Return-Path and orders to po left out, empty address fields
 * left out, no line over 998 bytes. All else stays as it was written.
 */
#ifndef PO_MESSAGE_COMPLETE_H
#define PO_MESSAGE_COMPLETE_H

#include <stdbool.h>
#include <stddef.h>

#include "message/header.h"
#include "util/buf.h"
#include "util/err.h"

/* What stands in the place of a field: whole lines, as they are sent. */
struct header_change {
	size_t field; /* its index */
	struct span lines;
};

/* Values, without name and final LF; `from` is needed only where
 * header_wants_from() says so. */
struct completion {
	const char *received; /* NULL: none */
	const char *date;
	const char *message_id; /* with its brackets */
	const char *from;
	const char *domain; /* added to addresses without one; NULL: none */
	bool keep_bcc;      /* SMTP: the header is the client's (RFC 5321) */
	const struct header_change *changes; /* in the fields' order */
	size_t n_changes;
};

/*
 * The newest set of Resent- fields: those from the first one on, up to a trace
 * field or to a field that the set has already; empty ones do not count. Only
 * they are of this resending (RFC 5322, 3.6.6): an older set names recipients
 * who have the message.
 */
struct resent_set {
	size_t first,
	    end;      /* of the fields' indices; equal when there is none */
	unsigned has; /* bit 1 << enum field_id */
};
struct resent_set header_resent(const struct header *h);

/* Is a From, or the Resent-From of a resent message, missing? */
bool header_wants_from(const struct header *h);

/* Append the whole block, without the empty line. PO_EDATA: it grew over the
 * ceiling of *out. */
int header_complete(const struct header *h, const struct completion *c,
    struct buf *out, struct po_err *err);

#endif
