/* SPDX-License-Identifier: ISC */
/*
 * What a worker tells the runner's parent. Results are gathered into one
 * datagram, so that the parent settles many in one transaction; it leaves when
 * it is full, when the worker has nothing to do, and after a result when none
 * left for OUTBOX_MS: what was sent long ago is not held back by a server that
 * takes its time over the next message.
 *
 * A datagram that cannot be sent is no loss: the slots hold the truth.
 */
#ifndef PO_QUEUE_OUTBOX_H
#define PO_QUEUE_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "queue/job.h"
#include "queue/wire.h"
#include "util/buf.h"

#define OUTBOX_MS 10

struct outbox {
	int sock;
	struct buf bytes;
	int64_t sent_ms; /* monotonic: when a datagram left last */
	bool lost;       /* the parent does not hear: there is no use in going on */
};

/* false: no memory. */
bool outbox_init(struct outbox *o, int sock);
void outbox_clear(struct outbox *o);

void outbox_flush(struct outbox *o);
/* After a job, and wherever the worker waited for a server. */
void outbox_flush_when_due(struct outbox *o);

/* The connection of the session is closed: the parent counts them. */
void outbox_closed(struct outbox *o);

/* Nothing happened to this message. */
void outbox_give_back(struct outbox *o, const struct wire_job *job);
/* It ended before, and the index does not know it. */
void outbox_over(struct outbox *o, const struct job *j);
/* The file could not be made a job: damaged, or no memory, or no disk. */
void outbox_unusable(struct outbox *o, const struct job *j,
    const struct po_err *err);
/* No recipient is open for this next hop. */
void outbox_nothing_to_do(struct outbox *o, const struct job *j,
    const struct deliver_routes *routes);
/* The slice in hand; `marked`: its slots have its results. `session` NULL:
 * there was none. */
void outbox_results(struct outbox *o, const struct job *j,
    const struct deliver_session *session, bool marked);

#endif
