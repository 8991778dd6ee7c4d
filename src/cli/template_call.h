/* SPDX-License-Identifier: ISC */
/*
 * One call of po-template on the store, and what its parts share: the command
 * line (template_command.c), the verbs (template_verbs.c), the templates that
 * it looked at (template_library.c), what it prints (template_print.c). For
 * these files only.
 */
#ifndef PO_CLI_TEMPLATE_CALL_H
#define PO_CLI_TEMPLATE_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/template_edit.h"
#include "compose/mail_template.h"
#include "conf/conf.h"
#include "spool/drop.h"
#include "spool/templates.h"
#include "util/buf.h"

/* A template of the store that was asked for. */
struct template_held {
	struct template_held *next;
	char *name; /* as it was asked for */
	struct templates_version v;
	struct mail_template t;
};

struct template_call {
	const char *file[MAIL_PARTS]; /* --text, --html; the subject itself */
	const char *description, *context, *part;
	char lang[TEMPLATES_LANG_BYTES];
	bool json, strict;
	int64_t now_us;
	const char *name;
	char folder[TEMPLATES_FOLDER_BYTES]; /* of `name` */
	uint32_t version;                    /* second operand, 0: none */
	bool has[MAIL_PARTS];
	struct buf input[MAIL_PARTS], context_text, old_description;
	struct templates store;
	struct drop_conf drop;
	struct conf *conf;
	struct template_held *held;
	struct template_edit edit;
	int64_t base; /* the version that was edited, or TEMPLATES_NEW */
	struct mail_place where;
};

struct template_verb {
	const char *name;
	int min, max; /* operands */
	bool changes; /* the store */
	int (*prepare)(struct template_call *c,
	    struct po_err *err); /* as the caller */
	int (*run)(struct template_call *c, struct po_err *err);
	const char *usage;
};
/* Ends with a row without a name. */
extern const struct template_verb template_verbs[];

/* `render` and `check` have a form without a store, too (src/po-template.c). */
bool template_verb_may_be_storeless(const struct template_verb *v);

/* mail_library's function, over a call: the template in the nearest language,
 * compiled once; kept until template_library_clear(). */
int template_library_get(void *ctx, struct span name,
    const struct mail_template **out, struct template_place *where,
    struct po_err *err);
void template_library_clear(struct template_call *c);

/* The template that the call names; one that is not there is an error. */
int template_library_need(struct template_call *c,
    const struct template_held **out, struct po_err *err);

/* Literal names that are not there: a warning, since templates may be saved in
 * any order; with --strict an error. What they name is looked at too. `depth`
 * begins at 0. */
int template_library_check(struct template_call *c, const char *name,
    const struct mail_template *t, unsigned depth, struct po_err *err);

/* One line on stderr; returns the exit status. */
int template_complain(const struct template_call *c, const struct po_err *err);

/* A line of a list, or one JSON object. */
void template_print_row(const struct template_call *c,
    const struct templates_version *v);
int template_print_list(struct template_call *c, const struct templates_list *l,
    struct po_err *err);

#endif
