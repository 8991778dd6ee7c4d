/* SPDX-License-Identifier: ISC */
/* Depth first without recursion: a node on the path knows the one above it and
 * its next edge. */
#include "submit/alias_graph.h"

static void
enter(struct alias_walk *w, uint32_t node)
{
	struct alias_node *n = &w->g->nodes[node];

	n->up = w->at;
	n->next = 0;
	n->walk = w->g->walks;
	n->on_path = true;
	w->at = node;
}

static void
leave(struct alias_walk *w)
{
	struct alias_node *n = &w->g->nodes[w->at];

	n->on_path = false;
	w->at = n->up;
	if (w->at != ALIAS_NO_NODE)
		w->g->nodes[w->at].yields |= n->yields;
}

static bool
is_on_path(const struct alias_walk *w, uint32_t node)
{
	return node != ALIAS_NO_NODE && w->g->nodes[node].on_path;
}

/* Has all that it leads to been told? */
static bool
is_told(const struct alias_walk *w, const struct alias_node *n)
{
	return n->yields || n->walk == w->g->walks;
}

static enum alias_step
address(struct alias_walk *w)
{
	w->g->nodes[w->at].yields = true;
	return ALIAS_STEP_ADDRESS;
}

/* A name without an entry: first to "*", and when there is none, or it leads
 * nowhere, itself. */
static bool
step_unknown(struct alias_walk *w, struct alias_edge *edge)
{
	struct alias_node *n = &w->g->nodes[w->at];
	uint32_t star = w->g->catch_all;

	if (n->next == 1 && star != ALIAS_NO_NODE && !is_on_path(w, star)) {
		if (is_told(w, &w->g->nodes[star]))
			n->yields |= w->g->nodes[star].yields;
		else
			enter(w, star);
		return false;
	}
	if (n->yields)
		return false;
	*edge = (struct alias_edge){ w->at, n->address, n->line };
	return true;
}

void
alias_walk_begin(struct alias_walk *w, struct alias_graph *g, uint32_t node,
    bool anew)
{
	*w = (struct alias_walk){ g, ALIAS_NO_NODE };
	if (anew || g->walks == 0)
		g->walks++;
	if (!is_told(w, &g->nodes[node]))
		enter(w, node);
}

/* To where an edge leads that is on the path already: a name that stands for
 * itself is an address, others are a loop; but not when "*" is on the way,
 * which means "all others". */
static enum alias_step
step_back(struct alias_walk *w, struct alias_edge *edge, bool *pass)
{
	const struct alias_node *to = &w->g->nodes[edge->node];

	*pass = false;
	if (edge->node == w->at || to->state != ALIAS_FOUND) {
		edge->address = to->address;
		return address(w);
	}
	*pass = is_on_path(w, w->g->catch_all);
	return ALIAS_STEP_LOOP;
}

enum alias_step
alias_walk_next(struct alias_walk *w, struct alias_edge *edge)
{
	struct alias_node *n, *to;
	enum alias_step step;
	bool pass;

	while (w->at != ALIAS_NO_NODE) {
		n = &w->g->nodes[w->at];
		if (n->next == (n->state == ALIAS_FOUND ? n->n : 2)) {
			leave(w);
			continue;
		}
		n->next++;
		if (n->state != ALIAS_FOUND) {
			if (step_unknown(w, edge))
				return address(w);
			continue;
		}
		*edge = w->g->edges[n->first + n->next - 1];
		if (edge->node == ALIAS_NO_NODE)
			return address(w);
		to = &w->g->nodes[edge->node];
		if (to->on_path) {
			step = step_back(w, edge, &pass);
			if (!pass)
				return step;
		} else if (is_told(w, to)) {
			n->yields |= to->yields;
		} else {
			enter(w, edge->node);
		}
	}
	return ALIAS_STEP_END;
}
