/* SPDX-License-Identifier: ISC */
#include "compose/value.h"

#include <string.h>

#include "compose/inherit.h"
#include "compose/number.h"
#include "compose/render.h"
#include "compose/text.h"

void
tpl_value_from_json(struct value *v, json_t *j)
{
	v->safe = false;
	switch (json_typeof(j)) {
	case JSON_OBJECT:
		v->kind = VAL_DICT;
		v->json = j;
		break;
	case JSON_ARRAY:
		v->kind = VAL_LIST;
		v->json = j;
		break;
	case JSON_STRING:
		v->kind = VAL_STR;
		v->s = json_string_value(j);
		v->len = json_string_length(j);
		break;
	case JSON_INTEGER:
		v->kind = VAL_INT;
		v->i = json_integer_value(j);
		break;
	case JSON_REAL:
		v->kind = VAL_FLOAT;
		v->f = json_real_value(j);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		v->kind = VAL_BOOL;
		v->b = json_typeof(j) == JSON_TRUE;
		break;
	case JSON_NULL:
		v->kind = VAL_NONE;
		break;
	}
}

bool
tpl_value_len(const struct value *v, size_t *n)
{
	switch (v->kind) {
	case VAL_STR:
		*n = tpl_text_count(tpl_value_span(v));
		return true;
	case VAL_LIST:
		*n = json_array_size(v->json);
		return true;
	case VAL_DICT:
		*n = json_object_size(v->json);
		return true;
	case VAL_SEQ:
		*n = v->seq->n;
		return true;
	case VAL_LOOP:
		*n = LOOP_KEYS;
		return true;
	default:
		return false;
	}
}

bool
tpl_value_truth(const struct value *v)
{
	size_t n;

	switch (v->kind) {
	case VAL_NONE:
		return false;
	case VAL_BOOL:
		return v->b;
	case VAL_INT:
		return v->i != 0;
	case VAL_FLOAT:
		return v->f != 0;
	case VAL_STR:
		return v->len > 0;
	default:
		return !tpl_value_len(v, &n) || n > 0;
	}
}

bool
tpl_value_is_sequence(const struct value *v)
{
	return v->kind == VAL_STR || v->kind == VAL_LIST ||
	       (v->kind == VAL_SEQ && v->seq->kind <= SEQ_GROUP);
}

void
tpl_value_at(const struct value *v, size_t i, struct value *out)
{
	const char *p;
	const char *end;

	if (v->kind == VAL_LIST) {
		tpl_value_from_json(out, json_array_get(v->json, i));
	} else if (v->kind == VAL_SEQ) {
		*out = v->seq->items[i];
	} else {
		p = tpl_text_skip(tpl_value_span(v), i);
		end = p;
		(void)tpl_text_next(&end, v->s + v->len);
		*out = tpl_value_str((struct span){ p, (size_t)(end - p) });
	}
}

static const struct span loop_keys[LOOP_KEYS] = {
	{ "parentloop", 10 },
	{ "counter0", 8 },
	{ "counter", 7 },
	{ "revcounter", 10 },
	{ "revcounter0", 11 },
	{ "first", 5 },
	{ "last", 4 },
};

void
tpl_loop_key(const struct loop *l, size_t i, struct span *name,
    struct value *out)
{
	*name = loop_keys[i];
	switch (i) {
	case 0:
		*out = l->parent;
		break;
	case 1:
		*out = tpl_value_int(l->index);
		break;
	case 2:
		*out = tpl_value_int(l->index + 1);
		break;
	case 3:
		*out = tpl_value_int(l->count - l->index);
		break;
	case 4:
		*out = tpl_value_int(l->count - l->index - 1);
		break;
	case 5:
		*out = tpl_value_bool(l->index == 0);
		break;
	default:
		*out = tpl_value_bool(l->index == l->count - 1);
		break;
	}
}

bool
tpl_value_key(const struct value *v, struct span name, struct value *out)
{
	struct span key;
	json_t *j;
	size_t i;

	if (v->kind == VAL_DICT) {
		j = json_object_getn(v->json, name.p, name.len);
		if (j == NULL)
			return false;
		tpl_value_from_json(out, j);
		return true;
	}
	for (i = 0; v->kind == VAL_LOOP && i < LOOP_KEYS; i++) {
		if (span_eq(loop_keys[i], name)) {
			tpl_loop_key(v->loop, i, &key, out);
			return true;
		}
	}
	return false;
}

struct seq *
tpl_seq_new(struct render *r, enum seq_kind kind, size_t n)
{
	struct seq *s;

	if (n > (SIZE_MAX - sizeof(*s)) / sizeof(struct value)) {
		tpl_fail_memory(r);
		return NULL;
	}
	s = tpl_step(r, n / 8)
	        ? tpl_alloc(r, sizeof(*s) + n * sizeof(struct value))
	        : NULL;
	if (s != NULL) {
		s->kind = kind;
		s->n = n;
	}
	return s;
}

/* One entry of a dictionary as a view of `kind` lists it. */
static bool
view_item(struct render *r, enum seq_kind kind, struct span key,
    const struct value *v, struct value *out)
{
	struct seq *pair;

	if (kind == SEQ_KEYS) {
		*out = tpl_value_str(key);
	} else if (kind == SEQ_VALUES) {
		*out = *v;
	} else {
		pair = tpl_seq_new(r, SEQ_TUPLE, 2);
		if (pair == NULL)
			return false;
		pair->items[0] = tpl_value_str(key);
		pair->items[1] = *v;
		*out = tpl_value_seq(pair);
	}
	return true;
}

static bool
json_view(struct render *r, const struct value *v, struct seq *s)
{
	void *it = v->json == NULL ? NULL : json_object_iter(v->json);
	struct value item;
	struct span key;
	size_t i = 0;

	for (; it != NULL && i < s->n;
	     it = json_object_iter_next(v->json, it)) {
		key = (struct span){ json_object_iter_key(it),
			json_object_iter_key_len(it) };
		tpl_value_from_json(&item, json_object_iter_value(it));
		if (!view_item(r, s->kind, key, &item, &s->items[i++]))
			return false;
	}
	return true;
}

/* dict.items(), keys(), values() */
static const struct seq *
view(struct render *r, const struct value *v, enum seq_kind kind)
{
	struct value item;
	struct span key;
	struct seq *s;
	size_t n = 0;
	size_t i;

	(void)tpl_value_len(v, &n);
	s = tpl_seq_new(r, kind, n);
	if (s == NULL)
		return NULL;
	if (v->kind == VAL_DICT)
		return json_view(r, v, s) ? s : NULL;
	for (i = 0; i < n; i++) {
		tpl_loop_key(v->loop, i, &key, &item);
		if (!view_item(r, kind, key, &item, &s->items[i]))
			return NULL;
	}
	return s;
}

bool
tpl_value_items(struct render *r, const struct value *v, struct value *out)
{
	const struct seq *s = view(r, v, SEQ_ITEMS);

	if (s != NULL)
		*out = tpl_value_seq(s);
	return s != NULL;
}

static bool
lookup_method(struct render *r, const struct value *v, struct span name,
    struct value *out)
{
	enum seq_kind kind;

	if (span_eq(name, SPAN_LIT("items")))
		kind = SEQ_ITEMS;
	else if (span_eq(name, SPAN_LIT("keys")))
		kind = SEQ_KEYS;
	else if (span_eq(name, SPAN_LIT("values")))
		kind = SEQ_VALUES;
	else
		return false;
	out->kind = VAL_SEQ;
	out->seq = view(r, v, kind);
	return out->seq != NULL;
}

static bool
lookup_group(const struct seq *s, struct span name, struct value *out)
{
	size_t i = span_eq(name, SPAN_LIT("grouper")) ? 0
	           : span_eq(name, SPAN_LIT("list"))  ? 1
	                                              : 2;

	if (s->kind != SEQ_GROUP || i == 2)
		return false;
	*out = s->items[i];
	return true;
}

bool
tpl_value_lookup(struct render *r, const struct value *v, struct span name,
    struct value *out)
{
	int64_t i;
	size_t n;

	if (v->kind == VAL_DICT || v->kind == VAL_LOOP)
		return tpl_value_key(v, name, out) ||
		       lookup_method(r, v, name, out);
	if (v->kind == VAL_BLOCK)
		return tpl_block_lookup(r, v, name, out);
	if (v->kind == VAL_SEQ && lookup_group(v->seq, name, out))
		return true;
	if (!tpl_value_is_sequence(v) || name.len == 0 ||
	    !ascii_is_digit((unsigned char)name.p[0]))
		return false;
	if (tpl_number_parse_int(name, &i) != NUMBER_OK ||
	    !tpl_value_len(v, &n) || (size_t)i >= n)
		return false;
	tpl_value_at(v, (size_t)i, out);
	return true;
}

static void
list_text(const struct value *v, struct seq *s)
{
	const char *end = v->s + v->len;
	const char *p = v->s;
	const char *from;
	size_t i;

	for (i = 0; i < s->n; i++) {
		from = p;
		(void)tpl_text_next(&p, end);
		s->items[i] =
		    tpl_value_str((struct span){ from, (size_t)(p - from) });
	}
}

const struct seq *
tpl_value_list(struct render *r, const struct value *v)
{
	struct seq *s;
	size_t n;
	size_t i;

	if (v->kind == VAL_SEQ)
		return v->seq;
	if (v->kind == VAL_DICT || v->kind == VAL_LOOP)
		return view(r, v, SEQ_KEYS);
	if (!tpl_value_len(v, &n)) {
		tpl_fail(r, FAIL_VALUE, "a list is needed");
		return NULL;
	}
	s = tpl_seq_new(r, SEQ_LIST, n);
	if (s == NULL)
		return NULL;
	if (v->kind == VAL_STR)
		list_text(v, s);
	for (i = 0; v->kind == VAL_LIST && i < n; i++)
		tpl_value_from_json(&s->items[i], json_array_get(v->json, i));
	return s;
}
