/* SPDX-License-Identifier: ISC */
/*
 * Removes finished mail that is past its retention, in bounded transactions. It
 * walks the `finished` rows, oldest first, so it never sees a message that is
 * not final, whatever its age.
 */
#ifndef PO_QUEUE_CLEANUP_H
#define PO_QUEUE_CLEANUP_H

#include "queue/tick.h"

struct cleanup {
	bool wanted;  /* set by whoever asks; unset when the walk is over */
	int64_t days; /* -1: keep_sent and keep_failed; else this many days for
	                 all */
	int64_t time; /* where the walk is */
	struct queue_id id;
	uint64_t removed[MESSAGE_STATES];
	uint64_t bytes;
};

/* The shortest retention: an id stays known this long (spool-layout.md,
 * "Identity"). */
#define CLEANUP_MIN_S INT64_C(3600)

/* One step inside the tick: at most a few hundred messages. Their files go to
 * trash/ behind the commit. */
int cleanup_step(struct tick *t, struct cleanup *c, struct po_err *err);

#endif
