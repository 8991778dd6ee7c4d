/* SPDX-License-Identifier: ISC */
/*
 * The compiled form: a tree of nodes, each with the functions of its kind. Text
 * and names point into the template's copy of its source.
 */
#ifndef PO_COMPOSE_NODE_H
#define PO_COMPOSE_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compose/expr.h"
#include "compose/template.h"
#include "util/arena.h"
#include "util/span.h"

struct render;

struct node {
	bool (*render)(struct render *r, const struct node *n);
	const struct node *next;
	uint32_t at; /* offset of its tag in the source */
};

struct nodelist {
	const struct node *first;
};

struct block_node {
	struct node node;
	struct span name;
	struct nodelist body;
	const struct template *owner;
	struct block_node *next_block; /* of the same template */
};

struct reference {
	struct reference *next;
	struct span name;
	uint32_t at;
};

struct template
{
	struct arena arena;
	const char *name;
	struct span source;
	struct nodelist nodes;
	struct block_node *blocks;
	bool extends;
	bool dynamic;   /* some reference is no literal */
	unsigned slots; /* of states */
	struct reference *references;
};

/* Line and column of a place in the source, both from 1. */
void tpl_place(const struct template *t, uint32_t at,
    struct template_place *out);

#endif
