/* SPDX-License-Identifier: ISC */
/*
 * From nothing to a connection that takes mail: a table of steps, each of
 * which says one thing, reads one reply and names the next step. Whatever
 * fails here says nothing about a message: all its recipients are deferred,
 * and the hop is down.
 *
 *   connect -> [handshake] -> greeting -> EHLO [-> HELO], or LHLO
 *           -> [STARTTLS -> handshake -> EHLO] -> [AUTH] -> ready
 *
 * At level "may" a handshake that fails begins again from the connection on,
 * without TLS: as little was promised, and mail that no attacker touches must
 * not wait for ever for a server whose TLS is broken.
 */
#include "deliver/smtp_open.h"

#include <stdarg.h>
#include <stdio.h>

#include "deliver/mx.h"
#include "deliver/relay.h"
#include "deliver/sasl.h"
#include "deliver/tls.h"

#define CONNECT_TIMEOUT_MS 30000 /* connect_timeout overrides */

static enum tls_level
level_of(const struct smtp *s)
{
	return relay_tls(s->peer->relay->conf);
}

static bool
is_implicit(const struct smtp *s)
{
	return relay_is_implicit(s->peer->relay->conf);
}

static const char *
helo_of(const struct smtp *s)
{
	const char *own = s->peer->relay->conf->helo;

	return own == NULL || own[0] == '\0' ? s->setup->conf->hostname : own;
}

static enum smtp_step
refused(struct smtp_opening *o, enum delivery_phase phase)
{
	smtp_judge(o->s, phase, o->why);
	return STEP_FAILED;
}

static enum smtp_step
lost(struct smtp_opening *o, enum delivery_phase phase)
{
	smtp_judge_lost(o->s, phase, o->why);
	return STEP_FAILED;
}

static enum smtp_step
failed(struct smtp_opening *o, enum delivery_phase phase, const char *status,
    const char *text)
{
	delivery_set(o->why, DELIVERY_DEFERRED, phase, status, "%s", text);
	return STEP_FAILED;
}

static bool
say(struct smtp *s, enum smtp_wait wait, const char *word, const char *arg)
{
	stream_set_deadline(s->stream, s->timeout_ms[wait]);
	return stream_put(s->stream, word, strlen(word)) &&
	       stream_put(s->stream, arg, strlen(arg)) &&
	       stream_put(s->stream, "\r\n", 2) && stream_flush(s->stream) &&
	       smtp_get_reply(s, wait) == 1;
}

static enum smtp_step
run_connect(struct smtp_opening *o)
{
	struct smtp *s = o->s;
	const struct relay_conf *conf = s->peer->relay->conf;
	struct dialled d;
	char text[512], port[8];
	bool dialled;
	const struct dialling to = { .host = s->goal.host,
		.address = s->goal.address,
		.socket = relay_socket(conf),
		.port = port,
		.source = conf->source,
		.timeout_ms = s->goal.timeout_ms,
		.stop = s->stop };

	(void)snprintf(port, sizeof(port), "%d",
	    relay_port(conf, s->transport));
	dialled = dial(&to, &d, text, sizeof(text));
	s->lookup_ms = d.lookup_ms;
	if (!dialled) {
		if (strcmp(text, "stopped") == 0) {
			*o->why =
			    (struct delivery){ .state = DELIVERY_UNTOUCHED };
			return STEP_FAILED;
		}
		return failed(o, PHASE_CONNECT,
		    strncmp(text, "connect", 7) == 0 ? "4.4.1" : "4.4.3", text);
	}
	s->stream = stream_new(d.fd, s->stop);
	if (s->stream == NULL)
		return failed(o, PHASE_LOCAL, "4.3.0", "out of memory");
	s->loopback = d.loopback;
	(void)snprintf(s->relay, sizeof(s->relay), "%s", d.relay);
	return is_implicit(s) ? STEP_HANDSHAKE : STEP_GREETING;
}

static enum smtp_step
run_greeting(struct smtp_opening *o)
{
	if (smtp_get_reply(o->s, WAIT_GREETING) != 1)
		return lost(o, PHASE_GREETING);
	if (o->s->reply.code != 220)
		return refused(o, PHASE_GREETING);
	o->greeted = true;
	return STEP_EHLO;
}

/* REQUIRETLS is of worth where we know who offers it (RFC 8689, 4.2.1): not
 * where the DNS alone says so. */
static bool
is_verified(const struct smtp *s)
{
	return s->stream->ssl != NULL && level_of(s) >= TLS_VERIFY &&
	       s->mx == NULL;
}

/* What the capabilities in s->ehlo let us do next. */
static enum smtp_step
after_ehlo(struct smtp_opening *o)
{
	struct smtp *s = o->s;
	enum tls_level level = level_of(s);

	if (s->stream->ssl != NULL || level == TLS_NONE || o->no_tls)
		return STEP_AUTH;
	if (s->ehlo.starttls)
		return STEP_STARTTLS;
	if (level == TLS_MAY)
		return STEP_AUTH;
	return failed(o, PHASE_TLS, "4.7.4",
	    "TLS: required, but the server does not offer STARTTLS");
}

static enum smtp_step
run_ehlo(struct smtp_opening *o)
{
	struct smtp *s = o->s;

	s->ehlo = (struct ehlo){ .auth = 0 };
	if (!say(s, WAIT_EHLO, smtp_is_lmtp(s) ? "LHLO " : "EHLO ", helo_of(s)))
		return lost(o, PHASE_EHLO);
	if (s->reply.code / 100 == 5 && !smtp_is_lmtp(s))
		return STEP_HELO;
	if (s->reply.code != 250)
		return refused(o, PHASE_EHLO);
	ehlo_parse(buf_span(&s->reply.text), &s->ehlo);
	s->ehlo.requiretls = s->ehlo.requiretls && is_verified(s);
	return after_ehlo(o);
}

static enum smtp_step
run_helo(struct smtp_opening *o)
{
	struct smtp *s = o->s;

	if (!say(s, WAIT_EHLO, "HELO ", helo_of(s)))
		return lost(o, PHASE_EHLO);
	if (s->reply.code != 250)
		return refused(o, PHASE_EHLO);
	return after_ehlo(o);
}

static enum smtp_step
run_starttls(struct smtp_opening *o)
{
	struct smtp *s = o->s;
	char text[sizeof(o->why->text)];

	if (!say(s, WAIT_STARTTLS, "STARTTLS", ""))
		return lost(o, PHASE_TLS);
	if (s->reply.code == 220) {
		if (stream_has_input(s->stream))
			return failed(o, PHASE_TLS, "4.7.5",
			    "TLS: the server, or somebody before it, sent "
			    "data between STARTTLS and the handshake");
		return STEP_HANDSHAKE;
	}
	if (level_of(s) == TLS_MAY && s->reply.code != 421)
		return STEP_AUTH;
	reply_print(&s->reply, text, sizeof(text));
	delivery_set(o->why, DELIVERY_DEFERRED, PHASE_TLS, "4.7.4",
	    "TLS: STARTTLS refused: %s", text);
	o->why->reply_code = s->reply.code;
	return STEP_FAILED;
}

void
smtp_note(struct smtp *s, const char *fmt, ...)
{
	size_t len = strlen(s->note);
	va_list args;

	if (len > 0 && len + 3 < sizeof(s->note)) {
		memcpy(s->note + len, "; ", 3);
		len += 2;
	}
	va_start(args, fmt);
	(void)vsnprintf(s->note + len, sizeof(s->note) - len, fmt, args);
	va_end(args);
}

/* The version and the cipher, in Postfix's words. */
static void
note_tls(struct smtp *s)
{
	const char *trust =
	    level_of(s) >= TLS_VERIFY ? "Verified" : "Untrusted";

	smtp_note(s, "%s TLS connection %s to %s: %s with cipher %s", trust,
	    SSL_session_reused(s->stream->ssl) ? "resumed" : "established",
	    s->relay, SSL_get_version(s->stream->ssl),
	    SSL_get_cipher_name(s->stream->ssl));
}

static enum smtp_step
go_on_in_clear(struct smtp_opening *o)
{
	struct smtp *s = o->s;
	char cause[512];

	(void)delivery_escape(span_of(s->stream->text), cause, sizeof(cause));
	smtp_close(s, false);
	smtp_note(s, "%s; level \"may\": going on without TLS", cause);
	o->no_tls = true;
	o->greeted = false;
	return STEP_CONNECT;
}

static enum smtp_step
run_handshake(struct smtp_opening *o)
{
	struct smtp *s = o->s;

	stream_set_deadline(s->stream, s->timeout_ms[WAIT_TLS]);
	if (!tls_start(s->stream, s->peer->tls, level_of(s), s->goal.host)) {
		smtp_judge_lost(s, PHASE_TLS, o->why);
		if (o->why->state == DELIVERY_DEFERRED &&
		    level_of(s) == TLS_MAY && !is_implicit(s))
			return go_on_in_clear(o);
		if (o->why->state == DELIVERY_DEFERRED)
			(void)failed(o, PHASE_TLS, "4.7.5", s->stream->text);
		return STEP_FAILED;
	}
	note_tls(s);
	return o->greeted ? STEP_EHLO : STEP_GREETING;
}

static enum smtp_step
run_auth(struct smtp_opening *o)
{
	struct smtp *s = o->s;

	if (s->peer->relay->conf->user[0] == '\0')
		return STEP_READY;
	if (s->stream->ssl == NULL && !s->loopback)
		return failed(o, PHASE_AUTH, "4.7.11",
		    "authentication: refused by us, the connection is not "
		    "encrypted");
	return sasl_authenticate(s, o->why) ? STEP_READY : STEP_FAILED;
}

static enum smtp_step (*const steps[])(struct smtp_opening *) = {
	[STEP_CONNECT] = run_connect,
	[STEP_GREETING] = run_greeting,
	[STEP_EHLO] = run_ehlo,
	[STEP_HELO] = run_helo,
	[STEP_STARTTLS] = run_starttls,
	[STEP_HANDSHAKE] = run_handshake,
	[STEP_AUTH] = run_auth,
};

void
smtp_opening_begin(struct smtp_opening *o, struct smtp *s, struct delivery *why)
{
	*o = (struct smtp_opening){ .s = s, .why = why };
	s->messages = 0;
	s->used = s->want_rset = s->group_waiting = false;
	(void)snprintf(s->relay, sizeof(s->relay), "none");
}

void
smtp_opening_step(struct smtp_opening *o)
{
	struct delivery *why = o->why;

	o->step = steps[o->step](o);
	if (o->step != STEP_FAILED)
		return;
	if (why->state != DELIVERY_UNTOUCHED) {
		why->state = DELIVERY_DEFERRED;
		why->status[0] = '4';
	}
	smtp_close(o->s, why->reply_code != 0 && why->reply_code != 421);
}

bool
smtp_open_goal(struct smtp *s, struct delivery *why)
{
	struct smtp_opening o;

	smtp_opening_begin(&o, s, why);
	while (o.step < STEP_READY)
		smtp_opening_step(&o);
	return o.step == STEP_READY;
}

void
smtp_aim(struct smtp *s)
{
	const struct relay_conf *conf = s->peer->relay->conf;

	s->goal = (struct smtp_goal){ .host = conf->host,
		.timeout_ms = conf->connect_timeout_s > 0
		                  ? conf->connect_timeout_s * 1000
		                  : CONNECT_TIMEOUT_MS };
}

bool
smtp_open(struct smtp *s, struct delivery *why)
{
	s->note[0] = '\0';
	if (s->mx != NULL)
		return mx_connect(s->mx, s, why);
	smtp_aim(s);
	if (smtp_open_goal(s, why))
		return true;
	s->hop_down = why->state != DELIVERY_UNTOUCHED;
	return false;
}
