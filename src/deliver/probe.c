/* SPDX-License-Identifier: ISC */
/*
 * The steps of an opening are not the phases that people know: STEP_CONNECT is
 * the name and the connection, STARTTLS and the handshake are one, and the
 * reply to EHLO may end the phase after it. What a step has to say beyond one
 * line waits in `more`.
 */
#include "deliver/probe.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>

#include "deliver/mechanism.h"
#include "deliver/relay.h"
#include "deliver/smtp_open.h"
#include "util/wallclock.h"
#include "util/xalloc.h"

#define PATIENCE_MS 30000

struct probe {
	const struct transport *transport;
	struct smtp *s;
	struct smtp_opening opening;
	struct delivery why;
	const char *sender, *recipient;
	struct probe_line more;
	bool has_more;
	enum probe_phase next; /* MAIL and RCPT, once it is open */
	bool over;
};

static const struct probe_phase_info phases[PROBE_PHASES] = {
	[PROBE_NAME] = { "name", PO_ENOHOST },
	[PROBE_CONNECT] = { "connect", PO_ETEMP },
	[PROBE_GREETING] = { "greeting", PO_ETEMP },
	[PROBE_EHLO] = { "ehlo", PO_EPROTOCOL },
	[PROBE_TLS] = { "tls", PO_EPROTOCOL },
	[PROBE_AUTH] = { "auth", PO_EPERM },
	[PROBE_MAIL] = { "mail", PO_EPERM },
	[PROBE_RCPT] = { "rcpt", PO_EPERM },
};

const struct probe_phase_info *
probe_phase_info(enum probe_phase phase)
{
	return &phases[phase];
}

/* ------------------------------------------------------------ advice */

/* The first row that fits: of the phase, of the port, with the word in the
 * text (or the text of the error of the system, or of the resolver). */
static const struct {
	enum probe_phase phase;
	int port;
	int sys, gai;
	const char *word;
	const char *advice;
} rows[] = {
	{ PROBE_NAME, 0, 0, EAI_AGAIN, NULL,
	    "no name server answers: look at /etc/resolv.conf and the "
	    "network" },
	{ PROBE_NAME, 0, 0, 0, "timed out",
	    "no name server answers: look at /etc/resolv.conf and the "
	    "network" },
	{ PROBE_NAME, 0, 0, 0, NULL,
	    "the name does not resolve: look at the relay's host" },
	{ PROBE_CONNECT, 0, EADDRNOTAVAIL, 0, NULL,
	    "the relay's source must be an address of this host" },
	{ PROBE_CONNECT, 0, EAFNOSUPPORT, 0, NULL,
	    "the relay has no address of the family of its source" },
	{ PROBE_CONNECT, 0, ENOENT, 0, NULL,
	    "there is no such socket: does the server run?" },
	{ PROBE_CONNECT, 0, EACCES, 0, NULL,
	    "the owner of the spool may not open the socket" },
	{ PROBE_CONNECT, 25, 0, 0, NULL,
	    "many networks block port 25 outwards: use port 587 or 465 of a "
	    "relay, or have it opened" },
	{ PROBE_CONNECT, 0, ECONNREFUSED, 0, NULL,
	    "nothing listens on that port, or a firewall rejects it: look at "
	    "the relay's port (587 with STARTTLS, 465 with TLS at once)" },
	{ PROBE_CONNECT, 0, ENETUNREACH, 0, NULL,
	    "this host has no route there: look at its network" },
	{ PROBE_CONNECT, 0, 0, 0, NULL,
	    "a firewall drops it, or the host is down: look at the relay's "
	    "host and port, and at the network between" },
	{ PROBE_GREETING, 0, 0, 0, "not a reply",
	    "that is no SMTP server: look at the relay's port" },
	{ PROBE_GREETING, 0, 0, 0, "timed out",
	    "nothing is said first: if TLS comes first on this port, set "
	    "implicit_tls = \"yes\"" },
	{ PROBE_GREETING, 0, 0, 0, "lost connection",
	    "it closed at once: if TLS comes first on this port, set "
	    "implicit_tls = \"yes\"; or it refuses this host's address" },
	{ PROBE_GREETING, 0, 0, 0, NULL,
	    "it refuses this host's address: ask who runs it" },
	{ PROBE_EHLO, 0, 0, 0, NULL,
	    "it refuses this host's name: set the relay's helo to a name that "
	    "leads to this host's address" },
	{ PROBE_TLS, 0, 0, 0, "does not offer",
	    "STARTTLS is not offered on this port, or is taken away on the "
	    "way: try 587, or 465 with implicit_tls = \"yes\"" },
	{ PROBE_TLS, 0, 0, 0, "wrong version number",
	    "this port speaks clear text first: set implicit_tls = \"no\"" },
	{ PROBE_TLS, 0, 0, 0, "mismatch",
	    "the relay's host must be a name that its certificate has" },
	{ PROBE_TLS, 0, 0, 0, "issuer certificate",
	    "its authority is not known here: name the authority's "
	    "certificates in the relay's ca_file" },
	{ PROBE_TLS, 0, 0, 0, "self-signed",
	    "it vouches for itself: name its certificate in the relay's "
	    "ca_file" },
	{ PROBE_TLS, 0, 0, 0, "expired",
	    "it must be renewed by who runs the relay; or this host's clock "
	    "is wrong" },
	{ PROBE_TLS, 0, 0, 0, "not yet valid", "is this host's clock right?" },
	{ PROBE_TLS, 0, 0, 0, "protocol version",
	    "it has nothing newer than TLS 1.1, which is not safe" },
	{ PROBE_TLS, 0, 0, 0, NULL,
	    "no mail leaves for it until that is mended" },
	{ PROBE_AUTH, 0, 0, 0, "not encrypted",
	    "no password leaves this host in clear: set the relay's tls to "
	    "\"verify\"" },
	{ PROBE_AUTH, 0, 0, 0, "the server offers",
	    "look at the relay's auth; or it wants TLS first, or no AUTH on "
	    "this port" },
	{ PROBE_AUTH, 0, 0, 0, "does not know the password",
	    "the password is wrong, or this is not the server it seems" },
	{ PROBE_AUTH, 0, 0, 0, "SCRAM",
	    "the user or the password is wrong; or it keeps no SCRAM secret "
	    "for him: then set auth = \"PLAIN\"" },
	{ PROBE_AUTH, 0, 0, 0, NULL, "the user or the password is wrong" },
	{ PROBE_MAIL, 0, 0, 0, "530 ",
	    "it wants AUTH: set the relay's user and password" },
	{ PROBE_MAIL, 0, 0, 0, NULL,
	    "this sender is refused: the relay takes only senders that it "
	    "knows as this user's" },
	{ PROBE_RCPT, 0, 0, 0, NULL,
	    "this recipient is refused: it is unknown there, or the relay "
	    "wants AUTH for mail to other places" },
};

static bool
has_word(const char *text, const char *word)
{
	return strstr(text, word) != NULL;
}

static const char *
advise(const struct probe *p, const struct probe_line *line)
{
	int port = relay_port(p->s->peer->relay->conf, p->s->transport);
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].phase == line->phase &&
		    (rows[i].port == 0 || rows[i].port == port) &&
		    (rows[i].sys == 0 ||
		        has_word(line->text, strerror(rows[i].sys))) &&
		    (rows[i].gai == 0 ||
		        has_word(line->text, gai_strerror(rows[i].gai))) &&
		    (rows[i].word == NULL ||
		        has_word(line->text, rows[i].word)))
			return rows[i].advice;
	return NULL;
}

/* ------------------------------------------------------------ lines */

static void
fill(struct probe_line *line, enum probe_phase phase, bool ok, int64_t ms,
    const char *text)
{
	*line = (struct probe_line){ .phase = phase, .ok = ok, .ms = ms };
	(void)snprintf(line->text, sizeof(line->text), "%s", text);
}

static enum probe_phase
phase_of(enum delivery_phase phase, const char *text)
{
	switch (phase) {
	case PHASE_GREETING:
		return PROBE_GREETING;
	case PHASE_EHLO:
		return PROBE_EHLO;
	case PHASE_TLS:
		return PROBE_TLS;
	case PHASE_AUTH:
		return PROBE_AUTH;
	default:
		return strncmp(text, "look up", 7) == 0 ? PROBE_NAME
		                                        : PROBE_CONNECT;
	}
}

static enum probe_phase
phase_of_step(enum smtp_step step)
{
	switch (step) {
	case STEP_CONNECT:
		return PROBE_CONNECT;
	case STEP_GREETING:
		return PROBE_GREETING;
	case STEP_EHLO:
	case STEP_HELO:
		return PROBE_EHLO;
	case STEP_AUTH:
		return PROBE_AUTH;
	default:
		return PROBE_TLS;
	}
}

/* The words behind the server's name, in one line. */
static void
print_offers(const struct smtp *s, char *out, size_t max)
{
	struct span rest = buf_span(&s->reply.text), word;
	size_t len;

	(void)span_cut(&rest, '\n');
	(void)snprintf(out, max, rest.len == 0 ? "offers nothing" : "offers ");
	len = strlen(out);
	while (rest.len > 0 && len + 3 < max) {
		word = span_cut(&rest, '\n');
		len += delivery_escape(word, out + len, max - len);
		if (rest.len > 0 && len + 3 < max) {
			memcpy(out + len, ", ", 3);
			len += 2;
		}
	}
}

/* What a step that went well has shown. */
static void
print_success(struct probe *p, enum smtp_step step, char *out, size_t max)
{
	struct smtp *s = p->s;
	const struct relay_conf *conf = s->peer->relay->conf;

	switch (phase_of_step(step)) {
	case PROBE_CONNECT:
		(void)snprintf(out, max, "%s", s->relay);
		break;
	case PROBE_GREETING:
		reply_print(&s->reply, out, max);
		break;
	case PROBE_EHLO:
		print_offers(s, out, max);
		break;
	case PROBE_TLS:
		if (s->note[0] != '\0')
			(void)snprintf(out, max, "%s", s->note);
		else
			(void)snprintf(out, max,
			    "STARTTLS is refused; level \"may\": going on "
			    "without TLS");
		s->note[0] = '\0';
		break;
	default:
		if (conf->user[0] == '\0')
			(void)snprintf(out, max, "not used: no user is set");
		else
			(void)snprintf(out, max, "%s as %s",
			    mechanism_name(
			        mechanism_best(s->ehlo.auth & s->peer->auth)),
			    conf->user);
		break;
	}
}

/* A line, and the other one that the step has to say. */
static void
tell_step(struct probe *p, enum smtp_step step, int64_t ms,
    struct probe_line *line)
{
	enum probe_phase phase = phase_of_step(step), failed;
	bool ok = p->opening.step != STEP_FAILED;
	char text[1000];

	failed = ok ? phase : phase_of(p->why.phase, p->why.text);
	if (ok || failed != phase)
		print_success(p, step, text, sizeof(text));
	if (!ok)
		fill(&p->more, failed, false, failed == phase ? ms : 0,
		    p->why.text);
	if (step == STEP_CONNECT && failed != PROBE_NAME &&
	    p->s->peer->relay->conf->host[0] != '/') {
		fill(line, PROBE_NAME, true, p->s->lookup_ms,
		    p->s->peer->relay->conf->host);
		ms -= p->s->lookup_ms;
		p->has_more = true;
		if (ok)
			fill(&p->more, PROBE_CONNECT, true, ms, text);
		else
			p->more.ms = ms;
	} else if (ok) {
		fill(line, phase, true, ms, text);
	} else if (failed != phase && step != STEP_CONNECT) {
		fill(line, phase, true, ms, text);
		p->has_more = true;
	} else {
		*line = p->more;
	}
}

/* STARTTLS that the handshake follows is told with it. */
static void
make_step(struct probe *p, struct probe_line *line)
{
	int64_t began_ms = monotonic_ms();
	enum smtp_step step;

	do {
		step = p->opening.step;
		smtp_opening_step(&p->opening);
	} while (p->opening.step == STEP_HANDSHAKE && step == STEP_STARTTLS);
	tell_step(p, step, monotonic_ms() - began_ms, line);
}

/* ------------------------------------------------------------ the envelope */

static void
say(struct probe *p, enum probe_phase phase, const char *word,
    const char *address, struct probe_line *line)
{
	enum delivery_phase of = phase == PROBE_MAIL ? PHASE_MAIL : PHASE_RCPT;
	int64_t began_ms = monotonic_ms();
	struct smtp *s = p->s;
	char text[1000];
	bool ok;

	stream_set_deadline(s->stream, s->timeout_ms[WAIT_MAIL]);
	ok = stream_put(s->stream, word, strlen(word)) &&
	     stream_put(s->stream, address, strlen(address)) &&
	     stream_put(s->stream, ">\r\n", 3) && stream_flush(s->stream) &&
	     smtp_get_reply(s, WAIT_MAIL) == 1;
	if (!ok) {
		smtp_judge_lost(s, of, &p->why);
		(void)snprintf(text, sizeof(text), "%s", p->why.text);
	} else {
		reply_print(&s->reply, text, sizeof(text));
		ok = s->reply.code / 100 == 2;
	}
	fill(line, phase, ok, monotonic_ms() - began_ms, text);
}

/* RSET: what was begun is no mail. */
static void
take_back(struct probe *p)
{
	struct smtp *s = p->s;

	if (s->stream == NULL || s->stream->error != STREAM_OK)
		return;
	stream_set_deadline(s->stream, s->timeout_ms[WAIT_RSET]);
	if (stream_put(s->stream, "RSET\r\n", 6) && stream_flush(s->stream))
		(void)smtp_get_reply(s, WAIT_RSET);
}

static bool
make_envelope(struct probe *p, struct probe_line *line)
{
	if (p->next == PROBE_MAIL && p->sender != NULL) {
		say(p, PROBE_MAIL, "MAIL FROM:<", p->sender, line);
		p->next = PROBE_RCPT;
		p->over = p->recipient == NULL;
	} else if (p->next == PROBE_RCPT && p->recipient != NULL) {
		say(p, PROBE_RCPT, "RCPT TO:<", p->recipient, line);
		p->over = true;
	} else {
		return false;
	}
	if (p->over || !line->ok)
		take_back(p);
	return true;
}

/* ------------------------------------------------------------ the whole */

bool
probe_next(struct probe *p, struct probe_line *line)
{
	if (p->has_more) {
		*line = p->more;
		p->has_more = false;
	} else if (p->over) {
		return false;
	} else if (p->opening.step < STEP_READY) {
		make_step(p, line);
	} else if (!make_envelope(p, line)) {
		return false;
	}
	if (!line->ok) {
		p->over = true;
		line->advice = advise(p, line);
	}
	return true;
}

/* The rule that leads to a relay says by which transport. */
static int
transport_of(const struct deliver_setup *setup, const char *relay)
{
	const struct deliver_routes *routes = setup->routes;
	size_t i, j;

	for (i = 0; i < routes->n_rules; i++)
		for (j = 0; j < routes->rules[i].n_relays; j++)
			if (transport_has_relays(routes->rules[i].transport) &&
			    strcmp(routes->rules[i].relays[j]->name, relay) ==
			        0)
				return routes->rules[i].transport;
	return -1;
}

int
probe_new(const struct deliver_setup *setup, const char *relay,
    const char *sender, const char *recipient,
    const volatile sig_atomic_t *stop, struct probe **out, struct po_err *err)
{
	int which = transport_of(setup, relay);
	char hop[DELIVER_HOP_MAX];
	struct probe *p;
	size_t i;

	if (which == -1)
		return po_fail(err, PO_EUSAGE,
		    "relay \"%s\": no route leads there", relay);
	(void)snprintf(hop, sizeof(hop), "%s:%s", transport_names[which],
	    relay);
	p = xcalloc(1, sizeof(*p));
	p->transport =
	    which == TRANSPORT_LMTP ? &transport_lmtp : &transport_smtp;
	p->s = p->transport->open(setup, hop, stop, 0, err);
	if (p->s == NULL) {
		free(p);
		return -1;
	}
	for (i = 0; i < WAITS; i++)
		if (p->s->timeout_ms[i] > PATIENCE_MS)
			p->s->timeout_ms[i] = PATIENCE_MS;
	p->sender = sender;
	p->recipient = recipient;
	p->next = PROBE_MAIL;
	smtp_aim(p->s);
	smtp_opening_begin(&p->opening, p->s, &p->why);
	*out = p;
	return 0;
}

void
probe_free(struct probe *p)
{
	if (p == NULL)
		return;
	p->transport->close(p->s);
	free(p);
}
