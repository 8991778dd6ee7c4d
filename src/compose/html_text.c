/* SPDX-License-Identifier: ISC */
/*
 * One pass over the tags. Text goes to the page, or to the cell of the table
 * that is being gathered. Of open elements only those are remembered that
 * matter to the text: quotations and lists (html_page), one link, one table,
 * the element that hides what is in it.
 */
#include "compose/html_text.h"

#include <stdio.h>

#include "compose/html_links.h"
#include "compose/html_page.h"
#include "compose/html_table.h"
#include "compose/html_token.h"
#include "compose/text.h"
#include "util/parse_num.h"

#define HREF_BYTES 8192u /* longer ones are left out */

enum element_kind {
	EL_BLOCK,     /* begins and ends a line */
	EL_PARAGRAPH, /* and has an empty line around it */
	EL_HEADING,
	EL_LIST,
	EL_ITEM,
	EL_QUOTE,
	EL_DETAIL, /* <dd> */
	EL_PRE,
	EL_TABLE,
	EL_ROW,
	EL_CELL,
	EL_BREAK,
	EL_RULE,
	EL_IMAGE,
	EL_LINK,
	EL_MARKS, /* <q> */
	EL_OTHER
};

struct element {
	const char *name;
	enum element_kind kind;
	unsigned arg; /* level of a heading; 1: <ol>, <th> */
};

static const struct element elements[] = {
	{ "a", EL_LINK, 0 },
	{ "br", EL_BREAK, 0 },
	{ "img", EL_IMAGE, 0 },
	{ "p", EL_PARAGRAPH, 0 },
	{ "div", EL_BLOCK, 0 },
	{ "td", EL_CELL, 0 },
	{ "tr", EL_ROW, 0 },
	{ "table", EL_TABLE, 0 },
	{ "th", EL_CELL, 1 },
	{ "li", EL_ITEM, 0 },
	{ "ul", EL_LIST, 0 },
	{ "ol", EL_LIST, 1 },
	{ "menu", EL_LIST, 0 },
	{ "dir", EL_LIST, 0 },
	{ "h1", EL_HEADING, 1 },
	{ "h2", EL_HEADING, 2 },
	{ "h3", EL_HEADING, 3 },
	{ "h4", EL_HEADING, 3 },
	{ "h5", EL_HEADING, 3 },
	{ "h6", EL_HEADING, 3 },
	{ "blockquote", EL_QUOTE, 0 },
	{ "pre", EL_PRE, 0 },
	{ "hr", EL_RULE, 0 },
	{ "q", EL_MARKS, 0 },
	{ "dl", EL_PARAGRAPH, 0 },
	{ "dt", EL_BLOCK, 0 },
	{ "dd", EL_DETAIL, 0 },
	{ "address", EL_BLOCK, 0 },
	{ "article", EL_BLOCK, 0 },
	{ "aside", EL_BLOCK, 0 },
	{ "body", EL_BLOCK, 0 },
	{ "caption", EL_PARAGRAPH, 0 },
	{ "center", EL_BLOCK, 0 },
	{ "fieldset", EL_BLOCK, 0 },
	{ "figcaption", EL_BLOCK, 0 },
	{ "figure", EL_PARAGRAPH, 0 },
	{ "footer", EL_BLOCK, 0 },
	{ "form", EL_BLOCK, 0 },
	{ "header", EL_BLOCK, 0 },
	{ "main", EL_BLOCK, 0 },
	{ "nav", EL_BLOCK, 0 },
	{ "option", EL_BLOCK, 0 },
	{ "section", EL_BLOCK, 0 },
};

/* They have no end tag. */
static const char *const voids[] = { "area", "base", "br", "col", "embed", "hr",
	"img", "input", "link", "meta", "param", "source", "track", "wbr" };

struct html {
	struct html_page page;
	struct html_table table;
	struct html_links links;
	struct buf href, scratch; /* of the open link; of one text */
	bool in_link, failed;
	size_t link_at; /* in the page that it began in */
	const struct html_page *link_page;
	unsigned pre;
	bool pre_began;   /* a line end right behind <pre> is not shown */
	unsigned heading; /* level, 0: none */
	size_t heading_at;
	struct span hidden; /* the name that hides, len 0: none */
	unsigned hidden_depth;
};

static const struct element *
element_of(const struct html_token *t)
{
	static const struct element other = { "", EL_OTHER, 0 };
	size_t i;

	for (i = 0; i < sizeof(elements) / sizeof(elements[0]); i++)
		if (html_is(t, elements[i].name))
			return &elements[i];
	return &other;
}

static struct html_page *
target(struct html *h)
{
	return h->table.open && h->table.in_cell ? &h->table.page : &h->page;
}

/* What cannot stand in a column: the table only places it. */
static void
leave_table(struct html *h)
{
	if (h->table.open)
		html_table_give_up(&h->table, &h->page);
}

/* ------------------------------------------------------------------ links */

/* Addresses that lead somewhere from a mail. */
static bool
is_address(struct span s)
{
	static const char *const schemes[] = { "http:", "https:", "mailto:",
		"tel:", "ftp:", "sms:", "geo:" };
	size_t i;

	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (span_has_prefix_nocase(s, span_of(schemes[i])))
			return true;
	return false;
}

/* An address without what nobody writes. */
static struct span
bare(struct span s)
{
	static const char *const prefixes[] = { "mailto:", "tel:", "http://",
		"https://" };
	size_t i;

	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (span_has_prefix_nocase(s, span_of(prefixes[i]))) {
			s.p += strlen(prefixes[i]);
			s.len -= strlen(prefixes[i]);
			break;
		}
	if (s.len > 0 && s.p[s.len - 1] == '/')
		s.len--;
	return s;
}

static void
close_link(struct html *h)
{
	struct html_page *p = target(h);
	struct span shown = { "", 0 };
	char mark[32];
	size_t n;

	if (!h->in_link)
		return;
	h->in_link = false;
	if (p == h->link_page && h->link_at <= p->out->len)
		shown = span_trim((struct span){ buf_str(p->out) + h->link_at,
		    p->out->len - h->link_at });
	if (span_eq_nocase(bare(shown), bare(buf_span(&h->href))))
		return;
	n = html_links_add(&h->links, buf_span(&h->href));
	if (n == 0) {
		h->failed = true;
		return;
	}
	(void)snprintf(mark, sizeof(mark), "[%zu]", n);
	p->space = p->space || shown.len > 0;
	html_page_text(p, span_of(mark), false);
}

static void
open_link(struct html *h, const struct html_token *t)
{
	close_link(h);
	buf_reset(&h->href);
	if (!html_attribute(t, "href", &h->href))
		return;
	h->in_link = is_address(span_trim(buf_span(&h->href)));
	h->link_page = target(h);
	h->link_at = h->link_page->out->len;
}

static void
put_links(struct html *h)
{
	char mark[32];
	size_t i;

	for (i = 1; i <= h->links.n; i++) {
		html_page_break(&h->page, i == 1 ? 2 : 1);
		(void)snprintf(mark, sizeof(mark), "[%zu] ", i);
		html_page_put(&h->page, span_of(mark));
		html_page_put(&h->page,
		    span_trim(html_links_get(&h->links, i)));
	}
}

/* ------------------------------------------------------------------ blocks */

static void
put_image(struct html *h, const struct html_token *t)
{
	struct html_page *p = target(h);

	buf_reset(&h->scratch);
	if (!html_attribute(t, "alt", &h->scratch) ||
	    span_trim(buf_span(&h->scratch)).len == 0)
		return;
	html_page_text(p, SPAN_LIT("["), false);
	html_page_text(p, span_trim(buf_span(&h->scratch)), false);
	html_page_text(p, SPAN_LIT("]"), false);
}

/* Under a heading: as long as its longest line. */
static void
underline(struct html *h, char c)
{
	struct span s = { buf_str(h->page.out) + h->heading_at,
		h->page.out->len - h->heading_at };
	unsigned marks = 2 * (unsigned)h->page.depth, most = 0, n;

	while (s.len > 0) {
		n = (unsigned)tpl_text_count(span_cut(&s, '\n'));
		most = n > most ? n : most;
	}
	most = most > marks ? most - marks : 0;
	most = most > h->page.columns ? h->page.columns : most;
	html_page_break(&h->page, 1);
	for (; most > 0; most--)
		html_page_put(&h->page, (struct span){ &c, 1 });
}

static void
heading(struct html *h, unsigned level, bool open)
{
	if (open) {
		leave_table(h);
		html_page_break(&h->page, 2);
		h->heading_at = h->page.out->len;
		h->heading = level;
		return;
	}
	if (h->heading > 0 && h->heading < 3 && !h->table.open)
		underline(h, h->heading == 1 ? '=' : '-');
	h->heading = 0;
	html_page_break(target(h), 2);
}

static unsigned
number_of(struct html *h, const struct html_token *t, const char *name)
{
	uint64_t n = 1;

	buf_reset(&h->scratch);
	if (!html_attribute(t, name, &h->scratch) ||
	    !parse_u64(span_trim(buf_span(&h->scratch)), 0, 1000000, &n))
		return 1;
	return (unsigned)n;
}

static void
list(struct html *h, const struct html_token *t, bool numbered, bool open)
{
	enum html_level kind = numbered ? LEVEL_NUMBERS : LEVEL_BULLETS;
	unsigned gap = h->page.depth > 0 ? 1 : 2;

	if (open)
		leave_table(h);
	else
		gap = h->page.depth > 1 ? 1 : 2;
	html_page_break(target(h), gap);
	if (h->table.open)
		return;
	if (open)
		html_page_push(&h->page, kind, number_of(h, t, "start"));
	else
		html_page_pop(&h->page, kind);
}

static void
level(struct html *h, enum html_level kind, unsigned gap, bool open)
{
	if (open)
		leave_table(h);
	html_page_break(target(h), gap);
	if (h->table.open)
		return;
	if (open)
		html_page_push(&h->page, kind, 0);
	else
		html_page_pop(&h->page, kind);
}

static void
preformatted(struct html *h, bool open)
{
	if (open)
		leave_table(h);
	html_page_break(target(h), 2);
	h->pre_began = open;
	h->pre += open;
	h->pre -= !open && h->pre > 0;
}

static void
rule(struct html *h)
{
	unsigned i;

	leave_table(h);
	html_page_break(&h->page, 2);
	for (i = 0; i < 40; i++)
		html_page_put(&h->page, SPAN_LIT("-"));
	html_page_break(&h->page, 2);
}

static void
table(struct html *h, bool open)
{
	if (open) {
		leave_table(h);
		html_page_break(&h->page, 2);
		html_table_begin(&h->table);
	} else if (h->table.open) {
		html_table_end(&h->table, &h->page);
	} else {
		html_page_break(&h->page, 2);
	}
}

static void
row(struct html *h, bool open)
{
	if (h->table.open && open)
		html_table_row(&h->table);
	else if (h->table.open)
		html_table_cell_end(&h->table);
	else
		html_page_break(&h->page, 1);
}

static void
cell(struct html *h, const struct html_token *t, bool header, bool open)
{
	if (h->table.open && open)
		html_table_cell(&h->table, header, number_of(h, t, "colspan"));
	else if (h->table.open)
		html_table_cell_end(&h->table);
	else
		html_page_break(&h->page, 1);
}

static void
take_tag(struct html *h, const struct html_token *t)
{
	const struct element *e = element_of(t);
	bool open = t->kind == HTML_OPEN;

	switch (e->kind) {
	case EL_BLOCK:
		html_page_break(target(h), 1);
		break;
	case EL_PARAGRAPH:
		html_page_break(target(h), 2);
		break;
	case EL_HEADING:
		heading(h, e->arg, open);
		break;
	case EL_LIST:
		list(h, t, e->arg == 1, open);
		break;
	case EL_ITEM:
		if (open && !h->table.open)
			html_page_item(&h->page);
		else
			html_page_break(target(h), 1);
		break;
	case EL_QUOTE:
		level(h, LEVEL_QUOTE, 2, open);
		break;
	case EL_DETAIL:
		level(h, LEVEL_INDENT, 1, open);
		break;
	case EL_PRE:
		preformatted(h, open);
		break;
	case EL_TABLE:
		table(h, open);
		break;
	case EL_ROW:
		row(h, open);
		break;
	case EL_CELL:
		cell(h, t, e->arg == 1, open);
		break;
	case EL_BREAK:
		html_page_newline(target(h));
		break;
	case EL_RULE:
		rule(h);
		break;
	case EL_IMAGE:
		put_image(h, t);
		break;
	case EL_LINK:
		if (open)
			open_link(h, t);
		else
			close_link(h);
		break;
	case EL_MARKS:
		html_page_text(target(h), SPAN_LIT("\""), false);
		break;
	case EL_OTHER:
		break;
	}
}

/* ------------------------------------------------------------------ hidden */

static bool
is_void(const struct html_token *t)
{
	size_t i;

	for (i = 0; i < sizeof(voids) / sizeof(voids[0]); i++)
		if (html_is(t, voids[i]))
			return true;
	return false;
}

/* "display: none", however it is written. */
static bool
hides(struct html *h, const struct html_token *t)
{
	size_t i, to = 0;
	char *p;

	if (t->attributes.len == 0)
		return false;
	buf_reset(&h->scratch);
	if (html_attribute(t, "hidden", &h->scratch))
		return true;
	if (!html_attribute(t, "style", &h->scratch) || h->scratch.len == 0)
		return false;
	p = h->scratch.p;
	for (i = 0; i < h->scratch.len; i++)
		if (!ascii_is_blank((unsigned char)p[i]))
			p[to++] = (char)ascii_lower((unsigned char)p[i]);
	return memmem(p, to, "display:none", 12) != NULL;
}

/* Is the token within what is not shown? */
static bool
is_hidden(struct html *h, const struct html_token *t)
{
	if (h->hidden.len > 0) {
		if (t->kind != HTML_TEXT && span_eq_nocase(t->name, h->hidden))
			h->hidden_depth += t->kind == HTML_OPEN ? 1u : -1u;
		if (h->hidden_depth == 0)
			h->hidden.len = 0;
		return true;
	}
	if (t->kind != HTML_OPEN || !hides(h, t))
		return false;
	if (!is_void(t)) {
		h->hidden = t->name;
		h->hidden_depth = 1;
	}
	return true;
}

static void
take_text(struct html *h, struct span s)
{
	/* Between cells there is none; what stands there is shown before. */
	if (h->table.open && !h->table.in_cell && span_trim(s).len == 0)
		return;
	if (h->pre_began && s.len > 0 && s.p[0] == '\n') {
		s.p++;
		s.len--;
	}
	h->pre_began = false;
	buf_reset(&h->scratch);
	if (!html_unescape(s, &h->scratch))
		h->failed = true;
	else
		html_page_text(target(h), buf_span(&h->scratch), h->pre > 0);
}

static void
read_all(struct html *h, struct span html)
{
	struct html_token t;

	for (;;) {
		html_next(&html, &t);
		if (t.kind == HTML_END || h->failed || h->page.failed ||
		    h->table.failed)
			break;
		if (is_hidden(h, &t))
			continue;
		if (t.kind == HTML_TEXT)
			take_text(h, t.text);
		else
			take_tag(h, &t);
	}
	close_link(h);
	leave_table(h);
	put_links(h);
}

int
html_text(struct span html, struct buf *out, struct po_err *err)
{
	struct html h = { .in_link = false };
	bool failed;

	html_page_init(&h.page, out, HTML_TEXT_COLUMNS);
	html_table_init(&h.table, out->max);
	html_links_init(&h.links, out->max);
	buf_init(&h.href, HREF_BYTES);
	buf_init(&h.scratch, out->max);
	read_all(&h, html);
	if (h.page.in_line && !h.page.failed)
		h.page.failed = !buf_putc(out, '\n');
	failed = h.failed || h.page.failed || h.table.failed;
	html_table_clear(&h.table);
	html_links_clear(&h.links);
	buf_clear(&h.href);
	buf_clear(&h.scratch);
	return failed ? po_fail(err, PO_EUNAVAILABLE,
	                    "the text of the html is larger than the limit of "
	                    "%zu bytes",
	                    out->max)
	              : 0;
}
