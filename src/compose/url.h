/* SPDX-License-Identifier: ISC */
/* URLs that people write, made fit for a link. */
#ifndef PO_COMPOSE_URL_H
#define PO_COMPOSE_URL_H

#include "compose/builder.h"
#include "util/span.h"

/* Append `scheme` and `rest` joined: the host in ASCII, all else quoted where
 * it is not yet. */
void tpl_url_quote(struct builder *b, struct span scheme, struct span rest);

#endif
