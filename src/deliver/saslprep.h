/* SPDX-License-Identifier: ISC */
/* SASLprep (RFC 4013): names and passwords that look alike are equal. For files
 * of this room. */
#ifndef PO_DELIVER_SASLPREP_H
#define PO_DELIVER_SASLPREP_H

#include <stdbool.h>

#include "util/buf.h"

/* Append `s` prepared. False when it has what a name or a password may not
 * have, is no UTF-8, or does not fit. ASCII is only looked at. */
bool saslprep(struct span s, struct buf *out);

#endif
