/* SPDX-License-Identifier: ISC */
/* Character references of HTML. */
#ifndef PO_COMPOSE_ENTITIES_H
#define PO_COMPOSE_ENTITIES_H

#include "compose/builder.h"
#include "util/span.h"

/* What "&NAME" stands for, `name` with its ";" if it has one; NULL where there
 * is no such name. */
const char *tpl_entity_text(struct span name);

/* The reference that stands behind a '&', at `s`: what it means in *text, which
 * may use `room`; returns how many bytes it takes, 0 where it is none. */
size_t tpl_reference(struct span s, struct span *text, char room[4]);

/* All references of `s` resolved, also those without ";" and wrong numbers, as
 * browsers do it. */
void tpl_unescape_html(struct builder *b, struct span s);

#endif
