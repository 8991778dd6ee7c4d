/* SPDX-License-Identifier: ISC */
#include "compose/render.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compose/builder.h"
#include "compose/number.h"

#define ASK_EVERY                                                              \
	1024 /* steps between two questions whether the time is over */

static void note(struct render *r, enum failure kind, enum po_code code,
    const char *fmt, va_list ap) __attribute__((format(printf, 4, 0)));

static void
note(struct render *r, enum failure kind, enum po_code code, const char *fmt,
    va_list ap)
{
	char text[400];

	if (r->fail == FAIL_FATAL)
		return;
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): by the caller */
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	po_fail(r->err, code, "%s", text);
	r->fail = kind;
	r->placed = false;
}

bool
tpl_fail(struct render *r, enum failure kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note(r, kind, PO_EDATA, fmt, ap);
	va_end(ap);
	return false;
}

bool
tpl_fail_limit(struct render *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note(r, FAIL_FATAL, PO_EUNAVAILABLE, fmt, ap);
	va_end(ap);
	return false;
}

bool
tpl_fail_memory(struct render *r)
{
	return tpl_fail_limit(r, "values take more than the limit of %zu bytes",
	    r->limits->memory_bytes);
}

void
tpl_fail_forget(struct render *r, unsigned depth)
{
	if (r->fail == FAIL_FATAL)
		return;
	r->fail = FAIL_NONE;
	r->depth = depth;
	r->placed = false;
	r->where->line = 0;
}

bool
tpl_step_slow(struct render *r)
{
	if (r->steps > r->limits->steps)
		return tpl_fail_limit(r, "more than the limit of %llu steps",
		    (unsigned long long)r->limits->steps);
	if (r->options->expired != NULL &&
	    r->options->expired(r->options->expired_ctx))
		return tpl_fail_limit(r, "the limit of time is over");
	r->ask_at = r->steps + ASK_EVERY;
	if (r->ask_at > r->limits->steps)
		r->ask_at = r->limits->steps + 1;
	return true;
}

void *
tpl_alloc(struct render *r, size_t len)
{
	void *p = tpl_pool_alloc(&r->pool, len);

	if (p == NULL)
		tpl_fail_memory(r);
	return p;
}

void *
tpl_alloc_array(struct render *r, size_t n, size_t size)
{
	if (size != 0 && n > SIZE_MAX / size) {
		tpl_fail_memory(r);
		return NULL;
	}
	return tpl_alloc(r, n * size);
}

bool
tpl_copy(struct render *r, struct span s, struct span *out)
{
	char *p = tpl_alloc(r, s.len);

	if (p == NULL)
		return false;
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	*out = (struct span){ p, s.len };
	return true;
}

bool
tpl_out_slow(struct render *r, const char *p, size_t len)
{
	if (buf_put(r->out, p, len))
		return true;
	return tpl_fail_limit(r,
	    "the output is larger than the limit of %zu bytes",
	    r->limits->output_bytes);
}

bool
tpl_out_escaped(struct render *r, struct span s)
{
	static const struct span entities[128] = {
		['&'] = { "&amp;", 5 },
		['<'] = { "&lt;", 4 },
		['>'] = { "&gt;", 4 },
		['"'] = { "&quot;", 6 },
		['\''] = { "&#x27;", 6 },
	};
	size_t from = 0;
	size_t i;

	for (i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c >= 128 || entities[c].len == 0)
			continue;
		if (!tpl_out(r, s.p + from, i - from) ||
		    !tpl_out(r, entities[c].p, entities[c].len))
			return false;
		from = i + 1;
	}
	return tpl_out(r, s.p + from, s.len - from);
}

static bool
out_number(struct render *r, const struct value *v)
{
	char text[NUMBER_PRINT];
	bool negative = v->kind == VAL_INT && v->i < 0;
	uint64_t i;

	if (v->kind == VAL_FLOAT)
		return tpl_out(r, text, tpl_number_print(v->f, text));
	i = negative ? 0 - (uint64_t)v->i : (uint64_t)v->i;
	text[0] = '-';
	return tpl_out(r, text,
	    negative + tpl_number_decimal(i, text + negative));
}

static bool
out_other(struct render *r, const struct value *v)
{
	struct builder b;
	struct value text;

	tpl_build(&b, r, 0);
	tpl_build_value(&b, v);
	if (!tpl_build_done(&b, &text))
		return false;
	return r->autoescape ? tpl_out_escaped(r, tpl_value_span(&text))
	                     : tpl_out(r, text.s, text.len);
}

bool
tpl_out_value(struct render *r, const struct value *v)
{
	switch (v->kind) {
	case VAL_STR:
		if (r->autoescape && !v->safe)
			return tpl_out_escaped(r, tpl_value_span(v));
		return tpl_out(r, v->s, v->len);
	case VAL_INT:
	case VAL_FLOAT:
		return out_number(r, v);
	case VAL_BOOL:
		return v->b ? tpl_out(r, "True", 4) : tpl_out(r, "False", 5);
	case VAL_NONE:
		return tpl_out(r, "None", 4);
	default:
		return out_other(r, v);
	}
}

/* The first node that sees a failure is the innermost: the place is there. */
static void
place_failure(struct render *r, const struct node *n)
{
	struct template_place place;
	char text[sizeof(r->err->text)];

	r->placed = true;
	if (r->where->line != 0)
		return; /* a loader gave the place */
	tpl_place(r->owner, n->at, &place);
	*r->where = place;
	if (r->err == NULL)
		return;
	memcpy(text, r->err->text, sizeof(text));
	po_fail(r->err, r->err->code, "%s:%u:%u: %s", place.name, place.line,
	    place.column, text);
}

bool
tpl_render_nodes(struct render *r, const struct nodelist *nodes)
{
	const struct node *n;

	if (!tpl_enter(r))
		return false;
	for (n = nodes->first; n != NULL; n = n->next) {
		if (!tpl_step(r, 1) || !n->render(r, n)) {
			if (!r->placed)
				place_failure(r, n);
			tpl_leave(r);
			return false;
		}
	}
	tpl_leave(r);
	return true;
}

bool
tpl_render_template(struct render *r, const struct template *t)
{
	const struct template *owner = r->owner;
	bool ok;

	r->owner = t;
	ok = tpl_render_nodes(r, &t->nodes);
	r->owner = owner;
	return ok;
}

bool
tpl_collect_call(struct render *r,
    bool (*render)(struct render *r, const struct node *n),
    const struct node *n, struct span *text)
{
	struct buf *outer = r->out;
	size_t waits = outer->len - (r->collected == 0 ? r->start : 0);
	struct buf inner;
	bool ok;

	r->collected += waits;
	buf_init(&inner, r->collected < r->limits->output_bytes
	                     ? r->limits->output_bytes - r->collected
	                     : 0);
	r->out = &inner;
	ok = render(r, n);
	r->out = outer;
	r->collected -= waits;
	ok = ok && tpl_copy(r, buf_span(&inner), text);
	buf_clear(&inner);
	return ok;
}

static bool
render_list(struct render *r, const struct node *n)
{
	const struct nodelist nodes = { n };

	return tpl_render_nodes(r, &nodes);
}

bool
tpl_collect(struct render *r, const struct nodelist *nodes, struct span *text)
{
	return tpl_collect_call(r, render_list, nodes->first, text);
}

/* xorshift64* (Marsaglia, 2003) */
uint64_t
tpl_random(struct render *r, uint64_t below)
{
	uint64_t x = r->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	r->random = x;
	return (x * 0x2545f4914f6cdd1dULL >> 11) % below;
}

static void
begin(struct render *r, const struct template *t,
    const struct template_options *o)
{
	r->options = o;
	r->limits = o->limits != NULL ? o->limits : &template_limits_default;
	r->owner = t;
	r->autoescape = o->autoescape;
	r->random = o->seed ^ 0x9e3779b97f4a7c15ULL;
	if (r->random == 0)
		r->random = 1;
	r->lowest = SIZE_MAX;
	tpl_pool_init(&r->pool, r->limits->memory_bytes);
}

int
template_render(const struct template *t, const struct template_context *c,
    const struct template_options *o, struct buf *out,
    struct template_place *where, struct po_err *err)
{
	struct unit unit = { .history = { t }, .history_n = 1 };
	struct template_place place = { "", 0, 0 };
	struct render r = { .unit = &unit,
		.out = out,
		.start = out->len,
		.where = &place,
		.err = err };
	size_t start = out->len;
	size_t ceiling = out->max;
	bool ok;

	begin(&r, t, o);
	r.root = tpl_context_root(c);
	if (r.limits->output_bytes < ceiling &&
	    start < ceiling - r.limits->output_bytes)
		out->max = start + r.limits->output_bytes;
	ok = tpl_render_template(&r, t);
	out->max = ceiling;
	if (!ok) {
		out->len = start;
		if (out->p != NULL)
			out->p[start] = '\0';
	}
	if (where != NULL)
		*where = place;
	free(r.bindings);
	tpl_pool_clear(&r.pool);
	return ok ? 0 : -1;
}
