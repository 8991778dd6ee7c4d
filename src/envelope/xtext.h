/* SPDX-License-Identifier: ISC */
/*
 * xtext (RFC 3461, 4): how ENVID and ORCPT carry any text in an SMTP parameter.
 */
#ifndef PO_ENVELOPE_XTEXT_H
#define PO_ENVELOPE_XTEXT_H

#include <stdbool.h>

#include "util/span.h"

/* Printable ASCII without '=', and '+' only before two upper-case hex digits;
 * what those decode to is no control character either. Empty is valid. */
bool xtext_is_valid(struct span s);

/* "addr-type;xtext", as ORCPT has it (RFC 3461, 4.2). */
bool xtext_is_orcpt(struct span s);

#endif
