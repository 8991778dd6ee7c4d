/* SPDX-License-Identifier: ISC */
#include "compose/html_page.h"

#include <stdio.h>

#include "compose/text.h"

void
html_page_init(struct html_page *p, struct buf *out, unsigned columns)
{
	*p = (struct html_page){ .out = out,
		.columns = columns,
		.line = out->len };
}

static void
put(struct html_page *p, const char *s, size_t len)
{
	if (!p->failed && !buf_put(p->out, s, len))
		p->failed = true;
}

static void
end_line(struct html_page *p)
{
	/* Marks alone leave no blank at the end. */
	while (p->out->len > p->line && p->out->p[p->out->len - 1] == ' ')
		p->out->len--;
	put(p, "\n", 1);
	p->line = p->out->len;
	p->used = 0;
	p->in_line = p->space = false;
}

static size_t
levels(const struct html_page *p)
{
	return p->depth < HTML_PAGE_LEVELS ? p->depth : HTML_PAGE_LEVELS;
}

/* The marks of quotations and lists. */
static void
begin_line(struct html_page *p)
{
	char mark[24];
	size_t i;
	int n;

	for (i = 0; i < levels(p); i++) {
		if (p->level[i].kind == LEVEL_QUOTE)
			n = snprintf(mark, sizeof(mark), "> ");
		else if (p->level[i].marker &&
		         p->level[i].kind == LEVEL_NUMBERS)
			n = snprintf(mark, sizeof(mark), "%u. ",
			    p->level[i].number++);
		else if (p->level[i].marker)
			n = snprintf(mark, sizeof(mark), "* ");
		else
			n = snprintf(mark, sizeof(mark), "%*s",
			    (int)p->level[i].width, "");
		if (p->level[i].marker)
			p->level[i].width = (unsigned)n;
		p->level[i].marker = false;
		put(p, mark, (size_t)n);
		p->used += (unsigned)n;
	}
	p->in_line = true;
	p->began = true;
}

/* An empty line between two of one quotation has its mark, too. */
static void
put_breaks(struct html_page *p)
{
	size_t i;

	if (p->in_line && p->breaks > 0)
		end_line(p);
	for (; p->breaks > 1; p->breaks--) {
		for (i = 0; i < levels(p) && i < p->break_levels &&
		            p->level[i].kind == LEVEL_QUOTE;
		     i++)
			put(p, "> ", 2);
		end_line(p);
	}
	p->breaks = 0;
}

static void
note_levels(struct html_page *p)
{
	if (p->breaks == 0 || levels(p) < p->break_levels)
		p->break_levels = levels(p);
}

void
html_page_break(struct html_page *p, unsigned n)
{
	p->space = false;
	if (!p->began)
		return;
	note_levels(p);
	if (n > p->breaks)
		p->breaks = n;
}

void
html_page_newline(struct html_page *p)
{
	if (!p->began)
		return;
	p->space = false;
	note_levels(p);
	if (p->breaks < 2)
		p->breaks++;
}

void
html_page_push(struct html_page *p, enum html_level kind, unsigned number)
{
	if (p->depth < HTML_PAGE_LEVELS) {
		p->level[p->depth].kind = kind;
		p->level[p->depth].number = number;
		p->level[p->depth].width = kind == LEVEL_INDENT ? 4 : 2;
		p->level[p->depth].marker = false;
	}
	p->depth++;
}

void
html_page_pop(struct html_page *p, enum html_level kind)
{
	size_t i = levels(p);

	if (p->depth > HTML_PAGE_LEVELS) {
		p->depth--;
		return;
	}
	while (i > 0 && p->level[i - 1].kind != kind)
		i--;
	if (i > 0)
		p->depth = i - 1;
}

void
html_page_item(struct html_page *p)
{
	size_t i = levels(p);

	html_page_break(p, 1);
	while (i > 0 && p->level[i - 1].kind != LEVEL_BULLETS &&
	       p->level[i - 1].kind != LEVEL_NUMBERS)
		i--;
	if (i > 0)
		p->level[i - 1].marker = true;
}

void
html_page_put(struct html_page *p, struct span s)
{
	if (s.len == 0)
		return;
	put_breaks(p);
	if (!p->in_line)
		begin_line(p);
	put(p, s.p, s.len);
	p->used += (unsigned)tpl_text_count(s);
}

static void
put_word(struct html_page *p, struct span word)
{
	unsigned n = (unsigned)tpl_text_count(word);

	put_breaks(p);
	if (p->space && p->in_line && p->used + 1 + n > p->columns)
		end_line(p);
	if (!p->in_line) {
		begin_line(p);
	} else if (p->space) {
		put(p, " ", 1);
		p->used++;
	}
	p->space = false;
	put(p, word.p, word.len);
	p->used += n;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static bool
is_dropped(char c)
{
	return ascii_is_control((unsigned char)c) && !is_space(c);
}

static void
put_pre_line(struct html_page *p, struct span line)
{
	size_t i, from = 0;

	put_breaks(p);
	if (!p->in_line)
		begin_line(p);
	for (i = 0; i <= line.len; i++)
		if (i == line.len || is_dropped(line.p[i]) ||
		    line.p[i] == '\r' || line.p[i] == '\f') {
			html_page_put(p,
			    (struct span){ line.p + from, i - from });
			from = i + 1;
		}
}

static void
put_pre(struct html_page *p, struct span s)
{
	const char *lf;

	while (s.len > 0) {
		lf = memchr(s.p, '\n', s.len);
		put_pre_line(p, (struct span){ s.p,
		                    lf == NULL ? s.len : (size_t)(lf - s.p) });
		if (lf == NULL)
			return;
		end_line(p);
		s.len -= (size_t)(lf - s.p) + 1;
		s.p = lf + 1;
	}
}

void
html_page_text(struct html_page *p, struct span s, bool pre)
{
	size_t i = 0, from;

	if (pre) {
		put_pre(p, s);
		return;
	}
	while (i < s.len) {
		if (is_space(s.p[i]) || is_dropped(s.p[i])) {
			p->space = p->space || is_space(s.p[i]);
			i++;
			continue;
		}
		from = i;
		while (i < s.len && !is_space(s.p[i]) && !is_dropped(s.p[i]))
			i++;
		put_word(p, (struct span){ s.p + from, i - from });
	}
}
