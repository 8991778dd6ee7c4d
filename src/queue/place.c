/* SPDX-License-Identifier: ISC */
/*
 * turn = max(V, last turn of that uid in the class) + 1, V being the turn last
 * dealt in the class. A uid that has queued 20,000 messages holds the turns up
 * to V + 20,000; another one's first message gets V + 1. V is kept under a uid
 * that nobody can have.
 */
#include "queue/place.h"

#include <string.h>

#include "queue/parts.h"
#include "queue/retry.h"
#include "queue/settle.h"
#include "queue/wire.h"

#define CLAIMED_WAIT_S 30

/* Ready for its next hop, or a part for each where there are several. */
static int
place_ready(struct tick *t, struct index_message *m, struct po_err *err)
{
	struct ways ways;
	int rc = ways_find(t, m, &ways, err);

	if (rc == 0 && ways.n == 0)
		rc = po_fail(err, PO_ECORRUPT,
		    "%s: waiting, but no recipient is open", m->id.text);
	if (rc == 0 && ways.n == 1) {
		m->place = PLACE_READY;
		m->hop = ways.all[0].hop;
		rc = parts_next_turn(t, m, &m->turn, err);
	} else if (rc == 0) {
		rc = parts_begin(t, m, &ways, err);
	}
	ways_clear(&ways);
	return rc;
}

/* Mail that only waited too long, for want of a runner, is tried once; what has
 * an expiry of its own is not, nor what a limit put off. */
static bool
is_expired(const struct tick *t, const struct index_message *m)
{
	int64_t from = m->due > m->arrival ? m->due : m->arrival;

	return t->now >= m->expires &&
	       (m->attempts > 0 || m->waits != WAITS_NOT ||
	           m->expires < from + t->conf->give_up_after_s);
}

int
place_message(struct tick *t, struct index_message *m, struct po_err *err)
{
	struct retry_policy p = retry_policy_of(t->conf);

	m->place = PLACE_NONE;
	m->claims = 0;
	if (m->state == MESSAGE_WAITING) {
		/* A due time of a retry, made while the clock was wrong. */
		if (m->attempts > 0)
			m->due = retry_clamp_due(&p, m->due, t->now);
		if (is_expired(t, m))
			return settle_move(t, m, MESSAGE_EXPIRED, m->due,
			           "its time is over", err) == -1
			           ? -1
			           : 0;
		if (m->due > t->now)
			m->place = PLACE_DUE;
		else if (place_ready(t, m, err) == -1)
			return -1;
	}
	if (m->place != PLACE_DUE)
		m->waits = WAITS_NOT;
	return index_message_put(t->tx, m, err);
}

void
place_announce(struct tick *t, const struct index_message *m, const char *msgid)
{
	struct buf sender, shown;

	buf_init(&sender, 2000);
	buf_init(&shown, 2000);
	(void)log_escape(&sender, span_of(m->sender), 400);
	(void)log_escape(&shown, span_of(msgid == NULL ? "<>" : msgid), 400);
	after_log(t->after, "po/pickup", LOG_LEVEL_INFO, "%s: uid=%u from=<%s>",
	    m->id.text, m->uid, buf_str(&sender));
	after_log(t->after, "po/cleanup", LOG_LEVEL_INFO, "%s: message-id=%s",
	    m->id.text, buf_str(&shown));
	after_log(t->after, "po/qmgr", LOG_LEVEL_INFO,
	    "%s: from=<%s>, size=%llu, nrcpt=%u (queue active)", m->id.text,
	    buf_str(&sender), (unsigned long long)m->size, m->n_recipients);
	buf_clear(&sender);
	buf_clear(&shown);
}

int
place_after_clock_jump(struct tick *t, struct po_err *err)
{
	struct retry_policy p = retry_policy_of(t->conf);
	struct index_message m;
	struct queue_id after;
	struct arena arena;
	bool first = true;
	int rc;

	arena_init(&arena, 16u << 20);
	while ((rc = index_message_next(t->tx, first ? NULL : &after, &arena,
	            &m, err)) == 1) {
		after = m.id;
		first = false;
		if (m.place == PLACE_PARTS_DUE && m.attempts > 0)
			rc = parts_hasten(t, &m, INT64_MAX, err);
		else if (m.place == PLACE_DUE && m.attempts > 0 &&
		         retry_clamp_due(&p, m.due, t->now) != m.due)
			rc = place_message(t, &m, err);
		if (rc == -1)
			break;
		arena_clear(&arena);
	}
	arena_clear(&arena);
	return rc;
}

/* A due row came up. What is over its time waits for those who have some of it.
 */
static int
place_one(struct tick *t, struct index_message *m, struct po_err *err)
{
	if (!parts_has(m) || (is_expired(t, m) && m->claims == 0))
		return place_message(t, m, err);
	if (!is_expired(t, m))
		return parts_update(t, m, err);
	m->due = t->now + CLAIMED_WAIT_S;
	return index_message_put(t->tx, m, err);
}

int
place_due(struct tick *t, int64_t max, struct po_err *err)
{
	struct arena_mark mark = arena_mark(&t->arena);
	struct index_message m;
	struct queue_id id;
	int64_t due, n, recipients = 0;
	int rc;

	for (n = 0; n < max && recipients < TICK_MAX_RECIPIENTS; n++) {
		rc = index_due_first(t->tx, &due, &id, err);
		if (rc == -1)
			return -1;
		if (rc == 0 || due > t->now)
			break;
		rc = index_message_get(t->tx, &id, &t->arena, &m, err);
		if (rc == 0)
			return po_fail(err, PO_ECORRUPT,
			    "the index has a due row without a message: %s",
			    id.text);
		recipients += rc == 1 ? m.n_recipients : 0;
		if (rc == -1 || place_one(t, &m, err) == -1)
			return -1;
		arena_release(&t->arena, mark);
	}
	return (int)n;
}
