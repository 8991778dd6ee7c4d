/* SPDX-License-Identifier: ISC */
#include "queue/deal.h"

#include <string.h>

#include "queue/parts.h"
#include "queue/place.h"

/* The first hop, from *number on, that has ready mail and does not rest: 1
 * (*out), 0 none, -1. */
static int
usable_hop(struct tick *t, uint32_t *number, struct hop **out,
    struct po_err *err)
{
	enum priority class = PRIORITY_NOW;
	int rc;

	while ((rc = index_ready_seek(t->tx, number, &class, err)) == 1) {
		*out = hops_by_number(t->hops, t->tx, *number, err);
		if (*out == NULL)
			return po_fail(err, PO_ECORRUPT,
			    "the index has ready mail for an unknown next hop "
			    "%u",
			    *number);
		if (!hop_rests(*out, t->now))
			return 1;
		++*number;
		class = PRIORITY_NOW;
	}
	return rc;
}

/* The first message of the hop: by class from the front, or from the back when
 * it is the lowest one's turn. */
static int
first_of(struct tick *t, struct hop *hop, uint64_t *turn, struct queue_id *id,
    struct po_err *err)
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

static int
claim(struct tick *t, const struct hop *hop, const struct queue_id *id,
    struct wire_job *job, struct po_err *err)
{
	struct index_claim row = { .id = *id, .hop = hop->host.hop };
	struct index_message m;
	int rc;

	rc = index_message_get(t->tx, id, &t->arena, &m, err);
	if (rc != 1)
		return rc == 0 ? po_fail(err, PO_ECORRUPT,
		                     "the index has a ready row without a "
		                     "message: %s",
		                     id->text)
		               : -1;
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
	if (index_message_put(t->tx, &m, err) == -1)
		return -1;
	return index_claim_put(t->tx, &row, err);
}

/* Of the hops that can be used the one with the fewest jobs out. */
static int
choose_hop(struct tick *t, struct hop *best, struct po_err *err)
{
	struct hop *hop;
	uint32_t number = 0;
	bool found = false;
	int rc;

	while ((rc = usable_hop(t, &number, &hop, err)) == 1) {
		if (!found || hop->in_flight < best->in_flight)
			*best = *hop;
		found = true;
		number++;
	}
	return rc == -1 ? -1 : found;
}

/* The message that alone is wanted, if it is ready. */
static int
choose_only(struct tick *t, const struct queue_id *only, struct hop **hop,
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
	*hop = hops_by_number(t->hops, t->tx, m.hop, err);
	return *hop == NULL ? -1 : 1;
}

static int
choose(struct tick *t, const struct queue_id *only, struct hop **hop,
    struct queue_id *id, struct po_err *err)
{
	struct hop best;
	uint64_t turn;
	int rc;

	if (only != NULL) {
		*id = *only;
		return choose_only(t, only, hop, err);
	}
	rc = choose_hop(t, &best, err);
	if (rc != 1)
		return rc;
	*hop = hops_by_number(t->hops, t->tx, best.host.hop, err);
	return *hop == NULL ? -1 : first_of(t, *hop, &turn, id, err);
}

int
deal_next(struct tick *t, struct wire_job *job, const struct queue_id *only,
    uint32_t *number, struct po_err *err)
{
	struct hop *hop;
	struct queue_id id;
	int rc;

	rc = choose(t, only, &hop, &id, err);
	if (rc != 1)
		return rc;
	if (claim(t, hop, &id, job, err) == -1)
		return -1;
	hop->deals++;
	hop->in_flight++;
	*number = hop->host.hop;
	return 1;
}

int
deal_any(struct tick *t, struct po_err *err)
{
	struct hop *hop;
	uint32_t number = 0;

	return usable_hop(t, &number, &hop, err);
}
