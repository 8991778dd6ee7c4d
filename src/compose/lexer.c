/* SPDX-License-Identifier: ISC */
/*
 * A search for an end that failed is remembered up to the end of its line, so
 * that a line of opening braces alone is not searched again from each of them.
 */
#include "compose/lexer.h"

#include <string.h>

#include "compose/text.h"

static const char openers[] = "%{#";
static const char closers[] = "%}#";

void
tpl_lexer_init(struct lexer *l, struct span source)
{
	*l = (struct lexer){ .source = source };
}

/* The byte behind the end of the braces that open at `at`, or 0. */
static size_t
find_end(struct lexer *l, size_t at)
{
	const char *src = l->source.p;
	const char *kind = memchr(openers, src[at + 1], 3);
	const char *eol;
	const char *end;
	size_t k;

	if (kind == NULL)
		return 0;
	k = (size_t)(kind - openers);
	if (at + 2 < l->none_before[k])
		return 0;
	eol = memchr(src + at, '\n', l->source.len - at);
	if (eol == NULL)
		eol = src + l->source.len;
	for (end = src + at + 2; end + 1 < eol; end++) {
		end = memchr(end, closers[k], (size_t)(eol - end) - 1);
		if (end == NULL)
			break;
		if (end[1] == '}')
			return (size_t)(end - src) + 2;
	}
	l->none_before[k] = (size_t)(eol - src);
	return 0;
}

/* Where the next braces open that also close, from `from` on; *end is behind
 * them. */
static size_t
find_braces(struct lexer *l, size_t from, size_t *end)
{
	const char *p;

	while (from + 1 < l->source.len) {
		p = memchr(l->source.p + from, '{', l->source.len - from - 1);
		if (p == NULL)
			break;
		from = (size_t)(p - l->source.p);
		*end = find_end(l, from);
		if (*end != 0)
			return from;
		from++;
	}
	*end = 0;
	return l->source.len;
}

static bool
ends_verbatim(const struct lexer *l, struct span tag)
{
	return tag.len == l->verbatim.len + 3 && memcmp(tag.p, "end", 3) == 0 &&
	       memcmp(tag.p + 3, l->verbatim.p, l->verbatim.len) == 0;
}

static void
text_token(struct lexer *l, size_t end, struct token *out)
{
	out->kind = TOKEN_TEXT;
	out->at = l->source.p + l->pos;
	out->text = (struct span){ out->at, end - l->pos };
	l->pos = end;
}

static void
brace_token(struct lexer *l, size_t end, struct token *out)
{
	struct span s = { l->source.p + l->pos + 2, end - l->pos - 4 };

	out->kind = l->source.p[l->pos + 1] == '{' ? TOKEN_VARIABLE : TOKEN_TAG;
	out->at = l->source.p + l->pos;
	out->text = tpl_text_strip(s);
	l->pos = end;
}

/* Within verbatim, up to the tag that ends it, which is left for the next call.
 */
static bool
verbatim_token(struct lexer *l, struct token *out)
{
	struct token t;
	size_t start = l->pos;
	size_t at = start;
	size_t end;

	for (;;) {
		at = find_braces(l, at, &end);
		if (end == 0)
			break;
		if (l->source.p[at + 1] == '%') {
			l->pos = at;
			brace_token(l, end, &t);
			l->pos = start;
			if (ends_verbatim(l, t.text)) {
				l->verbatim.p = NULL;
				break;
			}
		}
		at = end;
	}
	if (at == start)
		return false;
	text_token(l, at, out);
	return true;
}

void
tpl_lexer_next(struct lexer *l, struct token *out)
{
	size_t at;
	size_t end;

	if (l->verbatim.p != NULL && verbatim_token(l, out))
		return;
	while (l->pos < l->source.len) {
		at = find_braces(l, l->pos, &end);
		if (at > l->pos) {
			text_token(l, at, out);
			return;
		}
		if (l->source.p[at + 1] == '#') {
			l->pos = end;
			continue;
		}
		brace_token(l, end, out);
		if (out->kind == TOKEN_TAG && out->text.len >= 8 &&
		    memcmp(out->text.p, "verbatim", 8) == 0 &&
		    (out->text.len == 8 || out->text.p[8] == ' '))
			l->verbatim = out->text;
		return;
	}
	*out = (struct token){ TOKEN_END, { l->source.p + l->source.len, 0 },
		l->source.p + l->source.len };
}
