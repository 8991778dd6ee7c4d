/* SPDX-License-Identifier: ISC */
/*
 * A job in the worker: one claimed message, its file opened, its open
 * recipients of one next hop picked out. The worker holds the claim, so it
 * writes the slots of these recipients and nobody else does.
 */
#ifndef PO_QUEUE_JOB_H
#define PO_QUEUE_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "deliver/transport.h"
#include "queue/library.h"
#include "queue/wire.h"
#include "spool/file.h"

struct job {
	struct wire_job wire;
	struct message_file file;
	struct arena arena;
	struct envelope env;
	struct stamp stamp;
	struct slot *slots; /* one for each recipient of the envelope */
	size_t *which;      /* the recipients of this job */
	size_t n_which;
	/* They go out in slices of at most DELIVER_RECIPIENTS_MAX, so that the
	 * results of many need no more memory than those of few. */
	size_t n_sliced; /* of which[]: were in a slice */
	size_t slices[2][DELIVER_RECIPIENTS_MAX];
	struct deliver_message message;   /* the slice in hand */
	struct delivery *results;         /* one for each of its recipients */
	struct deliver_message following; /* the next slice, n = 0: none */
	int rendered; /* the mail that a template means; -1: the file's own */
	bool in_use;  /* from job_prepare() to job_clear() */
	bool is_over; /* its head says so: nobody is to get it */
	int64_t began_ms; /* monotonic: when it reached the worker */
};

/* Take over `fd` and prepare everything; -1 when the file is damaged (*err says
 * how). job_clear() either way. */
int job_prepare(struct job *j, const struct wire_job *wire, int fd,
    const struct deliver_routes *routes, struct po_err *err);

/* Is it a template with its context, to be rendered before it is sent? */
bool job_wants_rendering(const struct job *j);
/* Render it: 0; 1 it cannot be, and *why is the result (failed) of every
 * recipient; -1 a failure of ours. */
int job_make_mail(struct job *j, struct library *l, struct delivery *why,
    struct po_err *err);
void job_clear(struct job *j);

/* Does this recipient go to the job's next hop, open or not? */
bool job_is_routed(const struct job *j, const struct deliver_routes *routes,
    size_t i);

/* What comes behind the slice in hand, by the results it has now: those that
 * are DELIVERY_NEXT, and some that were in none yet, into j->following. */
void job_look_ahead(struct job *j);
/* j->following is in hand, its results untouched. */
void job_next_slice(struct job *j);

/* Write "sending" into the slots of all recipients that have no result yet. */
int job_mark_sending(struct job *j, struct po_err *err);

/* Write every result into its slot; untouched ones get back what they were. */
int job_mark_results(struct job *j, struct po_err *err);

/* The slot state that a delivery means. */
enum slot_state job_slot_state(enum delivery_state d, enum slot_state before);

#endif
