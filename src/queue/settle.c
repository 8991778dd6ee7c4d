/* SPDX-License-Identifier: ISC */
#include "queue/settle.h"

#include <string.h>
#include <sys/random.h>

#include "queue/parts.h"
#include "queue/place.h"
#include "queue/retry.h"

uint32_t
settle_random(void)
{
	uint32_t r = 0;

	return getrandom(&r, sizeof(r), GRND_NONBLOCK) == (ssize_t)sizeof(r)
	           ? r
	           : 0;
}

/* What is left of a message that ends before its time: its open recipients are
 * final too, in the file and in the index; their last answers stay. */
static int
close_recipient(struct tick *t, const struct index_message *m,
    struct message_file *f, uint32_t n, struct po_err *err)
{
	struct index_recipient row;
	struct slot s;
	int rc;

	rc = index_recipient_get(t->tx, &m->id, n, &t->arena, &row, err);
	if (rc != 1 || slot_is_final(row.state))
		return rc == -1 ? -1 : 0;
	if (file_read_slots(f, n, 1, &s, err) == -1)
		return -1;
	s.state = m->state == MESSAGE_EXPIRED ? SLOT_EXPIRED : SLOT_CANCELLED;
	s.time = t->now;
	row.state = s.state;
	row.time = s.time;
	if (file_write_slot(f, n, &s, err) == -1)
		return -1;
	return index_recipient_put(t->tx, &m->id, n, &row, err);
}

static int
close_recipients(struct tick *t, struct index_message *m,
    struct message_file *f, struct po_err *err)
{
	struct arena_mark mark = arena_mark(&t->arena);
	uint32_t n;
	int rc = 0;

	for (n = 0; n < m->n_recipients && rc == 0; n++) {
		rc = close_recipient(t, m, f, n, err);
		arena_release(&t->arena, mark);
	}
	m->n_open = 0;
	return rc;
}

int
settle_put_head(struct tick *t, const struct index_message *m,
    struct message_file *f, struct po_err *err)
{
	struct head h;
	int which;

	if (file_read_head(f, &h, &which, err) == -1)
		return -1;
	h.state = m->state;
	h.hold = m->hold;
	h.priority = m->priority;
	h.attempts = m->attempts;
	h.due = m->due;
	h.expires = m->expires;
	h.changed = t->now;
	return file_write_head(f, &h, err);
}

static int
open_file(struct tick *t, const struct index_message *m,
    struct message_file *f, struct po_err *err)
{
	bool in_done;
	int rc = spool_find(t->spool, &m->id, true, f, &in_done, err);

	if (rc == 0)
		return po_fail(err, PO_ECORRUPT, "%s: its file is gone",
		    m->id.text);
	return rc == 1 ? 0 : -1;
}

static int
write_head(struct tick *t, struct index_message *m, struct po_err *err)
{
	struct message_file f;
	int rc;

	if (open_file(t, m, &f, err) == -1)
		return -1;
	rc = settle_put_head(t, m, &f, err);
	if (rc == 0 && message_is_final(m->state))
		rc = close_recipients(t, m, &f, err);
	file_close(&f);
	return rc;
}

/*
 * The head could not be written. Damage of one file is no failure of the run,
 * which would only meet it again at its next start.
 */
static int
damaged_or_fail(struct tick *t, struct index_message *m, struct po_err *err)
{
	return err->code == PO_ECORRUPT ? settle_damaged(t, m, err->text, err)
	                                : -1;
}

/* All recipients are final: sent when every one of them was reached. */
static int
final_state(struct tick *t, const struct index_message *m,
    enum message_state *state, struct po_err *err)
{
	struct arena_mark mark = arena_mark(&t->arena);
	struct index_recipient row;
	uint32_t n;
	int rc;

	*state = MESSAGE_SENT;
	for (n = 0; n < m->n_recipients && *state == MESSAGE_SENT; n++) {
		rc =
		    index_recipient_get(t->tx, &m->id, n, &t->arena, &row, err);
		arena_release(&t->arena, mark);
		if (rc == -1)
			return -1;
		if (rc == 1 && row.state != SLOT_SENT)
			*state = MESSAGE_FAILED;
	}
	return 0;
}

static int
finish(struct tick *t, struct index_message *m, struct po_err *err)
{
	m->place = PLACE_NONE;
	m->claims = 0;
	m->finished = t->now;
	if (index_message_put(t->tx, m, err) == -1 ||
	    index_move_put(t->tx, &m->id, err) == -1)
		return -1;
	after_move(t->after, &m->id);
	after_log(t->after, "po/qmgr", LOG_LEVEL_INFO, "%s: removed",
	    m->id.text);
	return 0;
}

/* Nobody has any of it now: is its time over, or are its attempts (`spent`), or
 * is it to be looked at first? */
static void
end_or_hold(struct tick *t, struct index_message *m, bool in_doubt, bool spent)
{
	if (spent && !(in_doubt && t->conf->in_doubt == IN_DOUBT_HOLD))
		m->state = MESSAGE_EXPIRED;
	else if (m->due >= m->expires)
		m->state =
		    t->now >= m->expires ? MESSAGE_EXPIRED : MESSAGE_WAITING;
	if (m->state == MESSAGE_WAITING && m->due > m->expires)
		m->due = m->expires;
	if (m->state == MESSAGE_WAITING && in_doubt &&
	    t->conf->in_doubt == IN_DOUBT_HOLD) {
		m->state = MESSAGE_HELD;
		m->hold = HOLD_DOUBT;
	}
}

/* Some recipients are open: when to go on, or whether to give up. */
static void
go_on(struct tick *t, struct index_message *m, bool touched, bool in_doubt)
{
	struct retry_policy p = retry_policy_of(t->conf);

	if (!touched) {
		m->due = t->now;
		return;
	}
	m->due = t->now + retry_wait_s(&p, m->attempts, settle_random());
	if (in_doubt && m->due < t->now + RETRY_IN_DOUBT_S)
		m->due = t->now + RETRY_IN_DOUBT_S;
	end_or_hold(t, m, in_doubt, retry_is_spent(&p, m->attempts));
}

static void
log_outcome(struct tick *t, const struct index_message *m)
{
	struct buf sender;

	buf_init(&sender, 2000);
	(void)log_escape(&sender, span_of(m->sender), 400);
	if (m->state == MESSAGE_EXPIRED)
		after_log(t->after, "po/qmgr", LOG_LEVEL_INFO,
		    "%s: from=<%s>, status=expired, given up after %u attempts",
		    m->id.text, buf_str(&sender), m->attempts);
	else if (m->state == MESSAGE_HELD)
		after_log(t->after, "po/qmgr", LOG_LEVEL_WARNING,
		    "%s: held: the last attempt is in doubt", m->id.text);
	buf_clear(&sender);
}

/* The same for a message with several next hops, none of which is served now:
 * an attempt that ended before may be the one in doubt. */
static int
end_or_hold_parts(struct tick *t, struct index_message *m, struct po_err *err)
{
	int doubt = 0, spent;

	if (t->conf->in_doubt == IN_DOUBT_HOLD)
		doubt = parts_in_doubt(t, m, err);
	if (doubt == -1)
		return -1;
	if (t->now >= m->expires && m->attempts > 0)
		m->due = t->now;
	spent = parts_are_spent(t, m, err);
	if (spent == -1)
		return -1;
	end_or_hold(t, m, doubt == 1, spent == 1);
	return 0;
}

/* The parts are brought to what the recipients say, all of which are read for
 * that; after each part of a message that has thousands, where this one is
 * known to be through, that would be too much. */
static int
settle_parts(struct tick *t, struct index_message *m,
    const struct attempt_end *end, struct po_err *err)
{
	int rc = end->complete ? parts_any(t, m, err) : 0;

	if (rc == -1)
		return -1;
	return rc == 1 ? index_message_put(t->tx, m, err)
	               : parts_update(t, m, err);
}

/* 0; 1 its file turned out damaged, and it is gone; -1. */
static int
end_claim(struct tick *t, struct index_message *m,
    const struct attempt_end *end, struct po_err *err)
{
	if (message_is_final(m->state))
		return finish(t, m, err);
	if (parts_has(m) && parts_end_claim(t, m, end, err) == -1)
		return -1;
	if (m->n_open == 0 && m->claims == 0) {
		if (final_state(t, m, &m->state, err) == -1)
			return -1;
		return finish(t, m, err);
	}
	if (!parts_has(m))
		go_on(t, m, end->touched, end->in_doubt);
	else if (m->claims == 0 && end_or_hold_parts(t, m, err) == -1)
		return -1;
	if (end->touched || m->state != MESSAGE_WAITING) {
		if (write_head(t, m, err) == -1)
			return damaged_or_fail(t, m, err) == -1 ? -1 : 1;
		log_outcome(t, m);
	}
	if (message_is_final(m->state))
		return finish(t, m, err);
	return parts_has(m) && m->state == MESSAGE_WAITING
	           ? settle_parts(t, m, end, err)
	           : place_message(t, m, err);
}

int
settle_end(struct tick *t, struct index_message *m,
    const struct attempt_end *end, struct po_err *err)
{
	int rc;

	if (index_claim_delete(t->tx, &m->id, end->attempt, err) == -1)
		return -1;
	if (end->touched && m->attempts < end->attempt)
		m->attempts = end->attempt;
	rc = end_claim(t, m, end, err);
	if (rc != 0)
		return rc == -1 ? -1 : 0;
	return notices_attempt(t, m, end, err);
}

int
settle_damaged(struct tick *t, struct index_message *m, const char *why,
    struct po_err *err)
{
	struct buf sender;

	buf_init(&sender, 2000);
	(void)log_escape(&sender, span_of(m->sender), 400);
	after_log(t->after, "po/qmgr", LOG_LEVEL_ERROR,
	    "%s: from=<%s>: the message file is damaged (%s); moved to bad/",
	    m->id.text, buf_str(&sender), why);
	buf_clear(&sender);
	after_damaged(t->after, &m->id, why);
	return index_message_delete(t->tx, &m->id, err);
}

/* The record as the file tells it. */
static int
follow_file(struct tick *t, struct index_message *m, struct po_err *err)
{
	struct message_file f;
	int rc;

	if (open_file(t, m, &f, err) == -1)
		return -1;
	rc = spool_index_file(&f, t->tx, &t->arena, NULL, m, err);
	file_close(&f);
	return rc;
}

int
settle_over(struct tick *t, struct index_message *m, uint32_t attempt,
    struct po_err *err)
{
	if (index_claim_delete(t->tx, &m->id, attempt, err) == -1)
		return -1;
	if (message_is_final(m->state))
		return 0; /* a part of it came back before */
	if (follow_file(t, m, err) == -1)
		return damaged_or_fail(t, m, err);
	if (!message_is_final(m->state)) /* acted upon meanwhile */
		return place_message(t, m, err);
	after_log(t->after, "po/qmgr", LOG_LEVEL_WARNING,
	    "%s: %s before a crash, as its file says", m->id.text,
	    message_state_name(m->state));
	if (write_head(t, m, err) == -1) /* and what slots are open still */
		return damaged_or_fail(t, m, err);
	if (finish(t, m, err) == -1)
		return -1;
	return m->state == MESSAGE_EXPIRED ? notices_expired(t, m, err) : 0;
}

int
settle_move(struct tick *t, struct index_message *m, enum message_state to,
    int64_t due, const char *why, struct po_err *err)
{
	if (!message_may_move(m->state, to))
		return po_fail(err, PO_EUSAGE, "%s is %s and cannot become %s",
		    m->id.text, message_state_name(m->state),
		    message_state_name(to));
	m->state = to;
	m->due = due;
	if (to != MESSAGE_HELD)
		m->hold = HOLD_REQUEST;
	if (write_head(t, m, err) == -1)
		return damaged_or_fail(t, m, err);
	after_log(t->after, "po/qmgr", LOG_LEVEL_INFO, "%s: %s%s%s", m->id.text,
	    message_state_name(to), why[0] == '\0' ? "" : ": ", why);
	if (message_is_final(to) ? finish(t, m, err) == -1
	                         : place_message(t, m, err) == -1)
		return -1;
	if (to == MESSAGE_EXPIRED && notices_expired(t, m, err) == -1)
		return -1;
	return 1;
}

int
settle_hold(struct tick *t, struct index_message *m, enum message_hold hold,
    struct po_err *err)
{
	m->hold = hold;
	return settle_move(t, m, MESSAGE_HELD, m->due, message_hold_text(hold),
	    err);
}
