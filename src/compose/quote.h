/* SPDX-License-Identifier: ISC */
/* %XX in URLs. */
#ifndef PO_COMPOSE_QUOTE_H
#define PO_COMPOSE_QUOTE_H

#include <stdbool.h>

#include "compose/builder.h"
#include "util/span.h"

/* Letters, digits, "_.-~" and the ASCII characters of `safe` stay. */
void tpl_quote_url(struct builder *b, struct span s, struct span safe);

/* Back again; bytes that are no UTF-8 become U+FFFD, as Python does it; `plus`:
 * "+" is a blank. */
void tpl_unquote_url(struct builder *b, struct span s, bool plus);

#endif
