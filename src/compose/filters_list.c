/* SPDX-License-Identifier: ISC */
/* first, last, random, slice, join, make_list, safeseq. */
#include <string.h>

#include "compose/builder.h"
#include "compose/filter_table.h"
#include "compose/number.h"
#include "compose/text.h"

static bool
need_sequence(struct render *r, const struct value *v, const char *filter)
{
	return tpl_value_is_sequence(v) ||
	       tpl_fail(r, FAIL_VALUE, "%s needs a list or text", filter);
}

FILTER(first)
{
	struct value whole = *v;
	size_t n = 0;

	(void)arg;
	if (!need_sequence(r, v, "first"))
		return false;
	if (v->kind == VAL_STR)
		n = v->len;
	else
		(void)tpl_value_len(v, &n);
	if (n == 0)
		*v = tpl_value_str(SPAN_LIT(""));
	else
		tpl_value_at(&whole, 0, v);
	return true;
}

FILTER(last)
{
	struct value whole = *v;
	const char *p = v->s;
	size_t n = 0;

	(void)arg;
	if (!need_sequence(r, v, "last"))
		return false;
	if (v->kind == VAL_STR && v->len > 0) {
		p += v->len;
		(void)tpl_text_previous(v->s, &p);
		*v = tpl_value_str(
		    (struct span){ p, (size_t)(v->s + v->len - p) });
		return true;
	}
	(void)tpl_value_len(v, &n);
	if (n == 0)
		*v = tpl_value_str(SPAN_LIT(""));
	else
		tpl_value_at(&whole, n - 1, v);
	return true;
}

FILTER(random)
{
	struct value whole = *v;
	size_t n = 0;

	(void)arg;
	if (!need_sequence(r, v, "random"))
		return false;
	(void)tpl_value_len(v, &n);
	if (n == 0)
		return tpl_fail(r, FAIL_VALUE,
		    "random needs at least one item");
	tpl_value_at(&whole, (size_t)tpl_random(r, n), v);
	return true;
}

FILTER(make_list)
{
	const struct seq *s = tpl_value_list(r, v);

	(void)arg;
	if (s == NULL)
		return false;
	*v = tpl_value_seq(s);
	return true;
}

FILTER(safeseq)
{
	const struct seq *from = tpl_value_list(r, v);
	struct seq *to =
	    from == NULL ? NULL : tpl_seq_new(r, SEQ_LIST, from->n);
	struct builder b;
	size_t i;

	(void)arg;
	if (to == NULL)
		return false;
	for (i = 0; i < from->n; i++) {
		to->items[i] = from->items[i];
		if (from->items[i].kind != VAL_STR) {
			tpl_build(&b, r, 0);
			tpl_build_value(&b, &from->items[i]);
			if (!tpl_build_done(&b, &to->items[i]))
				return false;
		}
		to->items[i].safe = true;
	}
	*v = tpl_value_seq(to);
	return true;
}

FILTER(join)
{
	const struct seq *s;
	struct builder b;
	struct value glue;
	size_t n;
	size_t i;

	if (!tpl_value_len(v, &n))
		return true;
	s = tpl_value_list(r, v);
	if (s == NULL)
		return false;
	for (i = 0; !r->autoescape && i < s->n; i++)
		if (s->items[i].kind != VAL_STR)
			return true;
	tpl_build(&b, r, 0);
	tpl_build_conditional(&b, arg);
	if (!tpl_build_done(&b, &glue))
		return false;
	tpl_build(&b, r, 0);
	for (i = 0; i < s->n && !b.failed && tpl_step(r, 1); i++) {
		if (i > 0)
			tpl_build_span(&b, tpl_value_span(&glue));
		if (r->autoescape)
			tpl_build_conditional(&b, &s->items[i]);
		else
			tpl_build_value(&b, &s->items[i]);
	}
	if (r->fail != FAIL_NONE || !tpl_build_done(&b, v))
		return false;
	v->safe = true;
	return true;
}

/* Python's slices. */

struct slice {
	bool given[3];
	int64_t at[3]; /* start, stop, step */
};

/* False: Python raises an error that the filter swallows. */
static bool
parse_slice(struct span s, struct slice *out)
{
	struct span part;
	size_t n;
	bool more = true;

	*out = (struct slice){ .at = { 0, 0, 1 } };
	for (n = 0; more; n++) {
		more = memchr(s.p, ':', s.len) != NULL;
		part = span_cut(&s, ':');
		if (n == 3)
			return false;
		if (part.len == 0)
			continue;
		out->given[n] = true;
		switch (tpl_number_parse_int(part, &out->at[n])) {
		case NUMBER_OK:
			break;
		case NUMBER_RANGE:
			out->at[n] = memchr(part.p, '-', part.len) != NULL
			                 ? INT64_MIN
			                 : INT64_MAX;
			break;
		default:
			return false;
		}
	}
	if (n == 1) { /* slice(x) is slice(None, x) */
		out->given[1] = out->given[0];
		out->at[1] = out->at[0];
		out->given[0] = false;
	}
	return !out->given[2] || out->at[2] != 0;
}

static int64_t
clamp(int64_t at, int64_t len, int64_t least, int64_t most)
{
	if (at < 0)
		at = at < -len ? least : at + len;
	return at < least ? least : at > most ? most : at;
}

/* The first index and how many there are, `step` apart. */
static size_t
resolve_slice(const struct slice *s, int64_t len, int64_t *start, int64_t *step)
{
	int64_t stop;

	*step = s->given[2] ? s->at[2] : 1;
	if (*step == INT64_MIN)
		*step = -INT64_MAX;
	if (*step > 0) {
		*start = s->given[0] ? clamp(s->at[0], len, 0, len) : 0;
		stop = s->given[1] ? clamp(s->at[1], len, 0, len) : len;
		return stop <= *start
		           ? 0
		           : (size_t)((stop - *start - 1) / *step + 1);
	}
	*start = s->given[0] ? clamp(s->at[0], len, -1, len - 1) : len - 1;
	stop = s->given[1] ? clamp(s->at[1], len, -1, len - 1) : -1;
	return stop >= *start ? 0 : (size_t)((*start - stop - 1) / -*step + 1);
}

static bool
slice_text(struct render *r, struct value *v, int64_t start, int64_t step,
    size_t n)
{
	struct span s = tpl_value_span(v);
	const struct seq *chars;
	struct builder b;
	const char *from;
	size_t i;

	if (step == 1 || n == 0) {
		from = n == 0 ? s.p : tpl_text_skip(s, (size_t)start);
		s = (struct span){ from, (size_t)(s.p + s.len - from) };
		*v = tpl_value_str((
		    struct span){ from, (size_t)(tpl_text_skip(s, n) - from) });
		return true;
	}
	chars = tpl_value_list(r, v);
	if (chars == NULL)
		return false;
	tpl_build(&b, r, n);
	for (i = 0; i < n; i++)
		tpl_build_span(&b,
		    tpl_value_span(&chars->items[start + (int64_t)i * step]));
	return tpl_build_done(&b, v);
}

FILTER(slice)
{
	struct slice s;
	struct value text = *arg;
	struct builder b;
	struct seq *to;
	struct value whole = *v;
	int64_t start;
	int64_t step;
	size_t len;
	size_t n;
	size_t i;

	if (!tpl_value_is_sequence(v))
		return true; /* what cannot be cut stays as it is */
	if (arg->kind != VAL_STR) {
		tpl_build(&b, r, 0);
		tpl_build_value(&b, arg);
		if (!tpl_build_done(&b, &text))
			return false;
	}
	if (!parse_slice(tpl_value_span(&text), &s))
		return true;
	(void)tpl_value_len(v, &len);
	n = resolve_slice(&s, (int64_t)len, &start, &step);
	if (v->kind == VAL_STR)
		return slice_text(r, v, start, step, n);
	to = tpl_seq_new(r,
	    v->kind == VAL_SEQ && v->seq->kind != SEQ_LIST ? SEQ_TUPLE
	                                                   : SEQ_LIST,
	    n);
	if (to == NULL)
		return false;
	for (i = 0; i < n; i++)
		tpl_value_at(&whole, (size_t)(start + (int64_t)i * step),
		    &to->items[i]);
	*v = tpl_value_seq(to);
	return true;
}
