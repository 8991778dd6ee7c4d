/* SPDX-License-Identifier: ISC */
/*
 * The store of templates: folder templates/ of a spool (spool-layout.md,
 * "Templates"). Files are the truth. Anybody who may read the folder finds and
 * reads; only the spool's owner saves and removes (he has become that, see
 * spool_become_owner()). Every save is a new version; a version never changes.
 */
#ifndef PO_SPOOL_TEMPLATES_H
#define PO_SPOOL_TEMPLATES_H

#include <stddef.h>

#include "spool/templates_version.h"

struct templates {
	int dirfd;
	char *path; /* for errors */
};

/* Open SPOOL/templates, for reading. PO_ENOINPUT when it cannot be. */
int templates_open(const char *spool, struct templates *t, struct po_err *err);
void templates_close(struct templates *t);

/*
 * Reading fills *v, which the caller has init'ed and clears. 1 found, 0 there
 * is none, -1: PO_ECORRUPT, PO_EIO. `folder` is an encoded name, `lang` as
 * templates_lang() gives it.
 */
int templates_read_current(const struct templates *t, const char *folder,
    const char *lang, struct templates_version *v, struct po_err *err);
int templates_read(const struct templates *t, const struct templates_id *id,
    struct templates_version *v, struct po_err *err);

/* The current one of `name` in `lang`, or in the next that lang falls back to
 * ("de-AT", "de", "default"). 0 also for what is no name. */
int templates_find(const struct templates *t, struct span name,
    const char *lang, struct templates_version *v, struct po_err *err);

/* Is this version there? 1, 0; identity of its file for caches in *key. */
struct templates_key {
	uint64_t dev, ino, size;
	int64_t mtime_ns;
};
int templates_look(const struct templates *t, const struct templates_id *id,
    struct templates_key *key, struct po_err *err);

struct templates_list {
	struct templates_id *v;
	size_t n, cap;
};
void templates_list_clear(struct templates_list *l);

/* The current version of every template in every language, by name; or of one
 * (`folder` not NULL). */
int templates_list_current(const struct templates *t, const char *folder,
    struct templates_list *l, struct po_err *err);
/* Every version of one in one language, the oldest first. */
int templates_list_versions(const struct templates *t, const char *folder,
    const char *lang, struct templates_list *l, struct po_err *err);

/* --------------------------------------------------------- by the owner */

enum { TEMPLATES_ANY = -1, TEMPLATES_NEW = 0 };

/*
 * Save description and source of *v as the next version of v->id.folder in
 * v->id.lang, durably, and make it the current one; v->id.version, created and
 * updated are filled in. `base`: the version that must be current still,
 * TEMPLATES_NEW none may be, TEMPLATES_ANY. 1 saved; 0 nothing changed, it is
 * the same as the current one; -1: PO_EBUSY another one is current now, or
 * somebody else saves for too long; PO_EDATA, PO_EUNAVAILABLE.
 */
int templates_save(const struct templates *t, struct templates_version *v,
    int64_t base, int64_t now, struct po_err *err);

/* There is no current version any more; versions stay until cleanup. 1, 0
 * there was none. */
int templates_remove(const struct templates *t, const char *folder,
    const char *lang, struct po_err *err);

/*
 * Unlink versions that are not current, that `used` does not want and whose
 * file was not touched (ctime) since `before`; then empty folders. A language
 * that somebody saves just now is left. Returns how many versions went, -1.
 * `used` returns 1, 0 or -1 with *err.
 */
int templates_cleanup(const struct templates *t, int64_t before,
    int (*used)(void *ctx, const struct templates_id *id, struct po_err *err),
    void *ctx, struct po_err *err);

#endif
