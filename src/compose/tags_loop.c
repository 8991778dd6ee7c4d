/* SPDX-License-Identifier: ISC */
/* for, cycle, resetcycle, regroup. */
#include <string.h>

#include "compose/builder.h"
#include "compose/render.h"
#include "compose/tags.h"

struct for_node {
	struct node node;
	size_t n;
	struct span *names;
	struct expr list;
	bool reversed;
	struct nodelist body;
	struct nodelist empty;
};

/* The items of one item go to the loop's names, in a scope of their own. */
static bool
unpack(struct render *r, const struct for_node *n, const struct value *item)
{
	size_t saved = tpl_scope_push(r);
	const struct seq *items;
	size_t len = 1;
	size_t i;

	(void)tpl_value_len(item, &len);
	if (len != n->n)
		return tpl_fail(r, FAIL_VALUE,
		    "%zu values are needed for the names of the loop; got %zu",
		    n->n, len);
	items = tpl_value_list(r, item);
	if (items == NULL)
		return false;
	for (i = 0; i < len; i++)
		if (!tpl_scope_set(r, n->names[i], &items->items[i]))
			return false;
	if (!tpl_render_nodes(r, &n->body))
		return false;
	tpl_scope_pop(r, saved);
	return true;
}

static void
list_item(const struct value *list, size_t i, struct value *out)
{
	if (list->kind == VAL_LIST)
		tpl_value_from_json(out, json_array_get(list->json, i));
	else
		*out = list->seq->items[i];
}

static bool
turns(struct render *r, const struct for_node *n, const struct value *list,
    struct loop *loop)
{
	size_t var = 0; /* the place of the loop's variable */
	struct value item;
	int64_t i;

	for (i = 0; i < loop->count; i++) {
		loop->index = i;
		list_item(list, (size_t)(n->reversed ? loop->count - 1 - i : i),
		    &item);
		if (!tpl_step(r, 1))
			return false;
		if (n->n > 1) {
			if (!unpack(r, n, &item))
				return false;
			continue;
		}
		if (var == 0) {
			var = r->bindings_n;
			if (!tpl_scope_set(r, n->names[0], &item))
				return false;
			if (r->bindings_n == var)
				var = r->frame; /* the loop's variable is called
				                   forloop */
		} else {
			r->bindings[var].value = item;
		}
		if (!tpl_render_nodes(r, &n->body))
			return false;
	}
	return true;
}

static struct loop *
new_loop(struct render *r, size_t count)
{
	struct loop *loop = tpl_alloc(r, sizeof(*loop));
	struct value v = { .kind = VAL_LOOP, .loop = loop };
	struct value parent;

	if (loop == NULL)
		return NULL;
	if (!tpl_scope_get(r, SPAN_LIT("forloop"), &parent))
		parent = (struct value){ .kind = VAL_DICT };
	*loop = (struct loop){ .parent = parent, .count = (int64_t)count };
	return tpl_scope_set(r, SPAN_LIT("forloop"), &v) ? loop : NULL;
}

static bool
loop_over(struct render *r, const struct for_node *n)
{
	const struct seq *items;
	struct value list;
	struct loop *loop;
	size_t count = 0;

	if (!tpl_expr_eval(r, &n->list, MISSING_IS_NONE, &list))
		return false;
	if (list.kind != VAL_LIST && list.kind != VAL_NONE) {
		items = tpl_value_list(r, &list);
		if (items == NULL)
			return false;
		list = tpl_value_seq(items);
	}
	(void)tpl_value_len(&list, &count);
	if (count == 0)
		return tpl_render_nodes(r, &n->empty);
	loop = new_loop(r, count);
	return loop != NULL && turns(r, n, &list, loop);
}

static bool
render_for(struct render *r, const struct node *n)
{
	struct keep keep = tpl_keep_begin(r);
	size_t saved = tpl_scope_push(r);

	if (!loop_over(r, (const struct for_node *)n))
		return false;
	tpl_scope_pop(r, saved);
	tpl_keep_end(r, keep);
	return true;
}

/* "a, b , c" over several words. */
static bool
parse_names(struct parser *p, const struct words *w, size_t to,
    struct for_node *n)
{
	struct span all = { w->w[1].p,
		(size_t)(w->w[to - 1].p + w->w[to - 1].len - w->w[1].p) };
	struct span rest = all;
	size_t i;

	for (n->n = 1, i = 0; i < all.len; i++)
		n->n += all.p[i] == ',';
	n->names = tpl_parse_alloc(p, n->n, sizeof(struct span));
	if (n->names == NULL)
		return false;
	for (i = 0; i < n->n; i++) {
		n->names[i] = span_trim(span_cut(&rest, ','));
		if (n->names[i].len == 0 ||
		    memchr(n->names[i].p, ' ', n->names[i].len) != NULL ||
		    memchr(n->names[i].p, '"', n->names[i].len) != NULL ||
		    memchr(n->names[i].p, '\'', n->names[i].len) != NULL ||
		    memchr(n->names[i].p, '|', n->names[i].len) != NULL)
			return tpl_parse_fail(p, all.p,
			    "'for' cannot use the names '%.*s'", WORD(all));
	}
	return true;
}

static bool
parse_for_words(struct parser *p, const struct token *tok, struct for_node *n)
{
	struct words w;
	size_t in;

	if (!tpl_parse_words(p, tok->text, &w))
		return false;
	n->reversed = span_eq(w.w[w.n - 1], SPAN_LIT("reversed"));
	if (w.n < (n->reversed ? 5u : 4u))
		return tpl_parse_fail(p, tok->at,
		    "'for' must have the form 'for x in y'");
	in = w.n - (n->reversed ? 3 : 2);
	if (!span_eq(w.w[in], SPAN_LIT("in")))
		return tpl_parse_fail(p, w.w[in].p,
		    "'for' must have the form 'for x in y'");
	return parse_names(p, &w, in, n) &&
	       tpl_expr_parse(p, w.w[in + 1], &n->list);
}

TAG(for)
{
	static const char *const until[] = { "empty", "endfor", NULL };
	struct for_node *n = tpl_parse_node(p, tok, sizeof(*n), render_for);
	struct token end;

	if (n == NULL || !parse_for_words(p, tok, n) ||
	    !tpl_parse(p, tok, until, &n->body, &end))
		return false;
	*out = &n->node;
	return !span_eq(end.text, SPAN_LIT("empty")) ||
	       tpl_parse_to(p, tok, "endfor", &n->empty);
}

struct cycle_node {
	struct node node;
	unsigned slot;
	size_t n;
	struct expr *values;
	struct span name; /* p NULL: none */
	bool silent;
	struct cycle_node *next;
};

/* A place where a cycle defined elsewhere goes on, or begins again. */
struct cycle_use {
	struct node node;
	const struct cycle_node *cycle;
};

static bool
render_cycle(struct render *r, const struct node *node)
{
	const struct cycle_node *n = (const struct cycle_node *)node;
	struct keep keep = tpl_keep_begin(r);
	struct value *state;
	struct value v;
	bool *set;
	int64_t i;

	state = tpl_state(r, &r->unit->states, n->slot, &set);
	if (state == NULL)
		return false;
	i = *set ? state->i : 0;
	*state = tpl_value_int((i + 1) % (int64_t)n->n);
	*set = true;
	if (!tpl_expr_eval(r, &n->values[i], MISSING_IS_TEXT, &v))
		return false;
	if (n->name.p != NULL && !tpl_scope_set_upward(r, n->name, &v))
		return false;
	if (!n->silent && !tpl_out_value(r, &v))
		return false;
	tpl_keep_end(r, keep);
	return true;
}

static bool
render_cycle_use(struct render *r, const struct node *n)
{
	return render_cycle(r, &((const struct cycle_use *)n)->cycle->node);
}

static bool
render_resetcycle(struct render *r, const struct node *n)
{
	struct value *state;
	bool *set;

	state = tpl_state(r, &r->unit->states,
	    ((const struct cycle_use *)n)->cycle->slot, &set);
	if (state == NULL)
		return false;
	*set = false;
	return true;
}

static struct cycle_node *
find_cycle(const struct parser *p, struct span name)
{
	struct cycle_node *c;

	for (c = p->cycles; c != NULL && !span_eq(c->name, name); c = c->next)
		;
	return c;
}

static bool
use_cycle(struct parser *p, const struct token *tok,
    const struct cycle_node *cycle,
    bool (*render)(struct render *r, const struct node *n), struct node **out)
{
	struct cycle_use *n = tpl_parse_node(p, tok, sizeof(*n), render);

	if (n == NULL)
		return false;
	n->cycle = cycle;
	*out = &n->node;
	return true;
}

/* Take "as name" or "as name silent" off the end. */
static bool
parse_cycle_name(struct parser *p, struct words *w, struct cycle_node *n)
{
	if (w->n <= 4)
		return true;
	if (span_eq(w->w[w->n - 3], SPAN_LIT("as"))) {
		if (!span_eq(w->w[w->n - 1], SPAN_LIT("silent")))
			return tpl_parse_fail(p, w->w[w->n - 1].p,
			    "only 'silent' may stand behind the name of a "
			    "cycle, not '%.*s'",
			    WORD(w->w[w->n - 1]));
		n->silent = true;
		w->n--;
	} else if (!span_eq(w->w[w->n - 2], SPAN_LIT("as"))) {
		return true;
	}
	n->name = w->w[w->n - 1];
	w->n -= 2;
	return true;
}

TAG(cycle)
{
	struct cycle_node *n;
	struct words w;

	if (!tpl_parse_words(p, tok->text, &w))
		return false;
	if (w.n < 2)
		return tpl_parse_fail(p, tok->at,
		    "'cycle' needs at least two arguments");
	if (w.n == 2) {
		n = find_cycle(p, w.w[1]);
		if (n == NULL)
			return tpl_parse_fail(p, w.w[1].p,
			    "there is no cycle named '%.*s'", WORD(w.w[1]));
		return use_cycle(p, tok, n, render_cycle_use, out);
	}
	n = tpl_parse_node(p, tok, sizeof(*n), render_cycle);
	if (n == NULL || !parse_cycle_name(p, &w, n) ||
	    !tpl_parse_exprs(p, &w, 1, w.n, &n->values))
		return false;
	n->n = w.n - 1;
	n->slot = p->t->slots++;
	if (n->name.p != NULL) {
		if (!tpl_parse_count_name(p, tok->at))
			return false;
		n->next = p->cycles;
		p->cycles = n;
	}
	p->last_cycle = n;
	*out = &n->node;
	return true;
}

TAG(resetcycle)
{
	const struct cycle_node *n = p->last_cycle;
	struct words w;

	if (!tpl_parse_words(p, tok->text, &w))
		return false;
	if (w.n > 2)
		return tpl_parse_fail(p, w.w[2].p,
		    "'resetcycle' takes at most one argument");
	if (w.n == 2)
		n = find_cycle(p, w.w[1]);
	if (n == NULL && w.n == 2)
		return tpl_parse_fail(p, w.w[1].p,
		    "there is no cycle named '%.*s'", WORD(w.w[1]));
	if (n == NULL)
		return tpl_parse_fail(p, tok->at, "there is no cycle to reset");
	return use_cycle(p, tok, n, render_resetcycle, out);
}

struct regroup_node {
	struct node node;
	struct expr list;
	struct expr key; /* NAME.key, of the item that NAME stands for */
	struct span name;
};

/* The items of one key, [from, to) of the list. */
static bool
make_group(struct render *r, const struct seq *list, size_t from, size_t to,
    const struct value *key, struct value *out)
{
	struct seq *items = tpl_seq_new(r, SEQ_LIST, to - from);
	struct seq *group = tpl_seq_new(r, SEQ_GROUP, 2);

	if (items == NULL || group == NULL)
		return false;
	memcpy(items->items, list->items + from,
	    (to - from) * sizeof(struct value));
	group->items[0] = *key;
	group->items[1] = tpl_value_seq(items);
	*out = tpl_value_seq(group);
	return true;
}

/* starts[i] is the first item of group i; returns the number of groups,
 * SIZE_MAX on a failure. */
static size_t
find_groups(struct render *r, const struct regroup_node *n,
    const struct seq *list, struct value *keys, size_t *starts)
{
	size_t count = 0;
	struct value key;
	size_t i;

	for (i = 0; i < list->n; i++) {
		if (!tpl_step(r, 1) ||
		    !tpl_scope_set(r, n->name, &list->items[i]) ||
		    !tpl_expr_eval(r, &n->key, MISSING_IS_NONE, &key))
			return SIZE_MAX;
		if (count == 0 ||
		    !(tpl_value_same(&key, &keys[count - 1]) ||
		        tpl_value_equal(r, &keys[count - 1], &key))) {
			keys[count] = key;
			starts[count++] = i;
		}
		if (r->fail != FAIL_NONE)
			return SIZE_MAX;
	}
	return count;
}

static bool
render_regroup(struct render *r, const struct node *node)
{
	const struct regroup_node *n = (const struct regroup_node *)node;
	const struct seq *list;
	struct value target;
	struct value *keys;
	struct seq *groups;
	size_t *starts;
	size_t count;
	size_t i;

	if (!tpl_expr_eval(r, &n->list, MISSING_IS_NONE, &target))
		return false;
	list = target.kind == VAL_NONE ? tpl_seq_new(r, SEQ_LIST, 0)
	                               : tpl_value_list(r, &target);
	if (list == NULL)
		return false;
	keys = tpl_alloc_array(r, list->n, sizeof(*keys));
	starts = tpl_alloc_array(r, list->n, sizeof(*starts));
	if (keys == NULL || starts == NULL)
		return false;
	count = find_groups(r, n, list, keys, starts);
	groups = count == SIZE_MAX ? NULL : tpl_seq_new(r, SEQ_LIST, count);
	if (groups == NULL)
		return false;
	for (i = 0; i < count; i++)
		if (!make_group(r, list, starts[i],
		        i + 1 < count ? starts[i + 1] : list->n, &keys[i],
		        &groups->items[i]))
			return false;
	target = tpl_value_seq(groups);
	return tpl_scope_set(r, n->name, &target);
}

static bool
join_name(struct parser *p, struct span a, struct span b, struct span *out)
{
	char *s = tpl_parse_alloc(p, a.len + b.len + 1, 1);

	if (s == NULL)
		return false;
	memcpy(s, a.p, a.len);
	s[a.len] = '.';
	memcpy(s + a.len + 1, b.p, b.len);
	*out = (struct span){ s, a.len + b.len + 1 };
	return true;
}

TAG(regroup)
{
	struct regroup_node *n =
	    tpl_parse_node(p, tok, sizeof(*n), render_regroup);
	struct span key;
	struct words w;

	if (n == NULL || !tpl_parse_words(p, tok->text, &w))
		return false;
	if (w.n != 6 || !span_eq(w.w[2], SPAN_LIT("by")) ||
	    !span_eq(w.w[4], SPAN_LIT("as")))
		return tpl_parse_fail(p, tok->at,
		    "'regroup' must have the form 'regroup list by key as "
		    "name'");
	n->name = w.w[5];
	*out = &n->node;
	return tpl_expr_parse(p, w.w[1], &n->list) &&
	       join_name(p, w.w[5], w.w[3], &key) &&
	       tpl_expr_parse(p, key, &n->key);
}
