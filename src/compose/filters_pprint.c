/* SPDX-License-Identifier: ISC */
/* pprint: Python's pprint.pformat() at its width of 80: dictionaries by key,
 * long text over several lines. */
#include <string.h>

#include "compose/builder.h"
#include "compose/filter_table.h"
#include "compose/text.h"

#define WIDTH 80

struct place {
	int64_t indent;
	int64_t allowance; /* characters that must still fit behind the value */
	unsigned level;
};

static bool put(struct builder *b, const struct value *v, struct place at);

static bool
is_dict(const struct value *v)
{
	return v->kind == VAL_DICT || v->kind == VAL_LOOP;
}

static int
compare_keys(const struct value *a, const struct value *b)
{
	size_t least = a->len < b->len ? a->len : b->len;
	int c = least == 0 ? 0 : memcmp(a->s, b->s, least);

	return c != 0 ? c : a->len < b->len ? -1 : a->len > b->len;
}

/* Heapsort: no recursion, no memory, never quadratic. */
static void
sift(struct value *items, size_t root, size_t n)
{
	size_t child;

	while ((child = 2 * root + 1) < n) {
		struct value swap = items[root];

		if (child + 1 < n && compare_keys(&items[child].seq->items[0],
		                         &items[child + 1].seq->items[0]) < 0)
			child++;
		if (compare_keys(&items[root].seq->items[0],
		        &items[child].seq->items[0]) >= 0)
			return;
		items[root] = items[child];
		items[child] = swap;
		root = child;
	}
}

/* The pairs of a dictionary by key. */
static bool
sorted_items(struct render *r, const struct value *v, struct value **items,
    size_t *n)
{
	struct value pairs;
	struct value swap;
	size_t i;

	if (!tpl_value_items(r, v, &pairs))
		return false;
	*n = pairs.seq->n;
	*items = tpl_alloc_array(r, *n, sizeof(**items));
	if (*items == NULL || !tpl_step(r, *n))
		return false;
	memcpy(*items, pairs.seq->items, *n * sizeof(**items));
	for (i = *n / 2; i > 0; i--)
		sift(*items, i - 1, *n);
	for (i = *n; i > 1; i--) {
		swap = (*items)[0];
		(*items)[0] = (*items)[i - 1];
		(*items)[i - 1] = swap;
		sift(*items, 0, i - 1);
	}
	return true;
}

static bool
is_plain_list(const struct value *v)
{
	return v->kind == VAL_LIST ||
	       (v->kind == VAL_SEQ && v->seq->kind <= SEQ_TUPLE);
}

/* On one line: repr(), dictionaries by key. */
static bool
put_flat(struct builder *b, const struct value *v)
{
	const struct seq *s;
	struct value *items;
	size_t n;
	size_t i;

	if (!is_dict(v) && !is_plain_list(v)) {
		tpl_build_repr(b, v);
		return !b->failed;
	}
	if (!tpl_enter(b->r) || !tpl_step(b->r, 1))
		return false;
	if (is_dict(v)) {
		if (!sorted_items(b->r, v, &items, &n))
			return false;
		tpl_build_char(b, '{');
		for (i = 0; i < n; i++) {
			tpl_build_str(b, i == 0 ? "" : ", ");
			tpl_build_repr(b, &items[i].seq->items[0]);
			tpl_build_str(b, ": ");
			if (!put_flat(b, &items[i].seq->items[1]))
				return false;
		}
		tpl_build_char(b, '}');
	} else {
		bool tuple = v->kind == VAL_SEQ && v->seq->kind == SEQ_TUPLE;

		s = tpl_value_list(b->r, v);
		if (s == NULL)
			return false;
		tpl_build_char(b, tuple ? '(' : '[');
		for (i = 0; i < s->n; i++) {
			tpl_build_str(b, i == 0 ? "" : ", ");
			if (!put_flat(b, &s->items[i]))
				return false;
		}
		tpl_build_str(b, tuple ? (s->n == 1 ? ",)" : ")") : "]");
	}
	tpl_leave(b->r);
	return !b->failed;
}

static void
put_break(struct builder *b, int64_t indent)
{
	tpl_build_char(b, '\n');
	tpl_build_fill(b, ' ', (size_t)indent);
}

static bool
put_dict(struct builder *b, const struct value *v, struct place at)
{
	struct value *items;
	struct builder key;
	struct value text;
	size_t n;
	size_t i;

	if (!sorted_items(b->r, v, &items, &n))
		return false;
	tpl_build_char(b, '{');
	for (i = 0; i < n; i++) {
		struct place in = { at.indent + 1,
			i + 1 == n ? at.allowance + 1 : 1, at.level };

		tpl_build(&key, b->r, 0);
		tpl_build_repr(&key, &items[i].seq->items[0]);
		if (!tpl_build_done(&key, &text))
			return false;
		if (i > 0) {
			tpl_build_char(b, ',');
			put_break(b, at.indent + 1);
		}
		tpl_build_span(b, tpl_value_span(&text));
		tpl_build_str(b, ": ");
		in.indent += (int64_t)tpl_text_count(tpl_value_span(&text)) + 2;
		if (!put(b, &items[i].seq->items[1], in))
			return false;
	}
	tpl_build_char(b, '}');
	return !b->failed;
}

static bool
put_list(struct builder *b, const struct value *v, struct place at)
{
	bool tuple = v->kind == VAL_SEQ && v->seq->kind == SEQ_TUPLE;
	const struct seq *s = tpl_value_list(b->r, v);
	const char *close;
	size_t i;

	if (s == NULL)
		return false;
	close = !tuple ? "]" : s->n == 1 ? ",)" : ")";
	tpl_build_char(b, tuple ? '(' : '[');
	for (i = 0; i < s->n; i++) {
		struct place in = { at.indent + 1,
			i + 1 == s->n ? at.allowance + (int64_t)strlen(close)
			              : 1,
			at.level };

		if (i > 0) {
			tpl_build_char(b, ',');
			put_break(b, at.indent + 1);
		}
		if (!put(b, &s->items[i], in))
			return false;
	}
	tpl_build_str(b, close);
	return !b->failed;
}

/* Text in pieces, one repr() a line. */

struct pieces {
	struct builder *b;
	int64_t indent;
	bool brackets;
	size_t n;
	struct value
	    first; /* held back: one piece alone is put without brackets */
};

static bool
repr_of(struct render *r, struct span s, struct value *out)
{
	struct value v = tpl_value_str(s);
	struct builder b;

	tpl_build(&b, r, s.len + 2);
	tpl_build_repr(&b, &v);
	return tpl_build_done(&b, out);
}

static bool
add_piece(struct pieces *p, struct span s)
{
	struct value text;

	if (!repr_of(p->b->r, s, &text))
		return false;
	if (p->n++ == 0) {
		p->first = text;
		return true;
	}
	if (p->n == 2) {
		if (p->brackets)
			tpl_build_char(p->b, '(');
		tpl_build_span(p->b, tpl_value_span(&p->first));
	}
	put_break(p->b, p->indent);
	tpl_build_span(p->b, tpl_value_span(&text));
	return !p->b->failed;
}

static bool
fits(struct render *r, struct span s, int64_t width, bool *yes)
{
	struct value text;

	if (!tpl_step(r, s.len / 64 + 1) || !repr_of(r, s, &text))
		return false;
	*yes = (int64_t)tpl_text_count(tpl_value_span(&text)) <= width;
	return true;
}

/* Words with the blanks behind them, as many as fit. */
static bool
split_words(struct pieces *p, struct span line, int64_t width,
    int64_t last_width)
{
	struct span now = { line.p, 0 };
	struct span rest = line;
	struct span word;
	struct span more;
	bool yes;

	while (rest.len > 0) {
		const char *from = rest.p;
		const char *end = rest.p + rest.len;

		if (tpl_text_word(&rest, &word) &&
		    word.p > from) /* blanks at the start of the line are a part
		                      alone */
			rest = (struct span){ word.p, (size_t)(end - word.p) };
		else
			while (
			    rest.len > 0 &&
			    tpl_text_strip((struct span){ rest.p, 1 }).len == 0)
				rest =
				    (struct span){ rest.p + 1, rest.len - 1 };
		more = (struct span){ now.p, (size_t)(rest.p - now.p) };
		if (!fits(p->b->r, more, rest.len == 0 ? last_width : width,
		        &yes))
			return false;
		if (yes) {
			now = more;
			continue;
		}
		if (now.len > 0 && !add_piece(p, now))
			return false;
		now = (struct span){ from, (size_t)(rest.p - from) };
	}
	return now.len == 0 || add_piece(p, now);
}

static bool
put_text(struct builder *b, const struct value *v, struct place at)
{
	int64_t indent = at.level == 1 ? at.indent + 1 : at.indent;
	int64_t allowance = at.level == 1 ? at.allowance + 1 : at.allowance;
	struct pieces p = { .b = b,
		.indent = indent,
		.brackets = at.level == 1 };
	struct span rest = tpl_value_span(v);
	bool yes;

	while (rest.len > 0) {
		struct span line = tpl_text_line(&rest);
		int64_t width = WIDTH - indent;
		int64_t last = rest.len == 0 ? width - allowance : width;

		if (!fits(b->r, line, last, &yes))
			return false;
		if (yes ? !add_piece(&p, line)
		        : !split_words(&p, line, width, last))
			return false;
	}
	if (p.n == 1)
		tpl_build_span(b, tpl_value_span(&p.first));
	else if (p.brackets)
		tpl_build_char(b, ')');
	return !b->failed;
}

static bool
put(struct builder *b, const struct value *v, struct place at)
{
	struct builder flat;
	struct value text;
	bool ok;

	tpl_build(&flat, b->r, 0);
	if (!put_flat(&flat, v) || !tpl_build_done(&flat, &text) ||
	    !tpl_step(b->r, text.len / 64))
		return false;
	at.level++;
	if ((int64_t)tpl_text_count(tpl_value_span(&text)) <=
	        WIDTH - at.indent - at.allowance ||
	    !(is_dict(v) || is_plain_list(v) ||
	        (v->kind == VAL_STR && v->len > 0))) {
		tpl_build_span(b, tpl_value_span(&text));
		return !b->failed;
	}
	if (!tpl_enter(b->r))
		return false;
	ok = is_dict(v)           ? put_dict(b, v, at)
	     : v->kind == VAL_STR ? put_text(b, v, at)
	                          : put_list(b, v, at);
	tpl_leave(b->r);
	return ok;
}

FILTER(pprint)
{
	struct place at = { 0, 0, 0 };
	struct builder b;

	(void)arg;
	tpl_build(&b, r, 0);
	return put(&b, v, at) && tpl_build_done(&b, v);
}
