/* SPDX-License-Identifier: ISC */
/*
 * The children of the runner: forked while the index is closed, watched,
 * reaped. A child keeps the run lock's descriptor on purpose (see lock.h) and
 * closes the sockets of the others.
 */
#ifndef PO_QUEUE_CREW_H
#define PO_QUEUE_CREW_H

#include "queue/notices.h"
#include "queue/wire.h"
#include "queue/worker.h"

enum child_kind { CHILD_INTAKE, CHILD_WORKER };

struct held_job {
	struct queue_id id;
	uint32_t attempt;
	uint32_t hop, relay; /* numbers of their rows */
	bool probe;
	bool passed;            /* the relay has heard of the message */
	struct attempt_end end; /* by results that came so far */
};

#define CREW_AHEAD_MS 40u /* a commit on a slow disk, and the wait before it */

struct child {
	enum child_kind kind;
	pid_t pid; /* 0: place free */
	int sock;  /* the parent's end, -1 when closed */
	struct held_job jobs[WORKER_MAX_JOBS];
	size_t n_jobs;
	uint32_t quota;   /* jobs it may hold now */
	int64_t quota_ms; /* monotonic: when that was set */
	uint32_t done;    /* jobs ended since then */
	uint32_t ahead_ms; /* of its pace: what the quota is to last for */
	bool filled;       /* at the last deal it got all that it may hold */
	bool starved;      /* since the quota was set it had nothing to do */
	uint32_t hop;     /* number: of the last job that it got */
	uint32_t run;     /* so many of that in a row */
	struct {
		uint32_t relay, jobs;
	} relays[WORKER_MAX_JOBS]; /* of its jobs */
	size_t n_relays;
	uint32_t session; /* relay that it is connected to; 0: none */
	bool probing;     /* one of its jobs is a probe: no more behind it */
	bool passed_over; /* in this round: a limit of connections */
	bool full; /* its socket takes no more until it has said something */
	/* monotonic: when it last ended a job, or got one while it had none */
	int64_t heard_ms;
};

struct crew {
	struct child *all;
	size_t n; /* places: one intake, then the workers */
};

/* The child's own code: returns its exit status. */
typedef int crew_main(void *ctx, enum child_kind kind, int sock, pid_t parent);

int crew_init(struct crew *c, size_t workers, struct po_err *err);
void crew_clear(struct crew *c);

/* Fork into place `i`. The index must be closed. */
int crew_fork(struct crew *c, size_t i, crew_main *run, void *ctx,
    struct po_err *err);

/* Forget the job; NULL when this child does not hold it (with this attempt).
 * crew_drop() frees the place in its list. */
struct held_job *crew_find(struct child *ch, const struct queue_id *id,
    uint32_t attempt);
void crew_drop(struct child *ch, struct held_job *job);

/* Its jobs by relay: one more, one less. */
void crew_add_relay(struct child *ch, uint32_t relay);
void crew_drop_relay(struct child *ch, uint32_t relay);
/* May it have a connection to this relay now? And how many may? */
bool crew_holds(const struct child *ch, uint32_t relay);
size_t crew_holders(const struct crew *c, uint32_t relay);

size_t crew_jobs(const struct crew *c);
void crew_signal(const struct crew *c, int sig);
/* Reap one dead child, if any: its place, or -1. *pid is what it was. */
ssize_t crew_reap(struct crew *c, pid_t *pid, int *status);
/* Close its socket: it ends when it is done. */
void crew_close(struct child *ch);

#endif
