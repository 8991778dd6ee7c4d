/* SPDX-License-Identifier: ISC */
/* Domain names in ASCII: IDNA (RFC 3490) as Python's codec "idna" does it. */
#ifndef PO_COMPOSE_IDNA_H
#define PO_COMPOSE_IDNA_H

#include <stdbool.h>

#include "compose/builder.h"
#include "util/span.h"

/* Append `domain` in ASCII. False: it cannot be (and part of it may have been
 * appended), or a failure. */
bool tpl_idna_encode(struct builder *b, struct span domain);

#endif
