/* SPDX-License-Identifier: ISC */
/* One recipient of a message, by one attempt. */
#include <string.h>

#include "queue/job.h"
#include "queue/settle.h"

static const char *
status_word(enum delivery_state s)
{
	switch (s) {
	case DELIVERY_SENT:
		return "sent";
	case DELIVERY_FAILED:
		return "bounced";
	case DELIVERY_DEFERRED:
	case DELIVERY_IN_DOUBT:
	case DELIVERY_UNTOUCHED:
	case DELIVERY_NEXT:
		break;
	}
	return "deferred";
}

static void
log_recipient(struct tick *t, const struct index_message *m,
    const char *address, const struct wire_result *r)
{
	struct buf to;
	double delay = (double)(t->now - m->arrival);

	if (delay < 0)
		delay = 0;
	if (delay < 100)
		delay += (double)(r->delay_ms % 1000) / 1000;
	buf_init(&to, 2000);
	(void)log_escape(&to, span_of(address), 400);
	after_log(t->after, "po/smtp", LOG_LEVEL_INFO,
	    "%s: to=<%s>, relay=%s, delay=%.2f, dsn=%s, status=%s (%s%s)",
	    m->id.text, buf_str(&to), r->relay[0] == '\0' ? "none" : r->relay,
	    delay, r->status, status_word(r->state),
	    r->state == DELIVERY_IN_DOUBT
	        ? "in doubt, may have been delivered: "
	        : "",
	    r->text);
	buf_clear(&to);
}

static void
count_recipient(struct index_message *m, enum slot_state before,
    enum slot_state after)
{
	if (slot_is_final(after) && !slot_is_final(before) && m->n_open > 0)
		m->n_open--;
	if (after == SLOT_IN_DOUBT)
		m->n_in_doubt++;
}

static int
put_attempt(struct tick *t, const struct index_message *m, const char *address,
    const struct wire_result *r, enum slot_state state, struct po_err *err)
{
	struct index_attempt a = {
		.attempt = r->attempt,
		.recipient = r->recipient,
		.time = t->now,
		.state = state,
		.reply_code = r->reply_code,
		.delay_ms = r->delay_ms,
		.phase = delivery_phase_name(r->phase),
		.relay = r->relay,
		.text = r->text,
	};

	(void)snprintf(a.status, sizeof(a.status), "%s", r->status);
	after_attempt(t->after, &m->id, address, &a);
	return index_attempt_put(t->tx, &m->id, &a, err);
}

/* Known already: final, or this attempt's result came before. A worker that
 * says something twice, or dies after it said it, is not counted twice. */
static bool
is_settled(const struct index_recipient *row, uint32_t attempt)
{
	return slot_is_final(row->state) ||
	       (row->attempt == attempt && row->state != SLOT_WAITING);
}

static int
settle_row(struct tick *t, struct index_message *m, const struct wire_result *r,
    struct po_err *err)
{
	struct index_recipient row;
	enum slot_state before;
	int rc;

	rc = index_recipient_get(t->tx, &m->id, r->recipient, &t->arena, &row,
	    err);
	if (rc != 1)
		return rc;
	if (is_settled(&row, r->attempt))
		return 0;
	before = row.state;
	row.state = job_slot_state(r->state, before);
	row.attempt = r->attempt;
	row.time = t->now;
	row.reply_code = r->reply_code;
	(void)snprintf(row.status, sizeof(row.status), "%s", r->status);
	row.text = r->text;
	count_recipient(m, before, row.state);
	log_recipient(t, m, row.address, r);
	if (index_recipient_put(t->tx, &m->id, r->recipient, &row, err) == -1 ||
	    put_attempt(t, m, row.address, r, row.state, err) == -1)
		return -1;
	return 1;
}

int
settle_recipient(struct tick *t, struct index_message *m,
    const struct wire_result *r, struct po_err *err)
{
	struct arena_mark mark = arena_mark(&t->arena);
	int rc;

	if (r->state == DELIVERY_UNTOUCHED || r->recipient >= m->n_recipients)
		return 0;
	rc = settle_row(t, m, r, err);
	arena_release(&t->arena, mark);
	return rc;
}
