/* SPDX-License-Identifier: ISC */
/* lower, upper, capfirst, title, slugify, phone2numeric: Unicode's full case
 * mappings, of no particular language. */
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>
#include <unictype.h>

#include "compose/builder.h"
#include "compose/filter_table.h"
#include "compose/text.h"

static bool
is_ascii(struct span s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

typedef uint8_t *mapping(const uint8_t *s, size_t n, const char *language,
    uninorm_t nf, uint8_t *out, size_t *len);

/* Append the mapped text. */
static void
put_mapped(struct builder *b, mapping *map, struct span s)
{
	uint8_t *mapped;
	size_t len = 0;

	if (s.len == 0 || b->failed)
		return;
	mapped = map((const uint8_t *)s.p, s.len, NULL, NULL, NULL, &len);
	if (mapped == NULL) {
		b->failed = true;
		tpl_fail_memory(b->r);
		return;
	}
	tpl_build_put(b, (const char *)mapped, len);
	free(mapped);
}

static bool
map_ascii(struct render *r, struct value *v, char from, char to)
{
	char *p = tpl_alloc(r, v->len);
	size_t i;

	if (p == NULL)
		return false;
	for (i = 0; i < v->len; i++)
		p[i] = v->s[i] >= from && v->s[i] <= to ? (char)(v->s[i] ^ 0x20)
		                                        : v->s[i];
	*v = tpl_value_str((struct span){ p, v->len });
	return true;
}

static bool
map_whole(struct render *r, struct value *v, mapping *map)
{
	struct builder b;

	tpl_build(&b, r, v->len);
	put_mapped(&b, map, tpl_value_span(v));
	return tpl_build_done(&b, v);
}

FILTER(lower)
{
	(void)arg;
	return is_ascii(tpl_value_span(v)) ? map_ascii(r, v, 'A', 'Z')
	                                   : map_whole(r, v, u8_tolower);
}

FILTER(upper)
{
	(void)arg;
	return is_ascii(tpl_value_span(v)) ? map_ascii(r, v, 'a', 'z')
	                                   : map_whole(r, v, u8_toupper);
}

FILTER(capfirst)
{
	struct span s = tpl_value_span(v);
	const char *rest = tpl_text_skip(s, 1);
	struct builder b;

	(void)arg;
	if (s.len > 0 && (unsigned char)s.p[0] < 0x80) {
		tpl_build(&b, r, s.len);
		tpl_build_char(&b, s.p[0] >= 'a' && s.p[0] <= 'z'
		                       ? (char)(s.p[0] - 0x20)
		                       : s.p[0]);
		tpl_build_put(&b, s.p + 1, s.len - 1);
		return tpl_build_done(&b, v);
	}
	tpl_build(&b, r, s.len);
	put_mapped(&b, u8_toupper, (struct span){ s.p, (size_t)(rest - s.p) });
	tpl_build_put(&b, rest, (size_t)(s.p + s.len - rest));
	return tpl_build_done(&b, v);
}

#define SIGMA 0x3a3
#define FINAL_SIGMA 0x3c2
#define SMALL_SIGMA 0x3c3

/* A capital sigma is final where a letter stands before it and none behind,
 * signs that have no case aside. */
static bool
is_final_sigma(struct span s, const char *at, const char *behind)
{
	const char *end = s.p + s.len;
	uint32_t c = 0;

	while (at > s.p) {
		c = tpl_text_previous(s.p, &at);
		if (!uc_is_property_case_ignorable(c))
			break;
		c = 0;
	}
	if (c == 0 || !uc_is_property_cased(c))
		return false;
	while (behind < end) {
		c = tpl_text_next(&behind, end);
		if (!uc_is_property_case_ignorable(c))
			return !uc_is_property_cased(c);
	}
	return true;
}

/* Python's title(): every letter behind one that has case is small, others are
 * capital. */
static void
put_title(struct builder *b, struct span s)
{
	const char *end = s.p + s.len;
	const char *p = s.p;
	const char *from;
	bool cased = false;
	uint32_t c;

	while (p < end) {
		from = p;
		c = tpl_text_next(&p, end);
		if (c < 0x80)
			tpl_build_char(b,
			    cased ? (char)ascii_lower((unsigned char)c)
			    : c >= 'a' && c <= 'z' ? (char)(c - 0x20)
			                           : (char)c);
		else if (cased && c == SIGMA)
			tpl_build_code(b, is_final_sigma(s, from, p)
			                      ? FINAL_SIGMA
			                      : SMALL_SIGMA);
		else
			put_mapped(b, cased ? u8_tolower : u8_totitle,
			    (struct span){ from, (size_t)(p - from) });
		cased = c < 0x80 ? ascii_is_alpha((unsigned char)c)
		                 : uc_is_property_cased(c);
	}
}

/* "It'S" is "It's", "1St" is "1st". The text is ours and may be changed. */
static void
fix_title(char *s, size_t len)
{
	const char *p = s;
	size_t i;

	for (i = 0; i + 2 < len; i++)
		if (s[i] >= 'a' && s[i] <= 'z' && s[i + 1] == '\'' &&
		    s[i + 2] >= 'A' && s[i + 2] <= 'Z') {
			s[i + 2] = (char)ascii_lower((unsigned char)s[i + 2]);
			i += 2;
		}
	while (p < s + len) {
		bool digit =
		    uc_is_general_category_withtable(tpl_text_next(&p, s + len),
		        UC_CATEGORY_MASK_Nd);

		i = (size_t)(p - s);
		if (digit && i < len && s[i] >= 'A' && s[i] <= 'Z')
			s[i] = (char)ascii_lower((unsigned char)s[i]);
	}
}

FILTER(title)
{
	struct builder b;

	(void)arg;
	tpl_build(&b, r, v->len);
	put_title(&b, tpl_value_span(v));
	if (!b.failed)
		fix_title(b.p, b.len);
	return tpl_build_done(&b, v);
}

FILTER(slugify)
{
	uint8_t *plain = NULL;
	struct builder b;
	bool dash = false;
	size_t len = 0;
	size_t i;
	char c;

	(void)arg;
	if (v->len > 0) {
		plain = u8_normalize(UNINORM_NFKD, (const uint8_t *)v->s,
		    v->len, NULL, &len);
		if (plain == NULL)
			return tpl_fail_memory(r);
	}
	tpl_build(&b, r, len);
	for (i = 0; i < len; i++) {
		c = plain[i] < 0x80 ? (char)ascii_lower(plain[i]) : '\0';
		if (c == '-' ||
		    (c != '\0' && tpl_text_is_space((unsigned char)c))) {
			dash = true;
		} else if (ascii_is_alnum((unsigned char)c) || c == '_') {
			if (dash)
				tpl_build_char(&b, '-');
			dash = false;
			tpl_build_char(&b, c);
		}
	}
	free(plain);
	if (!tpl_build_done(&b, v))
		return false;
	for (; v->len > 0 && (v->s[0] == '-' || v->s[0] == '_'); v->len--)
		v->s++;
	while (
	    v->len > 0 && (v->s[v->len - 1] == '-' || v->s[v->len - 1] == '_'))
		v->len--;
	return true;
}

FILTER(phone2numeric)
{
	static const char keys[] = "22233344455566677778889999";
	struct builder b;
	size_t i;

	if (v->kind != VAL_STR)
		return tpl_fail(r, FAIL_VALUE, "phone2numeric needs text");
	if (!tpl_filter_lower(r, v, arg))
		return false;
	tpl_build(&b, r, v->len);
	for (i = 0; i < v->len; i++)
		tpl_build_char(&b, v->s[i] >= 'a' && v->s[i] <= 'z'
		                       ? keys[v->s[i] - 'a']
		                       : v->s[i]);
	return tpl_build_done(&b, v);
}
