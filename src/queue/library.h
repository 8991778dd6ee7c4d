/* SPDX-License-Identifier: ISC */
/*
 * Stored templates, compiled once and kept by version, as those use them who
 * render mail: po-mail and po-template when it is composed, a worker when it is
 * sent. A version never changes, and a name of the store that means another
 * file now is read again; so what is rendered is never stale.
 */
#ifndef PO_QUEUE_LIBRARY_H
#define PO_QUEUE_LIBRARY_H

#include "compose/mail_template.h"
#include "spool/templates.h"

struct library;

/* `store` must be open and outlive it. */
struct library *library_new(const struct templates *store);
void library_free(struct library *l); /* NULL: nothing */

/* The time zone of the next renders: that of the process, or (at first) UTC. */
void library_use_zone(struct library *l, bool of_process);

/*
 * Names mean the current version in the language nearest to `lang`, found once
 * and remembered until the next library_use_...(): one mail, or one run of a
 * program, sees one state of the store. `lang` is as templates_lang() gives it.
 */
void library_use_lang(struct library *l, const char *lang);

/* Names mean these versions and nothing else. PO_EDATA: one of them is none. */
int library_use_versions(struct library *l, const char *const *ids, size_t n,
    struct po_err *err);

/* A template by its name. 1, 0 there is none, -1. */
int library_get(struct library *l, const char *name,
    const struct mail_template **out, struct po_err *err);

/*
 * The versions that rendering `name` may need, itself first, each as
 * "NAME/LANG/VERSION"; *ids and all in it are the caller's to free by
 * library_free_closure(). PO_EDATA: one is not there, or a name is known only
 * when it is rendered.
 */
int library_closure(struct library *l, const char *name, char ***ids, size_t *n,
    struct po_err *err);
void library_free_closure(char **ids, size_t n);

/*
 * Render it over `context` (JSON). PO_EDATA, PO_EUNAVAILABLE: template or
 * context is at fault, and will be again; anything else: a failure of ours.
 */
int library_render(struct library *l, const struct mail_template *t,
    struct span context, int64_t now_us, struct mail_rendered *out,
    struct po_err *err);

#endif
