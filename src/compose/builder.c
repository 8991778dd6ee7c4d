/* SPDX-License-Identifier: ISC */
#include "compose/builder.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "compose/number.h"
#include "compose/render.h"
#include "compose/text.h"

void
tpl_build(struct builder *b, struct render *r, size_t guess)
{
	*b = (struct builder){ r, NULL, 0, 0, false };
	if (guess > r->limits->output_bytes)
		guess = 0;
	if (guess < 64)
		guess = 64;
	b->p = tpl_alloc(r, guess);
	b->cap = guess;
	b->failed = b->p == NULL;
}

static bool
grow(struct builder *b, size_t more)
{
	size_t cap = b->cap * 2;
	char *p;

	if (b->len + more > b->r->limits->output_bytes) {
		b->failed = true;
		return tpl_fail_limit(b->r,
		    "a value is larger than the limit of %zu bytes of output",
		    b->r->limits->output_bytes);
	}
	while (cap < b->len + more)
		cap *= 2;
	if (!tpl_pool_extend(&b->r->pool, b->p, b->cap, cap)) {
		p = tpl_alloc(b->r, cap);
		if (p == NULL) {
			b->failed = true;
			return false;
		}
		memcpy(p, b->p, b->len);
		b->p = p;
	}
	b->cap = cap;
	return true;
}

void
tpl_build_put(struct builder *b, const char *p, size_t len)
{
	if (b->failed || (len > b->cap - b->len && !grow(b, len)) || len == 0)
		return;
	memcpy(b->p + b->len, p, len);
	b->len += len;
}

void
tpl_build_span(struct builder *b, struct span s)
{
	tpl_build_put(b, s.p, s.len);
}

void
tpl_build_str(struct builder *b, const char *s)
{
	tpl_build_put(b, s, strlen(s));
}

void
tpl_build_char(struct builder *b, char c)
{
	if (b->failed || (b->len == b->cap && !grow(b, 1)))
		return;
	b->p[b->len++] = c;
}

void
tpl_build_code(struct builder *b, uint32_t c)
{
	char bytes[4] = { 0 };

	tpl_build_put(b, bytes, tpl_text_encode(c, bytes));
}

void
tpl_build_fill(struct builder *b, char c, size_t n)
{
	if (b->failed || n > SIZE_MAX / 4 ||
	    (n > b->cap - b->len && !grow(b, n)))
		return;
	memset(b->p + b->len, c, n);
	b->len += n;
}

void
tpl_build_number(struct builder *b, int64_t i, size_t width)
{
	uint64_t magnitude = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
	char digits[NUMBER_DECIMAL];
	size_t len = tpl_number_decimal(magnitude, digits);

	if (i < 0)
		tpl_build_char(b, '-');
	if (len < width)
		tpl_build_fill(b, '0', width - len);
	tpl_build_put(b, digits, len);
}

void
tpl_build_printf(struct builder *b, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tpl_build_str(b, text);
}

static const char *
entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#x27;";
	default:
		return NULL;
	}
}

void
tpl_build_escaped(struct builder *b, struct span s)
{
	const char *name;
	size_t from = 0;
	size_t i;

	for (i = 0; i < s.len; i++) {
		name = entity(s.p[i]);
		if (name == NULL)
			continue;
		tpl_build_put(b, s.p + from, i - from);
		tpl_build_str(b, name);
		from = i + 1;
	}
	tpl_build_put(b, s.p + from, s.len - from);
}

void
tpl_build_conditional(struct builder *b, const struct value *v)
{
	struct builder text;
	struct value str;

	if (v->kind == VAL_STR && v->safe) {
		tpl_build_span(b, tpl_value_span(v));
	} else if (v->kind == VAL_STR) {
		tpl_build_escaped(b, tpl_value_span(v));
	} else {
		tpl_build(&text, b->r, 0);
		tpl_build_value(&text, v);
		if (!tpl_build_done(&text, &str))
			b->failed = true;
		else
			tpl_build_escaped(b, tpl_value_span(&str));
	}
}

bool
tpl_build_done(struct builder *b, struct value *out)
{
	if (b->failed)
		return false;
	*out = tpl_value_str((struct span){ b->p, b->len });
	return true;
}
