/* SPDX-License-Identifier: ISC */
/* dictsort, dictsortreversed: a stable merge sort by a key of each item. */
#include <string.h>

#include "compose/filter_table.h"
#include "compose/number.h"

struct pair {
	struct value key;
	struct value item;
};

enum found {
	FOUND,
	EMPTY,
	FAILED
}; /* EMPTY: Django swallows the error and gives "" */

/* item[key] for a key that is a number, or text that reads as one. */
static enum found
get_item(struct render *r, const struct value *item, const struct value *key,
    struct value *out)
{
	int64_t i = 0;
	size_t n = 0;

	if (item->kind == VAL_DICT || item->kind == VAL_LOOP) {
		if (key->kind == VAL_STR &&
		    tpl_value_key(item, tpl_value_span(key), out))
			return FOUND;
		tpl_fail(r, FAIL_VALUE, "an item to sort has no such key");
		return FAILED;
	}
	if (!tpl_value_is_sequence(item) ||
	    (key->kind != VAL_INT && key->kind != VAL_BOOL))
		return EMPTY;
	(void)tpl_number_int(key, &i);
	(void)tpl_value_len(item, &n);
	if (i < 0)
		i += (int64_t)n;
	if (i < 0 || (size_t)i >= n) {
		tpl_fail(r, FAIL_VALUE, "an item to sort is too short");
		return FAILED;
	}
	tpl_value_at(item, (size_t)i, out);
	return FOUND;
}

/* A dotted name: keys, and the two names that a group has. */
static enum found
get_path(const struct value *item, struct span path, struct value *out)
{
	struct value from;
	struct span name;
	bool more;

	*out = *item;
	do {
		more = memchr(path.p, '.', path.len) != NULL;
		name = span_cut(&path, '.');
		from = *out;
		if (tpl_value_key(&from, name, out))
			continue;
		if (from.kind != VAL_SEQ || from.seq->kind != SEQ_GROUP)
			return EMPTY;
		if (span_eq(name, SPAN_LIT("grouper")))
			*out = from.seq->items[0];
		else if (span_eq(name, SPAN_LIT("list")))
			*out = from.seq->items[1];
		else
			return EMPTY;
	} while (more);
	return FOUND;
}

static bool
is_private(struct span path)
{
	size_t i;

	for (i = 0; i < path.len; i++)
		if (path.p[i] == '_' && (i == 0 || path.p[i - 1] == '.'))
			return true;
	return false;
}

static enum found
get_keys(struct render *r, struct pair *pairs, size_t n,
    const struct value *key)
{
	bool plain;
	double f;
	size_t i;
	enum found found = FOUND;

	plain = tpl_number_float(key, &f) == NUMBER_OK;
	if (!plain && key->kind != VAL_STR)
		return EMPTY;
	if (!plain && is_private(tpl_value_span(key)))
		return EMPTY;
	for (i = 0; i < n && found == FOUND; i++) {
		if (!tpl_step(r, 1))
			return FAILED;
		found = plain ? get_item(r, &pairs[i].item, key, &pairs[i].key)
		              : get_path(&pairs[i].item, tpl_value_span(key),
		                    &pairs[i].key);
	}
	return found;
}

/* One pass: from `from` into `to`; sign -1: backwards. */
struct pass {
	struct pair *from;
	struct pair *to;
	int sign;
};

/* Merge the sorted [a, b) and [b, c); false where two keys have no order. */
static bool
merge(struct render *r, const struct pass *p, size_t a, size_t b, size_t c)
{
	size_t i = a;
	size_t k = b;
	size_t n = a;
	int cmp = 0;

	while (i < b && k < c) {
		if (!tpl_value_order(r, &p->from[k].key, &p->from[i].key, &cmp))
			return false;
		if (cmp == ORDER_NONE)
			cmp = 0;
		p->to[n++] = cmp * p->sign < 0 ? p->from[k++] : p->from[i++];
	}
	while (i < b)
		p->to[n++] = p->from[i++];
	while (k < c)
		p->to[n++] = p->from[k++];
	return true;
}

/* The sorted pairs are in p->from. */
static bool
sort(struct render *r, struct pass *p, size_t n)
{
	struct pair *swap;
	size_t width;
	size_t at;

	for (width = 1; width < n; width *= 2) {
		for (at = 0; at < n; at += 2 * width) {
			size_t b = at + width < n ? at + width : n;
			size_t c = b + width < n ? b + width : n;

			if (!merge(r, p, at, b, c))
				return false;
		}
		swap = p->from;
		p->from = p->to;
		p->to = swap;
	}
	return true;
}

static bool
dictsort(struct render *r, struct value *v, const struct value *arg, int sign)
{
	const struct seq *list;
	struct pair *pairs;
	struct pair *spare;
	struct pass pass;
	struct seq *out;
	enum found found;
	size_t n = 0;
	size_t i;

	if (arg->kind == VAL_STR && arg->len == 0)
		return tpl_fail(r, FAIL_VALUE, "the key to sort by is empty");
	if (!tpl_value_len(v, &n)) {
		*v = tpl_value_str(SPAN_LIT(""));
		return true;
	}
	list = tpl_value_list(r, v);
	pairs = tpl_alloc_array(r, n, sizeof(*pairs));
	spare = tpl_alloc_array(r, n, sizeof(*spare));
	if (list == NULL || pairs == NULL || spare == NULL)
		return false;
	for (i = 0; i < n; i++)
		pairs[i].item = list->items[i];
	pass = (struct pass){ pairs, spare, sign };
	found = get_keys(r, pairs, n, arg);
	if (found == FAILED)
		return false;
	if (found == EMPTY || !sort(r, &pass, n)) {
		*v = tpl_value_str(SPAN_LIT(""));
		return r->fail == FAIL_NONE;
	}
	out = tpl_seq_new(r, SEQ_LIST, n);
	for (i = 0; out != NULL && i < n; i++)
		out->items[i] = pass.from[i].item;
	*v = tpl_value_seq(out);
	return out != NULL;
}

FILTER(dictsort)
{
	return dictsort(r, v, arg, 1);
}

FILTER(dictsortreversed)
{
	return dictsort(r, v, arg, -1);
}
