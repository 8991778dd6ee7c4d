/* SPDX-License-Identifier: ISC */
/* stringformat: Python's "%..." over one value. What Python refuses becomes "".
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compose/builder.h"
#include "compose/filter_table.h"
#include "compose/number.h"
#include "compose/text.h"

#define DIGITS_MAX 1000000

struct conversion {
	bool left, plus, blank, alternate, zero;
	bool has_precision;
	size_t width;
	size_t precision;
	char letter;
};

enum outcome { DONE, REFUSED, FAILED };

static bool
read_number(struct span s, size_t *at, size_t *out)
{
	for (*out = 0; *at < s.len && ascii_is_digit((unsigned char)s.p[*at]);
	     (*at)++) {
		if (*out > (size_t)1 << 40)
			return false;
		*out = *out * 10 + (size_t)(s.p[*at] - '0');
	}
	return true;
}

/* Behind the "%" and the "(key)". False: Python refuses it. */
static bool
read_conversion(struct span s, size_t *at, struct conversion *c)
{
	*c = (struct conversion){ .left = false };
	for (; *at < s.len; (*at)++) {
		if (s.p[*at] == '-')
			c->left = true;
		else if (s.p[*at] == '+')
			c->plus = true;
		else if (s.p[*at] == ' ')
			c->blank = true;
		else if (s.p[*at] == '#')
			c->alternate = true;
		else if (s.p[*at] == '0')
			c->zero = true;
		else
			break;
	}
	if (!read_number(s, at, &c->width))
		return false;
	if (*at < s.len && s.p[*at] == '.') {
		(*at)++;
		c->has_precision = true;
		if (!read_number(s, at, &c->precision))
			return false;
	}
	if (*at < s.len && memchr("hlL", s.p[*at], 3) != NULL)
		(*at)++;
	if (*at == s.len)
		return false;
	c->letter = s.p[(*at)++];
	return true;
}

/* Sign, prefix and body, filled up to the width. */
static void
put_field(struct builder *b, const struct conversion *c, const char *sign,
    const char *prefix, struct span body, bool zeros)
{
	size_t len = strlen(sign) + strlen(prefix) + tpl_text_count(body);
	size_t fill = c->width > len ? c->width - len : 0;

	if (fill > b->r->limits->output_bytes) {
		b->failed = true;
		tpl_fail_limit(b->r,
		    "a value is larger than the limit of %zu bytes of output",
		    b->r->limits->output_bytes);
		return;
	}
	if (!c->left && !zeros)
		tpl_build_fill(b, ' ', fill);
	tpl_build_str(b, sign);
	tpl_build_str(b, prefix);
	if (!c->left && zeros)
		tpl_build_fill(b, '0', fill);
	tpl_build_span(b, body);
	if (c->left)
		tpl_build_fill(b, ' ', fill);
}

static const char *
sign_of(const struct conversion *c, bool negative)
{
	return negative ? "-" : c->plus ? "+" : c->blank ? " " : "";
}

static int
print_int(const struct conversion *c, unsigned long long i, char *out,
    size_t size)
{
	switch (c->letter) {
	case 'o':
		return snprintf(out, size, "%llo", i);
	case 'x':
		return snprintf(out, size, "%llx", i);
	case 'X':
		return snprintf(out, size, "%llX", i);
	default:
		return snprintf(out, size, "%llu", i);
	}
}

static enum outcome
put_int(struct builder *b, const struct conversion *c, const struct value *v)
{
	bool base10 = strchr("diu", c->letter) != NULL;
	struct builder digits;
	struct value body;
	uint64_t magnitude;
	char text[32];
	int64_t i;
	int n;

	if (v->kind != VAL_INT && v->kind != VAL_BOOL &&
	    !(base10 && v->kind == VAL_FLOAT && !isnan(v->f)))
		return REFUSED;
	if (!tpl_number_need_int(b->r, v, "the value of stringformat", &i))
		return FAILED;
	magnitude = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
	n = print_int(c, magnitude, text, sizeof(text));
	if (c->precision > DIGITS_MAX) {
		tpl_fail_limit(b->r,
		    "stringformat cannot print more than %d digits",
		    DIGITS_MAX);
		return FAILED;
	}
	tpl_build(&digits, b->r, c->precision);
	if (c->precision > (size_t)n)
		tpl_build_fill(&digits, '0', c->precision - (size_t)n);
	tpl_build_str(&digits, text);
	if (!tpl_build_done(&digits, &body))
		return FAILED;
	put_field(b, c, sign_of(c, i < 0),
	    !c->alternate || base10 ? ""
	    : c->letter == 'o'      ? "0o"
	    : c->letter == 'x'      ? "0x"
	                            : "0X",
	    tpl_value_span(&body), c->zero);
	return DONE;
}

/* |f| by one of printf's formats; NULL without memory. The caller frees it. */
static char *
print_float(const struct conversion *c, double f)
{
	int precision = c->has_precision ? (int)c->precision : 6;
	char *text = NULL;
	int n = -1;

	f = fabs(f);
	switch (c->letter) {
	case 'e':
		n = c->alternate ? asprintf(&text, "%#.*e", precision, f)
		                 : asprintf(&text, "%.*e", precision, f);
		break;
	case 'E':
		n = c->alternate ? asprintf(&text, "%#.*E", precision, f)
		                 : asprintf(&text, "%.*E", precision, f);
		break;
	case 'f':
		n = c->alternate ? asprintf(&text, "%#.*f", precision, f)
		                 : asprintf(&text, "%.*f", precision, f);
		break;
	case 'F':
		n = c->alternate ? asprintf(&text, "%#.*F", precision, f)
		                 : asprintf(&text, "%.*F", precision, f);
		break;
	case 'g':
		n = c->alternate ? asprintf(&text, "%#.*g", precision, f)
		                 : asprintf(&text, "%.*g", precision, f);
		break;
	default:
		n = c->alternate ? asprintf(&text, "%#.*G", precision, f)
		                 : asprintf(&text, "%.*G", precision, f);
		break;
	}
	return n < 0 ? NULL : text;
}

static enum outcome
put_float(struct builder *b, const struct conversion *c, const struct value *v)
{
	char *text;
	double f;

	if (v->kind == VAL_STR || tpl_number_float(v, &f) != NUMBER_OK)
		return REFUSED;
	if (c->has_precision && c->precision > DIGITS_MAX) {
		tpl_fail_limit(b->r,
		    "stringformat cannot print more than %d digits",
		    DIGITS_MAX);
		return FAILED;
	}
	text = print_float(c, f);
	if (text == NULL) {
		tpl_fail_memory(b->r);
		return FAILED;
	}
	put_field(b, c, sign_of(c, signbit(f) && !isnan(f)), "", span_of(text),
	    c->zero);
	free(text);
	return DONE;
}

static void
put_ascii(struct builder *b, struct span s)
{
	const char *end = s.p + s.len;
	const char *p = s.p;

	while (p < end) {
		uint32_t c = tpl_text_next(&p, end);

		if (c < 0x80)
			tpl_build_char(b, (char)c);
		else
			tpl_build_printf(b,
			    c < 0x100     ? "\\x%02x"
			    : c < 0x10000 ? "\\u%04x"
			                  : "\\U%08x",
			    (unsigned)c);
	}
}

static enum outcome
put_text(struct builder *b, const struct conversion *c, const struct value *v)
{
	struct builder text;
	struct value body;
	struct span s;

	tpl_build(&text, b->r, 0);
	if (c->letter == 's')
		tpl_build_value(&text, v);
	else
		tpl_build_repr(&text, v);
	if (!tpl_build_done(&text, &body))
		return FAILED;
	if (c->letter == 'a') {
		s = tpl_value_span(&body);
		tpl_build(&text, b->r, s.len);
		put_ascii(&text, s);
		if (!tpl_build_done(&text, &body))
			return FAILED;
	}
	s = tpl_value_span(&body);
	if (c->has_precision)
		s.len = (size_t)(tpl_text_skip(s, c->precision) - s.p);
	put_field(b, c, "", "", s, false);
	return DONE;
}

static enum outcome
put_character(struct builder *b, const struct conversion *c,
    const struct value *v)
{
	char bytes[4];

	if (v->kind == VAL_STR && tpl_text_count(tpl_value_span(v)) == 1) {
		put_field(b, c, "", "", tpl_value_span(v), false);
		return DONE;
	}
	if (v->kind != VAL_INT && v->kind != VAL_BOOL)
		return REFUSED;
	if (v->kind == VAL_INT && (v->i < 0 || v->i > 0x10ffff ||
	                              (v->i >= 0xd800 && v->i < 0xe000))) {
		tpl_fail(b->r, FAIL_VALUE,
		    "stringformat is asked for a character that does not "
		    "exist");
		return FAILED;
	}
	put_field(b, c, "", "",
	    (struct span){ bytes,
	        tpl_text_encode(v->kind == VAL_INT ? (uint32_t)v->i : v->b,
	            bytes) },
	    false);
	return DONE;
}

static enum outcome
put_converted(struct builder *b, const struct conversion *c,
    const struct value *v)
{
	switch (c->letter) {
	case 's':
	case 'r':
	case 'a':
		return put_text(b, c, v);
	case 'c':
		return put_character(b, c, v);
	case 'd':
	case 'i':
	case 'u':
	case 'o':
	case 'x':
	case 'X':
		return put_int(b, c, v);
	case 'e':
	case 'E':
	case 'f':
	case 'F':
	case 'g':
	case 'G':
		return put_float(b, c, v);
	default:
		return REFUSED;
	}
}

/* "(key)": the value becomes what the dictionary has under the key. */
static enum outcome
read_key(struct render *r, struct span s, size_t *at, const struct value *whole,
    struct value *v, bool *used)
{
	size_t from = *at + 1;
	unsigned open = 1;

	if (*at == s.len || s.p[*at] != '(')
		return DONE;
	if (whole->kind != VAL_DICT && whole->kind != VAL_LOOP)
		return REFUSED;
	for ((*at)++; *at < s.len && open > 0; (*at)++)
		open += s.p[*at] == '(' ? 1u : s.p[*at] == ')' ? -1u : 0u;
	if (open > 0)
		return REFUSED;
	if (!tpl_value_key(whole, (struct span){ s.p + from, *at - 1 - from },
	        v)) {
		tpl_fail(r, FAIL_VALUE, "stringformat finds no such key");
		return FAILED;
	}
	*used = false;
	return DONE;
}

static enum outcome
format(struct builder *b, struct span s, const struct value *whole)
{
	struct value v = *whole;
	struct conversion c;
	enum outcome outcome = DONE;
	bool used = false;
	size_t at = 0;

	while (at < s.len && outcome == DONE && !b->failed) {
		if (s.p[at] != '%') {
			tpl_build_char(b, s.p[at++]);
			continue;
		}
		at++;
		outcome = read_key(b->r, s, &at, whole, &v, &used);
		if (outcome != DONE)
			return outcome;
		if (!read_conversion(s, &at, &c))
			return REFUSED;
		if (c.letter == '%') {
			tpl_build_char(b, '%');
			continue;
		}
		if (used)
			return REFUSED;
		used = true;
		outcome = put_converted(b, &c, &v);
	}
	if (outcome == DONE && !used && whole->kind != VAL_DICT &&
	    whole->kind != VAL_LOOP && whole->kind != VAL_LIST &&
	    !(whole->kind == VAL_SEQ && whole->seq->kind == SEQ_LIST))
		return REFUSED;
	return outcome;
}

FILTER(stringformat)
{
	struct builder text;
	struct builder b;
	struct value fmt;
	struct value whole = *v;

	tpl_build(&text, r, 0);
	tpl_build_char(&text, '%');
	tpl_build_value(&text, arg);
	if (!tpl_build_done(&text, &fmt))
		return false;
	if (v->kind == VAL_SEQ &&
	    (v->seq->kind == SEQ_TUPLE || v->seq->kind == SEQ_GROUP)) {
		tpl_build(&text, r, 0);
		tpl_build_value(&text, v);
		if (!tpl_build_done(&text, &whole))
			return false;
	}
	tpl_build(&b, r, 0);
	switch (format(&b, tpl_value_span(&fmt), &whole)) {
	case DONE:
		return tpl_build_done(&b, v);
	case REFUSED:
		*v = tpl_value_str(SPAN_LIT(""));
		return r->fail == FAIL_NONE;
	default:
		return false;
	}
}
