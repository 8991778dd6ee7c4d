/* SPDX-License-Identifier: ISC */
/*
 * The strongest mechanism that both sides know is the only one that is tried:
 * going on with a weaker one would hand the password to a server that has just
 * failed to show that it knows it. A command line may have 512 bytes, so a long
 * response follows the server's 334 instead of standing behind AUTH (RFC 4954,
 * section 4). Whatever held the password is wiped, the stream's write buffer
 * included. A password that may change is renewed when it is refused, and tried
 * once more if it is another one.
 */
#include "deliver/sasl.h"

#include <openssl/crypto.h>

#include "deliver/keeper.h"
#include "deliver/mechanism.h"
#include "deliver/relay.h"
#include "deliver/secret.h"

#define LINE_BYTES 512u
#define AUTH_MECHANISMS 200

int
sasl_allowed(const struct relay_conf *conf, unsigned *out, struct po_err *err)
{
	const struct conf_names *names = &conf->auth;
	enum mechanism m;
	size_t i;

	*out = names->n == 0 ? mechanism_default() : 0;
	for (i = 0; i < names->n; i++) {
		m = mechanism_find(span_of(names->v[i]));
		if (m == MECHANISMS)
			return po_fail(err, PO_ECONFIG,
			    "%s.auth: \"%s\" is no mechanism that po knows",
			    secret_owner(conf), names->v[i]);
		*out |= MECHANISM_BIT(m);
	}
	return 0;
}

/* One line out (`a` and `b` joined), its reply in. */
static bool
say(struct smtp *s, const char *a, struct span b)
{
	bool ok;

	stream_set_deadline(s->stream, s->timeout_ms[WAIT_AUTH]);
	ok = stream_put(s->stream, a, strlen(a)) &&
	     stream_put(s->stream, b.p, b.len) &&
	     stream_put(s->stream, "\r\n", 2) && stream_flush(s->stream);
	OPENSSL_cleanse(s->stream->mail->write_buffer, STREAM_BUFFER_BYTES);
	return ok && smtp_get_reply(s, WAIT_AUTH) == 1;
}

/* What stands behind 334. Nothing, where the reply was cut: half a challenge
 * may be base64 too. */
static struct span
challenge_of(const struct reply *r)
{
	static const struct span bad = { "?", 1 };

	return r->text.len >= REPLY_LINE_BYTES - 4 ? bad : buf_span(&r->text);
}

/* AUTH, and our first message with it where there is one and it fits. */
static bool
begin(struct smtp *s, struct sasl *sasl, struct buf *response)
{
	char command[64];
	bool behind;
	int n;

	n = snprintf(command, sizeof(command), "AUTH %s",
	    mechanism_name(sasl->mechanism));
	behind = sasl_speaks_first(sasl) && response->len > 0 &&
	         (size_t)n + 1 + response->len + 2 <= LINE_BYTES;
	if (!behind) {
		if (!say(s, command, SPAN_LIT("")))
			return false;
		if (!sasl_speaks_first(sasl) || s->reply.code != 334)
			return true;
		return say(s, "", buf_span(response));
	}
	command[n] = ' ';
	command[n + 1] = '\0';
	return say(s, command, buf_span(response));
}

/* We end it (RFC 4954, section 4): the server answers 501. */
static bool
abandon(struct smtp *s)
{
	return s->reply.code != 334 || say(s, "*", SPAN_LIT(""));
}

/* False: the connection is lost. sasl->why is empty unless it was us who did
 * not go on; then the reply is to be read with it. */
static bool
dialogue(struct smtp *s, struct sasl *sasl)
{
	static const struct span nothing = { "", 0 };
	struct buf response;
	bool ok = true;

	buf_init(&response, 2 * SASL_MESSAGE_BYTES);
	if (sasl_speaks_first(sasl) && !sasl_answer(sasl, nothing, &response))
		goto out; /* nothing was said */
	ok = begin(s, sasl, &response);
	while (ok && s->reply.code == 334) {
		OPENSSL_cleanse(response.p, response.cap);
		buf_reset(&response);
		if (!sasl_answer(sasl, challenge_of(&s->reply), &response)) {
			ok = abandon(s);
			break;
		}
		ok = say(s, "", buf_span(&response));
	}
	if (ok && s->reply.code / 100 == 2 && sasl->why[0] == '\0' &&
	    !sasl->proven)
		(void)snprintf(sasl->why, sizeof(sasl->why),
		    "the server did not prove that it knows the password");
out:
	secret_clear(&response);
	return ok;
}

static bool
nothing_in_common(const struct smtp *s, struct delivery *why)
{
	char theirs[AUTH_MECHANISMS], ours[AUTH_MECHANISMS];

	mechanism_print(s->ehlo.auth, theirs, sizeof(theirs));
	mechanism_print(s->peer->auth, ours, sizeof(ours));
	delivery_set(why, DELIVERY_DEFERRED, PHASE_AUTH, "4.7.4",
	    "authentication failed: the server offers %s, and %s is allowed",
	    theirs[0] == '\0' ? "no mechanism that po knows" : theirs, ours);
	return false;
}

static bool
refused(struct smtp *s, const struct sasl *sasl, struct delivery *why)
{
	char text[sizeof(why->text)];

	smtp_judge(s, PHASE_AUTH, why);
	(void)snprintf(text, sizeof(text), "%s",
	    sasl->why[0] != '\0' ? sasl->why : why->text);
	delivery_set(why, DELIVERY_DEFERRED, PHASE_AUTH, "4.7.8",
	    "authentication failed: %s: %s%s%s",
	    mechanism_name(sasl->mechanism), text,
	    sasl->told[0] == '\0' ? "" : ": ", sasl->told);
	if (s->reply.code >= 400)
		why->reply_code = s->reply.code;
	return false;
}

enum outcome { AUTH_TAKEN, AUTH_REFUSED, AUTH_LOST };

static enum outcome
try(struct smtp *s, enum mechanism m, struct delivery *why)
{
	const struct peer *peer = s->peer;
	struct sasl sasl;
	bool ok;

	sasl_begin(&sasl, m, peer->relay->conf->user, buf_span(&peer->secret));
	sasl.host = s->goal.host;
	sasl.port = relay_port(peer->relay->conf, s->transport);
	ok = dialogue(s, &sasl);
	sasl_end(&sasl);
	if (!ok) {
		smtp_judge_lost(s, PHASE_AUTH, why);
		return AUTH_LOST;
	}
	if (s->reply.code / 100 == 2 && sasl.why[0] == '\0')
		return AUTH_TAKEN;
	(void)refused(s, &sasl, why);
	return AUTH_REFUSED;
}

bool
sasl_authenticate(struct smtp *s, struct delivery *why)
{
	struct peer *peer = &s->setup->peers[s->peer - s->setup->peers];
	unsigned common = s->ehlo.auth & peer->auth;
	char cause[200];
	enum outcome o;

	if (common == 0)
		return nothing_in_common(s, why);
	/* Others may have had it renewed. */
	(void)keeper_ask(s->setup, peer, false, cause, sizeof(cause));
	o = try(s, mechanism_best(common), why);
	if (o != AUTH_REFUSED || s->reply.code != 535)
		return o == AUTH_TAKEN;
	if (keeper_ask(s->setup, peer, true, cause, sizeof(cause)))
		return try(s, mechanism_best(common), why) == AUTH_TAKEN;
	if (cause[0] != '\0')
		smtp_note(s, "%s", cause);
	return false;
}
