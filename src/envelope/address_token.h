/* SPDX-License-Identifier: ISC */
/* The words of an address list (RFC 5322, 3.2): only here is known what
 * comments and quotes are. Private to the address files of envelope. */
#ifndef PO_ENVELOPE_ADDRESS_TOKEN_H
#define PO_ENVELOPE_ADDRESS_TOKEN_H

#include <stdbool.h>

#include "util/span.h"

enum token_kind {
	TOKEN_END,
	TOKEN_ATOM,
	TOKEN_QUOTED,  /* with its quotes */
	TOKEN_LITERAL, /* with its brackets */
	TOKEN_SPECIAL, /* one of < > @ , ; : . */
	TOKEN_BAD
};

struct token {
	enum token_kind kind;
	struct span raw;
	const char *fault; /* TOKEN_BAD */
};

/* The next token of *s, which moves behind it; `phrase`: of what may be a
 * name, with encoded words. */
struct token address_word(struct span *s, bool phrase);

static inline struct token
address_token(struct span *s)
{
	return address_word(s, false);
}

static inline bool
token_is(const struct token *t, char special)
{
	return t->kind == TOKEN_SPECIAL && t->raw.p[0] == special;
}

#endif
