/* SPDX-License-Identifier: ISC */
/*
 * The three parts of a mail's template together. What another template brings
 * in by `extends` or `include` is its part of the same kind. All parts are
 * rendered before any is used, so an error never leaves half a mail.
 */
#ifndef PO_COMPOSE_MAIL_TEMPLATE_H
#define PO_COMPOSE_MAIL_TEMPLATE_H

#include "compose/template.h"
#include "message/parts.h"

struct mail_template {
	struct template *part[MAIL_PARTS]; /* NULL: there is none */
	bool text_auto; /* the text is made from the html that comes out */
};

/* Where an error is: the part, and the place in it. */
struct mail_place {
	enum mail_part part;
	struct template_place at;
};

/*
 * Compile all parts of `source` (copied) under `name`. White space around the
 * subject is left out. 0, or -1 as template_compile(), with nothing to clear.
 */
int mail_template_compile(const char *name, const struct mail_source *source,
    struct mail_template *out, struct mail_place *where, struct po_err *err);
void mail_template_clear(struct mail_template *t);

/* Finds other templates: as struct template_loader, for all parts. */
struct mail_library {
	int (*get)(void *ctx, struct span name,
	    const struct mail_template **out, struct template_place *where,
	    struct po_err *err);
	void *ctx;
};

struct mail_rendered {
	bool has[MAIL_PARTS];
	struct buf part[MAIL_PARTS];
};

/*
 * Render every part: html with escaping, subject and text without; `o` says the
 * rest (its loader and autoescape do not count). A subject with a line end in
 * it is PO_EDATA: it would be another header field. 0, or -1 with nothing to
 * clear.
 */
int mail_template_render(const struct mail_template *t,
    const struct template_context *c, const struct template_options *o,
    const struct mail_library *library, struct mail_rendered *out,
    struct mail_place *where, struct po_err *err);
void mail_rendered_clear(struct mail_rendered *r);

/* The text that goes with an html part, into *out, which is init'ed here and
 * the caller's to clear. */
int mail_text_from_html(struct span html, struct buf *out, struct po_err *err);

#endif
