/* SPDX-License-Identifier: ISC */
/*
 * A mail as a program describes it: who, what, when. Filled from a command line
 * or from JSON, then written as a message: header fields, then a body by
 * compose/mime.h. What a field may hold is checked here, for all that ends in
 * the header comes from somebody: no line end gets through.
 */
#ifndef PO_COMPOSE_LETTER_H
#define PO_COMPOSE_LETTER_H

#include "compose/mime.h"
#include "message/parts.h"
#include "util/arena.h"

struct letter_list {
	const char **v; /* each a list of addresses */
	size_t n, cap;
};

struct letter_field {
	const char *name, *value;
};

/* Strings live in `arena`; NULL or empty: not given. */
struct letter {
	struct arena arena;
	const char *from;     /* one address; the caller's if NULL */
	const char *sender;   /* of the envelope, if not that of `from` */
	const char *reply_to; /* a list */
	struct letter_list to, cc, bcc;
	struct letter_field *fields; /* others, in this order */
	size_t n_fields, cap_fields;
	struct mail_source source; /* subject, text, html, as they were given */
	const char *template;      /* its name, instead */
	const char *lang;
	const char *context; /* JSON in one line; NULL: nothing is filled in */
	bool at_delivery;    /* rendered when it is sent */
	const char *priority, *schedule, *expires, *tag, *key;
	struct mime_file *files;
	size_t n_files, cap_files;
};

void letter_init(struct letter *l);
void letter_clear(struct letter *l);

/* Everything of `from` that `l` may have, too: what was given for all. Strings
 * are not copied. */
int letter_copy(struct letter *l, const struct letter *from,
    struct po_err *err);

int letter_add(struct letter *l, struct letter_list *list, const char *s,
    struct po_err *err);
/* PO_EDATA: no field name, or one that is written otherwise (To, Subject,
 * Content-Type...), or a line end in the value. */
int letter_add_field(struct letter *l, const char *name, const char *value,
    struct po_err *err);
int letter_add_file(struct letter *l, const struct mime_file *f,
    struct po_err *err);

/* Fill in from a JSON object; what it says replaces what was there (headers and
 * attachments are added). Unknown names are PO_EDATA. */
int letter_read_json(struct letter *l, struct span json, struct po_err *err);

/* JSON of any form in one line, as `context` wants it, in the arena. */
int letter_set_context(struct letter *l, struct span json, struct po_err *err);

/* What fits together: a template or parts, someone to send to. */
int letter_check(const struct letter *l, struct po_err *err);

/* The header fields, without an empty line; the orders to po (X-PO-...) too.
 * `subject` has none where data is NULL. */
int letter_put_header(const struct letter *l, const struct span *subject,
    struct buf *out, struct po_err *err);

/* All addresses of a list, each with its name in a form fit for a header. */
bool letter_put_addresses(struct buf *out, const char *list);

#endif
