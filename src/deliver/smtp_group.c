/* SPDX-License-Identifier: ISC */
/*
 * MAIL, RCPT and DATA of one message, up to 354. With PIPELINING (RFC 2920)
 * they go out as groups of at most 16 KiB, and replies are
 * read in the order of the commands; without it a group is one command.
 *
 * A group may have been written behind the last dot of the message before
 * (smtp_send.c). What its replies mean then, and what they mean at all:
 *
 *   421 or the end on a used connection  begins again, on a new connection
 *   421 or the end on a fresh one        is an answer: deferred
 *   354, but no recipient was accepted   a lone dot, whose reply settles
 *                                        nobody; by LMTP the end
 *   none accepted, and BDAT would come   RSET heads the next group
 *   DATA refused                         RSET heads the next group
 *   503 to a pipelined command, or no    lost step: no answer about the
 *   reply to the group in time           message; it begins again, from now on
 *                                        plainly
 *
 * The replies to a group that was written ahead are taken for a message's only
 * if its own commands would be the same bytes: whoever was announced, nobody
 * else's recipients can be answered for.
 */
#include "deliver/smtp.h"

#include "deliver/command.h"

enum verdict {
	GROUP_GO,      /* 354, and somebody wants it */
	GROUP_SETTLED, /* every result is filled in */
	GROUP_AGAIN    /* from the start, on a new connection */
};

static const struct recipient *
recipient_of(const struct deliver_message *m, size_t i)
{
	return &m->env->recipients[m->which[i]];
}

static struct smtp_group
new_group(const struct smtp *s, const struct deliver_message *m, bool ahead)
{
	struct deliver_message part = *m;

	if (part.n > smtp_most_recipients(s))
		part.n = smtp_most_recipients(s);
	return (struct smtp_group){
		.m = part,
		.all = m->n,
		.rset_todo = s->want_rset,
		.mail_todo = true,
		.data_todo = !smtp_uses_chunks(s),
		.chunked = smtp_uses_chunks(s),
		.pipelined = s->ehlo.pipelining && !s->habits->plain,
		.ahead = ahead,
	};
}

static bool
all_written(const struct smtp_group *g)
{
	return g->rcpt_written == g->m.n;
}

/* The recipients of the next group; those that cannot stand in a command are
 * passed over, here and when the replies are read. */
static bool
put_recipients(struct smtp_group *g, const struct ehlo *e, struct buf *out)
{
	size_t max = g->pipelined ? DELIVER_RECIPIENTS_MAX : 1, count = 0;
	const struct recipient *r;

	while (!all_written(g) && count < max && out->len < SMTP_GROUP_BYTES) {
		r = recipient_of(&g->m, g->rcpt_written);
		if (command_address_ok(r->address)) {
			if (!command_rcpt(out, r, e))
				return false;
			count++;
		}
		g->rcpt_written++;
	}
	return true;
}

bool
smtp_put_envelope(struct buf *out, const struct deliver_message *m,
    const struct ehlo *e)
{
	struct smtp_group g = { .m = *m, .pipelined = true };

	return command_mail(out, m, e) && put_recipients(&g, e, out) &&
	       all_written(&g);
}

/* What may go out now: a group, or one command. */
static bool
put_commands(struct smtp_group *g, const struct ehlo *e, struct buf *out)
{
	bool ok = true;

	buf_reset(out);
	if (g->rset_todo) {
		ok = buf_puts(out, "RSET\r\n");
		g->rset = true;
		g->rset_todo = false;
	}
	if (g->mail_todo && (g->pipelined || out->len == 0)) {
		ok = ok && command_mail(out, &g->m, e);
		g->mail = true;
		g->mail_todo = false;
	}
	if (g->pipelined || out->len == 0)
		ok = ok && put_recipients(g, e, out);
	if (g->data_todo && all_written(g) && (g->pipelined || out->len == 0)) {
		ok = ok && buf_puts(out, "DATA\r\n");
		g->data = true;
		g->data_todo = false;
	}
	return ok;
}

static bool
write_commands(struct smtp *s)
{
	return put_commands(&s->group, &s->ehlo, &s->command) &&
	       stream_put(s->stream, buf_str(&s->command), s->command.len);
}

void
smtp_group_ahead(struct smtp *s, const struct deliver_message *next)
{
	s->group = new_group(s, next, true);
	s->want_rset = false;
	s->group_waiting = write_commands(s);
}

/* Was the waiting group this message's? Then go on with this one's memory: the
 * announced one's may be gone. */
static bool
take_waiting(struct smtp *s, const struct deliver_message *m)
{
	struct smtp_group g = new_group(s, m, true);

	if (!put_commands(&g, &s->ehlo, &s->check) ||
	    !span_eq(buf_span(&s->check), buf_span(&s->command)))
		return false;
	s->group = g;
	return true;
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
		s->habits->plain = true;
	if (error != STREAM_STOPPED && used)
		return GROUP_AGAIN;
	if (closing)
		smtp_judge(s, phase, &why);
	else
		smtp_judge_lost(s, phase, &why);
	s->hop_down = closing || error == STREAM_TIMEOUT;
	delivery_fill(results, g->all, &why);
	smtp_close(s, false);
	return GROUP_SETTLED;
}

/* The server answers to other commands than we sent. */
static enum verdict
lost_step(struct smtp *s)
{
	s->habits->plain = true;
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
	delivery_fill(results, g->all, &why);
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
	else if (!smtp_is_full(s, g->accepted, &results[i]))
		smtp_judge(s, PHASE_RCPT, &results[i]);
	return true;
}

/* Content is asked for, but for nobody; by LMTP nobody would be answered. */
static enum verdict
lone_dot(struct smtp *s)
{
	if (smtp_is_lmtp(s)) {
		s->content_due = true;
		smtp_close(s, false);
		return GROUP_SETTLED;
	}
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
	delivery_fill(results, g->all, &why);
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
		if (all_written(g) && g->chunked)
			return GROUP_GO;
		stream_set_deadline(s->stream, s->timeout_ms[WAIT_MAIL]);
		if (!write_commands(s) || !stream_flush(s->stream))
			return give_up(s, PHASE_RCPT, false, results);
	}
}

/* Connected, and the message can be said to this server; else *why. What only
 * means this relay leaves the message to the others, where there are any. */
static bool
can_begin(struct smtp *s, const struct deliver_message **m,
    struct delivery *why)
{
	if (s->stream != NULL || smtp_open(s, why)) {
		s->slow = false; /* a host that was tried before */
		return smtp_fit(s, m, why) &&
		       command_can_send(*m, &s->ehlo, why);
	}
	if ((*m)->alternatives || ((*m)->shared && s->slow))
		why->state = DELIVERY_UNTOUCHED;
	return false;
}

static enum verdict
begin_once(struct smtp *s, const struct deliver_message *m,
    struct delivery *results)
{
	struct delivery why = { .state = DELIVERY_UNTOUCHED };
	uint64_t max;

	if (s->content_due || (s->group_waiting && !take_waiting(s, m)))
		smtp_close(s, false);
	if (s->group_waiting) {
		s->group_waiting = false;
		return group_talk(s, results);
	}
	max = smtp_most_messages(s);
	if (s->stream != NULL && max > 0 && s->messages >= max)
		smtp_close(s, true);
	if (!can_begin(s, &m, &why)) {
		s->group.m.n = m->n;
		delivery_fill(results, m->n, &why);
		return GROUP_SETTLED;
	}
	s->group = new_group(s, m, false);
	s->want_rset = false;
	stream_set_deadline(s->stream, s->timeout_ms[WAIT_MAIL]);
	if (!write_commands(s) || !stream_flush(s->stream))
		return give_up(s, PHASE_MAIL, false, results);
	return group_talk(s, results);
}

int
smtp_begin(struct smtp *s, const struct deliver_message *m,
    struct delivery *results)
{
	enum verdict v = GROUP_AGAIN;
	size_t i;

	s->hop_down = s->slow = false;
	smtp_fit_end(s);
	while (v == GROUP_AGAIN) {
		for (i = 0; i < m->n; i++)
			results[i] =
			    (struct delivery){ .state = DELIVERY_UNTOUCHED };
		if (smtp_is_stopped(s)) {
			smtp_close(s, true);
			return 0;
		}
		v = begin_once(s, m, results);
		if (v == GROUP_AGAIN)
			smtp_close(s, false);
	}
	/* Those that the server said at once it would not take. */
	for (i = s->group.m.n; i < m->n; i++)
		if (results[i].state == DELIVERY_UNTOUCHED)
			results[i].state = DELIVERY_NEXT;
	s->used = true;
	s->content_due = v == GROUP_GO && !s->group.chunked;
	return v == GROUP_GO;
}
