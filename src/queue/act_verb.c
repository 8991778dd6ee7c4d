/* SPDX-License-Identifier: ISC */
#include "queue/act_verb.h"

#include "queue/parts.h"
#include "queue/place.h"
#include "queue/requeue.h"
#include "queue/retry.h"
#include "queue/settle.h"

/* ------------------------------------------------------------ hold, release,
 * cancel, requeue */

static bool
is_waiting(const struct index_message *m)
{
	return m->state == MESSAGE_WAITING;
}

static bool
is_held(const struct index_message *m)
{
	return m->state == MESSAGE_HELD;
}

static bool
is_unfinished(const struct index_message *m)
{
	return !message_is_final(m->state);
}

static bool
was_not_sent(const struct index_message *m)
{
	return m->state == MESSAGE_WAITING ||
	       (message_is_final(m->state) &&
	           message_may_move(m->state, MESSAGE_WAITING));
}

static int
do_hold(struct tick *t, struct index_message *m, struct po_err *err)
{
	return settle_hold(t, m, HOLD_REQUEST, err);
}

static int
do_release(struct tick *t, struct index_message *m, struct po_err *err)
{
	if (m->state != MESSAGE_HELD)
		return po_fail(err, PO_EUSAGE, "%s is not held", m->id.text);
	return settle_move(t, m, MESSAGE_WAITING, m->due, "released", err);
}

static int
do_cancel(struct tick *t, struct index_message *m, struct po_err *err)
{
	return settle_move(t, m, MESSAGE_CANCELLED, m->due, "by request", err);
}

static int
do_requeue(struct tick *t, struct index_message *m, struct po_err *err)
{
	if (m->state == MESSAGE_WAITING)
		return settle_move(t, m, MESSAGE_WAITING, t->now, "due now",
		    err);
	if (m->state == MESSAGE_HELD)
		return po_fail(err, PO_EUSAGE, "%s is held: release it instead",
		    m->id.text);
	return requeue_finished(t, m, err);
}

/* ------------------------------------------------------------ flush */

/* Not what is scheduled and was never tried. What is ready was tried, or waits
 * for a next hop that rests. */
static bool
was_deferred(const struct index_message *m)
{
	return m->state == MESSAGE_WAITING &&
	       (m->attempts > 0 || m->place == PLACE_READY || parts_has(m));
}

/* A recipient whose last attempt is in doubt, and the wait after that is not
 * over: 1, 0, -1. */
static int
rests_in_doubt(struct tick *t, const struct index_message *m,
    struct po_err *err)
{
	struct index_recipient r;
	struct arena arena;
	int rc = 0, rests = 0;
	uint32_t n;

	for (n = 0;
	     m->n_in_doubt > 0 && n < m->n_recipients && rests == 0 && rc != -1;
	     n++) {
		arena_init(&arena, 1u << 20);
		rc = index_recipient_get(t->tx, &m->id, n, &arena, &r, err);
		rests = rc == 1 && r.state == SLOT_IN_DOUBT &&
		        r.time + RETRY_IN_DOUBT_S > t->now;
		arena_clear(&arena);
	}
	return rc == -1 ? -1 : rests;
}

/* No word in the head: it says when an attempt is due, and a crash that forgets
 * the flush loses nothing. */
static int
do_flush(struct tick *t, struct index_message *m, struct po_err *err)
{
	int rc;

	if (m->place != PLACE_DUE && m->place != PLACE_PARTS_DUE)
		return 1; /* ready already, its next hop may rest */
	rc = rests_in_doubt(t, m, err);
	if (rc != 0)
		return rc == -1
		           ? -1
		           : po_fail(err, PO_EUSAGE,
		                 "%s: in doubt, and too early", m->id.text);
	if (parts_has(m))
		return parts_hasten(t, m, t->now, err) == -1 ? -1 : 1;
	m->due = t->now;
	return place_message(t, m, err) == -1 ? -1 : 1;
}

/* ------------------------------------------------------------ the table */

static const struct act_verb verbs[] = {
	{ "hold", true, true, "held", is_waiting, do_hold },
	{ "release", true, true, "released", is_held, do_release },
	{ "cancel", true, true, "cancelled", is_unfinished, do_cancel },
	{ "requeue", true, false, "due now", is_waiting, do_requeue },
	{ "requeue-all", true, false, "due now", was_not_sent, do_requeue },
	{ "flush", false, false, "due now", was_deferred, do_flush },
	{ "cleanup", false, false, "removed", NULL, NULL },
	{ "verdict", true, true, "", NULL, NULL }, /* queue/verdict.h */
};

const struct act_verb *
act_verb_find(struct span name)
{
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (span_eq(name, span_of(verbs[i].name)))
			return &verbs[i];
	return NULL;
}

bool
act_is_admin(const struct tick *t, uint32_t uid)
{
	return uid == 0 || uid == t->spool->uid;
}

bool
act_may(const struct tick *t, uint32_t uid, const struct act_verb *v,
    const struct index_message *m, struct po_err *why)
{
	if (act_is_admin(t, uid))
		return true;
	if (!v->owner_may) {
		(void)po_fail(why, PO_EPERM,
		    "%s: only root and the spool's owner may %s", m->id.text,
		    v->name);
		return false;
	}
	/* Else who is over a limit would be the one to say that he is not. */
	if (v->message == do_release && m->state == MESSAGE_HELD &&
	    m->hold > HOLD_DOUBT) {
		(void)po_fail(why, PO_EPERM,
		    "%s: held, %s; only root and the spool's owner may "
		    "release it",
		    m->id.text, message_hold_text(m->hold));
		return false;
	}
	return true;
}
