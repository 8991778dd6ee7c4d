/* SPDX-License-Identifier: ISC */
/* The fixed entries of a spool, their modes and owners (spool-layout.md,
 * "Paths, owners, modes"): one table for setup, open and check. */
#ifndef PO_SPOOL_LAYOUT_H
#define PO_SPOOL_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "util/err.h"

#define LAYOUT_TOP_SYSTEM 0755u /* root:root */
#define LAYOUT_TOP_OWN 0700u
#define LAYOUT_DROP_SYSTEM 03733u
#define LAYOUT_DROP_OWN 0700u

struct layout_entry {
	const char *name;
	unsigned mode_system;
	unsigned mode_own;
	bool hashed;  /* holds the 256 folders "00" to "ff", 0700 */
	size_t fd_at; /* offset of its descriptor in struct spool; 0: none is
	                 kept */
};

extern const struct layout_entry layout_entries[]; /* ends with a NULL name */

/* The account that owns a system spool, and its group. */
#define LAYOUT_USER "po"
#define LAYOUT_GROUP "po"

/* Is `st` a folder of this mode, uid and gid? PO_ECONFIG names `path`, what is
 * wrong, and the remedy. */
int layout_check(const char *top, const char *name, const struct stat *st,
    unsigned mode, uid_t uid, gid_t gid, bool own, struct po_err *err);

#endif
