/* SPDX-License-Identifier: ISC */
/*
 * The transports "smtp" and "lmtp": a relay, the one that was chosen of the
 * hop's; and "mx", which is the same dialogue with the hosts of a domain
 * (mx.h). Here is what their parts share: reading a reply, what a reply or a
 * lost connection means, and the end.
 */
#include "deliver/smtp.h"

#include <stdio.h>

#include "deliver/command.h"
#include "deliver/content.h"
#include "deliver/mx.h"
#include "deliver/policy.h"
#include "deliver/relay.h"
#include "deliver/sasl.h"
#include "deliver/secret.h"
#include "deliver/tls.h"
#include "util/xalloc.h"

/* Which option says how long a wait is, the seconds where it says nothing (RFC
 * 5321, 4.5.3.2, where that names a time), and at most how many whatever it
 * says; 0: as many as it says. */
static const struct {
	enum relay_timeout option;
	int64_t usual_s, most_s;
} waits[] = {
	[WAIT_GREETING] = { TIMEOUT_HELO, 300, 0 },
	[WAIT_EHLO] = { TIMEOUT_HELO, 300, 0 },
	[WAIT_STARTTLS] = { TIMEOUT_STARTTLS, 120, 0 },
	[WAIT_TLS] = { TIMEOUT_STARTTLS, 120, 0 },
	[WAIT_AUTH] = { TIMEOUT_AUTH, 120, 0 },
	[WAIT_RSET] = { TIMEOUT_MAIL, 300, 60 },
	[WAIT_MAIL] = { TIMEOUT_MAIL, 300, 0 },
	[WAIT_RCPT] = { TIMEOUT_RCPT, 300, 0 },
	[WAIT_DATA] = { TIMEOUT_DATA_INIT, 120, 0 },
	[WAIT_BLOCK] = { TIMEOUT_DATA_XFER, 180, 0 },
	[WAIT_DOT] = { TIMEOUT_DATA_DONE, 600, 0 },
	[WAIT_GROUP] = { TIMEOUT_MAIL, 300, 60 },
	[WAIT_QUIT] = { TIMEOUT_MAIL, 300, 1 },
};
_Static_assert(sizeof(waits) / sizeof(waits[0]) == WAITS,
    "a row for each wait");

void
smtp_set_timeouts(struct smtp *s)
{
	const int64_t *set_s = s->peer->relay->conf->timeouts_s;
	int64_t for_s;
	size_t i;

	for (i = 0; i < WAITS; i++) {
		for_s = set_s[waits[i].option];
		if (for_s == 0)
			for_s = waits[i].usual_s;
		if (waits[i].most_s != 0 && for_s > waits[i].most_s)
			for_s = waits[i].most_s;
		s->timeout_ms[i] = for_s * 1000;
	}
}

bool
smtp_is_stopped(const struct smtp *s)
{
	return s->stop != NULL && *s->stop != 0;
}

uint64_t
smtp_most_messages(const struct smtp *s)
{
	uint64_t own = (uint64_t)s->peer->relay->conf->max_messages;
	uint64_t theirs = s->ehlo.mail_max;

	return own == 0 || (theirs != 0 && theirs < own) ? theirs : own;
}

bool
smtp_is_lmtp(const struct smtp *s)
{
	return s->transport == TRANSPORT_LMTP;
}

size_t
smtp_most_recipients(const struct smtp *s)
{
	size_t most = DELIVER_RECIPIENTS_MAX;

	if (s->ehlo.rcpt_max != 0 && s->ehlo.rcpt_max < most)
		most = (size_t)s->ehlo.rcpt_max;
	if (s->habits->rcpt_max != 0 && s->habits->rcpt_max < most)
		most = s->habits->rcpt_max;
	return most;
}

bool
smtp_is_full(struct smtp *s, size_t accepted, struct delivery *result)
{
	if (accepted == 0 ||
	    !policy_is_too_many(s->reply.code, s->reply.status))
		return false;
	if (s->habits->rcpt_max == 0 || accepted < s->habits->rcpt_max)
		s->habits->rcpt_max = accepted;
	*result = (struct delivery){ .state = DELIVERY_NEXT };
	return true;
}

int
smtp_get_reply(struct smtp *s, enum smtp_wait wait)
{
	enum reply_step step;
	struct span line;
	char shown[80];
	size_t bytes;

	stream_set_deadline(s->stream, s->timeout_ms[wait]);
	s->stream->budget = REPLY_MAX_BYTES + 1;
	reply_reset(&s->reply);
	do {
		if (!stream_get_line(s->stream, &line, &bytes))
			return 0;
		step = reply_feed(&s->reply, line, bytes);
	} while (step == REPLY_MORE);
	if (step == REPLY_DONE)
		return 1;
	(void)delivery_escape(line, shown, sizeof(shown));
	stream_fail(s->stream, STREAM_FAILED, "not a reply: \"%s\"", shown);
	return 0;
}

void
smtp_judge(struct smtp *s, enum delivery_phase phase, struct delivery *why)
{
	const struct reply *r = &s->reply;
	struct policy_verdict v = policy_judge(phase, r->code, r->status);

	*why = (struct delivery){ .phase = phase, .reply_code = r->code };
	why->state = v.state;
	if (v.scope == SCOPE_RELAY)
		s->hop_down = true;
	s->slow |= v.slow;
	(void)snprintf(why->status, sizeof(why->status), "%s",
	    r->status[0] == '\0' ? "x.0.0" : r->status);
	why->status[0] = why->state == DELIVERY_FAILED ? '5'
	                 : why->state == DELIVERY_SENT ? '2'
	                                               : '4';
	reply_print(r, why->text, sizeof(why->text));
}

void
smtp_judge_lost(const struct smtp *s, enum delivery_phase phase,
    struct delivery *why)
{
	const char *in = delivery_phase_name(phase);

	switch (s->stream->error) {
	case STREAM_STOPPED:
		*why = (struct delivery){ .state = DELIVERY_UNTOUCHED };
		break;
	case STREAM_TIMEOUT:
		delivery_set(why, DELIVERY_DEFERRED, phase, "4.4.2",
		    "conversation with %s timed out in %s", s->relay, in);
		break;
	case STREAM_EOF:
		delivery_set(why, DELIVERY_DEFERRED, phase, "4.4.2",
		    "lost connection with %s in %s", s->relay, in);
		break;
	default:
		delivery_set(why, DELIVERY_DEFERRED, phase, "4.4.2",
		    "lost connection with %s in %s: %s", s->relay, in,
		    s->stream->text);
		break;
	}
}

void
smtp_close(struct smtp *s, bool polite)
{
	if (s->stream == NULL)
		return;
	/* Where the server waits for content, or may do so, QUIT were some. */
	if (polite && !s->group_waiting && !s->content_due &&
	    s->stream->error == STREAM_OK) {
		s->stream->stop = NULL;
		stream_set_deadline(s->stream, s->timeout_ms[WAIT_QUIT]);
		if (stream_put(s->stream, "QUIT\r\n", 6) &&
		    stream_flush(s->stream))
			(void)smtp_get_reply(s, WAIT_QUIT);
	}
	stream_free(s->stream);
	s->stream = NULL;
	s->group_waiting = s->content_due = s->want_rset = false;
	s->window = (struct smtp_window){ .open = false };
}

static int
prepare_peer(struct peer *p, struct po_err *err)
{
	const struct relay_conf *conf = p->relay->conf;

	if (p->prepared)
		return 0;
	if (conf->helo != NULL && conf->helo[0] != '\0' &&
	    !command_word_ok(conf->helo))
		return po_fail(err, PO_ECONFIG,
		    "%s.helo \"%s\" cannot stand in EHLO", secret_owner(conf),
		    conf->helo);
	if (conf->source != NULL && conf->source[0] != '\0' &&
	    !dial_source_ok(conf->source))
		return po_fail(err, PO_ECONFIG,
		    "%s.source \"%s\" is no IP address", secret_owner(conf),
		    conf->source);
	if (conf->tls == TLS_NONE && conf->implicit_tls == TLS_IMPLICIT_YES)
		return po_fail(err, PO_ECONFIG,
		    "%s.tls is none, but %s.implicit_tls is yes",
		    secret_owner(conf), secret_owner(conf));
	if (sasl_allowed(conf, &p->auth, err) == -1)
		return -1;
	if (!p->has_secret && secret_load(conf, &p->secret, err) == -1)
		return -1;
	p->has_secret = true;
	if (relay_tls(conf) != TLS_NONE &&
	    tls_context_new(conf, &p->tls, err) == -1)
		return -1;
	p->prepared = true;
	return 0;
}

int
smtp_prepare_peers(struct deliver_setup *setup, bool direct, struct po_err *err)
{
	const struct deliver_routes *routes = setup->routes;
	size_t i;

	if (!command_word_ok(setup->conf->hostname))
		return po_fail(err, PO_ECONFIG,
		    "hostname \"%s\" cannot stand in EHLO",
		    setup->conf->hostname);
	for (i = 0; i < routes->n_relays; i++)
		if (setup->peers[i].ready &&
		    routes->relays[i].direct == direct &&
		    prepare_peer(&setup->peers[i], err) == -1)
			return -1;
	return 0;
}

static int
prepare(struct deliver_setup *setup, struct po_err *err)
{
	const struct deliver_conf *conf = setup->conf;
	const struct deliver_routes *routes = setup->routes;

	if (transport_has_relays(conf->transport) &&
	    routes->rules[routes->n_rules - 1].n_relays == 0)
		return po_fail(err, PO_ECONFIG, "transport %s needs relay.host",
		    transport_names[conf->transport]);
	return smtp_prepare_peers(setup, false, err);
}

static const struct peer *
find_peer(const struct deliver_setup *setup, struct span name)
{
	size_t i;

	for (i = 0; i < setup->routes->n_relays; i++)
		if (setup->peers[i].ready && !setup->routes->relays[i].direct &&
		    span_eq(span_of(setup->peers[i].relay->name), name))
			return &setup->peers[i];
	return NULL;
}

/* "smtp:NAME,NAME": all of them are there, or the hop is of another time. */
static int
parse_hop(struct smtp *s, const char *hop, struct po_err *err)
{
	struct span rest = span_of(hop), name;

	(void)span_cut(&rest, ':');
	do {
		name = span_cut(&rest, ',');
		if (s->n_peers == DELIVER_HOP_RELAYS ||
		    (s->peers[s->n_peers++] = find_peer(s->setup, name)) ==
		        NULL)
			return po_fail(err, PO_ECONFIG,
			    "next hop \"%s\": there is no relay \"%.*s\" now",
			    hop, (int)name.len, name.p);
	} while (rest.len > 0);
	s->peer = s->peers[0];
	smtp_set_timeouts(s);
	s->habits = &s->all_habits[0];
	return 0;
}

static void
smtp_free(void *state)
{
	struct smtp *s = state;

	smtp_close(s, true);
	mx_free(s->mx);
	smtp_fit_end(s);
	reply_clear(&s->reply);
	buf_clear(&s->command);
	buf_clear(&s->check);
	free(s->block);
	free(s->chunk);
	free(s);
}

static void *
new_client(int transport, const struct deliver_setup *setup, const char *hop,
    const volatile sig_atomic_t *stop, int64_t stop_grace_s, struct po_err *err)
{
	struct smtp *s = xcalloc(1, sizeof(*s));

	s->setup = setup;
	s->transport = transport;
	s->stop = stop;
	s->stop_grace_ms = stop_grace_s * 1000;
	(void)snprintf(s->relay, sizeof(s->relay), "none");
	reply_init(&s->reply);
	buf_init(&s->command, 4 * SMTP_GROUP_BYTES);
	buf_init(&s->check, 4 * SMTP_GROUP_BYTES);
	s->block = xcalloc(1, CONTENT_BLOCK_BYTES);
	if ((transport == TRANSPORT_MX ? mx_open(setup, hop, s, err)
	                               : parse_hop(s, hop, err)) == 0)
		return s;
	smtp_free(s);
	return NULL;
}

static void *
smtp_new(const struct deliver_setup *setup, const char *hop,
    const volatile sig_atomic_t *stop, int64_t stop_grace_s, struct po_err *err)
{
	return new_client(TRANSPORT_SMTP, setup, hop, stop, stop_grace_s, err);
}

static void *
lmtp_new(const struct deliver_setup *setup, const char *hop,
    const volatile sig_atomic_t *stop, int64_t stop_grace_s, struct po_err *err)
{
	return new_client(TRANSPORT_LMTP, setup, hop, stop, stop_grace_s, err);
}

static void *
mx_new(const struct deliver_setup *setup, const char *hop,
    const volatile sig_atomic_t *stop, int64_t stop_grace_s, struct po_err *err)
{
	return new_client(TRANSPORT_MX, setup, hop, stop, stop_grace_s, err);
}

static void
choose_peer(struct smtp *s, unsigned relay)
{
	if (relay >= s->n_peers)
		relay = 0; /* of another time: the routes were changed */
	if (s->peer != s->peers[relay]) {
		smtp_close(s, true);
		s->peer = s->peers[relay];
		smtp_set_timeouts(s);
	}
	s->habits = &s->all_habits[relay];
}

static void
choose(void *state, unsigned relay, unsigned traits)
{
	struct smtp *s = state;

	if (s->mx == NULL)
		choose_peer(s, relay);
	s->habits->plain |= (traits & RELAY_PLAIN) != 0;
	s->habits->no_chunking |= (traits & RELAY_NO_CHUNKING) != 0;
	s->habits->no_window |= (traits & RELAY_ONE_AT_A_TIME) != 0;
}

static unsigned
traits_of(const void *state)
{
	const struct smtp *s = state;

	return (s->habits->plain ? RELAY_PLAIN : 0u) |
	       (s->habits->no_chunking ? RELAY_NO_CHUNKING : 0u) |
	       (s->habits->no_window ? RELAY_ONE_AT_A_TIME : 0u);
}

static int
begin(void *state, const struct deliver_message *m, struct delivery *results)
{
	return smtp_begin(state, m, results);
}

static void
send_content(void *state, const struct deliver_message *m,
    struct delivery *results, const struct deliver_message *next)
{
	smtp_send(state, m, results, next);
}

static size_t
window(const void *state, const struct deliver_message *m)
{
	return smtp_window(state, m);
}

static void
put(void *state, const struct deliver_message *m, struct delivery *results)
{
	smtp_put(state, m, results);
}

static size_t
take(void *state)
{
	return smtp_take(state);
}

static const char *
relay_of(const void *state)
{
	const struct smtp *s = state;

	return s->relay;
}

static bool
is_down(const void *state)
{
	const struct smtp *s = state;

	return s->hop_down;
}

static bool
is_slow(const void *state)
{
	const struct smtp *s = state;

	return s->slow;
}

/* Taken: what is there next time is of another connection. */
static const char *
take_note(void *state)
{
	struct smtp *s = state;

	if (s->note[0] == '\0')
		return NULL;
	memcpy(s->note_taken, s->note, sizeof(s->note));
	s->note[0] = '\0';
	return s->note_taken;
}

#define DIALOGUE                                                               \
	.choose = choose, .traits = traits_of, .begin = begin,                 \
	.send = send_content, .relay = relay_of,                               \
	.hop_down = is_down, .slow = is_slow, .note = take_note,                \
	.close = smtp_free
#define WINDOW .window = window, .put = put, .take = take

const struct transport transport_smtp = {
	.name = "smtp",
	.prepare = prepare,
	.open = smtp_new,
	DIALOGUE,
	WINDOW,
};

const struct transport transport_mx = {
	.name = "mx",
	.prepare = mx_prepare,
	.open = mx_new,
	DIALOGUE,
	WINDOW,
};

/* No window: the reply to the last BDAT would be many. */
const struct transport transport_lmtp = {
	.name = "lmtp",
	.prepare = prepare,
	.open = lmtp_new,
	DIALOGUE,
};
