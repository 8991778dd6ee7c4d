/* SPDX-License-Identifier: ISC */
/*
 * Cuts a source into text, {{ variables }} and {% tags %}; {# comments #} are
 * left out. Neither of the three goes over the end of a line: what does is
 * text.
 */
#ifndef PO_COMPOSE_LEXER_H
#define PO_COMPOSE_LEXER_H

#include <stdbool.h>
#include <stddef.h>

#include "util/span.h"

enum token_kind { TOKEN_END, TOKEN_TEXT, TOKEN_VARIABLE, TOKEN_TAG };

struct token {
	enum token_kind kind;
	struct span text; /* text whole; of the others what is inside, without
	                     blanks at its ends */
	const char *at;   /* the first byte of it, braces and all */
};

struct lexer {
	struct span source;
	size_t pos;
	size_t none_before[3]; /* of %}, }}, #}: none ends in [the last search,
	                          here) */
	struct span verbatim;  /* the tag text that ends it, behind "end"; p
	                          NULL: not within one */
};

void tpl_lexer_init(struct lexer *l, struct span source);
void tpl_lexer_next(struct lexer *l, struct token *out);

#endif
