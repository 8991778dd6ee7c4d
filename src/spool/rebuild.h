/* SPDX-License-Identifier: ISC */
/*
 * The index from the files alone. Built beside the one in use, which stays as
 * it is until the new one is whole and synced, and is kept as index/old after.
 */
#ifndef PO_SPOOL_REBUILD_H
#define PO_SPOOL_REBUILD_H

#include "spool/spool.h"
#include "util/buf.h"

struct rebuild_report {
	uint64_t messages;
	uint64_t damaged; /* files left out; they stay where they are */
	uint64_t attempts;
	uint64_t history_skipped; /* lines that could not be read */
	bool kept; /* hosts, turns, claims and meta came over from the old */
	struct buf problems; /* one line each, "queue/ab/ID: why"; cut at 64k */
};

/*
 * Run lock held, the index closed. A message in both queue/ and done/ is that
 * of done/ if that one is final. `attempt` rows come from history/; hosts,
 * turns, claims and meta are kept if the old index can be read, else they are
 * empty (then who was being sent to is known from slots alone). -1: the old
 * index is still in use. Clear the report in any case.
 */
int spool_rebuild_index(const struct spool *s, struct rebuild_report *report,
    struct po_err *err);

/*
 * Open the index for writing, run lock held; make it again where it cannot be
 * used, or where there is none though there are messages. Returns 0 as it was,
 * 1 rebuilt (*report says what was found and *why why), -1. Clear the report in
 * any case.
 */
int spool_open_index(const struct spool *s, struct index **out,
    struct rebuild_report *report, struct po_err *why, struct po_err *err);

/* Is there any message file in queue/ or done/? 1, 0, -1. An index that is
 * missing means an empty queue only where there is none. */
int spool_has_messages(const struct spool *s, struct po_err *err);
void rebuild_report_clear(struct rebuild_report *report);

/* spool_index_file(); with an id it is that of a rebuild: refused with
 * PO_ECORRUPT before anything is written when the envelope has another id, and
 * of two messages with one key the right one gets it, in whatever order they
 * come. */
int index_file_as(const struct message_file *f, const struct queue_id *id,
    struct index_tx *tx, struct arena *arena, const unsigned char *digest,
    struct index_message *m, struct po_err *err);

#endif
