/* SPDX-License-Identifier: ISC */
/*
 * The state of one render: variables, output, limits, and the failure that ends
 * it. Functions that can fail return false with the failure noted here; nothing
 * is noted twice.
 */
#ifndef PO_COMPOSE_RENDER_H
#define PO_COMPOSE_RENDER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "compose/node.h"
#include "compose/pool.h"
#include "compose/template.h"
#include "compose/value.h"
#include "util/buf.h"

enum failure {
	FAIL_NONE,
	FAIL_MISSING, /* a variable that a filter's argument names is not
	                 defined */
	FAIL_VALUE,   /* what Python would raise: `if` takes it for false */
	FAIL_FATAL,   /* a limit, a broken template: nothing goes on */
};

/* A name and its value in one of the open scopes. */
struct binding {
	struct span name;
	struct value value;
};

struct outer {
	struct outer *next;
	struct binding binding;
};

/*
 * State that nodes keep between two visits (cycle, ifchanged): one array for
 * each template that took part, its places numbered when it was compiled.
 */
struct states {
	struct states *next;
	const struct template *owner;
	struct value *slots;
	bool *set;
};

/* All blocks of one name in a chain of extends, the most derived one first; [0,
 * used) are being rendered. */
struct block_chain {
	struct block_chain *next;
	struct span name;
	size_t n;
	size_t used;
	const struct block_node *blocks[];
};

/* What one template with its parents keeps to itself; an included one has its
 * own. */
struct unit {
	struct states *states;
	struct block_chain *chains;
	bool inherits; /* some template in it extends another */
	const struct template *history[64];
	size_t history_n;
};

struct render {
	const struct template_options *options;
	const struct template_limits *limits;
	json_t *root; /* the context; NULL where `only` hides it */
	struct outer
	    *outer; /* what was set in the place of names of the context */
	const struct template *owner; /* of the nodes being rendered */
	struct unit *unit;
	struct buf *out; /* output, or what a tag collects */
	bool autoescape;
	struct pool pool;
	struct binding *bindings;
	size_t bindings_n;
	size_t bindings_cap;
	size_t frame;  /* first binding of the innermost scope */
	size_t floor;  /* bindings below are hidden by `only` */
	size_t lowest; /* since the innermost struct keep began: 1 + the lowest
	                  binding stored to, 0: elsewhere */
	uint64_t steps;
	uint64_t ask_at;  /* steps at which options->expired is asked */
	size_t start;     /* of our part of the output that the caller gave */
	size_t collected; /* bytes in the output that waits outside `out` */
	unsigned includes;
	unsigned depth;
	uint64_t random;
	enum failure fail;
	bool placed; /* the place of the failure is known */
	struct po_err *err;
	struct template_place *where;
};

/* Note a failure and return false. FATAL by limit: PO_EUNAVAILABLE. */
bool tpl_fail(struct render *r, enum failure kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool tpl_fail_limit(struct render *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
bool tpl_fail_memory(struct render *r); /* of the pool */
/* What was noted is no failure after all, unless it is fatal. `depth` is
 * r->depth as it was. */
void tpl_fail_forget(struct render *r, unsigned depth);

/* Count `n` steps. */
bool tpl_step_slow(struct render *r);
static inline bool
tpl_step(struct render *r, uint64_t n)
{
	r->steps += n;
	return r->steps < r->ask_at || tpl_step_slow(r);
}

/* Recursion, of nodes as of values within values: a bound for the stack. */
#define DEPTH_MAX 1000
static inline bool
tpl_enter(struct render *r)
{
	if (r->depth >= DEPTH_MAX)
		return tpl_fail_limit(r, "nested deeper than the limit of %u",
		    DEPTH_MAX);
	r->depth++;
	return true;
}

static inline void
tpl_leave(struct render *r)
{
	r->depth--;
}

/* Memory until the render, or the enclosing expression, is over. NULL: failure
 * noted. */
void *tpl_alloc(struct render *r, size_t len);
void *tpl_alloc_array(struct render *r, size_t n, size_t size);
bool tpl_copy(struct render *r, struct span s, struct span *out);

/*
 * What is made between begin and end is given back at the end, unless something
 * of it was stored in a variable that is older than the begin.
 */
struct keep {
	struct pool_mark mark;
	size_t lowest;
	size_t bindings;
};

static inline struct keep
tpl_keep_begin(struct render *r)
{
	struct keep k = { tpl_pool_mark(&r->pool), r->lowest, r->bindings_n };

	r->lowest = SIZE_MAX;
	return k;
}

static inline void
tpl_keep_end(struct render *r, struct keep k)
{
	if (r->lowest > k.bindings && r->bindings_n <= k.bindings)
		tpl_pool_release(&r->pool, k.mark);
	if (k.lowest < r->lowest)
		r->lowest = k.lowest;
}

/* Output. */
bool tpl_out_slow(struct render *r, const char *p, size_t len);
static inline bool
tpl_out(struct render *r, const char *p, size_t len)
{
	struct buf *b = r->out;

	if (len == 0 || b->cap <= b->len || len >= b->cap - b->len ||
	    len > b->max - b->len)
		return tpl_out_slow(r, p, len);
	memcpy(b->p + b->len, p, len);
	b->len += len;
	b->p[b->len] = '\0';
	return true;
}
bool tpl_out_escaped(struct render *r, struct span s);
bool tpl_out_value(struct render *r,
    const struct value *v); /* as {{ }} prints it */

/* Render the nodes into memory of their own instead. *text lies in the pool. */
bool tpl_collect(struct render *r, const struct nodelist *nodes,
    struct span *text);
bool tpl_collect_call(struct render *r,
    bool (*render)(struct render *r, const struct node *n),
    const struct node *n, struct span *text);
bool tpl_render_nodes(struct render *r, const struct nodelist *nodes);
bool tpl_render_template(struct render *r, const struct template *t);

/* Scopes. push returns what pop takes. */
size_t tpl_scope_push(struct render *r);
void tpl_scope_pop(struct render *r, size_t saved);
bool tpl_scope_set(struct render *r, struct span name,
    const struct value *v); /* in the innermost */
bool tpl_scope_set_upward(struct render *r, struct span name,
    const struct value *v);
bool tpl_scope_get(struct render *r, struct span name, struct value *out);

/* Evaluate all, then open a scope with them. */
struct assignment;
bool tpl_assign(struct render *r, const struct assignment *list, size_t *saved);

/* The slot of a node in `list`; NULL: failure noted. */
struct value *tpl_state(struct render *r, struct states **list, unsigned slot,
    bool **set);

json_t *tpl_context_root(const struct template_context *c);

uint64_t tpl_random(struct render *r, uint64_t below);

#endif
