/* SPDX-License-Identifier: ISC */
/*
 * Acts: what a tool asks of the queue. A request is a file in drop/ ("a.ID",
 * mode 0660), so that anybody can ask without a socket and a stopped tool stops
 * nobody; the ingester passes it on, the parent decides by the file's owner,
 * applies it in a tick, appends the answer behind the commit and unlinks the
 * file. The tool kept its descriptor and reads the answer when the link count
 * is 0.
 *
 * Request: "po-act 1\n", then "verb=...\n", then "id=...\n" lines; in the
 * place of ids "match-id=...\n", "match-recipient=...\n" and
 * "match-sender=...\n" lines, with a "!" before a text that must not be there,
 * or "match=all\n". Answer: one line for each id or for all, "ok ..." or "no
 * ...". What takes longer than a tick is told of by "at N" lines before it,
 * about one a second.
 */
#ifndef PO_QUEUE_ACT_H
#define PO_QUEUE_ACT_H

#include "queue/errand.h"
#include "queue/tick.h"
#include "queue/verdict.h"

#define ACT_MAX_BYTES 65536u
#define ACT_ANSWER_BYTES (ACT_MAX_BYTES * 8) /* a reason for each id */

/* At most so many errands, and so many that wait; of one uid, if it is no
 * administrator's, one errand and a few that wait. */
#define ACT_MAX_PENDING 64u
#define ACT_MAX_WAITING_OF_UID 8u

enum act_state {
	ACT_NEW,
	ACT_IDS,    /* ids of it are left for the next tick */
	ACT_ERRAND, /* takes more ticks */
	ACT_WAITS,  /* for what becomes of a message */
	ACT_DONE    /* the answer is to be given behind the commit */
};

struct act {
	uint32_t uid;  /* st_uid of the request */
	int fd;        /* the request, open for reading and appending; owned.
	                  -1: nobody waits for the answer */
	char name[40]; /* in drop/ */
	enum act_state state;
	const struct act_verb *verb; /* ACT_IDS: what is done to ... */
	char *ids;              /* ... the lines that are left; heap, owned */
	uint64_t n_ids;         /* done so far */
	struct errand *errand;  /* ACT_ERRAND; owned */
	struct verdict verdict; /* ACT_WAITS */
	int64_t since_ms;       /* monotonic: when that began */
	int64_t told_ms;        /* monotonic: the last "at" line */
	struct buf answer;
};

/* Apply a new act's request text in this tick: ACT_DONE with its answer, or
 * what takes longer. -1 only for failures of the index or spool. */
int act_apply(struct tick *t, struct act *a, struct span request,
    struct po_err *err);

/* One step of an ACT_ERRAND or ACT_IDS, which may become ACT_DONE. */
int act_step(struct tick *t, struct act *a, struct po_err *err);

/* Apply the new ones, and take one step in the first errand. */
int act_apply_all(struct tick *t, struct act *acts, size_t n,
    struct po_err *err);

/* Behind the commit: answer those that are done, remove their files, and take
 * them out of the array. Returns how many are left. */
size_t act_answer_all(struct act *acts, size_t n, const struct spool *s);

/* Is there something that a tick would do? When the run ends, no errand. */
bool act_any_work(const struct act *acts, size_t n, bool ending);

/* Does one wait for what a scan of drop/ may bring? */
bool act_any_waits(const struct act *acts, size_t n);

/* The run ends: who waits is told so ("later ID"), errands are forgotten and
 * their files stay, for the next run. */
void act_end_all(struct act *acts, size_t n, const struct spool *s);

/* Make this message due now, whatever its schedule: 1, or 0 when there is none
 * that waits. */
int act_make_due(struct tick *t, const struct queue_id *id, struct po_err *err);

#endif
