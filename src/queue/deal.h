/* SPDX-License-Identifier: ISC */
/*
 * Which ready message goes next: strict by class, but every 16th deal takes the
 * lowest class that has one, so that low never starves; within a class by turn,
 * which is fair between uids. Hops that rest are passed over. A worker stays
 * with a hop for DEAL_RUN messages, then it gets the one with the fewest jobs
 * out, of HOP_ROUND that are looked at; the next look begins behind them.
 */
#ifndef PO_QUEUE_DEAL_H
#define PO_QUEUE_DEAL_H

#include "queue/tick.h"
#include "queue/wire.h"

#define DEAL_LOWEST_EVERY 16u

#define DEAL_RUN 32u

struct deal {
	struct wire_job job;
	uint32_t hop, relay; /* numbers of their rows */
	bool probe; /* of a relay that failed, or a domain that is new: it may
	               take its time */
};

/*
 * Claim the next message, of the hop `near` where that has one, which is the
 * one that the worker is connected to (0: to none), else of any hop (or `only`
 * that message, if it is ready): 1 with *out filled in and the claim row
 * written, 0 when none can be dealt now, -1. The job may be handed out only
 * after the tick is committed.
 */
int deal_next(struct tick *t, struct deal *out, const struct queue_id *only,
    uint32_t near, struct po_err *err);

/* Is there a ready message of a hop that can be used? */
int deal_any(struct tick *t, struct po_err *err);

#endif
