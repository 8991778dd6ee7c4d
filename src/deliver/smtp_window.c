/* SPDX-License-Identifier: ISC */
/*
 * Several messages on the way at once: RSET, MAIL, RCPT and BDAT of one, right
 * behind those of the one before (RFC 2920, RFC 3030). RSET heads each, so that
 * what a refused BDAT leaves of its transaction can never take up the
 * recipients, or the content, of the next: each message stands alone.
 *
 * Replies come in the order of the commands. What they mean, and what the end
 * of the connection means for those that have none yet:
 *
 *   2xx, 4xx, 5xx to MAIL, RCPT, BDAT   this message's own answer
 *   503 to MAIL, behind a RSET          lost step: untouched, no window with
 *                                       this host from now on
 *   500, 501, 502, 504 to BDAT          the server does not know it: untouched,
 *                                       no BDAT from now on, and close
 *   421 to the last BDAT                in doubt, those behind it untouched
 *   421 before                          it and those behind it untouched
 *   end, time-out                       in doubt if it was written whole;
 *                                       deferred if its content had begun;
 *                                       untouched if not; no window from now on
 */
#include "deliver/smtp.h"

#include <assert.h>

#include "deliver/command.h"

/* Larger ones go alone, so that a lost connection costs little. */
#define FLIGHT_MAX_BYTES ((uint64_t)262144)

static struct smtp_flight *
flight_at(struct smtp_window *w, size_t i)
{
	return &w->flights[(w->first + i) % DELIVER_WINDOW_MAX];
}

size_t
smtp_window(const struct smtp *s, const struct deliver_message *m)
{
	const struct relay_conf *conf = s->peer->relay->conf;
	uint64_t max = smtp_most_messages(s);
	struct delivery why;

	if (s->stream == NULL || s->stream->error != STREAM_OK ||
	    !s->window.open || !smtp_uses_chunks(s) || smtp_is_stopped(s) ||
	    m->n > smtp_most_recipients(s) || m->length > FLIGHT_MAX_BYTES ||
	    (max > 0 && s->messages >= max) ||
	    !smtp_fits(s, m) || !command_can_send(m, &s->ehlo, &why))
		return 1;
	return (size_t)conf->window;
}

void
smtp_put(struct smtp *s, const struct deliver_message *m,
    struct delivery *results)
{
	struct smtp_flight *f = flight_at(&s->window, s->window.n);
	size_t i;

	assert(s->window.n < DELIVER_WINDOW_MAX);
	*f = (struct smtp_flight){ .m = *m, .results = results };
	s->window.n++;
	s->messages++;
	s->hop_down = s->slow = s->want_rset = false;
	for (i = 0; i < m->n; i++)
		results[i] = (struct delivery){ .state = DELIVERY_UNTOUCHED };
	/* Begun is begun: a stop waits for the replies. */
	s->stream->grace_ms = s->stop_grace_ms;
	stream_set_deadline(s->stream, s->timeout_ms[WAIT_MAIL]);
	buf_reset(&s->command);
	f->content_begin = f->end = UINT64_MAX;
	if (!buf_puts(&s->command, "RSET\r\n") ||
	    !smtp_put_envelope(&s->command, m, &s->ehlo)) {
		stream_fail(s->stream, STREAM_FAILED,
		    "the commands are too long");
		return;
	}
	if (!stream_put(s->stream, buf_str(&s->command), s->command.len))
		return;
	f->content_begin = stream_offset(s->stream);
	if (smtp_chunks_put(s, m, false, &f->chunks))
		f->end = stream_offset(s->stream);
}

/* ------------------------------------------------------------------ the end */

/* Of one message whose replies did not all come. */
static void
judge_left(struct smtp *s, const struct smtp_flight *f, struct delivery *why)
{
	if (f->chunks.local) {
		*why = f->chunks.why;
	} else if (s->stream->written >= f->end) {
		smtp_judge_lost(s, PHASE_DOT, why);
		why->state = DELIVERY_IN_DOUBT;
	} else if (s->stream->written > f->content_begin) {
		smtp_judge_lost(s, PHASE_CONTENT, why);
	} else {
		*why = (struct delivery){ .state = DELIVERY_UNTOUCHED };
	}
}

static size_t
all_left(struct smtp *s)
{
	struct smtp_window *w = &s->window;
	struct delivery why;
	size_t i, n = w->n;

	for (i = 0; i < n; i++) {
		judge_left(s, flight_at(w, i), &why);
		delivery_fill(flight_at(w, i)->results, flight_at(w, i)->m.n,
		    &why);
	}
	s->habits->no_window = true;
	smtp_close(s, false);
	return n;
}

/* 421: no later command is heard. */
static size_t
closed(struct smtp *s, bool last_chunk)
{
	struct smtp_flight *f = flight_at(&s->window, 0);
	size_t n = s->window.n;
	struct delivery why;

	if (last_chunk) {
		smtp_judge(s, PHASE_DOT, &why);
		why.state = DELIVERY_IN_DOUBT;
		delivery_fill(f->results, f->m.n, &why);
	}
	s->hop_down = true;
	smtp_close(s, false);
	return n;
}

/* ------------------------------------------------------------------ replies */

enum outcome {
	OUTCOME_GO,
	OUTCOME_LOST,  /* the connection */
	OUTCOME_CLOSED /* by 421 */
};

static enum outcome
next_reply(struct smtp *s, enum smtp_wait wait)
{
	if (smtp_get_reply(s, wait) != 1)
		return OUTCOME_LOST;
	return s->reply.code == 421 ? OUTCOME_CLOSED : OUTCOME_GO;
}

/* The replies to RSET and MAIL; *taken: is the sender accepted? */
static enum outcome
read_mail(struct smtp *s, struct smtp_flight *f, bool *taken)
{
	enum outcome o = next_reply(s, WAIT_RSET);
	struct delivery why;

	*taken = false;
	if (o == OUTCOME_GO)
		o = next_reply(s, WAIT_MAIL);
	if (o != OUTCOME_GO)
		return o;
	*taken = s->reply.code / 100 == 2;
	if (*taken)
		return o;
	if (s->reply.code == 503) {
		s->habits->no_window = true;
		return o;
	}
	smtp_judge(s, PHASE_MAIL, &why);
	delivery_fill(f->results, f->m.n, &why);
	return o;
}

static enum outcome
read_recipients(struct smtp *s, struct smtp_flight *f, bool taken,
    size_t *accepted)
{
	enum outcome o;
	size_t i;

	for (*accepted = 0, i = 0; i < f->m.n; i++) {
		const char *address =
		    f->m.env->recipients[f->m.which[i]].address;

		if (!command_address_ok(address)) {
			delivery_set(&f->results[i], DELIVERY_FAILED,
			    PHASE_LOCAL, "5.1.3", "bad recipient address: %s",
			    address);
			continue;
		}
		o = next_reply(s, WAIT_RCPT);
		if (o != OUTCOME_GO)
			return o;
		if (taken && s->reply.code / 100 == 2)
			(*accepted)++;
		else if (taken && !smtp_is_full(s, *accepted, &f->results[i]))
			smtp_judge(s, PHASE_RCPT, &f->results[i]);
	}
	return OUTCOME_GO;
}

/* The oldest is settled: the others go on. */
static size_t
settle(struct smtp *s, struct smtp_flight *f, size_t accepted)
{
	struct delivery why;

	if (accepted > 0 && smtp_chunks_judge(s, &f->chunks, &why))
		delivery_fill(f->results, f->m.n, &why);
	if (s->habits->no_chunking) {
		stream_fail(s->stream, STREAM_FAILED, "no BDAT");
		return all_left(s);
	}
	s->window.first = (s->window.first + 1) % DELIVER_WINDOW_MAX;
	s->window.n--;
	s->want_rset = true;
	if (s->window.n > 0)
		return 1;
	s->stream->grace_ms = -1;
	if (s->stream->error != STREAM_OK)
		smtp_close(s, false);
	return 1;
}

size_t
smtp_take(struct smtp *s)
{
	struct smtp_flight *f = flight_at(&s->window, 0);
	size_t accepted = 0;
	enum outcome o;
	bool taken;

	assert(s->window.n > 0);
	stream_set_deadline(s->stream, s->timeout_ms[WAIT_BLOCK]);
	/* After a failed write there may be replies all the same. */
	(void)stream_flush(s->stream);
	o = read_mail(s, f, &taken);
	if (o == OUTCOME_GO)
		o = read_recipients(s, f, taken, &accepted);
	if (o == OUTCOME_LOST)
		return all_left(s);
	if (o == OUTCOME_CLOSED)
		return closed(s, false);
	while (f->chunks.unanswered > 0)
		if (!smtp_chunks_reply(s, &f->chunks))
			return s->reply.code == 421
			           ? closed(s, f->chunks.unanswered == 1)
			           : all_left(s);
	return settle(s, f, accepted);
}
