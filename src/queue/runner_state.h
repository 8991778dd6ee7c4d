/* SPDX-License-Identifier: ISC */
/* What the files of the runner share; nobody else includes it. */
#ifndef PO_QUEUE_RUNNER_STATE_H
#define PO_QUEUE_RUNNER_STATE_H

#include "queue/act.h"
#include "queue/crew.h"
#include "queue/deal.h"
#include "queue/late.h"
#include "queue/runner.h"
#include "queue/tick.h"

struct pending_result {
	struct child *child;  /* whose job it is */
	struct wire_result r; /* texts in runner.results_arena */
	bool closed;          /* no result: its session was closed */
};

struct dealt_job {
	struct child *child;
	struct deal deal;
};

/* A message that was held by workers that died, and how often. */
struct suspect {
	struct queue_id id;
	unsigned deaths;
};

struct runner {
	const struct runner_setup *setup;
	struct runner_counts *counts;
	struct index *ix;
	struct crew crew;
	struct hops *hops;
	struct after *after;
	struct arena tick_arena;

	/* gathered between ticks */
	struct arena results_arena;
	struct pending_result *results;
	size_t n_results, cap_results;
	int64_t results_ms; /* monotonic: when the first of them came */
	struct ingest_taken *taken;
	size_t n_taken, cap_taken;
	size_t n_indexed; /* of them, by the tick in hand */
	struct act *acts;
	size_t n_acts, cap_acts;

	char *space; /* WIRE_MAX_BYTES, for a datagram */

	struct suspect *suspects;
	size_t n_suspects, cap_suspects;
	unsigned deaths; /* of workers, since one of them last said anything */

	/* of the tick in hand */
	struct dealt_job *dealt;
	size_t n_dealt, cap_dealt;

	int64_t next_forget; /* seconds UTC: forget_old() */
	struct late_walk late;
	bool ready_maybe;    /* a message may be ready that was not dealt */
	bool due_more;       /* more than one batch was due */
	int64_t last_now;    /* wall clock of the last tick, of any run */
	int64_t next_wake;   /* seconds UTC: the first next hop's rest ends */
	int64_t limited_until_ms; /* milliseconds UTC: a limit allows more; 0:
	                             none does at a time */
	int64_t next_storm;       /* seconds UTC, 0 none: queue/storm.h */
	int64_t next_release;     /* seconds UTC: a uid with held mail is to be
	                             looked at, 0 none */
	int64_t next_due;         /* seconds UTC of the first due row, 0 none */
	uint64_t
	    activity;  /* counts whatever happened, to tell an idle runner */
	bool scanning; /* the ingester was asked and has not ended its answer */
	uint64_t scan_activity; /* activity when the last scan was asked */
	bool scan_found;        /* the last scan found something */
	bool heard; /* a scan ended, or told of a refusal, since the last tick
	             */
	int64_t scan_ms; /* monotonic: when it was asked */
	bool slots_dirty;
	int64_t slot_sync_ms, heartbeat_ms, reader_check_ms, status_ms, fork_ms;
	bool lacks_said; /* what the kernel lacks for the sandbox */
	bool stopping;
	int64_t stop_deadline_ms;
	bool only_done;
	bool boot_noted; /* in the index */
};

struct runner_events {
	int signals; /* signalfd */
	int drop;    /* inotify, or -1 */
};

/* One transaction: new messages, results, acts, due to ready, claims; commit;
 * then what follows a commit. */
int runner_tick(struct runner *r, struct po_err *err);

/* Make what a crash left right, in a transaction of its own; r->ready_maybe
 * says whether there is something to deliver. */
int runner_recover(struct runner *r, struct po_err *err);

/* How long a result may wait for others to be settled with it. */
#define RUNNER_GATHER_MS 10

/* Is there something that a tick would do? */
bool runner_has_work(const struct runner *r);

/* Is a limit over that something waits for? */
bool runner_limit_is_over(const struct runner *r);

/* How long nothing needs to be done, in ms. */
int runner_time_left(const struct runner *r);

/* ------------------------------------------------------------ runner_crew.c */

/* Fork what is missing: the ingester always, workers when `workers`. 0, 1 a
 * fork failed (*err says why), -1 the index cannot be opened again. */
int runner_fork_missing(struct runner *r, const struct runner_events *ev,
    bool workers, struct po_err *err);
bool runner_is_missing(const struct runner *r, bool workers);
bool runner_has_worker(const struct runner *r);
int runner_reap_all(struct runner *r, struct po_err *err);
void runner_kill_stuck(struct runner *r);
void runner_begin_stop(struct runner *r);
/* Wait for them, `grace_s` and a little more, then kill them. */
void runner_end_children(struct runner *r, int signals, int64_t grace_s);

/* ------------------------------------------------------------ runner_inbox.c
 */

/* A flush of these, as if somebody had asked for it. */
int runner_ask_flush(struct runner *r, const struct selection *which,
    struct po_err *err);

/* What a child has sent, at most `max` datagrams; at its end, or when it breaks
 * the protocol, the socket is closed. */
int runner_drain(struct runner *r, struct child *ch, size_t max,
    struct po_err *err);
void runner_ask_scan(struct runner *r);

/* ------------------------------------------------------------ inside a tick */

int runner_take_in(struct runner *r, struct tick *t, struct po_err *err);
int runner_settle_results(struct runner *r, struct tick *t, struct po_err *err);
int runner_deal(struct runner *r, struct tick *t, struct po_err *err);

/* ------------------------------------------------------------ behind it */

/* The ids taken in may leave drop/. */
void runner_release(struct runner *r);
void runner_hand_out(struct runner *r);

/* Is there ready mail and a child with room? */
bool runner_can_deal(const struct runner *r);

#endif
