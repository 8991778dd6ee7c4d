/* SPDX-License-Identifier: ISC */
/*
 * The words of a tag. A word ends at a blank outside of quotes; quotes that do
 * not close are nothing special. What
 * _("...") marks stays one word.
 */
#include <string.h>

#include "compose/parser.h"
#include "compose/text.h"

/* The text, how far it is cut, and for each quote whether none closes any more:
 * then no later one does either. */
struct cutter {
	struct span s;
	size_t at;
	bool no_double;
	bool no_single;
};

/* Behind the quoted text that begins at `at`, or 0 where it does not close. */
static size_t
quoted_end(struct cutter *c, size_t at)
{
	char quote = c->s.p[at];
	bool *none = quote == '"' ? &c->no_double : &c->no_single;
	size_t i;

	for (i = at + 1; !*none && i < c->s.len; i++) {
		if (c->s.p[i] == '\\')
			i++;
		else if (c->s.p[i] == quote)
			return i + 1;
	}
	*none = true;
	return 0;
}

static bool
is_space_at(struct span s, size_t at)
{
	const char *p = s.p + at;

	return tpl_text_is_space(tpl_text_next(&p, s.p + s.len));
}

/* The end of the word that begins at `at`, which is not a blank. */
static size_t
word_end(struct cutter *c, size_t at)
{
	bool quoted = false;
	size_t end;

	while (at < c->s.len && !is_space_at(c->s, at)) {
		if (c->s.p[at] != '"' && c->s.p[at] != '\'') {
			at++;
			continue;
		}
		end = quoted_end(c, at);
		if (end == 0)
			break;
		quoted = true;
		at = end;
	}
	if (quoted)
		return at; /* an open quote behind a closed one begins a new
		              word */
	while (at < c->s.len && !is_space_at(c->s, at))
		at++;
	return at;
}

static bool
next_word(struct cutter *c, struct span *word)
{
	while (c->at < c->s.len && is_space_at(c->s, c->at))
		for (c->at++; c->at < c->s.len &&
		              ((unsigned char)c->s.p[c->at] & 0xc0) == 0x80;)
			c->at++;
	if (c->at == c->s.len)
		return false;
	word->p = c->s.p + c->at;
	c->at = word_end(c, c->at);
	word->len = (size_t)(c->s.p + c->at - word->p);
	return true;
}

static bool
ends_translation(struct span w, char quote)
{
	return w.len >= 2 && w.p[w.len - 1] == ')' && w.p[w.len - 2] == quote;
}

/* As next_word(), joining what stands in _("...") with blanks. */
static bool
next_bit(struct cutter *c, struct span *word, bool *open)
{
	struct span more;
	char quote;

	*open = false;
	if (!next_word(c, word))
		return false;
	if (word->len < 3 || word->p[0] != '_' || word->p[1] != '(' ||
	    (word->p[2] != '"' && word->p[2] != '\''))
		return true;
	quote = word->p[2];
	while (!ends_translation(*word, quote)) {
		if (!next_word(c, &more)) {
			*open = true;
			return true;
		}
		word->len = (size_t)(more.p + more.len - word->p);
	}
	return true;
}

static bool
new_words(struct parser *p, size_t n, struct words *out)
{
	out->n = n;
	out->w = arena_alloc_array(&p->scratch, n + 1, sizeof(struct span));
	return out->w != NULL || tpl_parse_fail_memory(p);
}

bool
tpl_parse_words(struct parser *p, struct span text, struct words *out)
{
	struct cutter c = { .s = text };
	struct span w;
	size_t n = 0;
	bool open;

	while (next_bit(&c, &w, &open)) {
		if (open)
			return tpl_parse_fail(p, w.p,
			    "the text to translate is not closed: '%.*s'",
			    WORD(w));
		n++;
	}
	if (!new_words(p, n, out))
		return false;
	c = (struct cutter){ .s = text };
	for (n = 0; n < out->n; n++)
		(void)next_bit(&c, &out->w[n], &open);
	return true;
}

bool
tpl_parse_plain_words(struct parser *p, struct span text, struct words *out)
{
	struct span rest = text;
	struct span w;
	size_t n = 0;

	while (tpl_text_word(&rest, &w))
		n++;
	if (!new_words(p, n, out))
		return false;
	for (rest = text, n = 0; n < out->n; n++)
		(void)tpl_text_word(&rest, &out->w[n]);
	return true;
}

/* "name=" at the start of a word, with something behind it. */
static bool
split_assignment(struct span w, struct span *name, struct span *value)
{
	const char *end = w.p + w.len;
	const char *p = w.p;
	const char *q = p;

	while (q < end && tpl_text_is_word(tpl_text_next(&q, end)))
		p = q;
	if (p == w.p || p == end || *p != '=' || p + 1 == end)
		return false;
	*name = (struct span){ w.p, (size_t)(p - w.p) };
	*value = (struct span){ p + 1, (size_t)(end - p) - 1 };
	return true;
}

/* Each name is searched for among those before it. */
#define ASSIGNMENTS_MAX 500u

static struct assignment **
find_assignment(struct assignment **list, struct span name)
{
	unsigned n = 0;

	for (; *list != NULL && !span_eq((*list)->name, name);
	     list = &(*list)->next)
		if (++n >= ASSIGNMENTS_MAX)
			return NULL;
	return list;
}

static bool
assign(struct parser *p, struct assignment **list, struct span name,
    struct span value)
{
	struct assignment **slot = find_assignment(list, name);

	if (slot == NULL)
		return tpl_parse_fail_limit(p, name.p,
		    "more assignments than the limit of %u", ASSIGNMENTS_MAX);
	if (*slot == NULL)
		*slot = tpl_parse_alloc(p, 1, sizeof(**slot));
	if (*slot == NULL)
		return false;
	(*slot)->name = name;
	return tpl_expr_parse(p, value, &(*slot)->value);
}

static bool
legacy_assignments(struct parser *p, const struct words *w, size_t *at,
    struct assignment **out)
{
	while (w->n - *at >= 3 && span_eq(w->w[*at + 1], SPAN_LIT("as"))) {
		if (!assign(p, out, w->w[*at + 2], w->w[*at]))
			return false;
		*at += 3;
		if (*at == w->n || !span_eq(w->w[*at], SPAN_LIT("and")))
			break;
		(*at)++;
	}
	return true;
}

bool
tpl_parse_assignments(struct parser *p, const struct words *w, size_t *at,
    bool legacy, struct assignment **out)
{
	struct span name;
	struct span value;

	*out = NULL;
	if (*at >= w->n)
		return true;
	if (!split_assignment(w->w[*at], &name, &value))
		return !legacy || legacy_assignments(p, w, at, out);
	while (*at < w->n && split_assignment(w->w[*at], &name, &value)) {
		if (!assign(p, out, name, value))
			return false;
		(*at)++;
	}
	return true;
}

bool
tpl_parse_exprs(struct parser *p, const struct words *w, size_t from, size_t to,
    struct expr **out)
{
	size_t i;

	*out = tpl_parse_alloc(p, to - from, sizeof(struct expr));
	if (*out == NULL)
		return false;
	for (i = from; i < to; i++)
		if (!tpl_expr_parse(p, w->w[i], &(*out)[i - from]))
			return false;
	return true;
}
