/* SPDX-License-Identifier: ISC */
/* The table of tags. */
#ifndef PO_COMPOSE_TAGS_H
#define PO_COMPOSE_TAGS_H

#include "compose/parser.h"

struct tag {
	const char *name;
	/* *out may stay NULL: the tag renders nothing. NULL function: `why`
	 * says why po refuses it. */
	bool (*compile)(struct parser *p, const struct token *tok,
	    struct node **out);
	const char *why;
};

const struct tag *tpl_tag_find(struct span name);

#define TAG(name)                                                              \
	bool tpl_tag_##name(struct parser *p, const struct token *tok,         \
	    struct node **out)
TAG(autoescape);
TAG(block);
TAG(comment);
TAG(cycle);
TAG(extends);
TAG(filter);
TAG(firstof);
TAG(for);
TAG(if);
TAG(ifchanged);
TAG(ifequal);
TAG(ifnotequal);
TAG(include);
TAG(lorem);
TAG(now);
TAG(regroup);
TAG(resetcycle);
TAG(spaceless);
TAG(templatetag);
TAG(verbatim);
TAG(widthratio);
TAG(with);

#endif
