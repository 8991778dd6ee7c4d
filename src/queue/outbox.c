/* SPDX-License-Identifier: ISC */
#include "queue/outbox.h"

#include "log/log.h"
#include "util/wallclock.h"

#define RESULT_ROOM 1400u /* the largest result on the wire, with a margin */

bool
outbox_init(struct outbox *o, int sock)
{
	*o = (struct outbox){ .sock = sock };
	buf_init(&o->bytes, WIRE_MAX_BYTES);
	return wire_put_u8(&o->bytes, WIRE_RESULTS);
}

void
outbox_clear(struct outbox *o)
{
	buf_clear(&o->bytes);
}

/* ------------------------------------------------------------------ datagrams */

static bool
is_empty(const struct outbox *o)
{
	return o->bytes.len == 1; /* its type alone */
}

void
outbox_flush(struct outbox *o)
{
	if (is_empty(o))
		return;
	if (wire_send(o->sock, &o->bytes, -1, false) == -1)
		o->lost = true;
	buf_reset(&o->bytes);
	(void)wire_put_u8(&o->bytes, WIRE_RESULTS);
	o->sent_ms = monotonic_ms();
}

void
outbox_flush_when_due(struct outbox *o)
{
	if (!is_empty(o) && monotonic_ms() - o->sent_ms >= OUTBOX_MS)
		outbox_flush(o);
}

void
outbox_closed(struct outbox *o)
{
	struct buf b;

	outbox_flush(o);
	buf_init(&b, 1);
	if (!wire_put_u8(&b, WIRE_CLOSED) ||
	    wire_send(o->sock, &b, -1, false) == -1)
		o->lost = true;
	buf_clear(&b);
}

static void
put(struct outbox *o, const struct wire_result *r)
{
	if (o->bytes.len + RESULT_ROOM > o->bytes.max)
		outbox_flush(o);
	if (wire_put_result(&o->bytes, r))
		return;
	log_line(LOG_LEVEL_ERROR, "%s: a result does not fit into a datagram",
	    r->id.text);
	o->lost = true;
}

/* ------------------------------------------------------------------ results */

static struct wire_result
untouched(const struct wire_job *job)
{
	return (struct wire_result){
		.id = job->id,
		.attempt = job->attempt,
		.recipient = UINT32_MAX,
		.state = DELIVERY_UNTOUCHED,
		.last = true,
		.status = "",
		.relay = "",
		.text = "",
	};
}

void
outbox_give_back(struct outbox *o, const struct wire_job *job)
{
	struct wire_result r = untouched(job);

	put(o, &r);
}

void
outbox_over(struct outbox *o, const struct job *j)
{
	struct wire_result r = untouched(&j->wire);

	r.over = true;
	put(o, &r);
}

void
outbox_unusable(struct outbox *o, const struct job *j,
    const struct po_err *err)
{
	struct wire_result r = {
		.id = j->wire.id,
		.attempt = j->wire.attempt,
		.recipient = UINT32_MAX,
		/* What is not damage but a failure of ours counts as an
		   attempt, so that it is not tried without end. */
		.state = err->code == PO_ECORRUPT ? DELIVERY_UNTOUCHED
		                                  : DELIVERY_DEFERRED,
		.phase = PHASE_LOCAL,
		.last = true,
		.damaged = err->code == PO_ECORRUPT,
		.status = "",
		.relay = "",
		.text = err->text,
	};

	put(o, &r);
}

static enum delivery_state
final_delivery(enum slot_state s)
{
	return s == SLOT_SENT ? DELIVERY_SENT : DELIVERY_FAILED;
}

/* What is final in the file is told again, if it is this hop's, should the index
 * be behind it (it ignores what it knows), or the message would come back for
 * ever; the rest is handed back. */
void
outbox_nothing_to_do(struct outbox *o, const struct job *j,
    const struct deliver_routes *routes)
{
	size_t i;

	for (i = 0; i < j->env.n_recipients; i++) {
		struct wire_result r = {
			.id = j->wire.id,
			.attempt = j->wire.attempt,
			.recipient = (uint32_t)i,
			.state = final_delivery(j->slots[i].state),
			.phase = PHASE_LOCAL,
			.reply_code = (uint16_t)j->slots[i].reply_code,
			.status = j->slots[i].status,
			.relay = "",
			.text = "from the message file",
		};

		if (slot_is_final(j->slots[i].state) &&
		    job_is_routed(j, routes, i))
			put(o, &r);
	}
	outbox_give_back(o, &j->wire);
}

void
outbox_results(struct outbox *o, const struct job *j,
    const struct deliver_session *session, bool marked)
{
	bool hop_down = session_hop_down(session);
	uint32_t delay_ms = (uint32_t)(monotonic_ms() - j->began_ms);
	size_t i;

	for (i = 0; i < j->message.n; i++) {
		const struct delivery *d = &j->results[i];
		struct wire_result r = {
			.id = j->wire.id,
			.attempt = j->wire.attempt,
			.recipient = (uint32_t)j->message.which[i],
			.state = d->state,
			.phase = d->phase,
			.reply_code = (uint16_t)d->reply_code,
			.delay_ms = delay_ms,
			.last = j->following.n == 0 && i + 1 == j->message.n,
			.unmarked = !marked,
			.handover = d->handover,
			.hop_down = hop_down,
			.slow = session_slow(session),
			.traits = (uint8_t)session_traits(session),
			.connected = session != NULL && !hop_down,
			.status = d->status,
			.relay = session_relay(session),
			.text = d->text,
		};

		if (d->state != DELIVERY_NEXT)
			put(o, &r);
	}
}
