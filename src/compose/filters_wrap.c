/* SPDX-License-Identifier: ISC */
/*
 * wordwrap, as Python's textwrap does it without breaking words: line breaks
 * of the text stay, tabs become blanks, blanks at the end of a line go, and
 * lines of blanks alone go altogether.
 */
#include <string.h>

#include "compose/builder.h"
#include "compose/filter_table.h"
#include "compose/number.h"
#include "compose/text.h"

#define TAB 8

struct wrap {
	struct builder b;
	size_t width;
	bool any; /* a line was put */
};

/* What textwrap takes for a blank; all else, also other blanks of Unicode, is
 * part of a word. */
static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Tabs to the next multiple of eight, other blanks one to one. */
static bool
munge(struct render *r, struct span line, struct span *out)
{
	struct builder b;
	struct value v;
	size_t column = 0;
	size_t i;

	tpl_build(&b, r, line.len + TAB);
	for (i = 0; i < line.len; i++) {
		char c = line.p[i];

		if (c == '\t') {
			tpl_build_fill(&b, ' ', TAB - column % TAB);
			column += TAB - column % TAB;
			continue;
		}
		tpl_build_char(&b, is_blank(c) ? ' ' : c);
		if (c == '\n' || c == '\r')
			column = 0;
		else
			column += ((unsigned char)c & 0xc0) != 0x80;
	}
	if (!tpl_build_done(&b, &v))
		return false;
	*out = tpl_value_span(&v);
	return true;
}

/* The next run of blanks, or of what is none. */
static struct span
next_chunk(struct span *rest)
{
	struct span chunk = { rest->p, 1 };
	bool blank = rest->p[0] == ' ';

	while (chunk.len < rest->len && (rest->p[chunk.len] == ' ') == blank)
		chunk.len++;
	rest->p += chunk.len;
	rest->len -= chunk.len;
	return chunk;
}

static bool
is_empty(struct span s)
{
	return tpl_text_strip(s).len == 0;
}

/* Chunks of one line follow each other in the text: the line is [from, last's
 * end). */
static void
put_line(struct wrap *w, const char *from, struct span last,
    struct span before_last)
{
	const char *end = last.p + last.len;

	if (is_empty(last))
		end = before_last.p == NULL ? from
		                            : before_last.p + before_last.len;
	if (end == from)
		return;
	if (w->any)
		tpl_build_char(&w->b, '\n');
	w->any = true;
	tpl_build_put(&w->b, from, (size_t)(end - from));
}

static void
wrap_line(struct wrap *w, struct span rest)
{
	bool lines = false;

	while (rest.len > 0) {
		struct span chunk = next_chunk(&rest);
		struct span before = { NULL, 0 };
		struct span next = rest;
		const char *from = chunk.p;
		size_t used = tpl_text_count(chunk);

		if (lines && is_empty(chunk)) {
			if (rest.len == 0)
				return;
			chunk = next_chunk(&rest);
			from = chunk.p;
			used = tpl_text_count(chunk);
			next = rest;
		}
		while (next.len > 0) {
			struct span more = next_chunk(&next);

			if (used > w->width ||
			    used + tpl_text_count(more) > w->width)
				break;
			used += tpl_text_count(more);
			before = chunk;
			chunk = more;
			rest = next;
		}
		lines |= !(is_empty(chunk) && before.p == NULL);
		put_line(w, from, chunk, before);
	}
}

FILTER(wordwrap)
{
	struct span rest = tpl_value_span(v);
	struct wrap w = { .any = false };
	struct span line;
	int64_t width;

	if (!tpl_number_need_int(r, arg, "the argument of wordwrap", &width))
		return false;
	if (width <= 0 && rest.len > 0)
		return tpl_fail(r, FAIL_VALUE,
		    "wordwrap needs a width above zero");
	w.width = (size_t)width;
	tpl_build(&w.b, r, rest.len + 16);
	while (rest.len > 0) {
		line = tpl_text_line(&rest);
		if (!munge(r, line, &line))
			return false;
		wrap_line(&w, line);
	}
	return tpl_build_done(&w.b, v);
}
