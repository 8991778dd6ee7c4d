/* SPDX-License-Identifier: ISC */
/* Every name is looked for as if mail had come for it. */
#include "submit/alias_expand.h"

#include "envelope/envelope.h"
#include "submit/alias_file.h"
#include "submit/alias_graph.h"

/* A node for the name of an entry. */
static int
take_name(struct alias_graph *g, const struct alias_entry *e, struct buf *fold,
    size_t *faults, struct warnings *w, struct po_err *err)
{
	const char *fault = e->fault;
	size_t before = g->n_nodes;
	uint32_t node;

	if (fault == NULL)
		fault = alias_name_fold(e->name, fold);
	if (fault != NULL) {
		warnings_add(w, "%s:%u: %s", g->file, e->line, fault);
		++*faults;
		return 0;
	}
	node = alias_graph_node(g, buf_span(fold), buf_str(fold), err);
	if (node == ALIAS_NO_NODE)
		return -1;
	if (g->n_nodes == before)
		warnings_add(w,
		    "%s:%u: %s has an entry in line %u, which counts", g->file,
		    e->line, buf_str(fold), g->nodes[node].line);
	else
		g->nodes[node].line = e->line;
	return 0;
}

static int
take_names(struct alias_graph *g, struct alias_file *f, size_t *faults,
    struct warnings *w, struct po_err *err)
{
	struct alias_reader r;
	struct alias_entry e;
	struct buf fold;
	int rc = 0;

	buf_init(&fold, ENVELOPE_MAX_ADDRESS);
	alias_reader_init(&r, f->text, f->len);
	while (rc == 0 && alias_next(&r, &e))
		rc = take_name(g, &e, &fold, faults, w, err);
	buf_clear(&fold);
	return rc;
}

/* Loops, and names that stand for nothing. */
static void
walk_all(struct alias_graph *g, struct warnings *w)
{
	struct alias_walk walk;
	struct alias_edge edge;
	enum alias_step step;
	uint32_t i;

	for (i = 0; i < g->n_nodes; i++) {
		alias_walk_begin(&walk, g, i, false);
		while ((step = alias_walk_next(&walk, &edge)) != ALIAS_STEP_END)
			if (step == ALIAS_STEP_LOOP)
				warnings_add(w,
				    "%s:%u: %s leads back to itself", g->file,
				    edge.line, g->nodes[edge.node].name.p);
		if (g->nodes[i].state == ALIAS_FOUND && g->nodes[i].n == 0)
			warnings_add(w, "%s:%u: %s stands for no address",
			    g->file, g->nodes[i].line, g->nodes[i].name.p);
	}
}

int
alias_check(const struct submit_conf *conf, const struct submit_host *host,
    struct warnings *w, struct po_err *err)
{
	struct alias_file file;
	struct alias_graph g;
	size_t faults = 0, said;
	int rc = alias_file_read(conf, &file, err);

	alias_graph_init(&g, conf, host, buf_str(&file.path));
	if (rc == 1)
		rc = take_names(&g, &file, &faults, w, err) == -1 ? -1 : 1;
	if (rc == 1) {
		said = w->n;
		rc = alias_graph_load(&g, file.text, file.len, w, err);
		if (rc == 0)
			walk_all(&g, w);
		if (rc == 0 && faults + w->n - said > 0)
			rc = 1;
	}
	alias_graph_clear(&g);
	alias_file_clear(&file);
	return rc;
}
