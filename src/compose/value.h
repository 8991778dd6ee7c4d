/* SPDX-License-Identifier: ISC */
/*
 * A value while a template is rendered. JSON values are looked at where they
 * lie; what filters and tags make lies in the render's pool. Values are copied
 * freely: nothing is owned.
 */
#ifndef PO_COMPOSE_VALUE_H
#define PO_COMPOSE_VALUE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/span.h"

struct render;
struct loop;
struct block_node;

enum value_kind {
	VAL_NONE,
	VAL_BOOL,
	VAL_INT,
	VAL_FLOAT,
	VAL_STR,
	VAL_LIST,  /* a JSON array */
	VAL_DICT,  /* a JSON object; json NULL is an empty one */
	VAL_SEQ,   /* a list that po made */
	VAL_LOOP,  /* forloop: a dictionary */
	VAL_BLOCK, /* block, for block.super */
};

/* Python's types that behave alike but print, compare and index differently. */
enum seq_kind {
	SEQ_LIST,
	SEQ_TUPLE,
	SEQ_GROUP, /* of regroup: a tuple (grouper, list) with names */
	SEQ_ITEMS,
	SEQ_KEYS,
	SEQ_VALUES,
};

struct seq;

struct value {
	enum value_kind kind;
	bool safe;  /* text: not to be escaped again */
	bool bound; /* block: block.super may be asked */
	size_t len; /* text: bytes */
	union {
		bool b;
		int64_t i;
		double f;
		const char *s;
		json_t *json;
		const struct seq *seq;
		struct loop *loop;
		const struct block_node *block;
	};
};

struct seq {
	enum seq_kind kind;
	size_t n;
	struct value items[];
};

/* What `forloop` tells. */
struct loop {
	struct value parent; /* a loop, or an empty dictionary */
	int64_t index;
	int64_t count;
	struct states *states; /* of ifchanged */
};

#define LOOP_KEYS                                                              \
	7 /* parentloop, counter0, counter, revcounter, revcounter0, first,    \
	     last */

static inline struct span
tpl_value_span(const struct value *v)
{
	return (struct span){ v->s, v->len };
}

/* Values; text is not safe, unless by tpl_value_safe(). */

static inline struct value
tpl_value_none(void)
{
	return (struct value){ .kind = VAL_NONE };
}

static inline struct value
tpl_value_bool(bool b)
{
	return (struct value){ .kind = VAL_BOOL, .b = b };
}

static inline struct value
tpl_value_int(int64_t i)
{
	return (struct value){ .kind = VAL_INT, .i = i };
}

static inline struct value
tpl_value_float(double f)
{
	return (struct value){ .kind = VAL_FLOAT, .f = f };
}

static inline struct value
tpl_value_str(struct span s)
{
	return (struct value){ .kind = VAL_STR, .s = s.p, .len = s.len };
}

static inline struct value
tpl_value_safe(struct span s)
{
	return (struct value){ .kind = VAL_STR,
		.safe = true,
		.s = s.p,
		.len = s.len };
}

static inline struct value
tpl_value_seq(const struct seq *s)
{
	return (struct value){ .kind = VAL_SEQ, .seq = s };
}

void tpl_value_from_json(struct value *v, json_t *j);

bool tpl_value_truth(const struct value *v);

/* Python's len(): false where it raises TypeError. Text is counted in code
 * points. */
bool tpl_value_len(const struct value *v, size_t *n);

/* A list, a tuple, or text: what has v[0]. */
bool tpl_value_is_sequence(const struct value *v);

/* Item `i` < len of a sequence; text gives one character, not safe. */
void tpl_value_at(const struct value *v, size_t i, struct value *out);

/* One step of a dotted name: key, method, index. False: there is none. May fail
 * (r->fail) in block.super. */
bool tpl_value_lookup(struct render *r, const struct value *v, struct span name,
    struct value *out);

/* v[name] of a dictionary, nothing else. */
bool tpl_value_key(const struct value *v, struct span name, struct value *out);

/* items() of a dictionary: pairs (key, value). False: failure noted. */
bool tpl_value_items(struct render *r, const struct value *v,
    struct value *out);

/* forloop's i-th key. */
void tpl_loop_key(const struct loop *l, size_t i, struct span *name,
    struct value *out);

/* What list(v) gives, as a sequence in the pool: false and a failure where it
 * raises TypeError. */
const struct seq *tpl_value_list(struct render *r, const struct value *v);
struct seq *tpl_seq_new(struct render *r, enum seq_kind kind, size_t n);

/* Equality, order, identity as Python has them. Order: false where it raises
 * TypeError; *cmp is -1, 0, 1 or: */
#define ORDER_NONE 2 /* neither below nor equal nor above: NaN */
bool tpl_value_equal(struct render *r, const struct value *a,
    const struct value *b);
bool tpl_value_order(struct render *r, const struct value *a,
    const struct value *b, int *cmp);
bool tpl_value_same(const struct value *a, const struct value *b);
/* a in b: false where it raises TypeError. */
bool tpl_value_contains(struct render *r, const struct value *b,
    const struct value *a, bool *found);

#endif
