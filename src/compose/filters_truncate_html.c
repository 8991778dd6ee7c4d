/* SPDX-License-Identifier: ISC */
/* truncatechars_html, truncatewords_html: tags do not count, and those open at
 * the end are closed. */
#include <stdlib.h>
#include <string.h>
#include <unicase.h>

#include "compose/builder.h"
#include "compose/filter_table.h"
#include "compose/text.h"
#include "compose/truncate.h"

struct open_tag {
	struct open_tag *outer;
	struct span name;
};

struct truncation {
	struct render *r;
	struct span s;
	size_t pos;
	bool words;
	bool no_close; /* no ">" stands behind pos */
	struct open_tag *open;
};

static bool
is_space_at(struct span s, size_t i)
{
	const char *p = s.p + i;

	return tpl_text_is_space(tpl_text_next(&p, s.p + s.len));
}

/* The ">" at or behind i, s.len where there is none. */
static size_t
find_close(struct truncation *t, size_t i)
{
	const char *p = t->no_close || i >= t->s.len
	                    ? NULL
	                    : memchr(t->s.p + i, '>', t->s.len - i);

	if (p == NULL) {
		t->no_close = true;
		return t->s.len;
	}
	return (size_t)(p - t->s.p);
}

/* The next run of what is no blank, "<" or ">" from `i` on. */
static bool
next_run(struct truncation *t, size_t i)
{
	const char *end = t->s.p + t->s.len;
	const char *p = t->s.p + i;
	const char *q = p;
	bool in = false;

	for (; p < end; p = q) {
		uint32_t c = tpl_text_next(&q, end);
		bool part = c != '<' && c != '>' && !tpl_text_is_space(c);

		if (in && !part)
			break;
		in = part;
	}
	t->pos = (size_t)(p - t->s.p);
	return in;
}

enum piece { PIECE_NONE, PIECE_TEXT, PIECE_TAG };

static enum piece
next_word(struct truncation *t, struct span *tag)
{
	size_t i = t->pos;
	size_t end;

	while (i < t->s.len && t->s.p[i] != '<' &&
	       (t->s.p[i] == '>' || is_space_at(t->s, i)))
		for (i++;
		     i < t->s.len && ((unsigned char)t->s.p[i] & 0xc0) == 0x80;)
			i++;
	if (i == t->s.len)
		return PIECE_NONE;
	if (t->s.p[i] != '<')
		return next_run(t, i) ? PIECE_TEXT : PIECE_NONE;
	end = find_close(t, i + 1);
	if (end == t->s.len)
		return next_run(t, t->pos + 1 > i ? t->pos + 1 : i)
		           ? PIECE_TEXT
		           : PIECE_NONE;
	*tag = (struct span){ t->s.p + i, end + 1 - i };
	t->pos = end + 1;
	return PIECE_TAG;
}

static enum piece
next_char(struct truncation *t, struct span *tag)
{
	const char *p = t->s.p + t->pos;
	size_t end;

	if (t->pos == t->s.len)
		return PIECE_NONE;
	if (*p == '<' && t->pos + 1 < t->s.len && p[1] != '>') {
		end = find_close(t, t->pos + 1);
		if (end < t->s.len) {
			*tag = (struct span){ p, end + 1 - t->pos };
			t->pos = end + 1;
			return PIECE_TAG;
		}
	}
	(void)tpl_text_next(&p, t->s.p + t->s.len);
	t->pos = (size_t)(p - t->s.p);
	return PIECE_TEXT;
}

/* "<a b>": its name, whether it closes another, whether it closes itself.
 * False: no tag. */
static bool
split_tag(struct span tag, struct span *name, bool *closing, bool *closed)
{
	struct span in = { tag.p + 1, tag.len - 2 };
	struct span rest;
	size_t n = 0;

	*closing = in.len > 1 && in.p[0] == '/' && !is_space_at(in, 1);
	if (*closing)
		in = (struct span){ in.p + 1, in.len - 1 };
	while (n < in.len && !is_space_at(in, n))
		n++;
	if (n == 0)
		return false;
	*name = (struct span){ in.p, n };
	rest = tpl_text_strip((struct span){ in.p + n, in.len - n });
	*closed = n < in.len && rest.len == 1 && rest.p[0] == '/' &&
	          in.p[in.len - 1] == '/';
	if (n == in.len && n > 1 && in.p[n - 1] == '/') {
		name->len--;
		*closed = true;
	}
	return true;
}

static bool
is_single(struct span name)
{
	static const char *const singles[] = { "br", "col", "link", "base",
		"img", "param", "area", "hr", "input" };
	size_t i;

	for (i = 0; i < sizeof(singles) / sizeof(singles[0]); i++)
		if (span_eq(name, span_of(singles[i])))
			return true;
	return false;
}

static bool
lower(struct render *r, struct span *name)
{
	size_t len = 0;
	uint8_t *low = u8_tolower((const uint8_t *)name->p, name->len, NULL,
	    NULL, NULL, &len);
	bool ok;

	if (low == NULL)
		return tpl_fail_memory(r);
	ok = tpl_copy(r, (struct span){ (const char *)low, len }, name);
	free(low);
	return ok;
}

static bool
note_tag(struct truncation *t, struct span tag)
{
	struct open_tag *o;
	struct span name;
	bool closing;
	bool closed;

	if (!split_tag(tag, &name, &closing, &closed))
		return true;
	if (!lower(t->r, &name))
		return false;
	if (closed || is_single(name))
		return true;
	if (closing) {
		if (t->open != NULL && span_eq(t->open->name, name))
			t->open = t->open->outer;
		return true;
	}
	o = tpl_alloc(t->r, sizeof(*o));
	if (o == NULL)
		return false;
	*o = (struct open_tag){ t->open, name };
	t->open = o;
	return true;
}

/* Cut behind piece number `keep` when there are more than `most`. */
static bool
truncate(struct render *r, struct value *v, int64_t most, int64_t keep,
    bool words)
{
	struct truncation t = { .r = r,
		.s = tpl_value_span(v),
		.words = words };
	enum piece piece = PIECE_TEXT;
	const struct open_tag *o;
	struct builder b;
	struct span tag;
	int64_t count = 0;
	size_t cut = 0;

	while (count <= most) {
		piece = words ? next_word(&t, &tag) : next_char(&t, &tag);
		if (piece == PIECE_NONE)
			break;
		if (piece == PIECE_TEXT && ++count == keep)
			cut = t.pos;
		if (piece == PIECE_TAG && count < keep && !note_tag(&t, tag))
			return false;
	}
	if (count <= most) {
		v->safe = false;
		return true;
	}
	tpl_build(&b, r, cut + 64);
	tpl_build_put(&b, v->s, cut);
	tpl_build_str(&b, words ? " " TRUNCATED : TRUNCATED);
	for (o = t.open; o != NULL; o = o->outer) {
		tpl_build_str(&b, "</");
		tpl_build_span(&b, o->name);
		tpl_build_char(&b, '>');
	}
	return tpl_build_done(&b, v);
}

FILTER(truncatechars_html)
{
	int64_t n;
	bool none;

	if (!tpl_truncate_length(r, arg, "the argument of truncatechars_html",
	        &n, &none))
		return false;
	return none || (tpl_truncate_compose(r, v) &&
	                   truncate(r, v, n, n > INT64_MIN ? n - 1 : n, false));
}

FILTER(truncatewords_html)
{
	int64_t n;
	bool none;

	if (!tpl_truncate_length(r, arg, "the argument of truncatewords_html",
	        &n, &none))
		return false;
	if (none)
		return true;
	if (n <= 0) {
		*v = tpl_value_str(SPAN_LIT(""));
		return true;
	}
	return truncate(r, v, n, n, true);
}
