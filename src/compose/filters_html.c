/* SPDX-License-Identifier: ISC */
/* escape, force_escape, safe, escapejs, json_script, linebreaks, linebreaksbr,
 * linenumbers, unordered_list. */
#include <stdio.h>
#include <string.h>

#include "compose/builder.h"
#include "compose/filter_table.h"
#include "compose/text.h"

FILTER(force_escape)
{
	struct builder b;

	(void)arg;
	tpl_build(&b, r, v->len + 16);
	tpl_build_escaped(&b, tpl_value_span(v));
	if (!tpl_build_done(&b, v))
		return false;
	v->safe = true;
	return true;
}

FILTER(escape)
{
	return v->safe || tpl_filter_force_escape(r, v, arg);
}

FILTER(safe)
{
	(void)r;
	(void)arg;
	v->safe = true;
	return true;
}

FILTER(escapejs)
{
	const char *end = v->s + v->len;
	const char *p = v->s;
	const char *from;
	struct builder b;
	uint32_t c;

	(void)arg;
	tpl_build(&b, r, v->len + 32);
	while (p < end) {
		from = p;
		c = tpl_text_next(&p, end);
		if (c < 32 || c == 0x2028 || c == 0x2029 ||
		    (c < 0x80 && strchr("\\'\"><&=-;`", (int)c) != NULL))
			tpl_build_printf(&b, "\\u%04X", (unsigned)c);
		else
			tpl_build_put(&b, from, (size_t)(p - from));
	}
	if (!tpl_build_done(&b, v))
		return false;
	v->safe = true;
	return true;
}

/* CRLF and CR become LF. */
static bool
unix_newlines(struct render *r, struct span s, struct span *out)
{
	char *p = tpl_alloc(r, s.len);
	size_t n = 0;
	size_t i;

	if (p == NULL)
		return false;
	for (i = 0; i < s.len; i++) {
		if (s.p[i] == '\r') {
			p[n++] = '\n';
			i += i + 1 < s.len && s.p[i + 1] == '\n';
		} else {
			p[n++] = s.p[i];
		}
	}
	*out = (struct span){ p, n };
	return true;
}

/* With each newline as <br>. */
static void
put_br(struct builder *b, struct span s, bool escape)
{
	struct span line;
	bool more;

	do {
		more = s.len > 0 && memchr(s.p, '\n', s.len) != NULL;
		line = span_cut(&s, '\n');
		if (escape)
			tpl_build_escaped(b, line);
		else
			tpl_build_span(b, line);
		if (more)
			tpl_build_str(b, "<br>");
	} while (more);
}

FILTER(linebreaksbr)
{
	bool escape = r->autoescape && !v->safe;
	struct builder b;
	struct span s;

	(void)arg;
	if (!unix_newlines(r, tpl_value_span(v), &s))
		return false;
	tpl_build(&b, r, s.len + 32);
	put_br(&b, s, escape);
	if (!tpl_build_done(&b, v))
		return false;
	v->safe = true;
	return true;
}

/* What stands before the next two or more newlines; *rest is behind them. False
 * at the end. */
static bool
cut_paragraph(struct span *rest, struct span *para)
{
	const char *at = tpl_text_find(*rest, 0, SPAN_LIT("\n\n"));
	const char *end = rest->p + rest->len;

	if (at == NULL) {
		*para = *rest;
		return false;
	}
	*para = (struct span){ rest->p, (size_t)(at - rest->p) };
	while (at < end && *at == '\n')
		at++;
	*rest = (struct span){ at, (size_t)(end - at) };
	return true;
}

FILTER(linebreaks)
{
	bool escape = r->autoescape && !v->safe;
	struct builder b;
	struct span rest;
	struct span para;
	bool more;

	(void)arg;
	if (!unix_newlines(r, tpl_value_span(v), &rest))
		return false;
	tpl_build(&b, r, rest.len + 32);
	do {
		more = cut_paragraph(&rest, &para);
		tpl_build_str(&b, "<p>");
		put_br(&b, para, escape);
		tpl_build_str(&b, more ? "</p>\n\n" : "</p>");
	} while (more);
	if (!tpl_build_done(&b, v))
		return false;
	v->safe = true;
	return true;
}

FILTER(linenumbers)
{
	bool escape = r->autoescape && !v->safe;
	struct span rest = tpl_value_span(v);
	struct span line;
	struct builder b;
	size_t lines = 1;
	char text[32];
	int width;
	size_t i;

	(void)arg;
	for (i = 0; i < rest.len; i++)
		lines += rest.p[i] == '\n';
	width = snprintf(text, sizeof(text), "%zu", lines);
	tpl_build(&b, r, rest.len + lines * 4);
	for (i = 1; i <= lines; i++) {
		line = span_cut(&rest, '\n');
		tpl_build_printf(&b, "%s%0*zu. ", i == 1 ? "" : "\n", width, i);
		if (escape)
			tpl_build_escaped(&b, line);
		else
			tpl_build_span(&b, line);
	}
	if (!tpl_build_done(&b, v))
		return false;
	v->safe = true;
	return true;
}

static bool
is_list(const struct value *v)
{
	return v->kind == VAL_LIST ||
	       (v->kind == VAL_SEQ && v->seq->kind <= SEQ_GROUP);
}

static bool put_items(struct builder *b, const struct value *list, size_t tabs);

static bool
put_item(struct builder *b, const struct value *item,
    const struct value *children, size_t tabs)
{
	tpl_build_fill(b, '\t', tabs);
	tpl_build_str(b, "<li>");
	if (b->r->autoescape)
		tpl_build_conditional(b, item);
	else
		tpl_build_value(b, item);
	if (children != NULL && tpl_value_truth(children)) {
		tpl_build_char(b, '\n');
		tpl_build_fill(b, '\t', tabs);
		tpl_build_str(b, "<ul>\n");
		if (!put_items(b, children, tabs + 1))
			return false;
		tpl_build_char(b, '\n');
		tpl_build_fill(b, '\t', tabs);
		tpl_build_str(b, "</ul>\n");
		tpl_build_fill(b, '\t', tabs);
	}
	tpl_build_str(b, "</li>");
	return !b->failed;
}

/* A list right behind an item holds that item's children. */
static bool
put_items(struct builder *b, const struct value *list, size_t tabs)
{
	const struct seq *s = tpl_value_list(b->r, list);
	bool nested;
	size_t i;

	if (s == NULL || !tpl_enter(b->r))
		return false;
	for (i = 0; i < s->n; i += nested ? 2 : 1) {
		nested = i + 1 < s->n && is_list(&s->items[i + 1]);
		if (i > 0)
			tpl_build_char(b, '\n');
		if (!tpl_step(b->r, 1) ||
		    !put_item(b, &s->items[i], nested ? &s->items[i + 1] : NULL,
		        tabs))
			return false;
	}
	tpl_leave(b->r);
	return true;
}

FILTER(unordered_list)
{
	struct builder b;

	(void)arg;
	tpl_build(&b, r, 0);
	if (!put_items(&b, v, 1) || !tpl_build_done(&b, v))
		return false;
	v->safe = true;
	return true;
}
