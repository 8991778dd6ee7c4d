/* SPDX-License-Identifier: ISC */
/*
 * An act that takes more than one tick: a verb on all messages that a selection
 * means, or a cleanup. A tick does a bounded part of it, so that deliveries go
 * on whatever the size of the queue; the answer comes at the end. It walks by
 * queue id: what comes in while it walks may be met or not. All verbs may be
 * repeated: a crash in between, and the request, which still lies in drop/, is
 * done from its beginning by the next run.
 */
#ifndef PO_QUEUE_ERRAND_H
#define PO_QUEUE_ERRAND_H

#include "queue/act_verb.h"
#include "queue/cleanup.h"
#include "queue/select.h"

struct errand {
	const struct act_verb *verb;
	uint32_t uid; /* who asks; not an administrator: of his mail alone */
	char *text;   /* the request; heap, NULL: none. `which` points into it
	               */
	struct selection which;
	struct cleanup cleanup; /* wanted: that is the errand */
	bool begun, over;
	struct queue_id at; /* the last message looked at, if begun */
	uint64_t done, busy, damaged;
};

/* The terms of `which` must outlive it. */
struct errand *errand_new(const struct act_verb *verb, uint32_t uid,
    const struct selection *which);
void errand_free(struct errand *e); /* NULL is harmless */

/* One part of it inside a tick; sets e->over behind the last. -1 only for
 * failures of the index or spool. */
int errand_step(struct tick *t, struct errand *e, struct po_err *err);

/* When it is over: the lines of the answer. */
void errand_answer(const struct errand *e, struct buf *answer);

#endif
