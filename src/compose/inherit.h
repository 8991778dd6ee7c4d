/* SPDX-License-Identifier: ISC */
/* block.name and block.super. */
#ifndef PO_COMPOSE_INHERIT_H
#define PO_COMPOSE_INHERIT_H

#include <stdbool.h>

#include "compose/value.h"
#include "util/span.h"

/* As tpl_value_lookup(). */
bool tpl_block_lookup(struct render *r, const struct value *v, struct span name,
    struct value *out);

#endif
