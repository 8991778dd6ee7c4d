/* SPDX-License-Identifier: ISC */
#include "compose/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unictype.h>
#include <unistr.h>

#include "compose/render.h"
#include "compose/text.h"
#include "util/utf8.h"

#define OTHER_DIGITS_MAX 400 /* bytes of a number in them */

/* Digits of another script (Unicode's Nd) count as those of ASCII: then *s is
 * the same number in `room`. False: something else is in it, or it is too long.
 */
static bool
take_other_digits(struct span *s, char room[OTHER_DIGITS_MAX])
{
	size_t i, n = 0;
	ucs4_t c;
	int step, digit;

	if (utf8_is_ascii(*s))
		return true;
	if (s->len > OTHER_DIGITS_MAX)
		return false;
	for (i = 0; i < s->len; i += (size_t)step) {
		step = u8_mbtouc(&c, (const uint8_t *)s->p + i, s->len - i);
		digit = c < 0x80 ? -1 : uc_decimal_value(c);
		if (c >= 0x80 && digit == -1)
			return false;
		room[n++] = digit == -1 ? (char)c : (char)('0' + digit);
	}
	*s = (struct span){ room, n };
	return true;
}

/* Copy the digits at s[*at], leaving "_" between two of them out; false where
 * there is none, or a wrong "_". */
static bool
take_digits(struct span s, size_t *at, char *out, size_t *n)
{
	size_t start = *at;

	for (; *at < s.len; (*at)++) {
		if (ascii_is_digit((unsigned char)s.p[*at]))
			out[(*n)++] = s.p[*at];
		else if (s.p[*at] != '_' || *at == start ||
		         s.p[*at - 1] == '_' || *at + 1 == s.len ||
		         !ascii_is_digit((unsigned char)s.p[*at + 1]))
			break;
	}
	return *at > start;
}

static void
take_sign(struct span s, size_t *at, char *out, size_t *n)
{
	if (*at < s.len && (s.p[*at] == '-' || s.p[*at] == '+'))
		out[(*n)++] = s.p[(*at)++];
}

enum number
tpl_number_parse_int(struct span s, int64_t *out)
{
	char room[OTHER_DIGITS_MAX];
	bool negative;
	size_t at = 0;
	int64_t v = 0;
	bool over = false;

	s = tpl_text_strip(s);
	if (!take_other_digits(&s, room))
		return NUMBER_VALUE;
	negative = s.len > 0 && s.p[0] == '-';
	if (s.len > 0 && (s.p[0] == '-' || s.p[0] == '+'))
		at++;
	if (at == s.len || !ascii_is_digit((unsigned char)s.p[at]))
		return NUMBER_VALUE;
	for (; at < s.len; at++) {
		if (ascii_is_digit((unsigned char)s.p[at])) {
			over |= __builtin_mul_overflow(v, 10, &v);
			over |= __builtin_sub_overflow(v, s.p[at] - '0', &v);
		} else if (s.p[at] != '_' || at + 1 == s.len ||
		           !ascii_is_digit((unsigned char)s.p[at + 1])) {
			return NUMBER_VALUE;
		}
	}
	if (!negative)
		over |= __builtin_sub_overflow(0, v, &v);
	if (over)
		return NUMBER_RANGE;
	*out = v;
	return NUMBER_OK;
}

static bool
parse_word(struct span s, double *out)
{
	bool negative = s.len > 0 && s.p[0] == '-';

	if (s.len > 0 && (s.p[0] == '-' || s.p[0] == '+')) {
		s.p++;
		s.len--;
	}
	if (span_eq_nocase(s, SPAN_LIT("inf")) ||
	    span_eq_nocase(s, SPAN_LIT("infinity")))
		*out = negative ? -INFINITY : INFINITY;
	else if (span_eq_nocase(s, SPAN_LIT("nan")))
		*out = NAN;
	else
		return false;
	return true;
}

/* Copy a decimal number without its "_" into `out`, which has s.len + 1 bytes.
 */
static bool
take_decimal(struct span s, char *out)
{
	size_t at = 0;
	size_t n = 0;
	bool digits;

	take_sign(s, &at, out, &n);
	digits = take_digits(s, &at, out, &n);
	if (at < s.len && s.p[at] == '.') {
		out[n++] = s.p[at++];
		digits |= take_digits(s, &at, out, &n);
	}
	if (!digits)
		return false;
	if (at < s.len && (s.p[at] == 'e' || s.p[at] == 'E')) {
		out[n++] = s.p[at++];
		take_sign(s, &at, out, &n);
		if (!take_digits(s, &at, out, &n))
			return false;
	}
	out[n] = '\0';
	return at == s.len;
}

enum number
tpl_number_parse_float(struct span s, double *out)
{
	char room[OTHER_DIGITS_MAX];
	char small[128];
	char *copy = small;
	bool ok;

	s = tpl_text_strip(s);
	if (!take_other_digits(&s, room))
		return NUMBER_VALUE;
	if (parse_word(s, out))
		return NUMBER_OK;
	if (s.len >= sizeof(small)) {
		copy = malloc(s.len + 1);
		if (copy == NULL)
			return NUMBER_VALUE;
	}
	ok = take_decimal(s, copy);
	if (ok)
		*out = strtod(copy, NULL);
	if (copy != small)
		free(copy);
	return ok ? NUMBER_OK : NUMBER_VALUE;
}

enum number
tpl_number_int(const struct value *v, int64_t *out)
{
	switch (v->kind) {
	case VAL_BOOL:
		*out = v->b;
		return NUMBER_OK;
	case VAL_INT:
		*out = v->i;
		return NUMBER_OK;
	case VAL_FLOAT:
		if (isnan(v->f))
			return NUMBER_VALUE;
		if (!(v->f >= -9223372036854775808.0 &&
		        v->f < 9223372036854775808.0))
			return NUMBER_RANGE;
		*out = (int64_t)v->f;
		return NUMBER_OK;
	case VAL_STR:
		return tpl_number_parse_int(tpl_value_span(v), out);
	default:
		return NUMBER_TYPE;
	}
}

enum number
tpl_number_float(const struct value *v, double *out)
{
	switch (v->kind) {
	case VAL_BOOL:
		*out = v->b;
		return NUMBER_OK;
	case VAL_INT:
		*out = (double)v->i;
		return NUMBER_OK;
	case VAL_FLOAT:
		*out = v->f;
		return NUMBER_OK;
	case VAL_STR:
		return tpl_number_parse_float(tpl_value_span(v), out);
	default:
		return NUMBER_TYPE;
	}
}

bool
tpl_number_need_int(struct render *r, const struct value *v, const char *what,
    int64_t *out)
{
	switch (tpl_number_int(v, out)) {
	case NUMBER_OK:
		return true;
	case NUMBER_RANGE:
		return tpl_fail(r, FAIL_VALUE, "%s is a number beyond 64 bits",
		    what);
	default:
		return tpl_fail(r, FAIL_VALUE, "%s must be a whole number",
		    what);
	}
}

/* Does `text` with `n` digits read back as f? Then keep its digits. */
static bool
try_digits(double f, int n, char digits[NUMBER_DIGITS], int *point)
{
	char text[40];
	char *end;
	int len = 1;

	(void)snprintf(text, sizeof(text), "%.*e", n - 1, f);
	if (strtod(text, &end) != f)
		return false;
	digits[0] = text[0];
	end = text + 1;
	if (*end == '.')
		for (end++; *end != 'e'; end++)
			digits[len++] = *end;
	*point = (int)strtol(end + 1, NULL, 10) + 1;
	while (len > 1 && digits[len - 1] == '0')
		len--;
	digits[len] = '\0';
	return true;
}

/*
 * Most numbers of a mail have few digits: f = whole / 10^k. Both are exact, so
 * the division is rounded once, as reading the digits would be; with at most 15
 * digits no other ones give f.
 */
static bool
few_digits(double f, char digits[NUMBER_DIGITS], int *point)
{
	static const double powers[] = { 1, 10, 100, 1000, 10000 };
	double whole;
	size_t len;
	size_t k;

	if (!(f < 1e10) || f <= 0)
		return false;
	for (k = 0; k < sizeof(powers) / sizeof(powers[0]); k++) {
		whole = (double)(int64_t)(f * powers[k] + 0.5);
		if (whole / powers[k] != f)
			continue;
		len = tpl_number_decimal((uint64_t)whole, digits);
		*point = (int)len - (int)k;
		while (len > 1 && digits[len - 1] == '0')
			len--;
		digits[len] = '\0';
		return true;
	}
	return false;
}

size_t
tpl_number_decimal(uint64_t i, char out[NUMBER_DECIMAL])
{
	char reversed[NUMBER_DECIMAL];
	size_t len = 0;
	size_t n = 0;

	do
		reversed[n++] = (char)('0' + i % 10);
	while ((i /= 10) > 0);
	while (n > 0)
		out[len++] = reversed[--n];
	return len;
}

void
tpl_number_digits(double f, char digits[NUMBER_DIGITS], int *point)
{
	int n;

	if (few_digits(f, digits, point))
		return;
	n = f > 0 && f < 2.2250738585072014e-308 ? 1 : 15;

	while (!try_digits(f, n, digits, point) && n < 17)
		n++;
}

static size_t
put_plain(const char *digits, int point, bool dot, char *out)
{
	size_t len = strlen(digits);
	size_t n = 0;
	size_t i;

	if (point <= 0) {
		out[n++] = '0';
		out[n++] = '.';
		for (; point < 0; point++)
			out[n++] = '0';
		memcpy(out + n, digits, len);
		n += len;
	} else {
		for (i = 0; i < (size_t)point; i++)
			out[n++] = i < len ? digits[i] : '0';
		if (len > (size_t)point || dot)
			out[n++] = '.';
		if (len > (size_t)point) {
			memcpy(out + n, digits + point, len - (size_t)point);
			n += len - (size_t)point;
		} else if (dot) {
			out[n++] = '0';
		}
	}
	out[n] = '\0';
	return n;
}

/* A Decimal prints its exponent with at least one digit, a float with at least
 * two. */
static size_t
put_exponent(const char *digits, int exponent, int least, char *out,
    size_t size)
{
	int n = snprintf(out, size, "%c%s%se%+0*d", digits[0],
	    digits[1] == '\0' ? "" : ".", digits + 1, least + 1, exponent);

	return n < 0 ? 0 : (size_t)n;
}

static size_t
put_special(double f, char *out)
{
	size_t len;

	if (isnan(f))
		len = 3;
	else
		len = f < 0 ? 4 : 3;
	memcpy(out, isnan(f) ? "nan" : f < 0 ? "-inf" : "inf", len + 1);
	return len;
}

size_t
tpl_number_repr(double f, char out[NUMBER_REPR])
{
	char digits[NUMBER_DIGITS] = "";
	size_t sign = signbit(f) ? 1 : 0;
	int point = 0;

	if (!isfinite(f))
		return put_special(f, out);
	tpl_number_digits(fabs(f), digits, &point);
	out[0] = '-';
	if (point > 16 || point < -3)
		return sign + put_exponent(digits, point - 1, 2, out + sign,
		                  NUMBER_REPR - sign);
	return sign + put_plain(digits, point, true, out + sign);
}

size_t
tpl_number_print(double f, char out[NUMBER_PRINT])
{
	char digits[NUMBER_DIGITS] = "";
	size_t sign = signbit(f) ? 1 : 0;
	int point = 0;
	int exponent;
	int n;

	if (!isfinite(f))
		return put_special(f, out);
	tpl_number_digits(fabs(f), digits, &point);
	if (point <= 16 && point >= -3)
		return tpl_number_repr(f, out);
	n = (int)strlen(digits);
	exponent = point - n; /* of Python's Decimal */
	out[0] = '-';
	if ((exponent < 0 ? -exponent : exponent) + n > 200)
		return sign + put_exponent(digits, point - 1, 1, out + sign,
		                  NUMBER_PRINT - sign);
	return sign + put_plain(digits, point, false, out + sign);
}
