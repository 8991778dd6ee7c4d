/* SPDX-License-Identifier: ISC */
/*
 * From 354 to the reply to the last dot, with the next message's group behind
 * that dot: one round trip a message. After the last dot of k, with the group
 * of k+1 behind it:
 *
 *   2xx, 4xx, 5xx                        settles k alone; k+1 goes on
 *   421, end, time-out before its reply  k in doubt, k+1 untouched
 *
 * By LMTP each recipient of k has a reply of its own, and the table holds for
 * each: those that were answered are settled, the rest is in doubt.
 *
 * Where the connection fails before the whole dot has left, nobody has taken
 * the message, and that is certain: it is deferred.
 */
#include "deliver/smtp.h"

#include "deliver/command.h"
#include "deliver/content.h"

/* Before the last dot: nobody has taken the message. A reply that came all the
 * same says why. */
void
smtp_content_failed(struct smtp *s, const struct deliver_message *m,
    struct delivery *results)
{
	struct delivery why;

	smtp_judge_lost(s, PHASE_CONTENT, &why);
	if (why.state != DELIVERY_UNTOUCHED &&
	    smtp_get_reply(s, WAIT_QUIT) == 1) {
		smtp_judge(s, PHASE_CONTENT, &why);
		s->hop_down = s->reply.code == 421;
		if (s->reply.code < 400)
			delivery_set(&why, DELIVERY_DEFERRED, PHASE_CONTENT,
			    "4.5.0", "reply %d before the end of the message",
			    s->reply.code);
	}
	delivery_fill(results, m->n, &why);
	smtp_close(s, false);
}

/* True if the server has spoken, or hung up, before the end of the content;
 * then the results are filled in. */
static bool
content_refused(struct smtp *s, const struct deliver_message *m,
    struct delivery *results)
{
	bool early = stream_has_input(s->stream);

	if (!early && !s->stream->input_ended && !s->stream->read_failed)
		return false;
	stream_fail(s->stream, STREAM_EOF, early ? "early reply" : "closed");
	smtp_content_failed(s, m, results);
	return true;
}

static bool
may_go_ahead(const struct smtp *s, const struct deliver_message *next)
{
	uint64_t max = smtp_most_messages(s);
	struct delivery why;

	return next != NULL && s->ehlo.pipelining && !s->habits->plain &&
	       !smtp_uses_chunks(s) && !smtp_is_stopped(s) &&
	       (max == 0 || s->messages < max) && smtp_fits(s, next) &&
	       command_can_send(next, &s->ehlo, &why);
}

static enum delivery_handover
handover(const struct smtp *s)
{
	if (s->ehlo.dsn)
		return HANDOVER_PASSED;
	return smtp_is_lmtp(s) ? HANDOVER_DELIVERED : HANDOVER_RELAYED;
}

/* The next reply to the last dot, or none: then *why is in doubt. */
static void
read_verdict(struct smtp *s, struct delivery *why)
{
	int answered = smtp_get_reply(s, WAIT_DOT);
	int class = s->reply.code / 100;

	if (answered == 1)
		smtp_judge(s, PHASE_DOT, why);
	else
		smtp_judge_lost(s, PHASE_DOT, why);
	if (answered == 1 && class == 2) {
		why->handover = handover(s);
	} else if (answered != 1 || class == 3 || s->reply.code == 421) {
		why->state = DELIVERY_IN_DOUBT;
		s->hop_down = answered == 1 && s->reply.code == 421;
		s->group_waiting = false;
	}
}

static void
settle(struct smtp *s, const struct deliver_message *m,
    struct delivery *results)
{
	struct delivery why = { .state = DELIVERY_UNTOUCHED };
	size_t i;

	for (i = 0; i < m->n && why.state != DELIVERY_IN_DOUBT; i++) {
		if (results[i].state != DELIVERY_UNTOUCHED)
			continue;
		if (smtp_is_lmtp(s) || why.state == DELIVERY_UNTOUCHED)
			read_verdict(s, &why);
		results[i] = why;
	}
	if (why.state == DELIVERY_IN_DOUBT) {
		delivery_fill(results, m->n, &why);
		smtp_close(s, false);
	} else if (s->stream->error != STREAM_OK) {
		smtp_close(s, false);
	}
}

/* The content without its dot; false: the results are filled in. */
static bool
put_content(struct smtp *s, const struct deliver_message *m,
    struct delivery *results)
{
	struct delivery why;
	struct po_err err;

	if (content_put(s->stream, m, s->timeout_ms[WAIT_BLOCK], s->block,
	        &err) == 0)
		return !content_refused(s, m, results);
	if (err.code == PO_OK) {
		smtp_content_failed(s, m, results);
		return false;
	}
	delivery_set(&why, DELIVERY_DEFERRED, PHASE_LOCAL, "4.3.0", "%s",
	    err.text);
	delivery_fill(results, m->n, &why);
	smtp_close(s, false);
	return false;
}

void
smtp_send(struct smtp *s, const struct deliver_message *m,
    struct delivery *results, const struct deliver_message *next)
{
	uint64_t dot_end;

	if (s->fitted.convert != NULL)
		m = &s->fitted;
	s->messages++;
	if (s->group.chunked) {
		smtp_chunks_send(s, m, results);
		return;
	}
	if (!put_content(s, m, results))
		return;
	if (smtp_is_stopped(s)) {
		smtp_close(s, false);
		return;
	}
	s->stream->grace_ms = s->stop_grace_ms;
	(void)stream_put(s->stream, ".\r\n", 3);
	dot_end = stream_offset(s->stream);
	s->content_due = false;
	if (may_go_ahead(s, next))
		smtp_group_ahead(s, next);
	stream_set_deadline(s->stream, s->timeout_ms[WAIT_BLOCK]);
	if (!stream_flush(s->stream) && s->stream->written < dot_end) {
		smtp_content_failed(s, m, results);
		return;
	}
	settle(s, m, results);
	if (s->stream != NULL)
		s->stream->grace_ms = -1;
}
