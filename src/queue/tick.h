/* SPDX-License-Identifier: ISC */
/*
 * One tick: one write transaction of the index, and what belongs to it. The
 * runner's parent makes one at a time.
 */
#ifndef PO_QUEUE_TICK_H
#define PO_QUEUE_TICK_H

#include "deliver/transport.h"
#include "queue/after.h"
#include "queue/hops.h"
#include "queue/notices.h"
#include "queue/options.h"

/* What may be as many as users like, is done in parts: recipients of messages
 * that come in or fall due, or that a request acts on. One message more is
 * begun. */
#define TICK_MAX_RECIPIENTS 20000

struct crew;
struct child;

struct tick {
	struct index_tx *tx;
	struct arena arena; /* dies with the tick; who goes through many
	                       messages or recipients releases each */
	int64_t now;        /* seconds UTC at its begin */
	int64_t now_ms;     /* the same in milliseconds */
	struct after *after;
	struct hops *hops;
	const struct spool *spool;
	const struct queue_conf *conf;
	const struct deliver_routes *routes;
	const struct notice_setup *notices; /* NULL: nobody is told anything */
	bool notices_unsynced;
	int64_t acted_on; /* recipients of messages that requests name by id */
	/* Of dealing: who it is for (NULL: whoever), and what a limit stopped:
	 * until when (milliseconds UTC, 0: none), for want of a connection. */
	const struct crew *crew;
	const struct child *worker;
	int64_t limited_until_ms;
	bool connections_full;
	int64_t *storm_next; /* seconds UTC: see queue/storm.h; or NULL */
};

/* End it: commit when `rc` is 0, with the notices of the tick durable before
 * that; else throw it away. Returns rc, or -1. What follows a commit
 * (after_run) is the caller's. */
int tick_end(struct tick *t, int rc, struct po_err *err);

#endif
