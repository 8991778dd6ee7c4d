/* SPDX-License-Identifier: ISC */
/* The table of well-formed sequences in RFC 3629, section 4, row by row. */
#include "util/utf8.h"

static const struct {
	unsigned char first_low, first_high;
	unsigned char second_low, second_high;
	unsigned char len;
} rows[] = {
	{ 0x00, 0x7f, 0x00, 0x00, 1 },
	{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
	{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
	{ 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 },
	{ 0xee, 0xef, 0x80, 0xbf, 3 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
	{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

size_t
utf8_sequence(const char *p, size_t len)
{
	const unsigned char *s = (const unsigned char *)p;
	size_t i, k;

	if (len == 0)
		return 0;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (s[0] >= rows[i].first_low && s[0] <= rows[i].first_high)
			break;
	if (i == sizeof(rows) / sizeof(rows[0]) || rows[i].len > len)
		return 0;
	if (rows[i].len > 1 &&
	    (s[1] < rows[i].second_low || s[1] > rows[i].second_high))
		return 0;
	for (k = 2; k < rows[i].len; k++)
		if (s[k] < 0x80 || s[k] > 0xbf)
			return 0;
	return rows[i].len;
}

bool
utf8_is_valid(struct span s)
{
	size_t n;

	while (s.len > 0) {
		n = utf8_sequence(s.p, s.len);
		if (n == 0)
			return false;
		s.p += n;
		s.len -= n;
	}
	return true;
}

bool
utf8_is_ascii(struct span s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] > 0x7f)
			return false;
	return true;
}
