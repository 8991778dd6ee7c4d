/* SPDX-License-Identifier: ISC */
/* What the parts of a rebuild share; for rebuild*.c. */
#ifndef PO_SPOOL_REBUILD_PARTS_H
#define PO_SPOOL_REBUILD_PARTS_H

#include "spool/index_db.h"
#include "spool/rebuild.h"

#define INDEX_FOLDER "index"

struct builder {
	const struct spool *spool;
	int folder;       /* index/ */
	struct index *ix; /* the new one */
	struct index_tx *tx;
	unsigned puts;
	struct arena arena; /* emptied by rebuild_next() */
	struct rebuild_report *report;
};

/* To be called where the rows of the new index agree: now and then it ends the
 * transaction and begins another. */
int rebuild_next(struct builder *b, struct po_err *err);
void rebuild_complain(struct builder *b, const char *where, const char *path,
    const char *why);

/* Take over what the old index alone knew; it may be damaged or gone. */
int rebuild_keep_old(struct builder *b, struct po_err *err);

/* Put index/new in the place of index/live, and that into index/old. */
int rebuild_swap(int folder, struct po_err *err);
int rebuild_remove_folder(int folder, const char *name, struct po_err *err);

#endif
