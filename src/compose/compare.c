/* SPDX-License-Identifier: ISC */
/* ==, <, is, in: numbers of all kinds are equal to each other, lists are not
 * equal to tuples, order is strict on kinds. */
#include <math.h>
#include <string.h>

#include "compose/render.h"
#include "compose/value.h"

static bool
is_number(const struct value *v)
{
	return v->kind == VAL_BOOL || v->kind == VAL_INT ||
	       v->kind == VAL_FLOAT;
}

static bool
is_dict(const struct value *v)
{
	return v->kind == VAL_DICT || v->kind == VAL_LOOP;
}

static bool
is_list(const struct value *v)
{
	return v->kind == VAL_LIST ||
	       (v->kind == VAL_SEQ && v->seq->kind == SEQ_LIST);
}

static bool
is_tuple(const struct value *v)
{
	return v->kind == VAL_SEQ &&
	       (v->seq->kind == SEQ_TUPLE || v->seq->kind == SEQ_GROUP);
}

static int64_t
whole(const struct value *v)
{
	return v->kind == VAL_BOOL ? v->b : v->i;
}

/* Exactly, also beyond 2^53. */
static int
order_mixed(int64_t i, double f)
{
	int64_t t;

	if (isnan(f))
		return ORDER_NONE;
	if (f >= 9223372036854775808.0)
		return -1;
	if (f < -9223372036854775808.0)
		return 1;
	t = (int64_t)f;
	if (i != t)
		return i < t ? -1 : 1;
	return f > (double)t ? -1 : f < (double)t;
}

static int
order_numbers(const struct value *a, const struct value *b)
{
	int c;

	if (a->kind == VAL_FLOAT && b->kind == VAL_FLOAT) {
		if (isnan(a->f) || isnan(b->f))
			return ORDER_NONE;
		return a->f < b->f ? -1 : a->f > b->f;
	}
	if (a->kind == VAL_FLOAT) {
		c = order_mixed(whole(b), a->f);
		return c == ORDER_NONE ? c : -c;
	}
	if (b->kind == VAL_FLOAT)
		return order_mixed(whole(a), b->f);
	return whole(a) < whole(b) ? -1 : whole(a) > whole(b);
}

static int
order_text(struct span a, struct span b)
{
	size_t least = a.len < b.len ? a.len : b.len;
	int c = least == 0 ? 0 : memcmp(a.p, b.p, least);

	if (c != 0)
		return c < 0 ? -1 : 1;
	return a.len < b.len ? -1 : a.len > b.len;
}

static bool
equal_lists(struct render *r, const struct value *a, const struct value *b)
{
	struct value x;
	struct value y;
	size_t n = 0;
	size_t m = 0;
	size_t i;

	(void)tpl_value_len(a, &n);
	(void)tpl_value_len(b, &m);
	if (n != m)
		return false;
	for (i = 0; i < n; i++) {
		tpl_value_at(a, i, &x);
		tpl_value_at(b, i, &y);
		if (!tpl_value_equal(r, &x, &y))
			return false;
	}
	return true;
}

static bool
equal_dicts(struct render *r, const struct value *a, const struct value *b)
{
	struct value x;
	struct value y;
	size_t n = 0;
	size_t m = 0;
	void *it;

	if (a->kind == VAL_LOOP || b->kind == VAL_LOOP)
		return a->kind == b->kind && a->loop == b->loop;
	(void)tpl_value_len(a, &n);
	(void)tpl_value_len(b, &m);
	if (n != m)
		return false;
	for (it = n == 0 ? NULL : json_object_iter(a->json); it != NULL;
	     it = json_object_iter_next(a->json, it)) {
		tpl_value_from_json(&x, json_object_iter_value(it));
		if (!tpl_value_key(b,
		        (struct span){ json_object_iter_key(it),
		            json_object_iter_key_len(it) },
		        &y) ||
		    !tpl_value_equal(r, &x, &y))
			return false;
	}
	return true;
}

static bool
equal(struct render *r, const struct value *a, const struct value *b)
{
	if (is_number(a) && is_number(b))
		return order_numbers(a, b) == 0;
	if (a->kind == VAL_STR && b->kind == VAL_STR)
		return span_eq(tpl_value_span(a), tpl_value_span(b));
	if ((is_list(a) && is_list(b)) || (is_tuple(a) && is_tuple(b)))
		return equal_lists(r, a, b);
	if (is_dict(a) && is_dict(b))
		return equal_dicts(r, a, b);
	return tpl_value_same(a, b);
}

bool
tpl_value_equal(struct render *r, const struct value *a, const struct value *b)
{
	bool same;

	if (!tpl_enter(r))
		return false;
	same = tpl_step(r, 1 + (a->kind == VAL_STR ? a->len / 64 : 0)) &&
	       equal(r, a, b);
	tpl_leave(r);
	return same;
}

static bool
order_lists(struct render *r, const struct value *a, const struct value *b,
    int *cmp)
{
	struct value x;
	struct value y;
	size_t n = 0;
	size_t m = 0;
	size_t i;

	(void)tpl_value_len(a, &n);
	(void)tpl_value_len(b, &m);
	for (i = 0; i < n && i < m; i++) {
		tpl_value_at(a, i, &x);
		tpl_value_at(b, i, &y);
		if (!tpl_value_equal(r, &x, &y))
			return r->fail == FAIL_NONE &&
			       tpl_value_order(r, &x, &y, cmp);
	}
	*cmp = n < m ? -1 : n > m;
	return true;
}

bool
tpl_value_order(struct render *r, const struct value *a, const struct value *b,
    int *cmp)
{
	bool ok = tpl_step(r, 1 + (a->kind == VAL_STR ? a->len / 64 : 0));

	if (!ok || !tpl_enter(r))
		return false;
	if (is_number(a) && is_number(b))
		*cmp = order_numbers(a, b);
	else if (a->kind == VAL_STR && b->kind == VAL_STR)
		*cmp = order_text(tpl_value_span(a), tpl_value_span(b));
	else if ((is_list(a) && is_list(b)) || (is_tuple(a) && is_tuple(b)))
		ok = order_lists(r, a, b, cmp);
	else
		ok = false;
	tpl_leave(r);
	return ok;
}

/* Python keeps one object for each of these numbers. */
static bool
is_small(int64_t i)
{
	return i >= -5 && i <= 256;
}

bool
tpl_value_same(const struct value *a, const struct value *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case VAL_NONE:
		return true;
	case VAL_BOOL:
		return a->b == b->b;
	case VAL_INT:
		return a->i == b->i && is_small(a->i);
	case VAL_FLOAT:
		return false;
	case VAL_STR:
		return a->s == b->s && a->len == b->len && a->safe == b->safe;
	case VAL_LIST:
	case VAL_DICT:
		return a->json == b->json;
	case VAL_SEQ:
		return a->seq == b->seq;
	case VAL_LOOP:
		return a->loop == b->loop;
	case VAL_BLOCK:
		return a->block == b->block;
	}
	return false;
}

static bool
contains_item(struct render *r, const struct value *b, const struct value *a,
    bool *found)
{
	const struct seq *s = tpl_value_list(r, b);
	size_t i;

	if (s == NULL)
		return false;
	for (i = 0; i < s->n && !*found && r->fail == FAIL_NONE; i++)
		*found = tpl_value_same(a, &s->items[i]) ||
		         tpl_value_equal(r, a, &s->items[i]);
	return r->fail == FAIL_NONE;
}

bool
tpl_value_contains(struct render *r, const struct value *b,
    const struct value *a, bool *found)
{
	struct value ignored;

	*found = false;
	if (b->kind == VAL_STR) {
		if (a->kind != VAL_STR || !tpl_step(r, b->len / 64))
			return false;
		*found =
		    a->len == 0 || memmem(b->s, b->len, a->s, a->len) != NULL;
		return true;
	}
	if (is_dict(b) || (b->kind == VAL_SEQ && b->seq->kind == SEQ_KEYS)) {
		if (is_dict(a) || is_list(a))
			return false; /* unhashable */
		if (is_dict(b)) {
			*found = a->kind == VAL_STR &&
			         tpl_value_key(b, tpl_value_span(a), &ignored);
			return true;
		}
	}
	if (b->kind != VAL_LIST && b->kind != VAL_SEQ)
		return false;
	return contains_item(r, b, a, found);
}
