/* SPDX-License-Identifier: ISC */
/*
 * Recipients are read one at a time into an arena of its own: a message may
 * have 100,000.
 */
#include "queue/parts.h"

#include <stdlib.h>
#include <string.h>

#include "queue/place.h"
#include "queue/retry.h"
#include "queue/settle.h"
#include "util/grow.h"

#define RECIPIENT_BYTES (64u << 10)

/* ------------------------------------------------------------------ ways */

void
ways_clear(struct ways *w)
{
	free(w->all);
	*w = (struct ways){ NULL, 0, 0 };
}

/* Where a hop stands among them, or would. */
static size_t
find_way(const struct ways *w, uint32_t hop)
{
	size_t low = 0, high = w->n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (w->all[middle].hop < hop)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
is_way(const struct ways *w, uint32_t hop)
{
	size_t i = find_way(w, hop);

	return i < w->n && w->all[i].hop == hop;
}

/* New hops get the next number, so most come in at the end. */
static int
add_way(struct tick *t, struct ways *w, const char *name, uint32_t attempts,
    struct po_err *err)
{
	const struct hop *hop = hops_by_name(t->hops, t->tx, name, err);
	uint32_t number;
	void *more;
	size_t i;

	if (hop == NULL)
		return -1;
	number = hop->host.hop;
	i = find_way(w, number);
	if (i == w->n || w->all[i].hop != number) {
		more = grow_array(w->all, w->n, &w->cap, sizeof(*w->all));
		if (more == NULL)
			return po_fail(err, PO_EOS, "no memory for %zu hops",
			    w->n);
		w->all = more;
		memmove(&w->all[i + 1], &w->all[i],
		    (w->n - i) * sizeof(*w->all));
		w->all[i] = (struct way){ .hop = number };
		w->n++;
	}
	/* It is the number of a claim, of any hop: one more is due at least. */
	if (t->conf->max_attempts > 0 && attempts >= t->conf->max_attempts)
		attempts = (uint32_t)t->conf->max_attempts - 1;
	if (w->all[i].attempts < attempts)
		w->all[i].attempts = attempts;
	return 0;
}

/* `r` in an arena that is cleared before the next. */
typedef int recipient_visitor(struct tick *t, const struct index_message *m,
    const struct index_recipient *r, void *ctx, struct po_err *err);

/* Each open recipient, until the visitor says 1 or -1; its word, or 0. */
static int
each_open(struct tick *t, const struct index_message *m,
    recipient_visitor *visit, void *ctx, struct po_err *err)
{
	struct index_recipient r;
	struct arena arena;
	uint32_t n;
	int rc = 0;

	arena_init(&arena, RECIPIENT_BYTES);
	for (n = 0; n < m->n_recipients && rc == 0; n++) {
		rc = index_recipient_get(t->tx, &m->id, n, &arena, &r, err);
		if (rc == 1)
			rc = slot_is_final(r.state) ? 0
			                            : visit(t, m, &r, ctx, err);
		arena_clear(&arena);
	}
	return rc;
}

static int
visit_way(struct tick *t, const struct index_message *m,
    const struct index_recipient *r, void *ctx, struct po_err *err)
{
	char name[DELIVER_HOP_MAX];
	struct ways *w = ctx;

	deliver_route(t->routes,
	    &(struct deliver_query){ .recipient = r->address,
	        .sender = m->sender,
	        .tag = m->tag,
	        .login = m->login,
	        .uid = m->uid },
	    name);
	if (add_way(t, w, name, r->attempt, err) == -1)
		return -1;
	/* Where there is one way, one recipient tells it. */
	return deliver_routes_are_one(t->routes);
}

int
ways_find(struct tick *t, const struct index_message *m, struct ways *out,
    struct po_err *err)
{
	*out = (struct ways){ NULL, 0, 0 };
	return each_open(t, m, visit_way, out, err) == -1 ? -1 : 0;
}

static int
visit_doubt(struct tick *t, const struct index_message *m,
    const struct index_recipient *r, void *ctx, struct po_err *err)
{
	(void)t;
	(void)m;
	(void)ctx;
	(void)err;
	return r->state == SLOT_IN_DOUBT;
}

int
parts_in_doubt(struct tick *t, const struct index_message *m,
    struct po_err *err)
{
	return m->n_in_doubt == 0 ? 0 : each_open(t, m, visit_doubt, NULL, err);
}

/* ------------------------------------------------------------------ parts */

bool
parts_has(const struct index_message *m)
{
	return m->place == PLACE_PARTS || m->place == PLACE_PARTS_DUE;
}

int
parts_next_turn(struct tick *t, const struct index_message *m, uint64_t *turn,
    struct po_err *err)
{
	uint64_t dealt = 0, own = 0;

	if (index_turn_get(t->tx, m->priority, PLACE_DEALT_UID, &dealt, err) ==
	        -1 ||
	    index_turn_get(t->tx, m->priority, m->uid, &own, err) == -1)
		return -1;
	*turn = 1 + (dealt > own ? dealt : own);
	hops_round(t->hops)->stale = true;
	return index_turn_put(t->tx, m->priority, m->uid, *turn, err);
}

static int
make_ready(struct tick *t, const struct index_message *m,
    struct index_part *part, struct po_err *err)
{
	part->place = PLACE_READY;
	part->priority = m->priority;
	part->due = m->due;
	if (parts_next_turn(t, m, &part->turn, err) == -1)
		return -1;
	return index_part_put(t->tx, &m->id, part, err);
}

int
parts_begin(struct tick *t, struct index_message *m, const struct ways *w,
    struct po_err *err)
{
	struct index_part part;
	size_t i;

	if (index_parts_delete(t->tx, &m->id, err) == -1)
		return -1;
	for (i = 0; i < w->n; i++) {
		part = (struct index_part){ .hop = w->all[i].hop,
			.attempts = w->all[i].attempts };
		if (make_ready(t, m, &part, err) == -1)
			return -1;
	}
	m->place = PLACE_PARTS;
	m->claims = 0;
	return 0;
}

/* Parts that are there: drop what nobody takes, make ready what is due. */
static int
update_old(struct tick *t, struct index_message *m, const struct ways *w,
    struct po_err *err)
{
	struct index_part part = { .hop = 0 };
	int rc;

	while ((rc = index_part_next(t->tx, &m->id, &part, err)) == 1) {
		if (part.place == PLACE_CLAIM)
			continue;
		if (!is_way(w, part.hop))
			rc = index_part_delete(t->tx, &m->id, part.hop, err);
		else if (part.place == PLACE_DUE && part.due <= t->now)
			rc = make_ready(t, m, &part, err);
		if (rc == -1)
			return -1;
	}
	return rc;
}

static int
add_new(struct tick *t, struct index_message *m, const struct ways *w,
    struct po_err *err)
{
	struct index_part part;
	size_t i;
	int rc;

	for (i = 0; i < w->n; i++) {
		rc = index_part_get(t->tx, &m->id, w->all[i].hop, &part, err);
		if (rc == 0) {
			part = (struct index_part){ .hop = w->all[i].hop,
				.attempts = w->all[i].attempts };
			rc = make_ready(t, m, &part, err);
		}
		if (rc == -1)
			return -1;
	}
	return 0;
}

/* Place and due of the message by its parts: due is that of the first one that
 * waits, or now. */
static int
sum_up(struct tick *t, struct index_message *m, struct po_err *err)
{
	struct index_part part = { .hop = 0 };
	int64_t first = INT64_MAX;
	int rc;

	while ((rc = index_part_next(t->tx, &m->id, &part, err)) == 1)
		if (part.place == PLACE_DUE && part.due < first)
			first = part.due;
	m->place = first == INT64_MAX ? PLACE_PARTS : PLACE_PARTS_DUE;
	m->due = first == INT64_MAX ? t->now : first;
	return rc;
}

/* The same where one part, which was claimed, is what changed: a message may
 * have as many parts as recipients, and each ends. */
static void
sum_in(const struct tick *t, struct index_message *m,
    const struct index_part *part)
{
	if (part->place == PLACE_DUE &&
	    (m->place != PLACE_PARTS_DUE || part->due < m->due)) {
		m->place = PLACE_PARTS_DUE;
		m->due = part->due;
	} else if (m->place != PLACE_PARTS_DUE) {
		m->place = PLACE_PARTS;
		m->due = t->now;
	}
}

int
parts_put_off(struct tick *t, struct index_message *m, uint32_t hop,
    int64_t due, struct po_err *err)
{
	struct index_part part;
	int rc = index_part_get(t->tx, &m->id, hop, &part, err);

	if (rc == 1) {
		part.place = PLACE_DUE;
		part.due = due;
		rc = index_part_put(t->tx, &m->id, &part, err);
	}
	if (rc == -1 || sum_up(t, m, err) == -1)
		return -1;
	return index_message_put(t->tx, m, err);
}

int
parts_update(struct tick *t, struct index_message *m, struct po_err *err)
{
	struct ways ways;
	int rc = ways_find(t, m, &ways, err);

	if (rc == 0)
		rc = update_old(t, m, &ways, err);
	if (rc == 0)
		rc = add_new(t, m, &ways, err);
	if (rc == 0)
		rc = sum_up(t, m, err);
	if (rc == 0)
		rc = index_message_put(t->tx, m, err);
	ways_clear(&ways);
	return rc;
}

int
parts_hasten(struct tick *t, struct index_message *m, int64_t due,
    struct po_err *err)
{
	const struct retry_policy p = retry_policy_of(t->conf);
	struct index_part part = { .hop = 0 };
	int64_t then;
	int rc;

	while ((rc = index_part_next(t->tx, &m->id, &part, err)) == 1) {
		then = retry_clamp_due(&p, due < part.due ? due : part.due,
		    t->now);
		if (part.place != PLACE_DUE || then == part.due)
			continue;
		part.due = then;
		if (index_part_put(t->tx, &m->id, &part, err) == -1)
			return -1;
	}
	return rc == -1 ? -1 : parts_update(t, m, err);
}

int
parts_end_claim(struct tick *t, struct index_message *m,
    const struct attempt_end *end, struct po_err *err)
{
	const struct retry_policy p = retry_policy_of(t->conf);
	struct index_part part;
	int rc = index_part_get(t->tx, &m->id, end->hop, &part, err);

	if (m->claims > 0)
		m->claims--;
	if (rc != 1)
		return rc == -1 ? -1 : sum_up(t, m, err);
	if (!end->touched) {
		rc = make_ready(t, m, &part, err);
	} else if (end->complete) {
		part.place = PLACE_NONE;
		rc = index_part_delete(t->tx, &m->id, part.hop, err);
	} else {
		part.place = PLACE_DUE;
		part.attempts++;
		part.due =
		    t->now + retry_wait_s(&p, part.attempts, settle_random());
		if (end->in_doubt && part.due < t->now + RETRY_IN_DOUBT_S)
			part.due = t->now + RETRY_IN_DOUBT_S;
		if ((part.due > m->expires ||
		        retry_is_spent(&p, part.attempts)) &&
		    m->expires > t->now)
			part.due = m->expires;
		rc = index_part_put(t->tx, &m->id, &part, err);
	}
	if (rc == 0)
		sum_in(t, m, &part);
	return rc;
}

int
parts_are_spent(struct tick *t, const struct index_message *m,
    struct po_err *err)
{
	const struct retry_policy p = retry_policy_of(t->conf);
	struct index_part part = { .hop = 0 };
	bool any = false;
	int rc = 0;

	while (p.max_attempts > 0 &&
	       (rc = index_part_next(t->tx, &m->id, &part, err)) == 1) {
		any = true;
		if (part.place != PLACE_DUE ||
		    !retry_is_spent(&p, part.attempts))
			return 0;
	}
	return rc == -1 ? -1 : any;
}

int
parts_any(struct tick *t, const struct index_message *m, struct po_err *err)
{
	struct index_part part = { .hop = 0 };

	return index_part_next(t->tx, &m->id, &part, err);
}

int
parts_next_attempt(struct tick *t, const struct index_message *m,
    uint32_t *attempt, struct po_err *err)
{
	struct index_claim claim, after = { .id = m->id, .attempt = 0 };
	int rc;

	*attempt = m->attempts + 1;
	if (m->claims == 0)
		return 0;
	while ((rc = index_claim_next(t->tx, &after, &claim, err)) == 1 &&
	       strcmp(claim.id.text, m->id.text) == 0) {
		if (claim.attempt >= *attempt)
			*attempt = claim.attempt + 1;
		after = claim;
	}
	return rc == -1 ? -1 : 0;
}
