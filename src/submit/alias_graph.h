/* SPDX-License-Identifier: ISC */
/*
 * The part of an aliases file that some names lead to: a graph of names, and
 * what each stands for. alias_graph_load() fills it from the text of the file,
 * alias_walk_next() goes through what one name leads to.
 *
 * A name without an entry stands for what "*" (or "default") has, where the
 * file has that; but not within "*" itself. Then it is itself.
 */
#ifndef PO_SUBMIT_ALIAS_GRAPH_H
#define PO_SUBMIT_ALIAS_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "envelope/address.h"
#include "envelope/alias.h"
#include "submit/options.h"
#include "submit/warnings.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/span.h"

#define ALIAS_MAX_LEVELS 20u /* of names that stand for names */

#define ALIAS_NO_NODE UINT32_MAX

enum alias_state {
	ALIAS_WANTED,  /* not looked for yet */
	ALIAS_UNKNOWN, /* has no entry */
	ALIAS_FOUND
};

struct alias_node {
	struct span name; /* folded */
	const char
	    *address; /* the name and a domain, as it was first written */
	enum alias_state state;
	unsigned line;
	uint32_t first, n; /* of its edges */

	/* of the walk */
	uint32_t up, next;
	uint32_t walk; /* in which it was last seen */
	bool on_path;
	bool yields; /* an address was reached through it */
};

struct alias_edge {
	uint32_t node;       /* ALIAS_NO_NODE: an address that is no name */
	const char *address; /* of this host only where `node` is one */
	unsigned line;
};

struct alias_graph {
	const struct submit_conf *conf;
	const struct submit_host *host;
	const char *file; /* for texts */
	struct alias_node *nodes;
	size_t n_nodes, nodes_cap;
	struct alias_edge *edges;
	size_t n_edges, edges_cap;
	uint32_t *slots; /* hash table: node + 1 */
	size_t mask;
	uint32_t catch_all; /* node of "*", or ALIAS_NO_NODE */
	struct alias_entry catch_all_entry;
	uint32_t walks; /* begun anew */
	struct arena arena;
};

void alias_graph_init(struct alias_graph *g, const struct submit_conf *conf,
    const struct submit_host *host, const char *file);
void alias_graph_clear(struct alias_graph *g);

/* The name of a local address, to be folded: what stands before its domain.
 * False when it is not of this host. `bare`: no domain was written. */
bool alias_is_local(const struct alias_graph *g, struct span address, bool bare,
    struct span *name);

/* The node of a name (any case), made where there is none; `address` is copied
 * then. ALIAS_NO_NODE (PO_EOS, PO_ECONFIG: too many). */
uint32_t alias_graph_node(struct alias_graph *g, struct span name,
    const char *address, struct po_err *err);

/*
 * Look for all names that have nodes, and for those that they lead to. `text`
 * is the file, and must stay; comments in it become blanks. What is wrong with
 * an entry that is needed goes to `w`: its other targets count. -1 (PO_EOS,
 * PO_ECONFIG).
 */
int alias_graph_load(struct alias_graph *g, char *text, size_t len,
    struct warnings *w, struct po_err *err);

enum alias_step {
	ALIAS_STEP_END,
	ALIAS_STEP_ADDRESS, /* *edge: where mail goes; may come more than once
	                     */
	ALIAS_STEP_LOOP     /* *edge leads back, and is left out */
};

struct alias_walk {
	struct alias_graph *g;
	uint32_t at;
};

/*
 * What `node` leads to, depth first. Addresses that another walk of this graph
 * has told are left out: nodes[node].yields says whether there is any. `anew`:
 * names in which others found none are gone through again.
 */
void alias_walk_begin(struct alias_walk *w, struct alias_graph *g,
    uint32_t node, bool anew);
enum alias_step alias_walk_next(struct alias_walk *w, struct alias_edge *edge);

#endif
