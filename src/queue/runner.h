/* SPDX-License-Identifier: ISC */
/*
 * The runner: takes in, deals out, settles. One process (the parent) opens the
 * index; an ingester and workers are its children. Call with the run lock held,
 * as the spool's owner, single-threaded.
 */
#ifndef PO_QUEUE_RUNNER_H
#define PO_QUEUE_RUNNER_H

#include "deliver/transport.h"
#include "queue/select.h"
#include "queue/lock.h"
#include "queue/notices.h"
#include "queue/options.h"
#include "spool/ingest.h"

struct runner_setup {
	const struct spool *spool;
	struct run_lock *lock;
	const struct queue_conf *queue;
	const struct deliver_routes *routes;
	struct deliver_setup *deliver; /* NULL with ingest_only; a child that
	                                  delivers nothing frees it */
	const struct ingest_conf *ingest;
	const struct notice_setup *notices;
	bool watch; /* stay, and wait for work */
	bool flush; /* deferred mail is due now, resting hops wake up */
	struct selection flush_which; /* of it only these */
	bool ingest_only;             /* take in, send nothing */
	const struct queue_id
	    *only; /* deliver this message alone, due or not; or NULL */
};

struct runner_counts {
	uint64_t taken, sent, deferred, failed,
	    in_doubt;     /* messages; recipients */
	uint64_t refused; /* files of drop/ that went to bad/ */
	bool only_found;
};

/* Run until nothing is due (once), or until SIGTERM or SIGINT (watch too). 0,
 * or -1 when the index or the spool failed. */
int runner_run(const struct runner_setup *setup, struct runner_counts *counts,
    struct po_err *err);

#endif
