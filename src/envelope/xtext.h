/* SPDX-License-Identifier: ISC */
/*
 * xtext (RFC 3461, 4): how ENVID and ORCPT carry any text in an SMTP parameter.
 */
#ifndef PO_ENVELOPE_XTEXT_H
#define PO_ENVELOPE_XTEXT_H

#include <stdbool.h>

#include "util/buf.h"
#include "util/span.h"

/* Printable ASCII without '=', and '+' only before two upper-case hex digits;
 * what those decode to is no control character either. Empty is valid. */
bool xtext_is_valid(struct span s);

/* "addr-type;xtext", as ORCPT has it (RFC 3461, 4.2). */
bool xtext_is_orcpt(struct span s);

/* Append what `s` stands for; what is no xtext stays as it is. False at the
 * ceiling of *out. */
bool xtext_decode(struct buf *out, struct span s);

/* Append an address that is not ASCII as utf-8-addr-xtext (RFC 6533, 3). False
 * at the ceiling of *out. */
bool xtext_put_utf8(struct buf *out, struct span address);

/* Append what ORCPT says of an address that nobody gave one for: "rfc822;..."
 * or "utf-8;...". False, with a part of it appended, at the ceiling. */
bool xtext_put_orcpt(struct buf *out, struct span address);

#endif
