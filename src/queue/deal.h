/* SPDX-License-Identifier: ISC */
/*
 * Which ready message goes next: strict by class, but every 16th deal takes the
 * lowest class that has one, so that low never starves; within a class by turn,
 * which is fair between uids. Hops that rest are passed over.
 */
#ifndef PO_QUEUE_DEAL_H
#define PO_QUEUE_DEAL_H

#include "queue/tick.h"
#include "queue/wire.h"

#define DEAL_LOWEST_EVERY 16u

struct deal {
	struct wire_job job;
	uint32_t hop, relay; /* numbers of their rows */
	bool probe;          /* of a relay that failed: it may take its time */
};

/*
 * Claim the next message, of any hop (or `only` that one, if it is ready): 1
 * with *out filled in and the claim row written, 0 when none can be dealt now,
 * -1. The job may be handed out only after the tick is committed.
 */
int deal_next(struct tick *t, struct deal *out, const struct queue_id *only,
    struct po_err *err);

/* Is there a ready message of a hop that can be used? */
int deal_any(struct tick *t, struct po_err *err);

#endif
