/* SPDX-License-Identifier: ISC */
/*
 * With direct delivery there may be many thousand hops with ready mail, and
 * most of them rest: no deal goes through all of them. A look goes on where the
 * last one stopped, until it has HOP_ROUND that can be used, or has been round;
 * what it found serves many deals.
 */
#include "queue/deal.h"

#include <string.h>

#include "queue/health.h"
#include "queue/limits.h"
#include "queue/parts.h"
#include "queue/place.h"

#define LOOKS_MAX 32

/* The first hop, from *number on, that has ready mail and a relay that takes
 * it: 1, 0 none, -1. */
static int
usable_hop(struct tick *t, uint32_t *number, struct hop_relay *relay,
    struct po_err *err)
{
	enum priority class = PRIORITY_NOW;
	int rc;

	while ((rc = index_ready_seek(t->tx, number, &class, err)) == 1) {
		if (hops_by_number(t->hops, t->tx, *number, err) == NULL)
			return po_fail(err, PO_ECORRUPT,
			    "the index has ready mail for an unknown next hop "
			    "%u",
			    *number);
		rc = hops_choose_relay(t->hops, t->tx, *number, t->now, false,
		    relay, err);
		if (rc == 1)
			rc = limits_allow_relay(t, relay->number, err);
		if (rc != 0)
			return rc;
		++*number;
		class = PRIORITY_NOW;
	}
	return rc;
}

/* The first message of the hop: by class from the front, or from the back when
 * it is the lowest one's turn. */
static int
first_of(struct tick *t, const struct hop *hop, uint64_t *turn,
    struct queue_id *id, struct po_err *err)
{
	bool lowest = (hop->deals + 1) % DEAL_LOWEST_EVERY == 0;
	int i, rc;

	for (i = 0; i < PRIORITIES; i++) {
		rc = index_ready_first(t->tx, hop->host.hop,
		    (enum priority)(lowest ? PRIORITIES - 1 - i : i), turn, id,
		    err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* V of the class is the turn last dealt. */
static int
note_turn(struct tick *t, enum priority class, uint64_t turn,
    struct po_err *err)
{
	uint64_t dealt = 0;

	if (index_turn_get(t->tx, class, PLACE_DEALT_UID, &dealt, err) == -1)
		return -1;
	return turn > dealt
	           ? index_turn_put(t->tx, class, PLACE_DEALT_UID, turn, err)
	           : 0;
}

static int
claim_part(struct tick *t, uint32_t hop, struct index_message *m,
    uint32_t *attempt, struct po_err *err)
{
	struct index_part part;
	int rc = index_part_get(t->tx, &m->id, hop, &part, err);

	if (rc == 0 || (rc == 1 && part.place != PLACE_READY))
		return po_fail(err, PO_ECORRUPT,
		    "the index has a ready row without a part: %s", m->id.text);
	if (rc == -1 || note_turn(t, m->priority, part.turn, err) == -1 ||
	    parts_next_attempt(t, m, attempt, err) == -1)
		return -1;
	part.place = PLACE_CLAIM;
	m->claims++;
	return index_part_put(t->tx, &m->id, &part, err);
}

/* A limit of its sender or user: it waits for its turn, or for the end of its
 * time. */
static int
put_off(struct tick *t, struct index_message *m, uint32_t hop, int64_t due,
    struct po_err *err)
{
	if (due > m->expires && m->expires > t->now)
		due = m->expires;
	if (parts_has(m))
		return parts_put_off(t, m, hop, due, err);
	m->place = PLACE_DUE;
	m->due = due;
	return index_message_put(t->tx, m, err);
}

/* 1; 0 it was put off; -1. */
static int
claim(struct tick *t, const struct hop *hop, const struct queue_id *id,
    struct wire_job *job, struct po_err *err)
{
	struct index_claim row = { .id = *id, .hop = hop->host.hop };
	struct index_message m;
	int64_t due;
	int rc;

	rc = index_message_get(t->tx, id, &t->arena, &m, err);
	if (rc != 1)
		return rc == 0 ? po_fail(err, PO_ECORRUPT,
		                     "the index has a ready row without a "
		                     "message: %s",
		                     id->text)
		               : -1;
	rc = limits_take(t, &m, &due, &m.waits, err);
	if (rc != 1)
		return rc == -1 ? -1 : put_off(t, &m, row.hop, due, err);
	if (parts_has(&m)) {
		if (claim_part(t, row.hop, &m, &row.attempt, err) == -1)
			return -1;
	} else {
		if (note_turn(t, m.priority, m.turn, err) == -1)
			return -1;
		row.attempt = m.attempts + 1;
		m.place = PLACE_CLAIM;
	}
	job->id = *id;
	job->attempt = row.attempt;
	memcpy(job->hop, hop->host.name, strlen(hop->host.name) + 1);
	if (index_message_put(t->tx, &m, err) == -1 ||
	    index_claim_put(t->tx, &row, err) == -1)
		return -1;
	return 1;
}

/* What is to be dealt. */
struct choice {
	uint32_t hop;
	struct hop_relay relay;
	struct queue_id id;
};

/* ------------------------------------------------------------------ rounds
 */

static int
look_round(struct tick *t, struct po_err *err)
{
	struct hop_round *round = hops_round(t->hops);
	uint32_t number = round->from;
	bool wrapped = number == 0;
	struct hop_relay relay;
	int rc;

	*round = (struct hop_round){ .from = number, .at = t->now };
	while (round->n < HOP_ROUND) {
		rc = usable_hop(t, &number, &relay, err);
		if (rc == -1)
			return -1;
		if (wrapped && (rc == 0 || number >= round->from)) {
			/* From 0 on, the end is the end. */
			round->whole = rc == 0 || round->from > 0;
			if (round->whole)
				return 0;
		}
		if (rc == 0) {
			wrapped = true;
			number = 0;
			continue;
		}
		round->hops[round->n++] = number++;
	}
	round->from = number;
	return 0;
}

/* Only what was seen in this second, for rests end with seconds. */
static int
renew_round(struct tick *t, struct po_err *err)
{
	const struct hop_round *round = hops_round(t->hops);

	if (round->n > 0 && !round->stale && round->at == t->now)
		return 0;
	return look_round(t, err);
}

/* Within its limits, and by this worker? */
static int
may_go(struct tick *t, const struct hop_relay *relay, struct po_err *err)
{
	return limits_may_connect(t, relay->number)
	           ? limits_allow_relay(t, relay->number, err)
	           : 0;
}

/* Of the hops that can be used the one with the fewest jobs out, or `near`: its
 * place in the round; 0 there is none. */
static int
choose_hop(struct tick *t, uint32_t near, struct choice *c, size_t *place,
    struct po_err *err)
{
	const struct hop_round *round = hops_round(t->hops);
	uint32_t least = UINT32_MAX, in_flight;
	struct hop_relay relay;
	size_t i;
	int rc, found = 0;

	for (i = 0; i < round->n; i++) {
		rc = hops_choose_relay(t->hops, t->tx, round->hops[i], t->now,
		    false, &relay, err);
		if (rc == 1)
			rc = may_go(t, &relay, err);
		if (rc == -1)
			return -1;
		in_flight = hops_by_number(t->hops, t->tx, round->hops[i], err)
		                ->in_flight;
		if (rc == 0 || (in_flight >= least && round->hops[i] != near))
			continue;
		*c = (struct choice){ .hop = round->hops[i], .relay = relay };
		*place = i;
		least = in_flight;
		found = 1;
		if (c->hop == near)
			break;
	}
	return found;
}

static void
leave_round(struct hop_round *round, size_t place)
{
	round->n--;
	memmove(&round->hops[place], &round->hops[place + 1],
	    (round->n - place) * sizeof(round->hops[0]));
}

/* A hop of the round that has no more mail leaves it. */
static int
choose_of_round(struct tick *t, uint32_t near, struct choice *c,
    struct po_err *err)
{
	const struct hop *hop;
	uint64_t turn;
	size_t place;
	int rc;

	while ((rc = choose_hop(t, near, c, &place, err)) == 1) {
		hop = hops_by_number(t->hops, t->tx, c->hop, err);
		rc = hop == NULL ? -1 : first_of(t, hop, &turn, &c->id, err);
		if (rc != 0)
			return rc;
		leave_round(hops_round(t->hops), place);
	}
	return rc;
}

/* The message that alone is wanted, if it is ready. */
static int
choose_only(struct tick *t, const struct queue_id *only, struct choice *c,
    struct po_err *err)
{
	struct index_part part = { .hop = 0 };
	struct index_message m;
	int rc = index_message_get(t->tx, only, &t->arena, &m, err);

	if (rc != 1 || (m.place != PLACE_READY && !parts_has(&m)))
		return rc == -1 ? -1 : 0;
	if (parts_has(&m)) {
		while ((rc = index_part_next(t->tx, only, &part, err)) == 1 &&
		       part.place != PLACE_READY)
			;
		if (rc != 1)
			return rc;
		m.hop = part.hop;
	}
	c->id = *only;
	c->hop = m.hop;
	rc = hops_choose_relay(t->hops, t->tx, m.hop, t->now, true, &c->relay,
	    err);
	return rc == 1 ? may_go(t, &c->relay, err) : rc;
}

/* When nothing of a round can be dealt and there are others, they are looked
 * at; what was seen then is whole, or can be dealt, but where this worker may not
 * connect. */
static int
choose(struct tick *t, const struct queue_id *only, uint32_t near,
    struct choice *c, struct po_err *err)
{
	unsigned looks = 0;
	bool whole;
	int rc;

	if (only != NULL)
		return choose_only(t, only, c, err);
	if (renew_round(t, err) == -1)
		return -1;
	do {
		rc = choose_of_round(t, near, c, err);
		whole = hops_round(t->hops)->whole;
		if (rc == 0 && !whole && look_round(t, err) == -1)
			return -1;
	} while (rc == 0 && !whole && looks++ < LOOKS_MAX);
	return rc;
}

/* By days, so that it is rarely written. */
static void
note_use(const struct tick *t, struct hop *hop)
{
	int64_t day = t->now - t->now % 86400;

	hop->dirty |= hop->host.used_at != day;
	hop->host.used_at = day;
}

/* 1, 0 nothing can be dealt, or the message was put off (*again), -1. */
static int
deal_one(struct tick *t, struct deal *out, const struct queue_id *only,
    uint32_t near, bool *again, struct po_err *err)
{
	struct choice c;
	struct hop *hop;
	int rc;

	*again = false;
	rc = choose(t, only, near, &c, err);
	if (rc != 1)
		return rc;
	out->hop = c.hop;
	out->relay = c.relay.number;
	out->job.relay = (uint8_t)c.relay.which;
	out->job.alternatives = c.relay.alternatives;
	hop = hops_by_number(t->hops, t->tx, c.relay.number, err);
	if (hop == NULL)
		return -1;
	out->job.traits = (uint8_t)health_traits(&hop->host, t->now);
	out->job.falls = hop->falls;
	out->probe = hop->host.failures > 0 || hop->untried;
	hop = hops_by_number(t->hops, t->tx, c.hop, err);
	if (hop == NULL)
		return -1;
	rc = claim(t, hop, &c.id, &out->job, err);
	*again = rc == 0 && only == NULL;
	if (rc != 1)
		return rc;
	note_use(t, hop);
	hop->deals++;
	hops_take(t->hops, c.hop, c.relay.number);
	return 1;
}

int
deal_next(struct tick *t, struct deal *out, const struct queue_id *only,
    uint32_t near, struct po_err *err)
{
	struct arena_mark mark = arena_mark(&t->arena);
	bool again = true;
	int rc = 0;

	while (rc == 0 && again) {
		rc = deal_one(t, out, only, near, &again, err);
		arena_release(&t->arena, mark);
	}
	return rc;
}

int
deal_any(struct tick *t, struct po_err *err)
{
	struct choice c;

	return choose(t, NULL, 0, &c, err);
}
