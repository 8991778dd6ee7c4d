/* SPDX-License-Identifier: ISC */
/*
 * The time of mail that is ready and cannot go: its relays all rest, or a limit
 * ends later than LATE_LIMIT_S. It is given no attempt, so nothing else would
 * look at it: when its time is over it expires, and its sender is told that it
 * is late. A walk over such mail, a part of it in each tick.
 */
#ifndef PO_QUEUE_LATE_H
#define PO_QUEUE_LATE_H

#include "queue/tick.h"

#define LATE_EVERY_S INT64_C(300)
#define LATE_LEAST_S INT64_C(60) /* between two, when a relay went down */
#define LATE_LIMIT_S INT64_C(60)

struct late_walk {
	struct index_ready at; /* the row looked at last */
	bool active;
	int64_t next; /* seconds UTC; 0: never */
	int64_t down; /* when a relay that went down made one begin early */
};

bool late_has_work(const struct late_walk *w, int64_t now);

/* Now, whenever the last one was. */
void late_begin(struct late_walk *w, int64_t now);

/* Begin, if none is under way, and go on for at most `max` messages. */
int late_step(struct tick *t, struct late_walk *w, unsigned max,
    struct po_err *err);

/* A relay went down. */
void late_relay_is_down(struct late_walk *w, int64_t now);

#endif
