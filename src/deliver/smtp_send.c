/* SPDX-License-Identifier: ISC */
/*
 * Messages over an open connection. MAIL, RCPT and DATA go out as a group
 * (RFC 2920), the next message's group behind the last dot of this one, and
 * replies are read in the order of the commands. Without PIPELINING a group is
 * one command.
 *
 * After the last dot of k, with the group of k+1 behind it:
 *
 *   2xx, 4xx, 5xx                        settles k alone; k+1 goes on
 *   421, end, time-out before its reply  k in doubt, k+1 untouched
 *   421, end after its reply             k+1 begins again, on a new connection
 *   354, but no recipient was accepted   a lone dot, whose reply settles nobody
 *   DATA refused                         RSET heads the next group
 *   503 to a pipelined command, or no    lost step: no answer about k+1; it
 *   reply to the group in time           begins again, and from now on plainly
 *
 * A used connection that fails before it has settled anything is replaced
 * once; a fresh one that fails is an answer.
 */
#include "deliver/smtp.h"

#include "deliver/command.h"
#include "deliver/content.h"

enum verdict {
	GROUP_GO,      /* 354, and somebody wants it */
	GROUP_SETTLED, /* every result is filled in */
	GROUP_AGAIN    /* from the start, on a new connection */
};

static bool
is_stopped(const struct smtp *s)
{
	return s->stop != NULL && *s->stop != 0;
}

static const struct recipient *
recipient_of(const struct deliver_message *m, size_t i)
{
	return &m->env->recipients[m->which[i]];
}

void
results_fill(struct delivery *results, size_t n, const struct delivery *with)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (results[i].state == DELIVERY_UNTOUCHED)
			results[i] = *with;
}

static bool
is_same(const struct deliver_message *a, const struct deliver_message *b)
{
	return a->env == b->env && a->which == b->which && a->n == b->n &&
	       a->fd == b->fd && a->at == b->at;
}

static void
group_start(struct smtp *s, const struct deliver_message *m, bool ahead)
{
	s->group = (struct smtp_group){
		.m = *m,
		.rset_todo = s->want_rset,
		.mail_todo = true,
		.data_todo = true,
		.pipelined = s->ehlo.pipelining && !s->plain,
		.ahead = ahead,
	};
	s->want_rset = false;
}

static bool
all_written(const struct smtp_group *g)
{
	return g->rcpt_written == g->m.n;
}

/* The recipients of the next group; those that cannot stand in a command are
 * passed over, here and when the replies are read. */
static bool
put_recipients(struct smtp *s, size_t max)
{
	struct smtp_group *g = &s->group;
	const struct recipient *r;
	size_t count = 0;

	while (!all_written(g) && count < max &&
	       s->command.len < SMTP_GROUP_BYTES) {
		r = recipient_of(&g->m, g->rcpt_written);
		if (command_address_ok(r->address)) {
			if (!command_rcpt(&s->command, r, &s->ehlo))
				return false;
			count++;
		}
		g->rcpt_written++;
	}
	return true;
}

/* Put what may go out now into the stream's buffer: a group, or one command. */
static bool
group_put(struct smtp *s)
{
	struct smtp_group *g = &s->group;
	struct buf *b = &s->command;
	bool ok = true;

	buf_reset(b);
	if (g->rset_todo) {
		ok = buf_puts(b, "RSET\r\n");
		g->rset = true;
		g->rset_todo = false;
	}
	if (g->mail_todo && (g->pipelined || b->len == 0)) {
		ok = ok && command_mail(b, &g->m, &s->ehlo);
		g->mail = true;
		g->mail_todo = false;
	}
	if (g->pipelined || b->len == 0)
		ok = ok &&
		     put_recipients(s, g->pipelined ? SMTP_GROUP_RCPTS : 1);
	if (all_written(g) && (g->pipelined || b->len == 0)) {
		ok = ok && buf_puts(b, "DATA\r\n");
		g->data = true;
		g->data_todo = false;
	}
	return ok && stream_put(s->stream, buf_str(b), b->len);
}

/* The connection is of no more use, before anything of the group was settled
 * by it or in the midst of it. */
static enum verdict
give_up(struct smtp *s, enum delivery_phase phase, bool closing,
    struct delivery *results)
{
	const struct smtp_group *g = &s->group;
	enum stream_error error = s->stream->error;
	bool used = g->ahead || s->used;
	struct delivery why;

	if (error == STREAM_TIMEOUT && g->ahead && !g->any_answer)
		s->plain = true;
	if (error != STREAM_STOPPED && used)
		return GROUP_AGAIN;
	if (closing)
		smtp_judge(s, phase, &why);
	else
		smtp_judge_lost(s, phase, &why);
	s->hop_down = closing || error == STREAM_TIMEOUT;
	results_fill(results, g->m.n, &why);
	smtp_close(s, false);
	return GROUP_SETTLED;
}

/* The server answers to other commands than we sent. */
static enum verdict
lost_step(struct smtp *s)
{
	s->plain = true;
	return GROUP_AGAIN;
}

/* The next reply of the group. False: *v is what give_up() says. */
static bool
group_reply(struct smtp *s, enum smtp_wait wait, enum delivery_phase phase,
    struct delivery *results, enum verdict *v)
{
	struct smtp_group *g = &s->group;

	if (g->ahead && !g->any_answer)
		wait = WAIT_GROUP;
	if (smtp_get_reply(s, wait) != 1) {
		*v = give_up(s, phase, false, results);
		return false;
	}
	if (s->reply.code == 421) {
		*v = give_up(s, phase, true, results);
		return false;
	}
	g->any_answer = true;
	return true;
}

static bool
read_mail(struct smtp *s, struct delivery *results, enum verdict *v)
{
	struct smtp_group *g = &s->group;
	bool after_reset = g->rset;
	struct delivery why;

	if (g->rset) {
		if (!group_reply(s, WAIT_RSET, PHASE_MAIL, results, v))
			return false;
		g->rset = false;
		if (s->reply.code / 100 != 2) {
			*v = lost_step(s);
			return false;
		}
	}
	if (!g->mail)
		return true;
	if (!group_reply(s, WAIT_MAIL, PHASE_MAIL, results, v))
		return false;
	g->mail = false;
	if (s->reply.code / 100 == 2)
		return true;
	if (s->reply.code == 503 && g->pipelined && (g->ahead || after_reset)) {
		*v = lost_step(s);
		return false;
	}
	g->mail_refused = true;
	smtp_judge(s, PHASE_MAIL, &why);
	results_fill(results, g->m.n, &why);
	return true;
}

static bool
read_recipient(struct smtp *s, struct delivery *results, enum verdict *v)
{
	struct smtp_group *g = &s->group;
	size_t i = g->rcpt_read;
	const char *address = recipient_of(&g->m, i)->address;

	if (!command_address_ok(address)) {
		delivery_set(&results[i], DELIVERY_FAILED, PHASE_LOCAL, "5.1.3",
		    "bad recipient address: %s", address);
		g->rcpt_read++;
		return true;
	}
	if (!group_reply(s, WAIT_RCPT, PHASE_RCPT, results, v))
		return false;
	g->rcpt_read++;
	if (g->mail_refused)
		return true;
	if (s->reply.code == 503 && g->pipelined) {
		*v = lost_step(s);
		return false;
	}
	if (s->reply.code / 100 == 2)
		g->accepted++;
	else
		smtp_judge(s, PHASE_RCPT, &results[i]);
	return true;
}

/* Content is asked for, but for nobody. */
static enum verdict
lone_dot(struct smtp *s)
{
	stream_set_deadline(s->stream, s->timeout_ms[WAIT_DATA]);
	if (!stream_put(s->stream, ".\r\n", 3) || !stream_flush(s->stream) ||
	    smtp_get_reply(s, WAIT_DATA) != 1 || s->reply.code == 421)
		smtp_close(s, false);
	return GROUP_SETTLED;
}

static enum verdict
read_data(struct smtp *s, struct delivery *results)
{
	struct smtp_group *g = &s->group;
	enum verdict v;
	struct delivery why;

	if (!group_reply(s, WAIT_DATA, PHASE_DATA, results, &v))
		return v;
	g->data = false;
	if (s->reply.code == 354)
		return g->accepted > 0 ? GROUP_GO : lone_dot(s);
	if (s->reply.code == 503 && g->pipelined && g->accepted > 0)
		return lost_step(s);
	smtp_judge(s, PHASE_DATA, &why);
	results_fill(results, g->m.n, &why);
	s->want_rset = !g->mail_refused;
	if (s->reply.code < 400)
		smtp_close(s, false);
	return GROUP_SETTLED;
}

/* All replies that are due, then, as long as there is reason, the next
 * commands. */
static enum verdict
group_talk(struct smtp *s, struct delivery *results)
{
	struct smtp_group *g = &s->group;
	enum verdict v = GROUP_AGAIN;

	for (;;) {
		if (!read_mail(s, results, &v))
			return v;
		while (g->rcpt_read < g->rcpt_written)
			if (!read_recipient(s, results, &v))
				return v;
		if (g->data)
			return read_data(s, results);
		if (g->mail_refused)
			return GROUP_SETTLED;
		if (all_written(g) && g->accepted == 0) {
			s->want_rset = true;
			return GROUP_SETTLED;
		}
		stream_set_deadline(s->stream, s->timeout_ms[WAIT_MAIL]);
		if (!group_put(s) || !stream_flush(s->stream))
			return give_up(s, PHASE_RCPT, false, results);
	}
}

static enum verdict
begin_once(struct smtp *s, const struct deliver_message *m,
    struct delivery *results)
{
	struct delivery why;
	int64_t max = s->setup->conf->max_messages_per_connection;

	if (s->content_due || (s->group_waiting && !is_same(&s->group.m, m)))
		smtp_close(s, false);
	if (s->group_waiting) {
		s->group_waiting = false;
		return group_talk(s, results);
	}
	if (s->stream != NULL && max > 0 && s->messages >= (uint64_t)max)
		smtp_close(s, true);
	if ((s->stream == NULL && !smtp_open(s, &why)) ||
	    !command_can_send(m, &s->ehlo, &why)) {
		results_fill(results, m->n, &why);
		return GROUP_SETTLED;
	}
	group_start(s, m, false);
	stream_set_deadline(s->stream, s->timeout_ms[WAIT_MAIL]);
	if (!group_put(s) || !stream_flush(s->stream))
		return give_up(s, PHASE_MAIL, false, results);
	return group_talk(s, results);
}

int
smtp_begin(struct smtp *s, const struct deliver_message *m,
    struct delivery *results)
{
	enum verdict v = GROUP_AGAIN;
	size_t i;

	s->hop_down = false;
	while (v == GROUP_AGAIN) {
		for (i = 0; i < m->n; i++)
			results[i] =
			    (struct delivery){ .state = DELIVERY_UNTOUCHED };
		if (is_stopped(s)) {
			smtp_close(s, true);
			return 0;
		}
		v = begin_once(s, m, results);
		if (v == GROUP_AGAIN)
			smtp_close(s, false);
	}
	s->used = true;
	s->content_due = v == GROUP_GO;
	return v == GROUP_GO;
}

/* Before the last dot: nobody has taken the message. A reply that came all the
 * same says why. */
static void
content_failed(struct smtp *s, const struct deliver_message *m,
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
	results_fill(results, m->n, &why);
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
	content_failed(s, m, results);
	return true;
}

static bool
may_go_ahead(const struct smtp *s, const struct deliver_message *next)
{
	int64_t max = s->setup->conf->max_messages_per_connection;
	struct delivery why;

	return next != NULL && s->ehlo.pipelining && !s->plain &&
	       !is_stopped(s) && (max <= 0 || s->messages < (uint64_t)max) &&
	       command_can_send(next, &s->ehlo, &why);
}

/* The reply to the last dot, or none. */
static void
settle(struct smtp *s, const struct deliver_message *m,
    struct delivery *results)
{
	int answered = smtp_get_reply(s, WAIT_DOT);
	int class = s->reply.code / 100;
	struct delivery why;

	if (answered == 1)
		smtp_judge(s, PHASE_DOT, &why);
	else
		smtp_judge_lost(s, PHASE_DOT, &why);
	if (answered == 1 && class == 2) {
		why.state = DELIVERY_SENT;
		why.status[0] = '2';
	} else if (answered != 1 || class == 3 || s->reply.code == 421) {
		why.state = DELIVERY_IN_DOUBT;
		s->hop_down = answered == 1 && s->reply.code == 421;
		s->group_waiting = false;
	}
	results_fill(results, m->n, &why);
	if (why.state == DELIVERY_IN_DOUBT || s->stream->error != STREAM_OK)
		smtp_close(s, false);
}

void
smtp_send(struct smtp *s, const struct deliver_message *m,
    struct delivery *results, const struct deliver_message *next)
{
	struct delivery why;
	struct po_err err;
	uint64_t dot_end;

	s->messages++;
	if (content_put(s->stream, m->fd, m->at, m->length,
	        s->timeout_ms[WAIT_BLOCK], s->block, &err) == -1) {
		if (err.code == PO_OK) {
			content_failed(s, m, results);
			return;
		}
		delivery_set(&why, DELIVERY_DEFERRED, PHASE_LOCAL, "4.3.0",
		    "%s", err.text);
		results_fill(results, m->n, &why);
		smtp_close(s, false);
		return;
	}
	if (is_stopped(s)) {
		smtp_close(s, false);
		return;
	}
	if (content_refused(s, m, results))
		return;
	s->stream->grace_ms = s->stop_grace_ms;
	(void)stream_put(s->stream, ".\r\n", 3);
	dot_end = stream_offset(s->stream);
	s->content_due = false;
	if (may_go_ahead(s, next)) {
		group_start(s, next, true);
		s->group_waiting = group_put(s);
	}
	stream_set_deadline(s->stream, s->timeout_ms[WAIT_BLOCK]);
	if (!stream_flush(s->stream) && s->stream->written < dot_end) {
		content_failed(s, m, results);
		return;
	}
	settle(s, m, results);
	if (s->stream != NULL)
		s->stream->grace_ms = -1;
}
