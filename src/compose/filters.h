/* SPDX-License-Identifier: ISC */
/*
 * Filters: the table, and what they share. A filter changes *v in place. What
 * it makes is not safe unless it says so; the table's `keeps_safe` makes it
 * safe again where what went in was (Django's is_safe).
 */
#ifndef PO_COMPOSE_FILTERS_H
#define PO_COMPOSE_FILTERS_H

#include <stdbool.h>
#include <stddef.h>

#include "compose/render.h"
#include "compose/value.h"
#include "util/span.h"

struct filter {
	const char *name;
	bool (*apply)(struct render *r, struct value *v,
	    const struct value *arg); /* arg NULL: none given */
	bool takes_arg;
	bool needs_arg;
	bool text; /* *v is made text first */
	bool keeps_safe;
	bool defaults; /* made for undefined variables: no error in strict mode
	                */
};

const struct filter *tpl_filter_find(struct span name);
bool tpl_filter_apply(struct render *r, const struct filter *f, struct value *v,
    const struct value *arg);

#define FILTER(name)                                                           \
	bool tpl_filter_##name(struct render *r, struct value *v,              \
	    const struct value *arg)

#endif
