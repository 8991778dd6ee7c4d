/* SPDX-License-Identifier: ISC */
#include "compose/html_table.h"

#include <stdlib.h>

#include "compose/text.h"

struct shape {
	unsigned columns, width; /* width: of all, with gaps */
	unsigned wide[HTML_TABLE_COLUMNS];
	bool number[HTML_TABLE_COLUMNS]; /* set to the right */
	uint32_t rows;
	bool header; /* the first row is all headers */
	bool lines;  /* a cell has several lines */
};

void
html_table_init(struct html_table *t, size_t max_bytes)
{
	*t = (struct html_table){ .open = false };
	buf_init(&t->text, max_bytes);
}

void
html_table_clear(struct html_table *t)
{
	buf_clear(&t->text);
	free(t->v);
	t->v = NULL;
	t->n = t->cap = 0;
}

void
html_table_begin(struct html_table *t)
{
	buf_reset(&t->text);
	t->n = 0;
	t->row = 0;
	t->column = 0;
	t->open = true;
	t->in_cell = false;
}

void
html_table_row(struct html_table *t)
{
	html_table_cell_end(t);
	if (t->column > 0)
		t->row++;
	t->column = 0;
}

void
html_table_cell(struct html_table *t, bool header, unsigned span)
{
	struct html_cell *fresh;

	html_table_cell_end(t);
	if (t->n == t->cap) {
		size_t cap = t->cap == 0 ? 64 : 2 * t->cap;

		fresh = realloc(t->v, cap * sizeof(*fresh));
		if (fresh == NULL) {
			t->failed = true;
			return;
		}
		t->v = fresh;
		t->cap = cap;
	}
	t->v[t->n++] = (struct html_cell){ t->text.len, t->text.len, t->row,
		t->column, header };
	t->column += span > 1 && span <= HTML_TABLE_COLUMNS ? span : 1;
	t->in_cell = true;
	html_page_init(&t->page, &t->text, UINT32_MAX);
}

void
html_table_cell_end(struct html_table *t)
{
	if (!t->in_cell)
		return;
	t->in_cell = false;
	t->failed = t->failed || t->page.failed;
	t->v[t->n - 1].to = t->text.len;
}

static struct span
text_of(const struct html_table *t, const struct html_cell *c)
{
	return (struct span){ buf_str(&t->text) + c->from, c->to - c->from };
}

/* A quantity, a price, a percentage: at most three letters beside digits. */
static bool
is_number(struct span s)
{
	size_t i, digits = 0, letters = 0;

	for (i = 0; i < s.len; i++) {
		digits += ascii_is_digit((unsigned char)s.p[i]);
		letters += ascii_is_alpha((unsigned char)s.p[i]);
	}
	return digits > 0 && letters <= 3 && s.len <= 24;
}

/* False when it has too many columns. */
static bool
measure(const struct html_table *t, struct shape *s)
{
	unsigned i, n;
	size_t k;

	*s = (struct shape){ .header = true };
	for (i = 0; i < HTML_TABLE_COLUMNS; i++)
		s->number[i] = true;
	for (k = 0; k < t->n; k++) {
		const struct html_cell *c = &t->v[k];
		struct span text = text_of(t, c);

		if (c->column >= HTML_TABLE_COLUMNS)
			return false;
		n = (unsigned)tpl_text_count(text);
		if (c->column >= s->columns)
			s->columns = c->column + 1;
		if (n > s->wide[c->column])
			s->wide[c->column] = n;
		if (text.len > 0 && !c->header && !is_number(text))
			s->number[c->column] = false;
		s->lines = s->lines || memchr(text.p, '\n', text.len) != NULL;
		s->header = s->header && (c->row > 0 || c->header);
		s->rows = c->row + 1;
	}
	s->header = s->header && s->rows > 1;
	for (i = 0; i < s->columns; i++)
		s->width += s->wide[i] + (i > 0 ? 2 : 0);
	return true;
}

static void
put_blanks(struct html_page *p, unsigned n)
{
	static const char blanks[] = "                                "
	                             "                                "
	                             "                                ";

	for (; n > 0; n -= n < sizeof(blanks) - 1 ? n : sizeof(blanks) - 1)
		html_page_put(p,
		    (struct span){ blanks,
		        n < sizeof(blanks) - 1 ? n : sizeof(blanks) - 1 });
}

/* A cell's lines in one. */
static void
put_flat(struct html_page *p, struct span s)
{
	struct span part;
	bool first = true;

	while (s.len > 0) {
		part = span_cut(&s, '\n');
		if (!first)
			html_page_put(p, SPAN_LIT(" "));
		html_page_put(p, part);
		first = false;
	}
}

static void
put_rule(struct html_page *p, const struct shape *s)
{
	unsigned i, k;

	for (i = 0; i < s->columns; i++) {
		put_blanks(p, i > 0 ? 2 : 0);
		for (k = 0; k < s->wide[i]; k++)
			html_page_put(p, SPAN_LIT("-"));
	}
	html_page_break(p, 1);
}

static void
put_aligned(const struct html_table *t, const struct shape *s,
    struct html_page *p)
{
	unsigned at = 0, to, i, n;
	size_t k;

	for (k = 0; k < t->n; k++) {
		const struct html_cell *c = &t->v[k];
		struct span text = text_of(t, c);

		if (k > 0 && c->row != t->v[k - 1].row) {
			html_page_break(p, 1);
			if (s->header && t->v[k - 1].row == 0)
				put_rule(p, s);
			at = 0;
		}
		for (i = to = 0; i < c->column; i++)
			to += s->wide[i] + 2;
		n = (unsigned)tpl_text_count(text);
		if (s->number[c->column])
			to += s->wide[c->column] - n;
		if (text.len == 0)
			continue;
		if (to > at)
			put_blanks(p, to - at);
		put_flat(p, text);
		at = (to > at ? to : at) + n;
	}
}

/* One after the other, each in lines of its own. */
static void
put_cell(struct html_page *p, struct span s)
{
	struct span line;

	while (s.len > 0) {
		line = span_cut(&s, '\n');
		html_page_text(p, line, false);
		html_page_newline(p);
	}
	html_page_break(p, 1);
}

/* Too wide for columns: each row a paragraph, its cells behind the headers. */
static void
put_labelled(const struct html_table *t, struct html_page *p)
{
	const struct html_cell *head[HTML_TABLE_COLUMNS] = { NULL }, *c;
	size_t k;

	for (k = 0; k < t->n; k++) {
		c = &t->v[k];
		if (c->row == 0) {
			head[c->column] = c;
			continue;
		}
		if (t->v[k - 1].row != c->row && c->row > 1)
			html_page_break(p, 2);
		if (c->to == c->from)
			continue;
		if (head[c->column] != NULL &&
		    head[c->column]->to > head[c->column]->from) {
			html_page_text(p, text_of(t, head[c->column]), false);
			html_page_text(p, SPAN_LIT(": "), false);
		}
		put_cell(p, text_of(t, c));
	}
}

static void
put_cells(const struct html_table *t, struct html_page *p)
{
	size_t k;

	for (k = 0; k < t->n; k++)
		if (t->v[k].to > t->v[k].from)
			put_cell(p, text_of(t, &t->v[k]));
}

void
html_table_end(struct html_table *t, struct html_page *p)
{
	struct shape s;
	unsigned marks = 2 * (unsigned)p->depth;

	html_table_cell_end(t);
	t->open = false;
	if (t->n == 0)
		return;
	html_page_break(p, 2);
	if (!measure(t, &s) || s.columns < 2 || (s.rows < 2 && s.lines))
		put_cells(t, p);
	else if (s.width + marks <= p->columns)
		put_aligned(t, &s, p);
	else if (s.header)
		put_labelled(t, p);
	else
		put_cells(t, p);
	html_page_break(p, 2);
}

void
html_table_give_up(struct html_table *t, struct html_page *p)
{
	html_table_cell_end(t);
	t->open = false;
	html_page_break(p, 1);
	put_cells(t, p);
}
