/* SPDX-License-Identifier: ISC */
/* add, divisibleby, get_digit, filesizeformat. */
#include <stdio.h>
#include <string.h>

#include "compose/builder.h"
#include "compose/filter_table.h"
#include "compose/number.h"

static bool
is_tuple(const struct value *v)
{
	return v->kind == VAL_SEQ &&
	       (v->seq->kind == SEQ_TUPLE || v->seq->kind == SEQ_GROUP);
}

static bool
is_list(const struct value *v)
{
	return v->kind == VAL_LIST ||
	       (v->kind == VAL_SEQ && v->seq->kind == SEQ_LIST);
}

static bool
add_lists(struct render *r, struct value *v, const struct value *arg)
{
	const struct seq *a = tpl_value_list(r, v);
	const struct seq *b = a == NULL ? NULL : tpl_value_list(r, arg);
	struct seq *s = b == NULL
	                    ? NULL
	                    : tpl_seq_new(r, is_tuple(v) ? SEQ_TUPLE : SEQ_LIST,
	                          a->n + b->n);

	if (s == NULL)
		return false;
	memcpy(s->items, a->items, a->n * sizeof(struct value));
	memcpy(s->items + a->n, b->items, b->n * sizeof(struct value));
	*v = tpl_value_seq(s);
	return true;
}

/* v + arg of what are no numbers; "" where Python raises an error. */
static bool
add_others(struct render *r, struct value *v, const struct value *arg)
{
	struct builder b;
	bool safe;

	if (v->kind == VAL_STR && arg->kind == VAL_STR) {
		safe = v->safe && arg->safe;
		tpl_build(&b, r, v->len + arg->len);
		tpl_build_span(&b, tpl_value_span(v));
		tpl_build_span(&b, tpl_value_span(arg));
		if (!tpl_build_done(&b, v))
			return false;
		v->safe = safe;
		return true;
	}
	if ((is_list(v) && is_list(arg)) || (is_tuple(v) && is_tuple(arg)))
		return add_lists(r, v, arg);
	*v = tpl_value_str(SPAN_LIT(""));
	return true;
}

FILTER(add)
{
	enum number left;
	enum number right;
	int64_t a;
	int64_t b;

	left = tpl_number_int(v, &a);
	if (left == NUMBER_RANGE)
		return tpl_number_need_int(r, v, "the value of add", &a);
	right = left == NUMBER_OK ? tpl_number_int(arg, &b) : left;
	if (right == NUMBER_RANGE)
		return tpl_number_need_int(r, arg, "the argument of add", &b);
	if (right != NUMBER_OK)
		return add_others(r, v, arg);
	if (__builtin_add_overflow(a, b, &a))
		return tpl_fail(r, FAIL_VALUE,
		    "the sum is a number beyond 64 bits");
	*v = tpl_value_int(a);
	return true;
}

FILTER(divisibleby)
{
	int64_t a;
	int64_t b;

	if (!tpl_number_need_int(r, v, "the value of divisibleby", &a) ||
	    !tpl_number_need_int(r, arg, "the argument of divisibleby", &b))
		return false;
	if (b == 0)
		return tpl_fail(r, FAIL_VALUE, "divisibleby divides by zero");
	*v = tpl_value_bool(b == -1 || a % b == 0);
	return true;
}

FILTER(get_digit)
{
	enum number kind;
	int64_t want;
	int64_t n;
	char text[32];
	int len;

	kind = tpl_number_int(arg, &want);
	if (kind == NUMBER_VALUE)
		return true;
	if (kind != NUMBER_OK)
		return tpl_number_need_int(r, arg, "the argument of get_digit",
		    &want);
	kind = tpl_number_int(v, &n);
	if (kind == NUMBER_VALUE)
		return true;
	if (kind != NUMBER_OK)
		return tpl_number_need_int(r, v, "the value of get_digit", &n);
	*v = tpl_value_int(n);
	if (want < 1)
		return true;
	len = snprintf(text, sizeof(text), "%lld", (long long)n);
	if (want > len)
		n = 0;
	else if (text[len - want] == '-')
		return tpl_fail(r, FAIL_VALUE,
		    "get_digit finds a sign in the place of a digit");
	else
		n = text[len - want] - '0';
	*v = tpl_value_int(n);
	return true;
}

/* With one digit behind the point; what prints with an exponent is cut there.
 */
static void
put_rounded(struct builder *b, double f)
{
	char text[NUMBER_PRINT];
	const char *exponent;
	size_t len;
	size_t n;

	if (f < 1e15) {
		tpl_build_printf(b, "%.1f", f);
		return;
	}
	len = tpl_number_print(f, text);
	exponent = memchr(text, 'e', len);
	n = exponent == NULL ? len : (size_t)(exponent - text);
	if (memchr(text, '.', n) != NULL) {
		tpl_build_put(b, text,
		    (size_t)((char *)memchr(text, '.', n) - text) + 2);
	} else {
		tpl_build_put(b, text, n);
		tpl_build_str(b, ".0");
	}
	tpl_build_put(b, text + n, len - n);
}

static void
put_size(struct builder *b, double size)
{
	static const char *const units[] = { "KB", "MB", "GB", "TB", "PB" };
	size_t i = 0;

	for (size /= 1024; i < 4 && size >= 1024; i++)
		size /= 1024;
	put_rounded(b, size);
	tpl_build_printf(b, "\xc2\xa0%s", units[i]);
}

FILTER(filesizeformat)
{
	enum number kind;
	struct builder b;
	int64_t i = 0;
	double f;

	(void)arg;
	kind = tpl_number_int(v, &i);
	f = (double)i;
	if (kind == NUMBER_RANGE &&
	    (tpl_number_float(v, &f) != NUMBER_OK || f - f != 0))
		return tpl_fail(r, FAIL_VALUE,
		    "filesizeformat needs a finite number");
	tpl_build(&b, r, 0);
	if (f < 0)
		tpl_build_char(&b, '-');
	f = f < 0 ? -f : f;
	if (f < 1024)
		tpl_build_printf(&b, "%.0f\xc2\xa0%s", f,
		    f == 1 ? "byte" : "bytes");
	else
		put_size(&b, f);
	return tpl_build_done(&b, v);
}
