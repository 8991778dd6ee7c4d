/* SPDX-License-Identifier: ISC */
/*
 * block, extends, include. A chain of extends is walked from the derived
 * template to its root; on the way the blocks of each are queued behind those
 * of the same name. The root is rendered, and each block that comes along is
 * the first of its queue; block.super is the next one.
 */
#include "compose/inherit.h"

#include <string.h>

#include "compose/names.h"
#include "compose/render.h"
#include "compose/tags.h"

/* Blocks. */

static struct block_chain *
find_chain(const struct unit *u, struct span name)
{
	struct block_chain *c;

	for (c = u->chains; c != NULL && !span_eq(c->name, name); c = c->next)
		;
	return c;
}

static bool
render_block_body(struct render *r, const struct block_node *b, bool bound)
{
	const struct value v = { .kind = VAL_BLOCK,
		.bound = bound,
		.block = b };
	const struct template *owner = r->owner;
	bool ok;

	if (!tpl_scope_set(r, SPAN_LIT("block"), &v))
		return false;
	r->owner = b->owner;
	ok = tpl_render_nodes(r, &b->body);
	r->owner = owner;
	return ok;
}

static bool
render_block(struct render *r, const struct node *node)
{
	const struct block_node *self = (const struct block_node *)node;
	struct block_chain *chain = find_chain(r->unit, self->name);
	struct keep keep = tpl_keep_begin(r);
	size_t saved = tpl_scope_push(r);
	bool queued = chain != NULL && chain->used < chain->n;

	if (!render_block_body(r, queued ? chain->blocks[chain->used++] : self,
	        r->unit->inherits))
		return false;
	if (queued)
		chain->used--;
	tpl_scope_pop(r, saved);
	tpl_keep_end(r, keep);
	return true;
}

/*
 * block.super. An error in it may be taken for false by an `if`, or for
 * undefined: then the render goes on as if it had not been tried.
 */
static bool
render_super(struct render *r, const struct block_node *b, struct span *text)
{
	struct render saved = *r;

	if (tpl_collect_call(r, render_block, &b->node, text))
		return true;
	r->root = saved.root;
	r->outer = saved.outer;
	r->frame = saved.frame;
	r->floor = saved.floor;
	r->bindings_n = saved.bindings_n;
	r->autoescape = saved.autoescape;
	r->includes = saved.includes;
	r->collected = saved.collected;
	r->lowest = 0;
	return false;
}

bool
tpl_block_lookup(struct render *r, const struct value *v, struct span name,
    struct value *out)
{
	const struct block_chain *chain;
	struct span text = { "", 0 };

	if (span_eq(name, SPAN_LIT("name"))) {
		*out = tpl_value_str(v->block->name);
		return true;
	}
	if (!span_eq(name, SPAN_LIT("super")))
		return false;
	if (!v->bound)
		return tpl_fail(r, FAIL_VALUE,
		    "block.super is used in a template that extends no other "
		    "one");
	chain = find_chain(r->unit, v->block->name);
	if (chain == NULL || chain->used == chain->n) {
		*out = tpl_value_str(text);
		return true;
	}
	if (!render_super(r, v->block, &text))
		return false;
	*out = tpl_value_safe(text);
	return true;
}

static bool
is_new_block(struct parser *p, const struct token *tok, struct span name)
{
	const struct block_node *b;

	for (b = p->t->blocks; b != NULL; b = b->next_block)
		if (span_eq(b->name, name))
			return tpl_parse_fail(p, tok->at,
			    "block '%.*s' appears more than once", WORD(name));
	return true;
}

static bool
parse_block_end(struct parser *p, const struct token *tok, struct block_node *n)
{
	static const char *const until[] = { "endblock", NULL };
	struct token end;
	struct span rest;

	if (!tpl_parse(p, tok, until, &n->body, &end))
		return false;
	rest = (struct span){ end.text.p + strlen("endblock"),
		end.text.len - strlen("endblock") };
	if (rest.len == 0 ||
	    (rest.p[0] == ' ' &&
	        span_eq((struct span){ rest.p + 1, rest.len - 1 }, n->name)))
		return true;
	return tpl_parse_fail(p, end.at, "'%.*s' does not end block '%.*s'",
	    WORD(end.text), WORD(n->name));
}

TAG(block)
{
	struct block_node *n = tpl_parse_node(p, tok, sizeof(*n), render_block);
	struct words w;

	if (n == NULL || !tpl_parse_plain_words(p, tok->text, &w))
		return false;
	if (w.n != 2)
		return tpl_parse_fail(p, tok->at, "'block' takes one argument");
	if (!tpl_parse_count_name(p, tok->at) || !is_new_block(p, tok, w.w[1]))
		return false;
	n->name = w.w[1];
	n->owner = p->t;
	n->next_block = p->t->blocks;
	p->t->blocks = n;
	*out = &n->node;
	return parse_block_end(p, tok, n);
}

/* Other templates. */

static bool
load(struct render *r, struct span name, const struct template **out,
    bool *found)
{
	const struct template_loader *l = &r->options->loader;
	int rc =
	    l->get == NULL ? 0 : l->get(l->ctx, name, out, r->where, r->err);

	if (rc == -1) {
		r->fail = FAIL_FATAL;
		return false;
	}
	*found = rc == 1;
	return true;
}

static bool
not_found(struct render *r, struct span name)
{
	return tpl_fail(r, FAIL_VALUE, "there is no template '%.*s'",
	    WORD(name));
}

static bool
enter_template(struct render *r)
{
	if (r->includes >= r->limits->include_depth)
		return tpl_fail_limit(r,
		    "templates include or extend each other deeper than the "
		    "limit of %u",
		    r->limits->include_depth);
	r->includes++;
	return true;
}

/* "./x" and "../x" start from the template that names them. */
static bool
resolve_name(struct render *r, struct span name, struct span *out)
{
	char why[160];
	size_t len = strlen(r->owner->name) + name.len + 2;
	char *path;

	*out = name;
	if (!tpl_name_is_relative(name))
		return true;
	path = tpl_alloc(r, len);
	if (path == NULL)
		return false;
	if (!tpl_name_resolve(span_of(r->owner->name), name, path, out, why,
	        sizeof(why)))
		return tpl_fail(r, FAIL_VALUE, "%s", why);
	return true;
}

static bool
add_reference(struct parser *p, const struct token *tok, const struct expr *e)
{
	struct reference *ref;
	char why[160];
	char *path;

	if (!e->var.literal || e->var.value.kind != VAL_STR ||
	    e->calls != NULL) {
		p->t->dynamic = true;
		return true;
	}
	ref = tpl_parse_alloc(p, 1, sizeof(*ref));
	path = tpl_parse_alloc(p, strlen(p->t->name) + e->var.value.len + 2, 1);
	if (ref == NULL || path == NULL)
		return false;
	ref->name = tpl_value_span(&e->var.value);
	if (tpl_name_is_relative(ref->name) &&
	    !tpl_name_resolve(span_of(p->t->name), ref->name, path, &ref->name,
	        why, sizeof(why)))
		return tpl_parse_fail(p, e->text.p, "%s", why);
	ref->at = (uint32_t)(tok->at - p->t->source.p);
	*p->last_reference = ref;
	p->last_reference = &ref->next;
	return true;
}

struct extends_node {
	struct node node;
	struct expr parent;
	struct nodelist body; /* of it only the blocks count */
};

static struct block_chain *
new_chain(struct render *r, struct span name)
{
	size_t max = r->limits->include_depth + 2;
	struct block_chain *c = tpl_alloc(r, sizeof(*c) + max * sizeof(void *));

	if (c == NULL)
		return NULL;
	c->name = name;
	c->n = 0;
	c->used = 0;
	c->next = r->unit->chains;
	r->unit->chains = c;
	return c;
}

static bool
queue_blocks(struct render *r, const struct template *t)
{
	const struct block_node *b;
	struct block_chain *c;

	for (b = t->blocks; b != NULL; b = b->next_block) {
		c = find_chain(r->unit, b->name);
		if (c == NULL)
			c = new_chain(r, b->name);
		if (c == NULL || !tpl_step(r, 1))
			return false;
		c->blocks[c->n++] = b;
	}
	return true;
}

static bool
is_in_history(const struct unit *u, const struct template *t)
{
	size_t i;

	for (i = 0; i < u->history_n; i++)
		if (u->history[i] == t)
			return true;
	return false;
}

/* NULL: failure noted. */
static const struct template *
find_parent(struct render *r, const struct extends_node *n)
{
	const struct template *parent = NULL;
	struct value v;
	struct span name;
	bool found;

	if (!tpl_expr_eval(r, &n->parent, MISSING_IS_TEXT, &v))
		return NULL;
	if (v.kind != VAL_STR || v.len == 0) {
		tpl_fail(r, FAIL_VALUE,
		    "'extends' needs the name of a template; '%.*s' is none",
		    WORD(n->parent.text));
		return NULL;
	}
	if (!resolve_name(r, tpl_value_span(&v), &name) ||
	    !load(r, name, &parent, &found))
		return NULL;
	if (!found) {
		not_found(r, name);
		return NULL;
	}
	if (is_in_history(r->unit, parent)) {
		tpl_fail(r, FAIL_FATAL,
		    "templates extend each other in a loop: '%.*s'",
		    WORD(name));
		return NULL;
	}
	return parent;
}

static bool
render_extends(struct render *r, const struct node *node)
{
	const struct template *parent =
	    find_parent(r, (const struct extends_node *)node);
	struct unit *u = r->unit;

	if (parent == NULL || !enter_template(r))
		return false;
	if (u->history_n == sizeof(u->history) / sizeof(u->history[0]))
		return tpl_fail_limit(r,
		    "more than the limit of %zu templates extend each other",
		    u->history_n);
	u->history[u->history_n++] = parent;
	u->inherits = true;
	r->lowest = 0;
	if (!queue_blocks(r, r->owner) ||
	    (!parent->extends && !queue_blocks(r, parent)) ||
	    !tpl_render_template(r, parent))
		return false;
	r->includes--;
	return true;
}

TAG(extends)
{
	struct extends_node *n =
	    tpl_parse_node(p, tok, sizeof(*n), render_extends);
	struct words w;

	if (n == NULL || !tpl_parse_words(p, tok->text, &w))
		return false;
	if (w.n != 2)
		return tpl_parse_fail(p, tok->at,
		    "'extends' takes one argument");
	if (p->t->extends)
		return tpl_parse_fail(p, tok->at,
		    "'extends' cannot appear more than once in the same "
		    "template");
	p->t->extends = true;
	*out = &n->node;
	return tpl_expr_parse(p, w.w[1], &n->parent) &&
	       add_reference(p, tok, &n->parent) &&
	       tpl_parse(p, tok, NULL, &n->body, NULL);
}

struct include_node {
	struct node node;
	struct expr name;
	struct assignment *values;
	bool only;
};

static bool
load_first(struct render *r, const struct value *names,
    const struct template **out)
{
	const struct seq *list = tpl_value_list(r, names);
	bool found = false;
	size_t i;

	if (list == NULL)
		return false;
	for (i = 0; i < list->n && !found; i++) {
		if (list->items[i].kind != VAL_STR)
			return tpl_fail(r, FAIL_VALUE,
			    "'include' needs names of templates");
		if (!tpl_step(r, 1) ||
		    !load(r, tpl_value_span(&list->items[i]), out, &found))
			return false;
	}
	return found || tpl_fail(r, FAIL_VALUE,
	                    "none of the %zu templates exists", list->n);
}

static bool
find_included(struct render *r, const struct include_node *n,
    const struct template **out)
{
	struct value v;
	struct span name;
	bool found;

	if (!tpl_expr_eval(r, &n->name, MISSING_IS_TEXT, &v))
		return false;
	if (!tpl_value_truth(&v))
		return tpl_fail(r, FAIL_VALUE,
		    "'include' needs the name of a template; '%.*s' is none",
		    WORD(n->name.text));
	if (v.kind != VAL_STR)
		return load_first(r, &v, out);
	if (!resolve_name(r, tpl_value_span(&v), &name) ||
	    !load(r, name, out, &found))
		return false;
	return found || not_found(r, name);
}

/* The included template is a unit of its own: cycles begin again, blocks are
 * its own. */
static bool
render_included(struct render *r, const struct template *t)
{
	struct unit unit = { .history = { t }, .history_n = 1 };
	struct unit *outer = r->unit;
	bool ok;

	r->unit = &unit;
	ok = tpl_render_template(r, t);
	r->unit = outer;
	return ok;
}

static bool
render_include(struct render *r, const struct node *node)
{
	const struct include_node *n = (const struct include_node *)node;
	struct keep keep = tpl_keep_begin(r);
	struct outer *outer = r->outer;
	size_t floor = r->floor;
	json_t *root = r->root;
	const struct template *t = NULL;
	size_t saved;

	if (!find_included(r, n, &t) || !enter_template(r) ||
	    !tpl_assign(r, n->values, &saved))
		return false;
	if (n->only) {
		r->floor = r->frame;
		r->root = NULL;
		r->outer = NULL;
	}
	if (!render_included(r, t))
		return false;
	if (n->only)
		r->outer = outer;
	r->floor = floor;
	r->root = root;
	tpl_scope_pop(r, saved);
	r->includes--;
	tpl_keep_end(r, keep);
	return true;
}

static bool
parse_include_options(struct parser *p, const struct words *w,
    struct include_node *n)
{
	bool with = false;
	size_t at = 2;

	while (at < w->n) {
		struct span option = w->w[at++];

		if (span_eq(option, SPAN_LIT("with")) && !with) {
			with = true;
			if (!tpl_parse_assignments(p, w, &at, false,
			        &n->values))
				return false;
			if (n->values == NULL)
				return tpl_parse_fail(p, option.p,
				    "'with' of 'include' needs at least one "
				    "assignment");
		} else if (span_eq(option, SPAN_LIT("only")) && !n->only) {
			n->only = true;
		} else {
			return tpl_parse_fail(p, option.p,
			    "'include' does not understand '%.*s' here",
			    WORD(option));
		}
	}
	return true;
}

TAG(include)
{
	struct include_node *n =
	    tpl_parse_node(p, tok, sizeof(*n), render_include);
	struct words w;

	if (n == NULL || !tpl_parse_words(p, tok->text, &w))
		return false;
	if (w.n < 2)
		return tpl_parse_fail(p, tok->at,
		    "'include' needs the name of a template");
	*out = &n->node;
	return tpl_expr_parse(p, w.w[1], &n->name) &&
	       add_reference(p, tok, &n->name) &&
	       parse_include_options(p, &w, n);
}
