/* SPDX-License-Identifier: ISC */
/* addslashes, cut, ljust, rjust, center, wordcount, truncatechars,
 * truncatewords, urlencode, iriencode. */
#include <stdlib.h>
#include <string.h>
#include <unictype.h>
#include <uninorm.h>

#include "compose/builder.h"
#include "compose/filter_table.h"
#include "compose/number.h"
#include "compose/quote.h"
#include "compose/text.h"
#include "compose/truncate.h"
#include "util/utf8.h"

FILTER(addslashes)
{
	struct builder b;
	size_t i;

	(void)arg;
	tpl_build(&b, r, v->len + 16);
	for (i = 0; i < v->len; i++) {
		if (v->s[i] == '\\' || v->s[i] == '"' || v->s[i] == '\'')
			tpl_build_char(&b, '\\');
		tpl_build_char(&b, v->s[i]);
	}
	return tpl_build_done(&b, v);
}

/* Everywhere, also between all characters where `what` is empty: then nothing
 * is changed. */
static bool
remove_all(struct render *r, struct value *v, struct span what)
{
	struct span s = tpl_value_span(v);
	struct builder b;
	const char *at;
	size_t from = 0;

	tpl_build(&b, r, s.len);
	while (what.len > 0 && (at = tpl_text_find(s, from, what)) != NULL) {
		tpl_build_put(&b, s.p + from, (size_t)(at - s.p) - from);
		from = (size_t)(at - s.p) + what.len;
	}
	tpl_build_put(&b, s.p + from, s.len - from);
	return tpl_build_done(&b, v);
}

FILTER(cut)
{
	bool safe = v->safe;

	if (arg->kind != VAL_STR)
		return tpl_fail(r, FAIL_VALUE,
		    "cut needs text as its argument");
	if (!remove_all(r, v, tpl_value_span(arg)))
		return false;
	v->safe = safe && !(arg->len == 1 && arg->s[0] == ';');
	return true;
}

/* Fill up to `width` characters, `left` giving those to put in front of all
 * that are missing. */
static bool
pad(struct render *r, struct value *v, const struct value *arg,
    const char *filter, uint64_t (*left)(uint64_t missing, uint64_t width))
{
	uint64_t count = tpl_text_count(tpl_value_span(v));
	uint64_t missing;
	uint64_t before;
	struct builder b;
	int64_t width;

	if (!tpl_number_need_int(r, arg, filter, &width))
		return false;
	missing =
	    width > 0 && (uint64_t)width > count ? (uint64_t)width - count : 0;
	if (missing > r->limits->output_bytes)
		return tpl_fail_limit(r,
		    "a value is larger than the limit of %zu bytes of output",
		    r->limits->output_bytes);
	before = left(missing, (uint64_t)width);
	tpl_build(&b, r, v->len + missing);
	tpl_build_fill(&b, ' ', before);
	tpl_build_span(&b, tpl_value_span(v));
	tpl_build_fill(&b, ' ', missing - before);
	return tpl_build_done(&b, v);
}

static uint64_t
left_all(uint64_t missing, uint64_t width)
{
	(void)width;
	return missing;
}

static uint64_t
left_none(uint64_t missing, uint64_t width)
{
	(void)missing;
	(void)width;
	return 0;
}

static uint64_t
left_half(uint64_t missing, uint64_t width)
{
	return missing / 2 + (missing & width & 1);
}

FILTER(ljust)
{
	return pad(r, v, arg, "the argument of ljust", left_none);
}

FILTER(rjust)
{
	return pad(r, v, arg, "the argument of rjust", left_all);
}

FILTER(center)
{
	return pad(r, v, arg, "the argument of center", left_half);
}

FILTER(wordcount)
{
	struct span rest = tpl_value_span(v);
	struct span word;
	int64_t n = 0;

	(void)r;
	(void)arg;
	while (tpl_text_word(&rest, &word))
		n++;
	*v = tpl_value_int(n);
	return true;
}

bool
tpl_truncate_length(struct render *r, const struct value *arg,
    const char *filter, int64_t *n, bool *none)
{
	enum number kind = tpl_number_int(arg, n);

	*none = kind == NUMBER_VALUE;
	return kind == NUMBER_OK || kind == NUMBER_VALUE ||
	       tpl_number_need_int(r, arg, filter, n);
}

/* No code point below U+0300 is composed or decomposed by NFC; 0xCC begins the
 * bytes of that one. */
static bool
is_composed(struct span s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] >= 0xcc)
			return false;
	return true;
}

bool
tpl_truncate_compose(struct render *r, struct value *v)
{
	struct span s = tpl_value_span(v);
	size_t len = 0;
	uint8_t *nfc;
	bool ok;

	if (is_composed(s))
		return true;
	nfc =
	    u8_normalize(UNINORM_NFC, (const uint8_t *)s.p, s.len, NULL, &len);
	if (nfc == NULL)
		return tpl_fail_memory(r);
	ok = tpl_copy(r, (struct span){ (const char *)nfc, len }, &s);
	free(nfc);
	*v = tpl_value_str(s);
	return ok;
}

FILTER(truncatechars)
{
	struct builder b;
	const char *cut = NULL;
	const char *end;
	const char *from;
	const char *p;
	int64_t count = 0;
	int64_t n;
	bool none;

	if (!tpl_truncate_length(r, arg, "the argument of truncatechars", &n,
	        &none))
		return false;
	if (none)
		return true;
	if (!tpl_truncate_compose(r, v))
		return false;
	for (p = v->s, end = p + v->len; p < end;) {
		uint32_t c;

		from = p;
		c = tpl_text_next(&p, end);
		if (c >= 0x300 && uc_combining_class(c) != 0)
			continue;
		count++;
		if (cut == NULL && count > n - 1)
			cut = from;
		if (count > n)
			break;
	}
	if (count <= n || v->len == 0) {
		v->safe = false;
		return true;
	}
	tpl_build(&b, r, v->len + 3);
	tpl_build_put(&b, v->s, (size_t)(cut - v->s));
	tpl_build_str(&b, TRUNCATED);
	return tpl_build_done(&b, v);
}

FILTER(truncatewords)
{
	struct span rest = tpl_value_span(v);
	struct builder b;
	struct span word;
	int64_t count = 0;
	int64_t keep;
	int64_t i;
	int64_t n;
	bool none;

	if (!tpl_truncate_length(r, arg, "the argument of truncatewords", &n,
	        &none))
		return false;
	if (none)
		return true;
	while (tpl_text_word(&rest, &word))
		count++;
	keep = n >= count ? count : n >= 0 ? n : n < -count ? 0 : count + n;
	tpl_build(&b, r, v->len + 4);
	for (i = 0, rest = tpl_value_span(v);
	     i < keep && tpl_text_word(&rest, &word); i++) {
		if (i > 0)
			tpl_build_char(&b, ' ');
		tpl_build_span(&b, word);
	}
	/* No text of words ends in a blank and an ellipsis but one that has the
	 * ellipsis as a word. */
	if (count > n &&
	    !(b.len >= sizeof(" " TRUNCATED) - 1 && !b.failed &&
	        memcmp(b.p + b.len - (sizeof(" " TRUNCATED) - 1), " " TRUNCATED,
	            sizeof(" " TRUNCATED) - 1) == 0))
		tpl_build_str(&b, " " TRUNCATED);
	return tpl_build_done(&b, v);
}

/* What is not to be encoded: a text, or a list of bytes as numbers, of which
 * those beyond ASCII do not count (Python's quote()). */
static bool
safe_bytes(struct render *r, const struct value *arg, struct span *out)
{
	const struct seq *s;
	struct builder b;
	struct value text = { .kind = VAL_STR }, item;
	size_t i;

	if (arg == NULL || arg->kind == VAL_NONE) {
		*out = SPAN_LIT("/");
		return true;
	}
	if (arg->kind == VAL_STR) {
		*out = tpl_value_span(arg);
		return true;
	}
	s = tpl_value_list(r, arg);
	if (s == NULL)
		return false;
	tpl_build(&b, r, s->n + 1);
	for (i = 0; i < s->n; i++) {
		item = s->items[i];
		if (item.kind == VAL_BOOL)
			item = tpl_value_int(item.b);
		if ((item.kind == VAL_FLOAT && item.f >= 128) ||
		    (item.kind == VAL_INT && item.i >= 128))
			continue;
		if (item.kind != VAL_INT || item.i < 0)
			return tpl_fail(r, FAIL_VALUE,
			    "the argument of urlencode is neither text nor a "
			    "list of bytes");
		tpl_build_char(&b, (char)item.i);
	}
	if (!tpl_build_done(&b, &text))
		return false;
	*out = tpl_value_span(&text);
	return true;
}

FILTER(urlencode)
{
	struct builder b;
	struct span safe;

	if (v->len == 0)
		return true;
	if (!safe_bytes(r, arg, &safe))
		return false;
	tpl_build(&b, r, v->len + 32);
	tpl_quote_url(&b, tpl_value_span(v), safe);
	return tpl_build_done(&b, v);
}

FILTER(iriencode)
{
	struct builder b;

	(void)arg;
	tpl_build(&b, r, v->len + 32);
	tpl_quote_url(&b, tpl_value_span(v), SPAN_LIT("/#%[]=:;$&()+,!?*@'~"));
	return tpl_build_done(&b, v);
}
