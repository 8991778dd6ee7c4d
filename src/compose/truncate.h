/* SPDX-License-Identifier: ISC */
/* What the truncate filters share. */
#ifndef PO_COMPOSE_TRUNCATE_H
#define PO_COMPOSE_TRUNCATE_H

#include <stdbool.h>
#include <stdint.h>

#include "compose/render.h"

#define TRUNCATED "\xe2\x80\xa6" /* U+2026, an ellipsis */

/* The length to truncate to; *none where it is no number: the value stays as it
 * is. */
bool tpl_truncate_length(struct render *r, const struct value *arg,
    const char *filter, int64_t *n, bool *none);

/* NFC */
bool tpl_truncate_compose(struct render *r, struct value *v);

#endif
