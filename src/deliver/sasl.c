/* SPDX-License-Identifier: ISC */
/*
 * PLAIN is preferred: one step. A command line may have 512 bytes, so a long
 * response follows the server's 334 instead of standing behind AUTH
 * (RFC 4954, section 4). Whatever held the password is wiped, the stream's
 * write buffer included.
 */
#include "deliver/sasl.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define LINE_BYTES 512u
#define RESPONSE_BYTES ((size_t)12288) /* RFC 4954, section 4 */

static void
wipe(struct buf *b)
{
	if (b->p != NULL)
		OPENSSL_cleanse(b->p, b->cap);
	buf_clear(b);
}

bool
sasl_base64(struct buf *out, struct span s)
{
	size_t need = (s.len + 2) / 3 * 4;
	int n;

	if (s.len > RESPONSE_BYTES || !buf_reserve(out, need))
		return false;
	n = EVP_EncodeBlock((unsigned char *)out->p + out->len,
	    (const unsigned char *)s.p, (int)s.len);
	out->len += (size_t)n;
	return true;
}

bool
sasl_plain(struct buf *out, const char *user, struct span password)
{
	struct buf raw;
	bool ok;

	buf_init(&raw, RESPONSE_BYTES);
	ok = buf_reserve(&raw, strlen(user) + password.len + 2) &&
	     buf_putc(&raw, '\0') && buf_puts(&raw, user) &&
	     buf_putc(&raw, '\0') && buf_put_span(&raw, password) &&
	     sasl_base64(out, buf_span(&raw));
	wipe(&raw);
	return ok;
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

static bool
say_secret(struct smtp *s, const char *secret, size_t len)
{
	struct buf b64;
	bool ok;

	buf_init(&b64, 2 * RESPONSE_BYTES);
	ok = sasl_base64(&b64, (struct span){ secret, len }) &&
	     say(s, "", buf_span(&b64));
	wipe(&b64);
	return ok;
}

static bool
plain_dialogue(struct smtp *s)
{
	static const char command[] = "AUTH PLAIN";
	struct buf b64;
	bool ok;

	buf_init(&b64, 2 * RESPONSE_BYTES);
	ok = sasl_plain(&b64, s->peer->relay->conf->user,
	    buf_span(&s->peer->secret));
	if (ok && sizeof(command) + b64.len + 2 <= LINE_BYTES) {
		ok = say(s, "AUTH PLAIN ", buf_span(&b64));
	} else if (ok) {
		ok = say(s, command, SPAN_LIT(""));
		if (ok && s->reply.code == 334)
			ok = say(s, "", buf_span(&b64));
	}
	wipe(&b64);
	return ok;
}

static bool
login_dialogue(struct smtp *s)
{
	const char *user = s->peer->relay->conf->user;
	const struct buf *secret = &s->peer->secret;

	if (!say(s, "AUTH LOGIN", SPAN_LIT("")))
		return false;
	if (s->reply.code != 334)
		return true;
	if (!say_secret(s, user, strlen(user)))
		return false;
	if (s->reply.code != 334)
		return true;
	return say_secret(s, buf_str(secret), secret->len);
}

bool
sasl_authenticate(struct smtp *s, struct delivery *why)
{
	char text[sizeof(why->text)];
	bool ok;

	if ((s->ehlo.auth & (EHLO_AUTH_PLAIN | EHLO_AUTH_LOGIN)) == 0) {
		delivery_set(why, DELIVERY_DEFERRED, PHASE_AUTH, "4.7.4",
		    "authentication failed: the server offers neither PLAIN "
		    "nor LOGIN");
		return false;
	}
	if ((s->ehlo.auth & EHLO_AUTH_PLAIN) != 0)
		ok = plain_dialogue(s);
	else
		ok = login_dialogue(s);
	if (!ok) {
		smtp_judge_lost(s, PHASE_AUTH, why);
		return false;
	}
	if (s->reply.code / 100 == 2)
		return true;
	smtp_judge(s, PHASE_AUTH, why);
	(void)snprintf(text, sizeof(text), "%s", why->text);
	delivery_set(why, DELIVERY_DEFERRED, PHASE_AUTH, "4.7.8",
	    "authentication failed: %s", text);
	why->reply_code = s->reply.code;
	return false;
}
