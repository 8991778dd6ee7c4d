/* SPDX-License-Identifier: ISC */
/*
 * One pass over the file for each level: what was wanted when a pass began is
 * looked for by name, the first entry of a name counts, and its targets are
 * wanted by the next pass. Between ten thousand entries and one wanted name an
 * entry costs its bytes and one hash.
 */
#include "submit/alias_graph.h"

#include <stdlib.h>
#include <string.h>

#include "envelope/envelope.h"
#include "util/grow.h"

#define ARENA_BYTES ((size_t)256 << 20)
#define MAX_NODES ((size_t)1 << 20)
#define MAX_EDGES ((size_t)1 << 21)

void
alias_graph_init(struct alias_graph *g, const struct submit_conf *conf,
    const struct submit_host *host, const char *file)
{
	*g = (struct alias_graph){ .conf = conf,
		.host = host,
		.file = file,
		.catch_all = ALIAS_NO_NODE };
	arena_init(&g->arena, ARENA_BYTES);
}

void
alias_graph_clear(struct alias_graph *g)
{
	free(g->nodes);
	free(g->edges);
	free(g->slots);
	arena_clear(&g->arena);
	g->nodes = NULL;
	g->edges = NULL;
	g->slots = NULL;
	g->n_nodes = g->nodes_cap = g->n_edges = g->edges_cap = 0;
}

bool
alias_is_local(const struct alias_graph *g, struct span address, bool bare,
    struct span *name)
{
	struct span domain = address_domain(address);

	*name = address;
	if (domain.p > address.p)
		name->len = (size_t)(domain.p - 1 - address.p);
	return bare || submit_is_local(g->conf, g->host, domain);
}

/* ------------------------------------------------------------------ nodes */

/* The slot of a name in any case, or the free one where it would go. */
static uint32_t *
find_slot(const struct alias_graph *g, struct span name)
{
	size_t at = span_hash_nocase(name) & g->mask;

	while (g->slots[at] != 0 &&
	       !span_eq_nocase(g->nodes[g->slots[at] - 1].name, name))
		at = (at + 1) & g->mask;
	return &g->slots[at];
}

static uint32_t
find_node(const struct alias_graph *g, struct span name)
{
	return g->slots == NULL ? ALIAS_NO_NODE : *find_slot(g, name) - 1;
}

/* Room for one more, the slots at most half full. */
static bool
grow_nodes(struct alias_graph *g)
{
	struct alias_node *nodes;
	size_t i;

	if (g->n_nodes < g->nodes_cap)
		return true;
	nodes = grow_array(g->nodes, g->n_nodes, &g->nodes_cap, sizeof(*nodes));
	if (nodes == NULL)
		return false;
	g->nodes = nodes;
	free(g->slots);
	g->slots = calloc(g->nodes_cap * 2, sizeof(*g->slots));
	if (g->slots == NULL)
		return false;
	g->mask = g->nodes_cap * 2 - 1;
	for (i = 0; i < g->n_nodes; i++)
		*find_slot(g, g->nodes[i].name) = (uint32_t)i + 1;
	return true;
}

uint32_t
alias_graph_node(struct alias_graph *g, struct span name, const char *address,
    struct po_err *err)
{
	struct alias_node node = { .state = ALIAS_WANTED };
	uint32_t found = find_node(g, name);
	char *folded;
	size_t i;

	if (found != ALIAS_NO_NODE)
		return found;
	if (g->n_nodes == MAX_NODES) {
		(void)po_fail(err, PO_ECONFIG, "%s: more than %zu names",
		    g->file, MAX_NODES);
		return ALIAS_NO_NODE;
	}
	folded = arena_strndup(&g->arena, name.p, name.len);
	node.address = arena_strdup(&g->arena, address);
	if (folded == NULL || node.address == NULL || !grow_nodes(g)) {
		(void)po_fail(err, PO_EOS, "no memory for aliases");
		return ALIAS_NO_NODE;
	}
	for (i = 0; i < name.len; i++)
		folded[i] = (char)ascii_lower((unsigned char)folded[i]);
	node.name = (struct span){ folded, name.len };
	g->nodes[g->n_nodes++] = node;
	*find_slot(g, node.name) = (uint32_t)g->n_nodes;
	return (uint32_t)g->n_nodes - 1;
}

/* ------------------------------------------------------------------ edges */

static int
add_edge(struct alias_graph *g, struct alias_edge edge, struct po_err *err)
{
	struct alias_edge *edges;

	if (g->n_edges == MAX_EDGES)
		return po_fail(err, PO_ECONFIG, "%s: more than %zu targets",
		    g->file, MAX_EDGES);
	edges = grow_array(g->edges, g->n_edges, &g->edges_cap, sizeof(*edges));
	if (edges == NULL)
		return po_fail(err, PO_EOS, "no memory for aliases");
	g->edges = edges;
	g->edges[g->n_edges++] = edge;
	return 0;
}

/* "joe" as an address: joe@domain. */
static const char *
qualify(struct alias_graph *g, const struct address *a)
{
	size_t domain = strlen(g->host->domain);
	char *text = arena_alloc(&g->arena, a->len + 1 + domain + 1);

	if (text == NULL)
		return NULL;
	memcpy(text, a->text, a->len);
	text[a->len] = '@';
	memcpy(text + a->len + 1, g->host->domain, domain + 1);
	return text;
}

static int
add_target(struct alias_graph *g, const struct alias_target *t,
    struct po_err *err)
{
	const struct address *a = &t->address;
	struct alias_edge edge = { .node = ALIAS_NO_NODE, .line = t->line };
	struct span name;

	edge.address =
	    a->qualified ? arena_strdup(&g->arena, a->text) : qualify(g, a);
	if (edge.address == NULL)
		return po_fail(err, PO_EOS, "no memory for aliases");
	if (!t->literal &&
	    alias_is_local(g, span_of(edge.address), !a->qualified, &name)) {
		edge.node = alias_graph_node(g, name, edge.address, err);
		if (edge.node == ALIAS_NO_NODE)
			return -1;
	}
	return add_edge(g, edge, err);
}

/* What the entry says, for the node. */
static int
take_entry(struct alias_graph *g, uint32_t node, const struct alias_entry *e,
    struct warnings *w, struct po_err *err)
{
	struct alias_targets ts;
	struct alias_target t;
	uint32_t first = (uint32_t)g->n_edges;
	int rc = 0;

	alias_targets_init(&ts, e);
	while (rc == 0 && alias_target_next(&ts, &t)) {
		if (t.kind == ALIAS_ADDRESS)
			rc = add_target(g, &t, err);
		else
			warnings_add(w, "%s:%u: %s", g->file, t.line,
			    t.fault.text);
	}
	alias_targets_clear(&ts);
	g->nodes[node].state = ALIAS_FOUND;
	g->nodes[node].line = e->line;
	g->nodes[node].first = first;
	g->nodes[node].n = (uint32_t)g->n_edges - first;
	return rc;
}

/* ------------------------------------------------------------------ passes */

/* Does the name look the same folded, but for case? */
static bool
is_plain(struct span name)
{
	unsigned char c;
	size_t i;

	for (i = 0; i < name.len; i++) {
		c = (unsigned char)name.p[i];
		if (!ascii_is_alnum(c) && c != '-' && c != '_' && c != '+' &&
		    c != '*' && c < 0x80)
			return false;
	}
	return true;
}

static uint32_t
node_of_entry(const struct alias_graph *g, struct span name, struct buf *fold)
{
	if (is_plain(name))
		return find_node(g, name);
	return alias_name_fold(name, fold) == NULL
	           ? find_node(g, buf_span(fold))
	           : ALIAS_NO_NODE;
}

/* Look for the first `n` nodes as far as they are wanted. */
static int
pass(struct alias_graph *g, char *text, size_t len, size_t n,
    struct warnings *w, struct po_err *err)
{
	struct alias_reader r;
	struct alias_entry e;
	struct buf fold;
	uint32_t node;
	size_t i;
	int rc = 0;

	buf_init(&fold, ENVELOPE_MAX_ADDRESS);
	alias_reader_init(&r, text, len);
	while (rc == 0 && alias_next(&r, &e)) {
		if (e.fault != NULL)
			continue;
		if (g->catch_all_entry.line == 0 && alias_is_catch_all(e.name))
			g->catch_all_entry = e;
		node = node_of_entry(g, e.name, &fold);
		if (node < n && g->nodes[node].state == ALIAS_WANTED)
			rc = take_entry(g, node, &e, w, err);
	}
	buf_clear(&fold);
	for (i = 0; i < n; i++)
		if (g->nodes[i].state == ALIAS_WANTED)
			g->nodes[i].state = ALIAS_UNKNOWN;
	return rc;
}

/* A name without an entry, and an entry for such names: now it is needed. */
static int
take_catch_all(struct alias_graph *g, struct warnings *w, struct po_err *err)
{
	struct address star = { .text = "*", .len = 1 };
	const char *address;
	size_t i;

	for (i = 0; i < g->n_nodes; i++)
		if (g->nodes[i].state == ALIAS_UNKNOWN)
			break;
	if (i == g->n_nodes || g->catch_all_entry.line == 0 ||
	    g->catch_all != ALIAS_NO_NODE)
		return 0;
	address = qualify(g, &star);
	if (address == NULL)
		return po_fail(err, PO_EOS, "no memory for aliases");
	g->catch_all = alias_graph_node(g, SPAN_LIT("*"), address, err);
	if (g->catch_all == ALIAS_NO_NODE)
		return -1;
	if (g->nodes[g->catch_all].state == ALIAS_FOUND)
		return 0;
	return take_entry(g, g->catch_all, &g->catch_all_entry, w, err);
}

int
alias_graph_load(struct alias_graph *g, char *text, size_t len,
    struct warnings *w, struct po_err *err)
{
	size_t known = 0, n = g->n_nodes;
	unsigned level;

	for (level = 0; known < n && level < ALIAS_MAX_LEVELS; level++) {
		if (pass(g, text, len, n, w, err) == -1 ||
		    take_catch_all(g, w, err) == -1)
			return -1;
		known = n;
		n = g->n_nodes;
	}
	for (; known < n; known++) {
		if (g->nodes[known].state != ALIAS_WANTED)
			continue;
		g->nodes[known].state = ALIAS_UNKNOWN;
		warnings_add(w, "%s: %s: aliases of aliases, more than %u deep",
		    g->file, g->nodes[known].name.p, ALIAS_MAX_LEVELS);
	}
	return 0;
}
