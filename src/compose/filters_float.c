/* SPDX-License-Identifier: ISC */
/*
 * floatformat: rounds half away from zero on the decimal digits that the number
 * prints with, so that 1.005 gives 1.01. All is done on the digits, never in
 * binary.
 */
#include <math.h>
#include <string.h>

#include "compose/builder.h"
#include "compose/filter_table.h"
#include "compose/number.h"

#define DIGITS_MAX 200     /* Django prints what has more as it is */
#define PLACES_MAX 1000000 /* Python's Decimal refuses more */

/* DIGITS * 10^exponent */
struct decimal {
	bool negative;
	char digits[DIGITS_MAX + 64];
	int n;
	int exponent;
};

static void
from_float(double f, struct decimal *d)
{
	int point;

	d->negative = signbit(f);
	tpl_number_digits(fabs(f), d->digits, &point);
	d->n = (int)strlen(d->digits);
	if (point <= 16 && point >= -3 &&
	    point >= d->n) { /* its repr ends in ".0" */
		while (d->n <= point)
			d->digits[d->n++] = '0';
		d->exponent = -1;
		return;
	}
	d->exponent = point - d->n;
}

static void
from_int(int64_t i, struct decimal *d)
{
	uint64_t magnitude = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;

	d->negative = i < 0;
	d->n = (int)tpl_number_decimal(magnitude, d->digits);
	d->exponent = 0;
}

static bool
is_whole(const struct decimal *d)
{
	int i;

	for (i = 0; i < -d->exponent && i < d->n; i++)
		if (d->digits[d->n - 1 - i] != '0')
			return false;
	return true;
}

/* The digit in front of 10^place. */
static char
digit_at(const struct decimal *d, int place)
{
	int i = d->n - 1 - (place - d->exponent);

	return i < 0 || i >= d->n ? '0' : d->digits[i];
}

/* Add one to the number that text[0, n) is; it begins with a zero. */
static void
carry(char *text, size_t n)
{
	while (n > 0) {
		n--;
		if (text[n] == '.')
			continue;
		if (text[n] != '9') {
			text[n]++;
			return;
		}
		text[n] = '0';
	}
}

static bool
is_zero(const char *text, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (text[i] != '0' && text[i] != '.')
			return false;
	return true;
}

/* With exactly `places` digits behind the point, rounded half up or cut. Two
 * bytes in front leave room for a sign and for what is carried. */
static bool
put(struct render *r, const struct decimal *d, int places, bool cut,
    struct value *out)
{
	int top = d->n - 1 + d->exponent; /* the place of the first digit */
	struct builder b;
	size_t len;
	char *p;
	int i;

	tpl_build(&b, r, (size_t)places + 64);
	tpl_build_put(&b, "00", 2);
	for (i = top > 0 ? top : 0; i >= 0; i--)
		tpl_build_char(&b, digit_at(d, i));
	if (places > 0)
		tpl_build_char(&b, '.');
	for (i = -1; i >= -places; i--)
		tpl_build_char(&b, digit_at(d, i));
	if (b.failed)
		return false;
	p = b.p + 1;
	len = b.len - 1;
	if (!cut && digit_at(d, -places - 1) >= '5')
		carry(p, len);
	for (; len > 1 && p[0] == '0' && p[1] != '.'; len--)
		p++;
	if (d->negative && !is_zero(p, len)) {
		*--p = '-';
		len++;
	}
	*out = tpl_value_str((struct span){ p, len });
	return true;
}

enum source { GIVEN, NOTHING, AS_IS };

/* The number, or what to print in its place. Python reads repr(v) first, then
 * float(v). */
static enum source
read_value(const struct value *v, struct decimal *d)
{
	double f;

	if (v->kind == VAL_INT) {
		from_int(v->i, d);
		return GIVEN;
	}
	if (tpl_number_float(v, &f) != NUMBER_OK)
		return NOTHING;
	if (!isfinite(f))
		return AS_IS;
	from_float(f, d);
	return d->n + (d->exponent < 0 ? -d->exponent : d->exponent) >
	               DIGITS_MAX
	           ? AS_IS
	           : GIVEN;
}

static bool
put_repr(struct render *r, struct value *v)
{
	struct builder b;

	tpl_build(&b, r, 0);
	tpl_build_repr(&b, v);
	return tpl_build_done(&b, v);
}

/* The argument, with a "g" at its end left out: the groups of en-us without
 * localisation are none. */
static enum number
read_places(const struct value *arg, int64_t *places)
{
	struct span s;

	*places = -1;
	if (arg == NULL)
		return NUMBER_OK;
	if (arg->kind != VAL_STR)
		return tpl_number_int(arg, places);
	s = tpl_value_span(arg);
	if (s.len > 0 && s.p[s.len - 1] == 'g') {
		s.len--;
		if (s.len == 0)
			return NUMBER_OK;
	}
	return tpl_number_parse_int(s, places);
}

FILTER(floatformat)
{
	struct decimal d;
	enum source source = read_value(v, &d);
	enum number kind;
	int64_t places;
	bool cut;

	if (source == NOTHING) {
		*v = tpl_value_str(SPAN_LIT(""));
		return true;
	}
	kind = read_places(arg, &places);
	if (kind == NUMBER_VALUE)
		return put_repr(r, v);
	if (kind != NUMBER_OK)
		return tpl_number_need_int(r, arg,
		    "the argument of floatformat", &places);
	if (source == AS_IS)
		return put_repr(r, v);
	if (places > PLACES_MAX || places < -PLACES_MAX)
		return tpl_fail(r, FAIL_VALUE,
		    "floatformat cannot print more than %d places", PLACES_MAX);
	cut = places < 0 && is_whole(&d);
	if (!put(r, &d, cut ? 0 : (int)(places < 0 ? -places : places), cut, v))
		return false;
	v->safe = true;
	return true;
}
