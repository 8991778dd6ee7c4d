/* SPDX-License-Identifier: ISC */
/*
 * The content by BDAT (RFC 3030), in chunks that are written one behind the
 * other, each with a reply. The reply to the last one is what the reply to the
 * last dot is elsewhere; an earlier one that refuses is the message's, and the
 * rest of its replies mean nothing.
 *
 * What is abandoned in the midst (a file that cannot be read, a refusal that
 * was seen) never gets its LAST: RSET, which heads the next group, ends it.
 */
#include "deliver/smtp.h"

#include <stdio.h>

#include "deliver/command.h"
#include "deliver/content.h"
#include "util/xalloc.h"

bool
smtp_uses_chunks(const struct smtp *s)
{
	return !smtp_is_lmtp(s) && s->peer->relay->conf->window > 1 &&
	       s->ehlo.chunking && s->ehlo.pipelining && !s->habits->plain &&
	       !s->habits->no_chunking && !s->habits->no_window;
}

/* Replies that are there already; false when the connection is lost. */
static bool
read_what_came(struct smtp *s, struct smtp_chunks *c)
{
	while (c->unanswered > 0 && !c->refused && stream_has_input(s->stream))
		if (!smtp_chunks_reply(s, c))
			return false;
	return true;
}

static bool
put_one(struct smtp *s, const char *p, size_t len, bool last)
{
	char head[40];
	int n = snprintf(head, sizeof(head), "BDAT %zu%s\r\n", len,
	    last ? " LAST" : "");

	return stream_put(s->stream, head, (size_t)n) &&
	       (len == 0 || stream_put(s->stream, p, len));
}

bool
smtp_chunks_put(struct smtp *s, const struct deliver_message *m, bool look,
    struct smtp_chunks *c)
{
	struct content_cursor cursor = { .done = 0 };
	bool last = false;
	struct po_err err;
	ssize_t n;

	if (s->chunk == NULL)
		s->chunk = xcalloc(1, CONTENT_CHUNK_BYTES);
	*c = (struct smtp_chunks){ .unanswered = 0 };
	while (!last && !c->refused) {
		n = content_chunk(m, &cursor, s->block, s->chunk, &last, &err);
		if (n == -1) {
			c->local = true;
			delivery_set(&c->why, DELIVERY_DEFERRED, PHASE_LOCAL,
			    "4.3.0", "%s", err.text);
			return true;
		}
		stream_set_deadline(s->stream, s->timeout_ms[WAIT_BLOCK]);
		if (!put_one(s, s->chunk, (size_t)n, last))
			return false;
		c->unanswered++;
		if (look && !last && !read_what_came(s, c))
			return false;
	}
	return true;
}

bool
smtp_chunks_reply(struct smtp *s, struct smtp_chunks *c)
{
	if (smtp_get_reply(s, WAIT_DOT) != 1 || s->reply.code == 421)
		return false;
	c->unanswered--;
	if (c->refused || c->local || s->reply.code / 100 == 2)
		return true;
	c->refused = true;
	smtp_judge(s, PHASE_DOT, &c->why);
	return true;
}

bool
smtp_chunks_judge(struct smtp *s, const struct smtp_chunks *c,
    struct delivery *why)
{
	if (c->refused || c->local) {
		*why = c->why;
		switch (c->refused ? c->why.reply_code : 0) {
		case 500:
		case 501:
		case 502:
		case 504:
			s->habits->no_chunking = true;
			why->state = DELIVERY_UNTOUCHED;
			return false;
		default: /* 3xx is no verdict, as behind the last dot */
			if (why->reply_code / 100 == 3)
				why->state = DELIVERY_IN_DOUBT;
			return true;
		}
	}
	smtp_judge(s, PHASE_DOT, why);
	why->handover = s->ehlo.dsn ? HANDOVER_PASSED : HANDOVER_RELAYED;
	return true;
}

/* The connection went, or 421 came, before all replies were read: nobody knows
 * what became of a message that was written whole. */
static void
chunks_lost(struct smtp *s, bool whole, const struct deliver_message *m,
    struct delivery *results)
{
	struct delivery why;

	if (!whole && s->stream->error != STREAM_OK) {
		smtp_content_failed(s, m, results);
		return;
	}
	s->hop_down = s->stream->error == STREAM_OK;
	if (s->hop_down)
		smtp_judge(s, whole ? PHASE_DOT : PHASE_CONTENT, &why);
	else
		smtp_judge_lost(s, PHASE_DOT, &why);
	if (whole)
		why.state = DELIVERY_IN_DOUBT;
	delivery_fill(results, m->n, &why);
	smtp_close(s, false);
}

void
smtp_chunks_send(struct smtp *s, const struct deliver_message *m,
    struct delivery *results)
{
	struct smtp_chunks c;
	struct delivery why;
	uint64_t end;
	bool ok, whole;

	if (smtp_is_stopped(s)) {
		smtp_close(s, false);
		return;
	}
	s->stream->grace_ms = s->stop_grace_ms;
	whole = ok = smtp_chunks_put(s, m, true, &c);
	end = stream_offset(s->stream);
	stream_set_deadline(s->stream, s->timeout_ms[WAIT_BLOCK]);
	ok = ok && stream_flush(s->stream);
	while (ok && c.unanswered > 0)
		ok = smtp_chunks_reply(s, &c);
	if (!ok && !c.refused && !c.local) {
		chunks_lost(s, whole && s->stream->written >= end, m, results);
		return;
	}
	if (!smtp_chunks_judge(s, &c, &why) || !ok)
		smtp_close(s, false);
	else
		s->stream->grace_ms = -1;
	delivery_fill(results, m->n, &why);
	s->want_rset = s->stream != NULL && (c.refused || c.local);
	s->window.open = why.state == DELIVERY_SENT;
}
