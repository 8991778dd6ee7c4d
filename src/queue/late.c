/* SPDX-License-Identifier: ISC */
/*
 * That a relay rests means that it was tried a short while ago, in this run or
 * the one before. So mail that waited for want of a runner is not meant: it is
 * dealt first.
 */
#include "queue/late.h"

#include <stdio.h>
#include <string.h>

#include "queue/health.h"
#include "queue/limits.h"
#include "queue/settle.h"

bool
late_has_work(const struct late_walk *w, int64_t now)
{
	/* Later than ever planned: the clock went back. */
	return w->active || (w->next != 0 && (now >= w->next ||
	                                         w->next - now > LATE_EVERY_S));
}

void
late_begin(struct late_walk *w, int64_t now)
{
	w->at = (struct index_ready){ .hop = 0 };
	w->active = true;
	w->next = now + LATE_EVERY_S;
}

void
late_relay_is_down(struct late_walk *w, int64_t now)
{
	if (now >= w->down && now - w->down < LATE_LEAST_S)
		return;
	w->next = w->down = now;
}

/* ------------------------------------------------------------ one message */

static int
explain_one(struct tick *t, const struct index_message *m, uint32_t n,
    const char *why, struct po_err *err)
{
	struct index_recipient r;
	int rc = index_recipient_get(t->tx, &m->id, n, &t->arena, &r, err);

	if (rc != 1 || slot_is_final(r.state) || r.text[0] != '\0')
		return rc == -1 ? -1 : 0;
	r.text = why;
	(void)snprintf(r.status, sizeof(r.status), "4.4.1");
	return index_recipient_put(t->tx, &m->id, n, &r, err);
}

/* Who was never tried has no answer to tell of; what there is to tell is why. */
static int
explain(struct tick *t, const struct index_message *m, const char *why,
    struct po_err *err)
{
	struct arena_mark mark = arena_mark(&t->arena);
	uint32_t n;

	for (n = 0; n < m->n_recipients; n++) {
		if (explain_one(t, m, n, why, err) == -1)
			return -1;
		arena_release(&t->arena, mark);
	}
	return 0;
}

static int
look_at(struct tick *t, const struct queue_id *id, const char *why,
    struct po_err *err)
{
	struct index_message m;
	int rc = index_message_get(t->tx, id, &t->arena, &m, err);
	bool over;

	if (rc != 1 || m.state != MESSAGE_WAITING)
		return rc == -1 ? -1 : 0;
	over = t->now >= m.expires && m.claims == 0;
	if (!over && !notices_may_be_late(t, &m))
		return 0;
	if (explain(t, &m, why, err) == -1)
		return -1;
	if (over)
		return settle_move(t, &m, MESSAGE_EXPIRED, m.due,
		           "its time is over", err) == -1
		           ? -1
		           : 0;
	return notices_late(t, &m, err);
}

/* ------------------------------------------------------------ the walk */

/* Why nothing can go to this hop: 1 (*why), 0 it can, -1. */
static int
is_blocked(struct tick *t, uint32_t number, char *why, size_t max,
    struct po_err *err)
{
	int64_t before_ms = t->limited_until_ms, until_ms;
	const struct hop *relay;
	int rc;

	relay = hops_resting(t->hops, t->tx, number, t->now);
	if (relay != NULL) {
		(void)snprintf(why, max, "%s is not tried now: %s",
		    relay->host.name, relay->host.cause);
		return 1;
	}
	relay = hops_by_number(t->hops, t->tx, number, err);
	if (relay == NULL)
		return -1;
	t->limited_until_ms = 0;
	rc = limits_allow_relay(t, relay->relays[0], err);
	until_ms = t->limited_until_ms;
	t->limited_until_ms = before_ms;
	if (rc != 0 || until_ms < (t->now + LATE_LIMIT_S) * 1000)
		return rc == -1 ? -1 : 0;
	(void)snprintf(why, max, "%s gets no more now, by its limits",
	    hops_by_number(t->hops, t->tx, number, err)->host.name);
	return 1;
}

static void
next_hop(struct late_walk *w)
{
	w->at = (struct index_ready){ .hop = w->at.hop + 1 };
}

int
late_step(struct tick *t, struct late_walk *w, unsigned max, struct po_err *err)
{
	char why[500];
	unsigned n;
	int rc;

	if (!w->active)
		late_begin(w, t->now);
	for (n = 0; n < max; n++) {
		struct arena_mark mark = arena_mark(&t->arena);

		rc = index_ready_next(t->tx, &w->at, err);
		if (rc == 0)
			w->active = false;
		if (rc != 1)
			return rc;
		rc = is_blocked(t, w->at.hop, why, sizeof(why), err);
		if (rc == 1)
			rc = look_at(t, &w->at.id, why, err);
		else if (rc == 0)
			next_hop(w);
		arena_release(&t->arena, mark);
		if (rc == -1)
			return -1;
	}
	return 0;
}
