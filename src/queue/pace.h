/* SPDX-License-Identifier: ISC */
/*
 * What a relay bears, as it says itself: a reply that asks for less
 * (deliver/policy.h) halves what it gets, of connections and of messages in a
 * time; success raises both again, by one step after the other. Pure
 * arithmetic over the relay's row, which all workers and runs share; no clock.
 * Times are seconds UTC.
 */
#ifndef PO_QUEUE_PACE_H
#define PO_QUEUE_PACE_H

#include "queue/rate.h"
#include "queue/wire.h"

/*
 *   less    connections: half of those that are open, at least 1; messages: half
 *           of what it took of late, at least 1 a minute. Both where it said so
 *           of a message; connections alone where it said so before any.
 *   more    after each PACE_RAISE_S with success: 1 connection, and 1 message a
 *           second, or PACE_STEP a minute where it is less than one a second
 *   any     when it has not asked for PACE_FORGET_S
 */
#define PACE_HOLD_S INT64_C(2) /* after one: no new connections, nothing halved
                                */
#define PACE_RAISE_S INT64_C(10)
#define PACE_STEP 6u
#define PACE_FORGET_S INT64_C(3600)

/* What is known when it asks. */
struct pace_seen {
	uint32_t holders; /* workers that are connected to it, or may be: the
	                     one that was told so among them */
	uint64_t in_second, in_minute; /* messages that it took of late */
};

/*
 * Does the result ask for less, of a relay that others see at work? Then it is
 * alive: its row is changed, but within PACE_HOLD_S, and true returned. False:
 * the relay takes nothing at all, which is health.h's.
 */
bool pace_lower(struct index_host *relay, const struct wire_result *res,
    const struct pace_seen *seen, int64_t now);

/* It took a message: true if its row changed. At `connections` or more there
 * is no limit of them. */
bool pace_raise(struct index_host *relay, int64_t connections, int64_t now);

/* Has it asked so shortly ago that nobody new is to connect? Until when (0:
 * no). */
int64_t pace_holds_until(const struct index_host *relay, int64_t now);

/* The narrower one of a configured limit and what it asked for; 0: none. */
int64_t pace_connections(const struct index_host *relay, int64_t most);
void pace_narrow(const struct index_host *relay, struct rate_limits *most);

#endif
