/* SPDX-License-Identifier: ISC */
/* if, ifequal, ifnotequal, ifchanged, firstof: what is rendered depends on
 * values. */
#include <string.h>

#include "compose/condition.h"
#include "compose/render.h"
#include "compose/tags.h"

struct branch {
	struct branch *next;
	const struct condition *condition; /* NULL: else */
	struct nodelist body;
};

struct if_node {
	struct node node;
	struct branch *branches;
};

static bool
render_if(struct render *r, const struct node *n)
{
	const struct branch *b;
	bool truth = true;

	for (b = ((const struct if_node *)n)->branches; b != NULL;
	     b = b->next) {
		if (b->condition != NULL &&
		    !tpl_condition_eval(r, b->condition, &truth))
			return false;
		if (b->condition == NULL || truth)
			return tpl_render_nodes(r, &b->body);
	}
	return true;
}

static struct branch *
add_branch(struct parser *p, struct branch ***tail)
{
	struct branch *b = tpl_parse_alloc(p, 1, sizeof(*b));

	if (b != NULL) {
		**tail = b;
		*tail = &b->next;
	}
	return b;
}

static bool
parse_branch(struct parser *p, const struct token *tok,
    const struct token *open, struct branch ***tail, struct token *end)
{
	static const char *const until[] = { "elif", "else", "endif", NULL };
	struct branch *b = add_branch(p, tail);
	const char *at = p->at;
	struct words w;

	p->at = tok->at;
	if (b == NULL || !tpl_parse_words(p, tok->text, &w))
		return false;
	b->condition = tpl_condition_parse(p, &w);
	p->at = at;
	return b->condition != NULL && tpl_parse(p, open, until, &b->body, end);
}

static bool
is_tag(const struct token *tok, const char *text)
{
	return span_eq(tok->text, span_of(text));
}

TAG(if)
{
	static const char *const until[] = { "endif", NULL };
	struct if_node *n = tpl_parse_node(p, tok, sizeof(*n), render_if);
	struct branch **tail;
	struct branch *b;
	struct token end;

	if (n == NULL)
		return false;
	tail = &n->branches;
	if (!parse_branch(p, tok, tok, &tail, &end))
		return false;
	while (end.text.len >= 4 && memcmp(end.text.p, "elif", 4) == 0)
		if (!parse_branch(p, &end, tok, &tail, &end))
			return false;
	if (is_tag(&end, "else")) {
		b = add_branch(p, &tail);
		if (b == NULL || !tpl_parse(p, tok, until, &b->body, &end))
			return false;
	}
	if (!is_tag(&end, "endif"))
		return tpl_parse_fail(p, end.at, "malformed tag '%.*s'",
		    WORD(end.text));
	*out = &n->node;
	return true;
}

/* A body, and another one behind "else" if there is one. */
static bool
parse_two_bodies(struct parser *p, const struct token *tok, const char *end_tag,
    struct nodelist *yes, struct nodelist *no)
{
	const char *const until[] = { "else", end_tag, NULL };
	struct token end;

	if (!tpl_parse(p, tok, until, yes, &end))
		return false;
	return !is_tag(&end, "else") || tpl_parse_to(p, tok, end_tag, no);
}

struct ifequal_node {
	struct node node;
	bool negate;
	struct expr a;
	struct expr b;
	struct nodelist yes;
	struct nodelist no;
};

static bool
render_ifequal(struct render *r, const struct node *node)
{
	const struct ifequal_node *n = (const struct ifequal_node *)node;
	struct value a;
	struct value b;
	bool same;

	if (!tpl_expr_eval(r, &n->a, MISSING_IS_NONE, &a) ||
	    !tpl_expr_eval(r, &n->b, MISSING_IS_NONE, &b))
		return false;
	same = tpl_value_equal(r, &a, &b);
	if (r->fail != FAIL_NONE)
		return false;
	return tpl_render_nodes(r, same != n->negate ? &n->yes : &n->no);
}

static bool
parse_ifequal(struct parser *p, const struct token *tok, bool negate,
    struct node **out)
{
	struct ifequal_node *n =
	    tpl_parse_node(p, tok, sizeof(*n), render_ifequal);
	struct words w;

	if (n == NULL || !tpl_parse_words(p, tok->text, &w))
		return false;
	if (w.n != 3)
		return tpl_parse_fail(p, tok->at, "'%.*s' takes two arguments",
		    WORD(w.w[0]));
	n->negate = negate;
	*out = &n->node;
	return parse_two_bodies(p, tok, negate ? "endifnotequal" : "endifequal",
	           &n->yes, &n->no) &&
	       tpl_expr_parse(p, w.w[1], &n->a) &&
	       tpl_expr_parse(p, w.w[2], &n->b);
}

TAG(ifequal)
{
	return parse_ifequal(p, tok, false, out);
}

TAG(ifnotequal)
{
	return parse_ifequal(p, tok, true, out);
}

struct ifchanged_node {
	struct node node;
	unsigned slot;
	size_t n;
	struct expr *exprs; /* none: what the body renders */
	struct nodelist yes;
	struct nodelist no;
};

/* The state belongs to the loop around it, so that it begins again with each
 * loop; else to the template. */
static struct value *
ifchanged_state(struct render *r, const struct ifchanged_node *n, bool **set)
{
	struct value loop;

	if (!tpl_scope_get(r, SPAN_LIT("forloop"), &loop) ||
	    loop.kind != VAL_LOOP)
		return tpl_state(r, &r->unit->states, n->slot, set);
	return tpl_state(r, &loop.loop->states, n->slot, set);
}

static bool
ifchanged_values(struct render *r, const struct ifchanged_node *n,
    struct value *out)
{
	struct seq *s = tpl_seq_new(r, SEQ_LIST, n->n);
	size_t i;

	for (i = 0; s != NULL && i < n->n; i++)
		if (!tpl_expr_eval(r, &n->exprs[i], MISSING_IS_NONE,
		        &s->items[i]))
			return false;
	if (s != NULL)
		*out = tpl_value_seq(s);
	return s != NULL;
}

static bool
render_ifchanged(struct render *r, const struct node *node)
{
	const struct ifchanged_node *n = (const struct ifchanged_node *)node;
	struct span text = { "", 0 };
	struct value now;
	struct value *last;
	bool *set;

	last = ifchanged_state(r, n, &set);
	if (last == NULL)
		return false;
	if (n->n > 0) {
		if (!ifchanged_values(r, n, &now))
			return false;
	} else {
		if (!tpl_collect(r, &n->yes, &text))
			return false;
		now = tpl_value_safe(text);
	}
	if (*set && tpl_value_equal(r, &now, last))
		return tpl_render_nodes(r, &n->no);
	if (r->fail != FAIL_NONE)
		return false;
	*set = true;
	*last = now;
	return text.len > 0 ? tpl_out(r, text.p, text.len)
	                    : tpl_render_nodes(r, &n->yes);
}

TAG(ifchanged)
{
	struct ifchanged_node *n =
	    tpl_parse_node(p, tok, sizeof(*n), render_ifchanged);
	struct words w;

	if (n == NULL || !tpl_parse_words(p, tok->text, &w))
		return false;
	n->slot = p->t->slots++;
	n->n = w.n - 1;
	*out = &n->node;
	return parse_two_bodies(p, tok, "endifchanged", &n->yes, &n->no) &&
	       tpl_parse_exprs(p, &w, 1, w.n, &n->exprs);
}

struct firstof_node {
	struct node node;
	size_t n;
	struct expr *exprs;
	struct span as;
};

static bool
firstof_result(struct render *r, const struct firstof_node *n, struct value *v)
{
	struct buf *outer = r->out;
	struct span text;
	struct buf inner;
	bool ok;

	if (n->as.p == NULL)
		return tpl_out_value(r, v);
	buf_init(&inner, r->limits->output_bytes);
	r->out = &inner;
	ok = tpl_out_value(r, v);
	r->out = outer;
	ok = ok && tpl_copy(r, buf_span(&inner), &text);
	buf_clear(&inner);
	if (!ok)
		return false;
	*v = (struct value){ .kind = VAL_STR,
		.safe = r->autoescape || v->safe,
		.s = text.p,
		.len = text.len };
	return tpl_scope_set(r, n->as, v);
}

static bool
render_firstof(struct render *r, const struct node *node)
{
	const struct firstof_node *n = (const struct firstof_node *)node;
	struct value v;
	size_t i;

	for (i = 0; i < n->n; i++) {
		if (!tpl_expr_eval(r, &n->exprs[i], MISSING_IS_NONE, &v))
			return false;
		if (tpl_value_truth(&v))
			return firstof_result(r, n, &v);
	}
	v = tpl_value_str(SPAN_LIT(""));
	return n->as.p == NULL || tpl_scope_set(r, n->as, &v);
}

TAG(firstof)
{
	struct firstof_node *n =
	    tpl_parse_node(p, tok, sizeof(*n), render_firstof);
	struct words w;

	if (n == NULL || !tpl_parse_words(p, tok->text, &w))
		return false;
	if (w.n < 2)
		return tpl_parse_fail(p, tok->at,
		    "'firstof' needs at least one argument");
	if (w.n >= 3 && span_eq(w.w[w.n - 2], SPAN_LIT("as"))) {
		n->as = w.w[w.n - 1];
		w.n -= 2;
	}
	n->n = w.n - 1;
	*out = &n->node;
	return tpl_parse_exprs(p, &w, 1, w.n, &n->exprs);
}
