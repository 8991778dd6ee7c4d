/* SPDX-License-Identifier: ISC */
/*
 * A message whose open recipients have several next hops: it has a part for
 * each of them, so that all are served at once, each by its own pace, and a hop
 * that cannot be reached delays nobody else. Works inside a tick.
 */
#ifndef PO_QUEUE_PARTS_H
#define PO_QUEUE_PARTS_H

#include "queue/tick.h"

/* The next hops of a message's open recipients. */
struct way {
	uint32_t hop;
	uint32_t attempts; /* the last one of any of its recipients */
};

struct ways { /* by number */
	struct way *all;
	size_t n, cap;
};

/* Free with ways_clear(), after -1 too. */
int ways_find(struct tick *t, const struct index_message *m, struct ways *out,
    struct po_err *err);
void ways_clear(struct ways *w);

bool parts_has(const struct index_message *m);

/* The turn of a message that becomes ready now. */
int parts_next_turn(struct tick *t, const struct index_message *m,
    uint64_t *turn, struct po_err *err);

/* Every way becomes a part that is ready. Sets place, due and claims of *m; the
 * caller writes the record. */
int parts_begin(struct tick *t, struct index_message *m, const struct ways *w,
    struct po_err *err);

/*
 * Bring the parts to what the open recipients and the clock say: those that are
 * due become ready, ways that are new get one, and those that no recipient
 * takes any more go, the claimed ones apart. Sets place and due of *m and
 * writes the record.
 */
int parts_update(struct tick *t, struct index_message *m, struct po_err *err);

/* Parts that wait are due at `due`, where that is earlier. As parts_update().
 */
int parts_hasten(struct tick *t, struct index_message *m, int64_t due,
    struct po_err *err);

/* The part of this hop, which was ready, waits until `due`; writes the record.
 */
int parts_put_off(struct tick *t, struct index_message *m, uint32_t hop,
    int64_t due, struct po_err *err);

/* A claim of a part ended: it waits after an attempt, is ready again, or goes,
 * if it is complete. Counts m->claims down; sets place and due, writes nothing
 * of *m. */
int parts_end_claim(struct tick *t, struct index_message *m,
    const struct attempt_end *end, struct po_err *err);

/* Has every part of it had as many attempts as there may be, and waits? 1, 0,
 * -1. */
int parts_are_spent(struct tick *t, const struct index_message *m,
    struct po_err *err);

/* Has it a part? 1, 0, -1. */
int parts_any(struct tick *t, const struct index_message *m,
    struct po_err *err);

/* The attempt that a claim of this message gets. */
int parts_next_attempt(struct tick *t, const struct index_message *m,
    uint32_t *attempt, struct po_err *err);

/* Is the last attempt at an open recipient in doubt? 1, 0, -1. */
int parts_in_doubt(struct tick *t, const struct index_message *m,
    struct po_err *err);

#endif
