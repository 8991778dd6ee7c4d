/* SPDX-License-Identifier: ISC */
/*
 * The next hops that the runner knows, and the relays that they consist of: a
 * small table in memory over the index's host rows. Backing off rewrites no
 * message: a relay that rests is just not dealt to, and a hop of which all rest
 * not dealt from.
 *
 * "smtp:a,b" has the relays "relay:a" and "relay:b", rows of their own that
 * hops share; a hop whose transport has none is its own relay.
 */
#ifndef PO_QUEUE_HOPS_H
#define PO_QUEUE_HOPS_H

#include <stdbool.h>

#include "deliver/routes.h"
#include "spool/index.h"

struct hop {
	struct index_host host;
	bool dirty;         /* host is to be written by the next tick */
	uint32_t in_flight; /* jobs in the hands of workers */
	uint32_t deals;     /* counts, for the turn of the lowest class */
	uint32_t falls;     /* counts its failures in this run */
	uint32_t relays[DELIVER_HOP_RELAYS]; /* numbers, best first */
	unsigned n_relays;                   /* at least 1 */
	/* A domain that nobody answered for yet in this run: one message at a
	 * time tries it, so that a dead one holds up one worker and no other
	 * mail. */
	bool untried;
	/* Of a relay, for queue/limits.h. */
	const struct relay_conf *conf; /* NULL: none */
	bool conf_known, passed_dirty;
	struct index_limit *passed; /* NULL: not read yet */
};

#define HOPS_KEPT 8192u /* in memory, besides those that are of use now */

/* One of a hop's relays. */
struct hop_relay {
	uint32_t number;
	unsigned which;    /* of the hop's, from 0 */
	bool alternatives; /* another could be used too */
};

/* Hops that have ready mail and can be used, as the last look found them;
 * queue/deal.c's. */
#define HOP_ROUND 64u
struct hop_round {
	uint32_t hops[HOP_ROUND]; /* numbers */
	size_t n;
	uint32_t from; /* where the next look begins */
	bool whole;    /* there are no others */
	int64_t at;    /* seconds UTC: of the look */
	bool stale;    /* mail became ready since, or a hop usable */
};

struct hops;

struct hops *hops_new(void);
void hops_free(struct hops *h);

/* By name, made when new (then written into tx at once); by number, NULL when
 * the index does not know it either. The pointer is valid until the next call.
 */
struct hop *hops_by_name(struct hops *h, struct index_tx *tx, const char *name,
    struct po_err *err);
struct hop *hops_by_number(struct hops *h, struct index_tx *tx, uint32_t number,
    struct po_err *err);

/*
 * The relay that the hop's next job goes to: the first that neither rests nor
 * is being probed. 1 (*out), 0 there is none now, -1. With `anyhow` the first
 * where there is none.
 */
int hops_choose_relay(struct hops *h, struct index_tx *tx, uint32_t hop,
    int64_t now, bool anyhow, struct hop_relay *out, struct po_err *err);

/* A job for the hop, by the relay, goes out; it came back. */
void hops_take(struct hops *h, uint32_t hop, uint32_t relay);
void hops_give_back(struct hops *h, uint32_t hop, uint32_t relay);

struct hop_round *hops_round(struct hops *h);

/* Forget those that are of no use now, if there are many. Invalidates
 * pointers. */
void hops_trim(struct hops *h, int64_t now);

/* Forget this one; false: it is of use now. Invalidates pointers. */
bool hops_forget(struct hops *h, uint32_t number);

/* Where all relays of a hop rest, the first of them; else NULL. */
const struct hop *hops_resting(struct hops *h, struct index_tx *tx,
    uint32_t number, int64_t now);

/* Write what became dirty. */
int hops_write(struct hops *h, struct index_tx *tx, struct po_err *err);

/* All of them may be tried again now (--flush). */
int hops_wake_all(struct hops *h, struct index_tx *tx, struct po_err *err);

/* The earliest end of a rest that lies after `now`, 0 when none rests. */
int64_t hops_next_wake(const struct hops *h, int64_t now);

#endif
