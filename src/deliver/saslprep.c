/* SPDX-License-Identifier: ISC */
/*
 * Map, normalise (NFKC), then look for what is prohibited and for directions
 * that are mixed (RFC 3454, 2). Code points are today's Unicode, not 3.2: what
 * is newer than the RFC would otherwise be no password at all.
 */
#include "deliver/saslprep.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "util/utf8.h"

struct points {
	uint32_t *v;
	size_t n;
};

/* RFC 3454, C.1.2 */
static bool
is_other_space(ucs4_t c)
{
	return c == 0x200b || (c >= 0x80 && uc_is_general_category_withtable(c,
	                                        UC_CATEGORY_MASK_Zs));
}

/* RFC 3454, B.1 */
static bool
is_nothing(ucs4_t c)
{
	return c == 0xad || c == 0x34f || c == 0x1806 ||
	       (c >= 0x180b && c <= 0x180d) || c == 0x200c || c == 0x200d ||
	       c == 0x2060 || (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff;
}

/* RFC 3454, C.2 to C.9 */
static bool
is_prohibited(ucs4_t c)
{
	static const ucs4_t ranges[][2] = { { 0x340, 0x341 }, { 0x6dd, 0x6dd },
		{ 0x70f, 0x70f }, { 0x180e, 0x180e }, { 0x200e, 0x200f },
		{ 0x2028, 0x202e }, { 0x2061, 0x2063 }, { 0x206a, 0x206f },
		{ 0x2ff0, 0x2ffb }, { 0xfff9, 0xfffd }, { 0x1d173, 0x1d17a },
		{ 0xe0001, 0xe007f } };
	size_t i;

	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (c >= ranges[i][0] && c <= ranges[i][1])
			return true;
	return uc_is_property(c, UC_PROPERTY_NOT_A_CHARACTER) ||
	       uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cc |
	                                               UC_CATEGORY_MASK_Co |
	                                               UC_CATEGORY_MASK_Cs);
}

static bool
is_right_to_left(ucs4_t c)
{
	int class = uc_bidi_category(c);

	return class == UC_BIDI_R || class == UC_BIDI_AL;
}

/* RFC 3454, 6: what has a letter from right to left has none from left to
 * right, and begins and ends with one. */
static bool
directions_ok(const struct points *p)
{
	bool right = false, left = false;
	size_t i;

	for (i = 0; i < p->n; i++) {
		right = right || is_right_to_left(p->v[i]);
		left = left || uc_bidi_category(p->v[i]) == UC_BIDI_L;
	}
	return !right || (!left && is_right_to_left(p->v[0]) &&
	                     is_right_to_left(p->v[p->n - 1]));
}

static void
map(struct points *p)
{
	size_t i, n = 0;

	for (i = 0; i < p->n; i++)
		if (is_other_space(p->v[i]))
			p->v[n++] = ' ';
		else if (!is_nothing(p->v[i]))
			p->v[n++] = p->v[i];
	p->n = n;
}

static bool
points_ok(const struct points *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (is_prohibited(p->v[i]))
			return false;
	return directions_ok(p);
}

static void
wipe(void *p, size_t bytes)
{
	if (p != NULL)
		OPENSSL_cleanse(p, bytes);
	free(p);
}

static bool
put_points(const struct points *p, struct buf *out)
{
	size_t n = 0;
	uint8_t *bytes = u32_to_u8(p->v, p->n, NULL, &n);
	bool ok = bytes != NULL && buf_put(out, bytes, n);

	wipe(bytes, n);
	return ok;
}

static bool
prepare(struct span s, struct buf *out)
{
	struct points raw = { NULL, 0 }, normal = { NULL, 0 };
	size_t taken;
	bool ok = false;

	raw.v = u8_to_u32((const uint8_t *)s.p, s.len, NULL, &raw.n);
	if (raw.v == NULL)
		return false;
	taken = raw.n;
	map(&raw);
	normal.v = u32_normalize(UNINORM_NFKC, raw.v, raw.n, NULL, &normal.n);
	if (normal.v != NULL)
		ok = points_ok(&normal) && put_points(&normal, out);
	wipe(normal.v, normal.n * sizeof(normal.v[0]));
	wipe(raw.v, taken * sizeof(raw.v[0]));
	return ok;
}

bool
saslprep(struct span s, struct buf *out)
{
	size_t i;

	if (!utf8_is_valid(s))
		return false;
	if (!utf8_is_ascii(s))
		return prepare(s, out);
	for (i = 0; i < s.len; i++)
		if (ascii_is_control((unsigned char)s.p[i]))
			return false;
	return buf_put_span(out, s);
}
