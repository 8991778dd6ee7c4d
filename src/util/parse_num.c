/* SPDX-License-Identifier: ISC */
#include "util/parse_num.h"

#define LONGEST_S (INT64_C(10) * 366 * 86400)

bool
parse_u64(struct span s, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t v = 0, digit;
	size_t i;

	if (s.len == 0)
		return false;
	for (i = 0; i < s.len; i++) {
		if (!ascii_is_digit((unsigned char)s.p[i]))
			return false;
		digit = (uint64_t)(s.p[i] - '0');
		if (v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	if (v < min || v > max)
		return false;
	*out = v;
	return true;
}

bool
parse_i64(struct span s, int64_t min, int64_t max, int64_t *out)
{
	bool negative = s.len > 0 && s.p[0] == '-';
	uint64_t v;
	int64_t n;

	if (negative)
		s = (struct span){ s.p + 1, s.len - 1 };
	if (!parse_u64(s, 0, (uint64_t)INT64_MAX, &v))
		return false;
	n = negative ? -(int64_t)v : (int64_t)v;
	if (n < min || n > max)
		return false;
	*out = n;
	return true;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
parse_hex64(struct span s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;
	size_t i;
	int d;

	if (s.len == 0 || s.len > 16)
		return false;
	for (i = 0; i < s.len; i++) {
		d = hex_digit(s.p[i]);
		if (d == -1)
			return false;
		v = v << 4 | (uint64_t)d;
	}
	if (v > max)
		return false;
	*out = v;
	return true;
}

static unsigned
size_shift(char unit)
{
	switch (unit) {
	case 'k':
	case 'K':
		return 10;
	case 'm':
	case 'M':
		return 20;
	case 'g':
	case 'G':
		return 30;
	case 't':
	case 'T':
		return 40;
	default:
		return 0;
	}
}

bool
parse_size(struct span s, uint64_t *bytes)
{
	unsigned shift = s.len == 0 ? 0 : size_shift(s.p[s.len - 1]);

	if (shift != 0)
		s.len--;
	if (!parse_u64(s, 0, (uint64_t)INT64_MAX >> shift, bytes))
		return false;
	*bytes <<= shift;
	return true;
}

static int64_t
unit_seconds(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	case 'w':
		return 7 * 86400;
	default:
		return 0;
	}
}

bool
parse_duration(struct span s, int64_t *seconds)
{
	int64_t total = 0, n, unit;
	size_t digits;

	if (s.len == 0)
		return false;
	while (s.len > 0) {
		for (digits = 0; digits < s.len &&
		                 ascii_is_digit((unsigned char)s.p[digits]);
		     digits++)
			;
		if (!parse_i64((struct span){ s.p, digits }, 0, LONGEST_S, &n))
			return false;
		unit = 1;
		if (digits < s.len) {
			unit = unit_seconds(s.p[digits]);
			digits++;
		}
		if (unit == 0 || n > LONGEST_S / unit)
			return false;
		total += n * unit;
		if (total > LONGEST_S)
			return false;
		s = (struct span){ s.p + digits, s.len - digits };
	}
	*seconds = total;
	return true;
}
