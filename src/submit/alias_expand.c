/* SPDX-License-Identifier: ISC */
#include "submit/alias_expand.h"

#include <stdlib.h>

#include "envelope/xtext.h"
#include "submit/alias_file.h"
#include "submit/alias_graph.h"
#include "util/utf8.h"

/* The node of each recipient, ALIAS_NO_NODE where it is of another host. NULL
 * and *any false: none is of this one. */
static uint32_t *
find_local(struct alias_graph *g, const struct recipients *to, bool *any,
    struct po_err *err)
{
	uint32_t *nodes = NULL;
	struct span name;
	const char *address;
	size_t i;

	for (i = 0, *any = false; i < to->n; i++) {
		address = to->v[i].address;
		if (!alias_is_local(g, span_of(address),
		        (to->written[i] & RECIPIENT_BARE) != 0, &name))
			continue;
		*any = true;
		if (nodes == NULL) {
			nodes = malloc(to->n * sizeof(*nodes));
			if (nodes == NULL) {
				(void)po_fail(err, PO_EOS,
				    "no memory for recipients");
				return NULL;
			}
			memset(nodes, 0xff, to->n * sizeof(*nodes));
		}
		nodes[i] = alias_graph_node(g, name, address, err);
		if (nodes[i] == ALIAS_NO_NODE) {
			free(nodes);
			return NULL;
		}
	}
	return nodes;
}

/* ORCPT made of the address itself; NULL when it would be too long. */
static const char *
make_orcpt(const char *address, struct arena *arena)
{
	struct buf text;
	const char *orcpt = NULL;

	buf_init(&text, ENVELOPE_MAX_ORCPT);
	if (xtext_put_orcpt(&text, span_of(address)))
		orcpt = arena_strdup(arena, buf_str(&text));
	buf_clear(&text);
	return orcpt;
}

static int
put(struct recipients *out, const struct recipient *original,
    const char *address, const char *orcpt, struct po_err *err)
{
	const struct address a = { .text = address,
		.len = strlen(address),
		.qualified = true,
		.utf8 = !utf8_is_ascii(span_of(address)) };
	int rc = recipients_add_one(out, &a, err);

	if (rc == 1) {
		out->v[out->n - 1].notify = original->notify;
		out->v[out->n - 1].orcpt = orcpt;
	}
	return rc == -1 ? -1 : 0;
}

/* One recipient of this host: all that it leads to. */
static int
expand(struct alias_graph *g, uint32_t node, const struct recipient *r,
    struct recipients *out, struct arena *arena, struct warnings *w,
    struct po_err *err)
{
	const char *made = NULL, *orcpt;
	enum alias_step step;
	struct alias_edge edge;
	struct alias_walk walk;
	bool same;

	alias_walk_begin(&walk, g, node, true);
	while ((step = alias_walk_next(&walk, &edge)) != ALIAS_STEP_END) {
		if (step == ALIAS_STEP_LOOP) {
			warnings_add(w, "%s:%u: %s leads back to itself",
			    g->file, edge.line, g->nodes[edge.node].name.p);
			continue;
		}
		same = strcmp(edge.address, r->address) == 0;
		if (!same && r->orcpt == NULL && made == NULL)
			made = make_orcpt(r->address, arena);
		orcpt = same || r->orcpt != NULL ? r->orcpt : made;
		if (put(out, r, edge.address, orcpt, err) == -1)
			return -1;
	}
	if (g->nodes[node].yields)
		return 0;
	warnings_add(w, "%s:%u: %s: no address is left, so it stays %s",
	    g->file, g->nodes[node].line, g->nodes[node].name.p, r->address);
	return put(out, r, r->address, r->orcpt, err);
}

/* "root" and "root@example.com" were written: the latter means a mailbox. */
static bool
is_remote_too(const struct alias_graph *g, const struct recipients *to,
    size_t i)
{
	struct span name;

	return (to->written[i] & RECIPIENT_FULL) != 0 &&
	       !alias_is_local(g, span_of(to->v[i].address), false, &name);
}

static int
expand_all(struct alias_graph *g, const uint32_t *nodes, struct recipients *to,
    struct arena *arena, struct warnings *w, struct po_err *err)
{
	struct recipients out;
	size_t i;
	int rc = 0;

	recipients_init(&out, to->max);
	for (i = 0; rc == 0 && i < to->n; i++) {
		if (nodes[i] != ALIAS_NO_NODE)
			rc =
			    expand(g, nodes[i], &to->v[i], &out, arena, w, err);
		if (rc == 0 &&
		    (nodes[i] == ALIAS_NO_NODE || is_remote_too(g, to, i)))
			rc = put(&out, &to->v[i], to->v[i].address,
			    to->v[i].orcpt, err);
	}
	if (rc == -1) {
		recipients_clear(&out);
		return -1;
	}
	recipients_clear(to);
	*to = out;
	return 0;
}

int
alias_expand(const struct submit_conf *conf, const struct submit_host *host,
    struct recipients *to, struct arena *arena, struct warnings *w,
    struct po_err *err)
{
	struct alias_file file = { .text = NULL };
	struct alias_graph g;
	uint32_t *nodes;
	bool any;
	int rc;

	alias_graph_init(&g, conf, host, NULL);
	nodes = find_local(&g, to, &any, err);
	rc = any && nodes == NULL ? -1 : 0;
	if (nodes != NULL)
		rc = alias_file_read(conf, &file, err);
	if (rc == 1) {
		g.file = buf_str(&file.path);
		rc = alias_graph_load(&g, file.text, file.len, w, err);
		if (rc == 0)
			rc = expand_all(&g, nodes, to, arena, w, err);
	}
	free(nodes);
	alias_graph_clear(&g);
	alias_file_clear(&file);
	return rc;
}
