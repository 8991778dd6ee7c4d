/* SPDX-License-Identifier: ISC */
/* From source to nodes: tokens, the nesting of tags, and errors with their
 * place. */
#ifndef PO_COMPOSE_PARSER_H
#define PO_COMPOSE_PARSER_H

#include <stdbool.h>
#include <stddef.h>

#include "compose/lexer.h"
#include "compose/node.h"
#include "compose/template.h"
#include "util/arena.h"

struct cycle_node;

struct parser {
	struct template *t;
	struct arena *arena;
	struct arena scratch; /* dies with the parser */
	struct lexer lexer;
	const struct template_limits *limits;
	unsigned depth;
	const struct token *open; /* the tag whose end is looked for */
	const char *at; /* where an error is that has no better place */
	struct cycle_node *cycles; /* named ones, latest first */
	struct cycle_node *last_cycle;
	struct reference **last_reference; /* where the next one goes */
	unsigned named;                    /* blocks and named cycles */
	struct template_place *where;
	struct po_err *err;
};

/* Words of a tag, the tag's name first. */
struct words {
	struct span *w;
	size_t n;
};

/*
 * Parse until one of the tags in `until` (NULL-terminated; NULL: until the
 * end), whose token goes into *end. `open` is the tag that wants it.
 */
bool tpl_parse(struct parser *p, const struct token *open,
    const char *const *until, struct nodelist *out, struct token *end);

/* tpl_parse() for the tags that end with one certain tag. */
bool tpl_parse_to(struct parser *p, const struct token *open,
    const char *end_tag, struct nodelist *out);

/* Everything up to the tag `end_tag` alone is left out. */
bool tpl_parse_skip(struct parser *p, const struct token *open,
    const char *end_tag);

/* Words between blanks, quoted text whole; false without memory. */
bool tpl_parse_words(struct parser *p, struct span text, struct words *out);
bool tpl_parse_plain_words(struct parser *p, struct span text,
    struct words *out); /* quotes mean nothing */

/* A new node of `size` bytes that begins with struct node. */
void *tpl_parse_node(struct parser *p, const struct token *tok, size_t size,
    bool (*render)(struct render *r, const struct node *n));
void *tpl_parse_alloc(struct parser *p, size_t n, size_t size);

/* Count a name that is searched for among all others of the template. */
bool tpl_parse_count_name(struct parser *p, const char *at);

/* Note an error at `at` (in the source, else the current tag's place) and
 * return false. */
bool tpl_parse_fail(struct parser *p, const char *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool tpl_parse_fail_limit(struct parser *p, const char *at, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));
bool tpl_parse_fail_memory(struct parser *p);

/* name=expr, as `with` and `include` take them. */
struct assignment {
	struct assignment *next;
	struct span name;
	struct expr value;
};
/* Take assignments off w[*at...]; `legacy`: also "expr as name and ...". *out
 * NULL when there is none. */
bool tpl_parse_assignments(struct parser *p, const struct words *w, size_t *at,
    bool legacy, struct assignment **out);

/* Compile the words [from, to) as expressions into an array. */
bool tpl_parse_exprs(struct parser *p, const struct words *w, size_t from,
    size_t to, struct expr **out);

#define WORD(s) ((int)((s).len > 200 ? 200 : (s).len)), (s).p

#endif
