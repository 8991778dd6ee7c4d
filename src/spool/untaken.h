/* SPDX-License-Identifier: ISC */
/*
 * Mail that lies in drop/ and is in no index yet, for listings and figures.
 * Its files are looked at, never opened: what is in them is ingest's to judge.
 * Runs as the spool's owner, beside a runner or without one.
 */
#ifndef PO_SPOOL_UNTAKEN_H
#define PO_SPOOL_UNTAKEN_H

#include "spool/spool.h"

struct untaken {
	struct queue_id id;
	uint32_t uid;    /* who handed it in */
	uint64_t size;   /* bytes of the file */
	int64_t arrival; /* seconds since 1970 */
};

struct untaken_list {
	struct untaken *of; /* by id: oldest first */
	size_t n, cap;
};

/* What lies there now. A runner may take it in at any time: who lists both
 * gathers this first, walks over the index, and then leaves out what the index
 * has. PO_EIO; PO_EOS: no memory. *out is to be cleared either way. */
int untaken_gather(const struct spool *s, struct untaken_list *out,
    struct po_err *err);
void untaken_clear(struct untaken_list *list);

#endif
