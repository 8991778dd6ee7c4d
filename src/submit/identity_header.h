/* SPDX-License-Identifier: ISC */
/* From and Sender, and their Resent- forms, as from_policy, masquerade and the
 * rules of `sender` want them. */
#ifndef PO_SUBMIT_IDENTITY_HEADER_H
#define PO_SUBMIT_IDENTITY_HEADER_H

#include <stddef.h>

#include "message/complete.h"
#include "message/header.h"
#include "submit/identity.h"
#include "util/err.h"

/*
 * What stands in the place of those fields that change: the field with other
 * addresses, and nothing else changed; before it the old one as X-Original-From
 * and so on, where more than masquerade changed it, and Reply-To where the rule
 * wants it and there is none. All lives in the identity's arena. PO_EPERM: the
 * message is from somebody whom from_policy does not believe. From counts in a
 * resent message too: else everybody could send as everybody.
 */
int identity_header(struct identity *id, const struct header *h,
    const struct header_change **changes, size_t *n, struct po_err *err);

#endif
