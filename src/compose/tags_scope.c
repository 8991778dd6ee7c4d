/* SPDX-License-Identifier: ISC */
/* with, autoescape, filter, spaceless: a body under other conditions. */
#include <string.h>

#include "compose/builder.h"
#include "compose/filters.h"
#include "compose/render.h"
#include "compose/tags.h"
#include "compose/text.h"

bool
tpl_assign(struct render *r, const struct assignment *list, size_t *saved)
{
	const struct assignment *a;
	struct value *values;
	size_t n = 0;
	size_t i = 0;

	for (a = list; a != NULL; a = a->next)
		n++;
	values = tpl_alloc_array(r, n, sizeof(*values));
	if (values == NULL)
		return false;
	for (a = list; a != NULL; a = a->next)
		if (!tpl_expr_eval(r, &a->value, MISSING_IS_TEXT, &values[i++]))
			return false;
	*saved = tpl_scope_push(r);
	for (a = list, i = 0; a != NULL; a = a->next)
		if (!tpl_scope_set(r, a->name, &values[i++]))
			return false;
	return true;
}

struct with_node {
	struct node node;
	struct assignment *values;
	struct nodelist body;
};

static bool
render_with(struct render *r, const struct node *node)
{
	const struct with_node *n = (const struct with_node *)node;
	struct keep keep = tpl_keep_begin(r);
	size_t saved;

	if (!tpl_assign(r, n->values, &saved) || !tpl_render_nodes(r, &n->body))
		return false;
	tpl_scope_pop(r, saved);
	tpl_keep_end(r, keep);
	return true;
}

TAG(with)
{
	struct with_node *n = tpl_parse_node(p, tok, sizeof(*n), render_with);
	size_t at = 1;
	struct words w;

	if (n == NULL || !tpl_parse_words(p, tok->text, &w) ||
	    !tpl_parse_assignments(p, &w, &at, true, &n->values))
		return false;
	if (n->values == NULL)
		return tpl_parse_fail(p, tok->at,
		    "'with' needs at least one assignment");
	if (at < w.n)
		return tpl_parse_fail(p, w.w[at].p,
		    "'with' does not understand '%.*s'", WORD(w.w[at]));
	*out = &n->node;
	return tpl_parse_to(p, tok, "endwith", &n->body);
}

struct autoescape_node {
	struct node node;
	bool on;
	struct nodelist body;
};

static bool
render_autoescape(struct render *r, const struct node *node)
{
	const struct autoescape_node *n = (const struct autoescape_node *)node;
	bool saved = r->autoescape;
	bool ok;

	r->autoescape = n->on;
	ok = tpl_render_nodes(r, &n->body);
	r->autoescape = saved;
	return ok;
}

TAG(autoescape)
{
	struct autoescape_node *n =
	    tpl_parse_node(p, tok, sizeof(*n), render_autoescape);
	struct words w;

	if (n == NULL || !tpl_parse_plain_words(p, tok->text, &w))
		return false;
	if (w.n != 2 || !(span_eq(w.w[1], SPAN_LIT("on")) ||
	                    span_eq(w.w[1], SPAN_LIT("off"))))
		return tpl_parse_fail(p, tok->at,
		    "'autoescape' needs 'on' or 'off'");
	n->on = w.w[1].len == 2;
	*out = &n->node;
	return tpl_parse_to(p, tok, "endautoescape", &n->body);
}

struct filter_node {
	struct node node;
	struct expr expr;
	struct nodelist body;
};

static bool
render_filter(struct render *r, const struct node *node)
{
	const struct filter_node *n = (const struct filter_node *)node;
	struct keep keep = tpl_keep_begin(r);
	struct builder b;
	struct span text;
	struct value v;
	size_t saved;

	if (!tpl_collect(r, &n->body, &text))
		return false;
	saved = tpl_scope_push(r);
	v = tpl_value_safe(text);
	if (!tpl_scope_set(r, SPAN_LIT("var"), &v) ||
	    !tpl_expr_eval(r, &n->expr, MISSING_IS_TEXT, &v))
		return false;
	tpl_scope_pop(r, saved);
	if (v.kind != VAL_STR) {
		tpl_build(&b, r, 0);
		tpl_build_value(&b, &v);
		if (!tpl_build_done(&b, &v))
			return false;
	}
	if (!tpl_out(r, v.s, v.len))
		return false;
	tpl_keep_end(r, keep);
	return true;
}

/* "var|" before what stands behind "filter". */
static bool
filter_text(struct parser *p, struct span rest, struct span *out)
{
	char *s = tpl_parse_alloc(p, rest.len + 4, 1);

	if (s == NULL)
		return false;
	memcpy(s, "var|", 4);
	memcpy(s + 4, rest.p, rest.len);
	*out = (struct span){ s, rest.len + 4 };
	return true;
}

TAG(filter)
{
	struct filter_node *n =
	    tpl_parse_node(p, tok, sizeof(*n), render_filter);
	const struct filter_call *call;
	struct span rest = tok->text;
	struct span text;
	struct span name;

	if (n == NULL)
		return false;
	(void)tpl_text_word(&rest, &name);
	rest = tpl_text_strip(rest);
	if (rest.len == 0)
		return tpl_parse_fail(p, tok->at,
		    "'filter' needs the name of a filter");
	if (!filter_text(p, rest, &text) || !tpl_expr_parse(p, text, &n->expr))
		return false;
	for (call = n->expr.calls; call != NULL; call = call->next)
		if (strcmp(call->filter->name, "escape") == 0 ||
		    strcmp(call->filter->name, "safe") == 0)
			return tpl_parse_fail(p, tok->at,
			    "'filter' cannot use '%s'; use the tag "
			    "'autoescape'",
			    call->filter->name);
	*out = &n->node;
	return tpl_parse_to(p, tok, "endfilter", &n->body);
}

struct spaceless_node {
	struct node node;
	struct nodelist body;
};

/* Where the blanks that begin at `at` end in s. */
static size_t
blanks_end(struct span s, size_t at)
{
	const char *end = s.p + s.len;
	const char *p = s.p + at;

	for (; p < end && tpl_text_is_space(tpl_text_next(&p, end));
	     at = (size_t)(p - s.p))
		;
	return at;
}

static bool
render_spaceless(struct render *r, const struct node *node)
{
	struct keep keep = tpl_keep_begin(r);
	struct span s;
	size_t from = 0;
	size_t end;
	size_t i;

	if (!tpl_collect(r, &((const struct spaceless_node *)node)->body, &s) ||
	    !tpl_step(r, s.len / 64))
		return false;
	s = tpl_text_strip(s);
	for (i = 0; i < s.len; i++) {
		if (s.p[i] != '>')
			continue;
		end = blanks_end(s, i + 1);
		if (end == i + 1 || end == s.len || s.p[end] != '<')
			continue;
		if (!tpl_out(r, s.p + from, i + 1 - from))
			return false;
		from = end;
		i = end - 1;
	}
	if (!tpl_out(r, s.p + from, s.len - from))
		return false;
	tpl_keep_end(r, keep);
	return true;
}

TAG(spaceless)
{
	struct spaceless_node *n =
	    tpl_parse_node(p, tok, sizeof(*n), render_spaceless);

	if (n == NULL)
		return false;
	*out = &n->node;
	return tpl_parse_to(p, tok, "endspaceless", &n->body);
}
