/* SPDX-License-Identifier: ISC */
/* Nameprep (RFC 3491) by case folding and NFKC, then Punycode (RFC 3492). */
#include "compose/idna.h"

#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>
#include <unictype.h>

#include "compose/render.h"
#include "compose/text.h"

#define LABEL_MAX 63

static bool
is_ascii(struct span s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

/* Mapped to nothing (RFC 3454, B.1). */
static bool
is_ignored(uint32_t c)
{
	return c == 0xad || c == 0x34f || c == 0x1806 ||
	       (c >= 0x180b && c <= 0x180d) || (c >= 0x200b && c <= 0x200d) ||
	       c == 0x2060 || (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff;
}

static bool
is_prohibited(uint32_t c)
{
	if (c < 0x80)
		return false;
	return tpl_text_is_space(c) || (c & 0xfffe) == 0xfffe ||
	       uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cc |
	                                               UC_CATEGORY_MASK_Co |
	                                               UC_CATEGORY_MASK_Cs);
}

/* RFC 3492, 6.1 */
static uint32_t
adapt(uint32_t delta, uint32_t points, bool first)
{
	uint32_t k = 0;

	delta = first ? delta / 700 : delta / 2;
	delta += delta / points;
	for (; delta > 455; k += 36)
		delta /= 35;
	return k + 36 * delta / (delta + 38);
}

static void
put_variable(struct builder *b, uint32_t q, uint32_t bias)
{
	uint32_t k;
	uint32_t t;
	uint32_t d;

	for (k = 36;; k += 36) {
		t = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
		d = q < t ? q : t + (q - t) % (36 - t);
		tpl_build_char(b, (char)(d < 26 ? 'a' + d : '0' + d - 26));
		if (q < t)
			return;
		q = (q - t) / (36 - t);
	}
}

/* RFC 3492, 6.3. A label has few characters: its length is checked before. */
static void
put_punycode(struct builder *b, struct span s)
{
	uint32_t n = 0x80;
	uint32_t delta = 0;
	uint32_t bias = 72;
	uint32_t points = (uint32_t)tpl_text_count(s);
	uint32_t basic = 0;
	uint32_t done;
	const char *end = s.p + s.len;
	const char *p;
	uint32_t least;
	uint32_t c;
	size_t i;

	for (i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] < 0x80) {
			tpl_build_char(b, s.p[i]);
			basic++;
		}
	if (basic > 0)
		tpl_build_char(b, '-');
	for (done = basic; done < points; n++, delta++) {
		for (least = UINT32_MAX, p = s.p; p < end;) {
			c = tpl_text_next(&p, end);
			if (c >= n && c < least)
				least = c;
		}
		delta += (least - n) * (done + 1);
		n = least;
		for (p = s.p; p < end;) {
			c = tpl_text_next(&p, end);
			if (c < n)
				delta++;
			if (c != n)
				continue;
			put_variable(b, delta, bias);
			bias = adapt(delta, done + 1, done == basic);
			delta = 0;
			done++;
		}
	}
}

/* Fold and compose; false: not allowed in a name. */
static bool
nameprep(struct render *r, struct span label, struct span *out)
{
	struct builder b;
	struct value v;
	const char *end = label.p + label.len;
	const char *p = label.p;
	uint8_t *folded;
	size_t len = 0;
	uint32_t c;
	bool ok;

	tpl_build(&b, r, label.len);
	while (p < end) {
		c = tpl_text_next(&p, end);
		if (!is_ignored(c))
			tpl_build_code(&b, c);
	}
	if (!tpl_build_done(&b, &v))
		return false;
	if (v.len == 0) {
		*out = tpl_value_span(&v);
		return true;
	}
	folded = u8_casefold((const uint8_t *)v.s, v.len, NULL, UNINORM_NFKC,
	    NULL, &len);
	if (folded == NULL)
		return tpl_fail_memory(r);
	ok = tpl_copy(r, (struct span){ (const char *)folded, len }, out);
	free(folded);
	for (p = out->p, end = ok ? p + out->len : p; p < end;)
		if (is_prohibited(tpl_text_next(&p, end)))
			return false;
	return ok;
}

static bool
put_label(struct builder *b, struct span label)
{
	size_t from = b->len;

	if (!is_ascii(label)) {
		if (label.len > (size_t)4 * LABEL_MAX ||
		    !nameprep(b->r, label, &label))
			return false;
		if (!is_ascii(label)) {
			if (label.len >= 4 && memcmp(label.p, "xn--", 4) == 0)
				return false;
			tpl_build_str(b, "xn--");
			put_punycode(b, label);
			return b->len - from <= LABEL_MAX;
		}
	}
	tpl_build_span(b, label);
	return label.len > 0 && label.len <= LABEL_MAX;
}

/* The length of the dot at s[i]: "." and what looks like it; 0: none. */
static size_t
dot_at(struct span s, size_t i, bool ascii)
{
	const char *p = s.p + i;
	uint32_t c = tpl_text_next(&p, s.p + s.len);

	if (c == '.' || (!ascii && (c == 0x3002 || c == 0xff0e || c == 0xff61)))
		return (size_t)(p - s.p) - i;
	return 0;
}

bool
tpl_idna_encode(struct builder *b, struct span domain)
{
	bool ascii = is_ascii(domain);
	size_t from = 0;
	size_t i = 0;
	size_t dot;

	if (domain.len == 0)
		return true;
	while (i < domain.len) {
		dot = dot_at(domain, i, ascii);
		if (dot == 0) {
			i++;
			continue;
		}
		if (!put_label(b, (struct span){ domain.p + from, i - from }))
			return false;
		tpl_build_char(b, '.');
		i += dot;
		from = i;
	}
	return from == domain.len ||
	       put_label(b,
	           (struct span){ domain.p + from, domain.len - from });
}
