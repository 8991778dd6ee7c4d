/* SPDX-License-Identifier: ISC */
/* A variable or literal with its filters: `order.total|floatformat:2`. */
#ifndef PO_COMPOSE_EXPR_H
#define PO_COMPOSE_EXPR_H

#include <stdbool.h>
#include <stddef.h>

#include "compose/value.h"
#include "util/span.h"

struct parser;
struct filter;

/* A dotted name, or a literal. */
struct variable {
	bool literal;
	size_t n;           /* names */
	struct value value; /* of a literal */
	struct span *names;
	struct span text;
};

struct filter_call {
	const struct filter *filter;
	const struct variable *arg; /* NULL: none */
	struct filter_call *next;
};

struct expr {
	struct variable var;
	struct filter_call *calls;
	struct span text;
};

/* Compile; false: error noted. `text` must live as long as the template. */
bool tpl_expr_parse(struct parser *p, struct span text, struct expr *out);

/* What an undefined variable becomes. */
enum missing {
	MISSING_IS_TEXT, /* "", or an error in strict mode */
	MISSING_IS_NONE,
};
bool tpl_expr_eval(struct render *r, const struct expr *e, enum missing missing,
    struct value *out);
bool tpl_variable_eval(struct render *r, const struct variable *v,
    struct value *out); /* false may be no failure */

#endif
