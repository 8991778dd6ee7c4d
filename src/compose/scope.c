/* SPDX-License-Identifier: ISC */
/*
 * Variables: one stack of bindings, searched from its end, then the context. A
 * scope is a part of the stack; only the innermost one grows.
 */
#include <stdlib.h>
#include <string.h>

#include "compose/render.h"

static const struct binding *
find(const struct render *r, struct span name, size_t from)
{
	size_t i;

	for (i = r->bindings_n; i > from; i--) {
		const struct binding *b = &r->bindings[i - 1];

		/* The pointers are equal where the template is one. */
		if (b->name.len == name.len &&
		    (b->name.p == name.p ||
		        (b->name.p[0] == name.p[0] &&
		            memcmp(b->name.p, name.p, name.len) == 0)))
			return b;
	}
	return NULL;
}

static bool
get_constant(struct span name, struct value *out)
{
	if (span_eq(name, SPAN_LIT("True")) || span_eq(name, SPAN_LIT("False")))
		*out = tpl_value_bool(name.p[0] == 'T');
	else if (span_eq(name, SPAN_LIT("None")))
		*out = tpl_value_none();
	else
		return false;
	return true;
}

bool
tpl_scope_get(struct render *r, struct span name, struct value *out)
{
	const struct binding *b = find(r, name, r->floor);
	const struct outer *o;
	json_t *j;

	for (o = r->outer; b == NULL && o != NULL; o = o->next)
		if (span_eq(o->binding.name, name))
			b = &o->binding;
	if (b != NULL) {
		*out = b->value;
		return true;
	}
	j = json_object_getn(r->root, name.p, name.len);
	if (j != NULL) {
		tpl_value_from_json(out, j);
		return true;
	}
	return get_constant(name, out);
}

size_t
tpl_scope_push(struct render *r)
{
	size_t saved = r->frame;

	r->frame = r->bindings_n;
	return saved;
}

void
tpl_scope_pop(struct render *r, size_t saved)
{
	r->bindings_n = r->frame;
	r->frame = saved;
}

static bool
grow(struct render *r)
{
	size_t cap = r->bindings_cap == 0 ? 32 : r->bindings_cap * 2;
	struct binding *b;

	if (cap > r->limits->memory_bytes / sizeof(*b))
		return tpl_fail_memory(r);
	b = realloc(r->bindings, cap * sizeof(*b));
	if (b == NULL)
		return tpl_fail_memory(r);
	r->bindings = b;
	r->bindings_cap = cap;
	return true;
}

static bool
set_from(struct render *r, struct span name, const struct value *v, size_t from)
{
	struct binding *b = NULL;
	size_t i;

	for (i = r->bindings_n; i > from && b == NULL; i--)
		if (span_eq(r->bindings[i - 1].name, name))
			b = &r->bindings[i - 1];
	if (b == NULL && r->bindings_n == r->bindings_cap && !grow(r))
		return false;
	if (b == NULL)
		b = &r->bindings[r->bindings_n++];
	if ((size_t)(b - r->bindings) + 1 < r->lowest)
		r->lowest = (size_t)(b - r->bindings) + 1;
	b->name = name;
	b->value = *v;
	return true;
}

bool
tpl_scope_set(struct render *r, struct span name, const struct value *v)
{
	return set_from(r, name, v, r->frame);
}

/* A name of the context itself, which no scope has. */
static bool
set_outer(struct render *r, struct span name, const struct value *v)
{
	struct outer *o;

	for (o = r->outer; o != NULL && !span_eq(o->binding.name, name);
	     o = o->next)
		;
	if (o == NULL) {
		o = tpl_alloc(r, sizeof(*o));
		if (o == NULL)
			return false;
		o->next = r->outer;
		r->outer = o;
	}
	o->binding = (struct binding){ name, *v };
	r->lowest = 0;
	return true;
}

bool
tpl_scope_set_upward(struct render *r, struct span name, const struct value *v)
{
	if (find(r, name, r->floor) != NULL)
		return set_from(r, name, v, r->floor);
	if (r->frame > r->floor &&
	    json_object_getn(r->root, name.p, name.len) != NULL)
		return set_outer(r, name, v);
	return set_from(r, name, v, r->frame);
}

static struct states *
new_states(struct render *r)
{
	unsigned n = r->owner->slots;
	struct states *s = tpl_alloc(r, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->owner = r->owner;
	s->next = NULL;
	s->slots = tpl_alloc_array(r, n, sizeof(struct value));
	s->set = tpl_alloc_array(r, n, sizeof(bool));
	if (s->slots == NULL || s->set == NULL)
		return NULL;
	memset(s->set, 0, n * sizeof(bool));
	return s;
}

struct value *
tpl_state(struct render *r, struct states **list, unsigned slot, bool **set)
{
	while (*list != NULL && (*list)->owner != r->owner)
		list = &(*list)->next;
	if (*list == NULL)
		*list = new_states(r);
	if (*list == NULL)
		return NULL;
	r->lowest = 0;
	*set = &(*list)->set[slot];
	return &(*list)->slots[slot];
}
