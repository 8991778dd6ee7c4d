/* SPDX-License-Identifier: ISC */
/*
 * Acts: what a tool asks of the queue. A request is a file in drop/ ("a.ID",
 * mode 0660), so that anybody can ask without a socket and a stopped tool stops
 * nobody; the ingester passes it on, the parent decides by the file's owner,
 * applies it in a tick, appends the answer behind the commit and unlinks the
 * file. The tool kept its descriptor and reads the answer when the link count
 * is 0.
 *
 * Request: "po-act 1\n", then "verb=...\n", then "id=...\n" lines. Answer: one
 * line for each id, "ok ..." or "no ...".
 */
#ifndef PO_QUEUE_ACT_H
#define PO_QUEUE_ACT_H

#include "queue/cleanup.h"
#include "queue/tick.h"

#define ACT_MAX_BYTES 65536u

struct act {
	uint32_t uid;  /* st_uid of the request */
	int fd;        /* the request, open for reading and appending; owned */
	char name[40]; /* in drop/ */
	struct buf answer;
};

/* The verbs, as the command line's options name them: "hold", "release",
 * "cancel", "requeue", "flush", "cleanup". */
bool act_verb_known(const char *verb);

/* Apply one request text in this tick; the answer is appended to *answer. -1
 * only for failures of the index or spool. */
int act_apply(struct tick *t, uint32_t uid, struct span request,
    struct buf *answer, struct cleanup *cleanup, struct po_err *err);

int act_apply_all(struct tick *t, struct act *acts, size_t n,
    struct cleanup *cleanup, struct po_err *err);
void act_answer_all(struct act *acts, size_t n, const struct spool *s);

/* Make this message due now, whatever its schedule: 1, or 0 when there is none
 * that waits. */
int act_make_due(struct tick *t, const struct queue_id *id, struct po_err *err);

/* Make everything that was deferred due now (not what is scheduled and was
 * never tried), and wake all next hops that rest. */
int act_flush(struct tick *t, struct po_err *err);

/*
 * The tool's side: put a request into drop/ and wait up to timeout_ms for the
 * answer, which is appended to *answer. 1 answered, 0 asked but not confirmed
 * in time, -1 error.
 */
int act_ask(const char *spool, const char *request, int64_t timeout_ms,
    struct buf *answer, struct po_err *err);

#endif
