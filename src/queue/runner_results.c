/* SPDX-License-Identifier: ISC */
/* The results that workers reported, settled inside a tick. */
#include <string.h>

#include "queue/health.h"
#include "queue/limits.h"
#include "queue/recover.h"
#include "queue/runner_state.h"
#include "queue/settle.h"
#include "util/wallclock.h"

/* What a result tells of its relay. */
static int
note_relay(struct runner *r, struct tick *t, uint32_t number,
    const struct wire_result *res, struct po_err *err)
{
	struct wire_result seen = *res;
	enum health_change change;
	struct hop *relay;
	bool dirty, alive;

	if (limits_note_pace(t, number, res, &alive, err) == -1)
		return -1;
	relay = hops_by_number(r->hops, t->tx, number, NULL);
	if (relay == NULL)
		return 0;
	seen.hop_down &= !alive;
	change = health_note(&relay->host, &seen, t->now,
	    seen.hop_down ? settle_random() : 0, &dirty);
	relay->dirty |= dirty;
	if (res->state != DELIVERY_UNTOUCHED)
		relay->untried = false;
	if (change == HEALTH_DOWN) {
		relay->falls++;
		late_relay_is_down(&r->late, t->now);
		after_log(t->after, "po/qmgr", LOG_LEVEL_WARNING,
		    "%s rests for %lld s: %s", relay->host.name,
		    (long long)(relay->host.backoff_until - t->now), res->text);
	} else if (change == HEALTH_UP) {
		after_log(t->after, "po/qmgr", LOG_LEVEL_INFO,
		    "%s answers again", relay->host.name);
	}
	return 0;
}

static void
count(struct runner *r, enum delivery_state s)
{
	switch (s) {
	case DELIVERY_SENT:
		r->counts->sent++;
		break;
	case DELIVERY_DEFERRED:
		r->counts->deferred++;
		break;
	case DELIVERY_FAILED:
		r->counts->failed++;
		break;
	case DELIVERY_IN_DOUBT:
		r->counts->in_doubt++;
		break;
	case DELIVERY_UNTOUCHED:
	case DELIVERY_NEXT: /* is not told */
		break;
	}
}

static void
drop_job(struct runner *r, struct child *ch, struct held_job *job)
{
	hops_give_back(r->hops, job->hop, job->relay);
	if (job->probe) {
		ch->probing = false;
		hops_round(r->hops)->stale = true;
	}
	crew_drop_relay(ch, job->relay);
	crew_drop(ch, job);
	ch->done++;
	if (ch->n_jobs == 0 && ch->filled)
		ch->starved = true;
	ch->heard_ms = monotonic_ms();
	r->ready_maybe = true;
}

static void
note_end(struct attempt_end *end, const struct wire_result *res)
{
	end->touched = true;
	if (res->state != DELIVERY_SENT && res->state != DELIVERY_FAILED)
		end->left = true;
	if (res->state == DELIVERY_IN_DOUBT)
		end->in_doubt = true;
	if (res->state == DELIVERY_FAILED)
		end->failed = true;
	if (res->state == DELIVERY_SENT)
		end->handover = res->handover;
}

/* What a result says of a recipient, or of the message as a whole. */
static int
settle_part(struct runner *r, struct tick *t, struct held_job *job,
    struct index_message *m, const struct wire_result *res, struct po_err *err)
{
	int rc;

	if (res->recipient == UINT32_MAX) {
		job->end.left = true;
		if (res->state != DELIVERY_DEFERRED)
			return 0; /* handed back */
		job->end.touched = true;
		after_log(t->after, "po/qmgr", LOG_LEVEL_ERROR,
		    "%s: deferred: %s", m->id.text, res->text);
		return 0;
	}
	if (note_relay(r, t, job->relay, res, err) == -1)
		return -1;
	rc = settle_recipient(t, m, res, err);
	if (rc == 1) {
		note_end(&job->end, res);
		/* What fails before MAIL never got to be a message there, and
		 * what was too much did not pass. */
		job->passed |= res->phase >= PHASE_MAIL && !res->slow;
		count(r, res->state);
	} else {
		job->end.left = true;
	}
	return rc == -1 ? -1 : 0;
}

/* What its end means for limits. */
static int
note_limits(struct tick *t, const struct held_job *job,
    const struct index_message *m, struct po_err *err)
{
	if (!job->end.touched)
		return limits_give_back(t, m, err);
	return job->passed ? limits_note_relay(t, job->relay, err) : 0;
}

static int
settle_result(struct runner *r, struct tick *t, const struct pending_result *p,
    struct po_err *err)
{
	struct held_job *job = crew_find(p->child, &p->r.id, p->r.attempt);
	struct index_message m;
	int rc;

	if (job == NULL) {
		after_log(t->after, "po/qmgr", LOG_LEVEL_WARNING,
		    "%s: a result from a worker that does not hold this job",
		    p->r.id.text);
		return 0;
	}
	rc = index_message_get(t->tx, &p->r.id, &t->arena, &m, err);
	if (rc == -1)
		return -1;
	/* Another worker, for another next hop, found its file damaged. */
	if (rc == 0) {
		drop_job(r, p->child, job);
		return 0;
	}
	if (p->r.damaged) {
		rc = settle_damaged(t, &m, p->r.text, err);
		drop_job(r, p->child, job);
		return rc;
	}
	if (p->r.over) {
		rc = settle_over(t, &m, p->r.attempt, err);
		drop_job(r, p->child, job);
		return rc;
	}
	if (settle_part(r, t, job, &m, &p->r, err) == -1)
		return -1;
	if (p->r.unmarked && recover_slots_later(t, err) == -1)
		return -1;
	if (!p->r.last) {
		p->child->heard_ms = monotonic_ms();
		return index_message_put(t->tx, &m, err);
	}
	job->end.complete = job->end.touched && !job->end.left;
	if (p->r.connected)
		p->child->session = job->relay;
	rc = note_limits(t, job, &m, err);
	if (rc == 0)
		rc = settle_end(t, &m, &job->end, err);
	drop_job(r, p->child, job);
	return rc;
}

int
runner_settle_results(struct runner *r, struct tick *t, struct po_err *err)
{
	struct arena_mark mark = arena_mark(&t->arena);
	size_t i;

	t->crew = &r->crew;
	for (i = 0; i < r->n_results; i++) {
		if (r->results[i].closed) {
			r->results[i].child->session = 0;
			r->ready_maybe = true;
		} else if (settle_result(r, t, &r->results[i], err) == -1)
			return -1;
		arena_release(&t->arena, mark);
	}
	if (r->n_results > 0)
		r->slots_dirty = true;
	return 0;
}
