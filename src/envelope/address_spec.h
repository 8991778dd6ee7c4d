/* SPDX-License-Identifier: ISC */
/* One address, taken apart: local part and domain (RFC 5322, 3.4.1). Private to
 * the address files of envelope. */
#ifndef PO_ENVELOPE_ADDRESS_SPEC_H
#define PO_ENVELOPE_ADDRESS_SPEC_H

#include "envelope/address.h"

/* Read the addr-spec that is all of `s` into the list's text and a->spec,
 * a->qualified. NULL, or why it is none. */
const char *address_spec_read(struct address_list *l, struct span s,
    struct address *a);

#endif
