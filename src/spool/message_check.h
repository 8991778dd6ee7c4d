/* SPDX-License-Identifier: ISC */
/*
 * The check of one file that came through drop/ (spool-layout.md, "Ingest"). It
 * may have been written by anybody, so every byte is looked at, in a copy that
 * its owner cannot change any more.
 */
#ifndef PO_SPOOL_MESSAGE_CHECK_H
#define PO_SPOOL_MESSAGE_CHECK_H

#include "spool/file.h"

/* What the kernel said of the original. */
struct message_origin {
	struct queue_id id; /* from its name */
	uint32_t uid;
	int64_t ctime; /* seconds UTC */
};

struct message_rules {
	int64_t content_max; /* bytes; 0: no limit */
	uint32_t po_uid;     /* the only one that may send bounces */
};

/*
 * 1: right in every byte, *env (in the arena) and f->trailer are trustworthy.
 * 0: refuse it, err->text says why in a few words. -1: a failure of ours
 * (PO_EIO, PO_EOS), nothing is known of the file.
 */
int message_check(const struct message_file *f,
    const struct message_origin *from, const struct message_rules *rules,
    struct arena *arena, struct envelope *env, struct po_err *err);

/* Is this error of file_adopt() or message_check() the fault of the file? */
bool message_is_at_fault(const struct po_err *err);

#endif
