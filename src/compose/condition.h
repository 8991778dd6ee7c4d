/* SPDX-License-Identifier: ISC */
/* What `if` and `elif` test: operators over expressions, Python's precedence,
 * no parentheses. */
#ifndef PO_COMPOSE_CONDITION_H
#define PO_COMPOSE_CONDITION_H

#include <stdbool.h>

#include "compose/parser.h"

struct condition;

/* Compile the words w[1...]; NULL: error noted. */
const struct condition *tpl_condition_parse(struct parser *p,
    const struct words *w);

/* False in *truth also where an operator cannot be applied. False returned: a
 * failure. */
bool tpl_condition_eval(struct render *r, const struct condition *c,
    bool *truth);

#endif
