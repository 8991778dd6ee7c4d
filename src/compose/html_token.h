/* SPDX-License-Identifier: ISC */
/*
 * HTML as a stream of tags and text, as a browser cuts it (HTML, 13.2.5), as
 * far as a reader of text needs that. Any bytes are HTML: nothing is an error.
 * Linear in the length of the source.
 */
#ifndef PO_COMPOSE_HTML_TOKEN_H
#define PO_COMPOSE_HTML_TOKEN_H

#include <stdbool.h>

#include "util/buf.h"
#include "util/span.h"

enum html_kind { HTML_TEXT, HTML_OPEN, HTML_CLOSE, HTML_END };

struct html_token {
	enum html_kind kind;
	struct span text;       /* HTML_TEXT: as in the source */
	struct span name;       /* of a tag, in any case */
	struct span attributes; /* what is behind the name */
};

/* Cut the next token off *rest. Comments, declarations, and the content of
 * script, style, title and template are left out. */
void html_next(struct span *rest, struct html_token *t);

bool html_is(const struct html_token *t, const char *name);

/* The first attribute of that name, references resolved, control characters
 * left out, appended to `out`. False when there is none, or no room. */
bool html_attribute(const struct html_token *t, const char *name,
    struct buf *out);

/* Text with its references resolved. False when there is no room. */
bool html_unescape(struct span s, struct buf *out);

#endif
