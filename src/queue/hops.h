/* SPDX-License-Identifier: ISC */
/*
 * The next hops that the runner knows: a small table in memory over the index's
 * host rows. Backing off rewrites no message: a hop that rests is just not
 * dealt from.
 */
#ifndef PO_QUEUE_HOPS_H
#define PO_QUEUE_HOPS_H

#include <stdbool.h>

#include "spool/index.h"

struct hop {
	struct index_host host;
	bool dirty;         /* host is to be written by the next tick */
	uint32_t in_flight; /* jobs in the hands of workers */
	uint32_t deals;     /* counts, for the turn of the lowest class */
};

struct hops;

/* Is it left alone now? A rest that a clock jump made absurd is cut. */
bool hop_rests(struct hop *hop, int64_t now);

struct hops *hops_new(void);
void hops_free(struct hops *h);

/* By name, made when new (then written into tx at once); by number, NULL when
 * the index does not know it either. The pointer is valid until the next call.
 */
struct hop *hops_by_name(struct hops *h, struct index_tx *tx, const char *name,
    struct po_err *err);
struct hop *hops_by_number(struct hops *h, struct index_tx *tx, uint32_t number,
    struct po_err *err);

/* Write what became dirty. */
int hops_write(struct hops *h, struct index_tx *tx, struct po_err *err);

/* All of them may be tried again now (--flush). */
int hops_wake_all(struct hops *h, struct index_tx *tx, struct po_err *err);

/* The earliest end of a rest that lies after `now`, 0 when none rests. */
int64_t hops_next_wake(const struct hops *h, int64_t now);

#endif
