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
#include "cli/template_folder.h"
#include "compose/mail_template.h"
#include "conf/conf.h"
#include "spool/drop.h"
#include "spool/spool.h"
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
	const char *description, *context, *part, *config, *timezone, *output;
	char lang[TEMPLATES_LANG_BYTES];
	bool json, strict, dry_run, text_auto, open;
	int64_t now_us;
	const char *name;
	char folder[TEMPLATES_FOLDER_BYTES]; /* of `name` */
	uint32_t version;                    /* second operand, 0: none */
	uint32_t second_version;             /* third operand, likewise */
	const char *files_folder;            /* of import and export */
	struct template_items items;         /* imported */
	struct templates_version *exported;
	size_t n_exported;
	bool has[MAIL_PARTS];
	struct buf input[MAIL_PARTS], context_text, old_description;
	struct templates store;
	struct drop_conf drop;
	struct conf *conf;
	struct template_held *held;
	struct template_edit edit;
	int64_t base; /* the version that was edited, or TEMPLATES_NEW */
	struct mail_place where;
	struct buf wrong; /* the source that `where` is in, if it was kept */
	struct spool_borrow borrow;
	struct index *index; /* to count waiting mail by; NULL: not for us */
};

enum template_verb_kind {
	VERB_READS,   /* the store: as anybody, root as the owner */
	VERB_CHANGES, /* it: as the owner */
	VERB_SHOWS,   /* what is made of it: as the caller, who reads as the
	                 owner where that has to be */
	VERB_EDITS,   /* `prepare` reads, as the caller; `run` is a child */
	VERB_FOLDER   /* the operand is a folder; else as VERB_CHANGES, or with
	                 `finish` as VERB_READS */
};

struct template_verb {
	const char *name;
	int min, max; /* operands */
	enum template_verb_kind kind;
	int (*prepare)(struct template_call *c,
	    struct po_err *err); /* before it, as the caller; or NULL */
	int (*run)(struct template_call *c, struct po_err *err);
	int (*finish)(struct template_call *c,
	    struct po_err *err); /* behind it, as the caller; or NULL */
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

/* A literal name that is not there: as below. */
int template_missing(struct template_call *c, const char *name, int part,
    const struct template_reference *ref, struct po_err *err);

/* Literal names that are not there: a warning, since templates may be saved in
 * any order; with --strict an error. What they name is looked at too. `depth`
 * begins at 0. */
int template_library_check(struct template_call *c, const char *name,
    const struct mail_template *t, unsigned depth, struct po_err *err);

/* Remember the source that c->where is about, for template_complain(). */
void template_keep_source(struct template_call *c, struct span source);

/* A line on stderr and, where it is known, the place in the source; returns the
 * exit status. */
int template_complain(const struct template_call *c, const struct po_err *err);

/* A line of a list, or one JSON object. */
void template_print_row(const struct template_call *c,
    const struct templates_version *v);
/* The same, and the parts as they were written, or the one that was asked for
 * alone; as JSON they are members of the object. */
void template_print_texts(const struct template_call *c,
    const struct templates_version *v);
int template_print_list(struct template_call *c, const struct templates_list *l,
    struct po_err *err);

/* "new", "changed", "same": what an import makes of one. */
void template_print_change(const struct template_call *c,
    const struct templates_version *v, const char *how);

/* Open the store, and where root calls be its owner until
 * spool_return_owner(&c->borrow), which belongs behind 0. */
int template_store_borrow(struct template_call *c, struct po_err *err);

/* All parts of the template that the call names, from its context. Call
 * mail_rendered_clear() after 0. */
int template_render_call(struct template_call *c, struct mail_rendered *out,
    struct po_err *err);

/* template_preview.c */
int template_verb_preview(struct template_call *c, struct po_err *err);

/* template_exchange.c */
int template_verb_diff(struct template_call *c, struct po_err *err);
int template_prepare_import(struct template_call *c, struct po_err *err);
int template_verb_import(struct template_call *c, struct po_err *err);
int template_verb_export(struct template_call *c, struct po_err *err);
int template_finish_export(struct template_call *c, struct po_err *err);

#endif
