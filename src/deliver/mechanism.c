/* SPDX-License-Identifier: ISC */
#include "deliver/mechanism.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdio.h>

#include "deliver/base64.h"
#include "deliver/delivery.h"
#include "deliver/secret.h"

#define MOST_MESSAGES 3u

/* One message of ours, raw; what the server said is decoded already. */
typedef bool answer(struct sasl *s, struct span challenge, struct buf *out);

static answer say_bearer, say_xoauth2, hear_error, hear_bearer_error;
static answer say_plain, say_user, say_secret, say_digest, scram_begin,
    scram_prove, scram_accept;

static const struct row {
	const char *name;
	bool by_default;
	bool first;         /* the client speaks first */
	bool reads;         /* challenges count, and are base64 */
	bool proves;        /* the server must prove something too */
	const char *digest; /* of SCRAM */
	answer *answers[MOST_MESSAGES];
} rows[MECHANISMS] = {
	[MECHANISM_OAUTHBEARER] = { "OAUTHBEARER", false, true, true, false,
	    NULL, { say_bearer, hear_bearer_error } },
	[MECHANISM_XOAUTH2] = { "XOAUTH2", false, true, true, false, NULL,
	    { say_xoauth2, hear_error } },
	[MECHANISM_SCRAM_SHA_256] = { "SCRAM-SHA-256", true, true, true, true,
	    "SHA256", { scram_begin, scram_prove, scram_accept } },
	[MECHANISM_SCRAM_SHA_1] = { "SCRAM-SHA-1", true, true, true, true,
	    "SHA1", { scram_begin, scram_prove, scram_accept } },
	[MECHANISM_CRAM_MD5] = { "CRAM-MD5", false, false, true, false, NULL,
	    { say_digest } },
	[MECHANISM_PLAIN] = { "PLAIN", true, true, false, false, NULL,
	    { say_plain } },
	[MECHANISM_LOGIN] = { "LOGIN", true, false, false, false, NULL,
	    { say_user, say_secret } },
};

/* ------------------------------------------------------------ the table */

const char *
mechanism_name(enum mechanism m)
{
	return rows[m].name;
}

enum mechanism
mechanism_find(struct span name)
{
	unsigned m;

	for (m = 0; m < MECHANISMS; m++)
		if (span_eq_nocase(name, span_of(rows[m].name)))
			break;
	return (enum mechanism)m;
}

unsigned
mechanism_default(void)
{
	unsigned m, set = 0;

	for (m = 0; m < MECHANISMS; m++)
		if (rows[m].by_default)
			set |= MECHANISM_BIT(m);
	return set;
}

enum mechanism
mechanism_best(unsigned set)
{
	unsigned m = 0;

	while (m < MECHANISMS && (set & MECHANISM_BIT(m)) == 0)
		m++;
	return (enum mechanism)m;
}

void
mechanism_print(unsigned set, char *out, size_t max)
{
	size_t len = 0;
	unsigned m;
	int n;

	out[0] = '\0';
	for (m = 0; m < MECHANISMS; m++) {
		if ((set & MECHANISM_BIT(m)) == 0)
			continue;
		n = snprintf(out + len, max - len, "%s%s", len == 0 ? "" : ", ",
		    rows[m].name);
		if (n < 0 || (size_t)n >= max - len)
			return;
		len += (size_t)n;
	}
}

/* ------------------------------------------------------------ the messages */

static bool
say_plain(struct sasl *s, struct span challenge, struct buf *out)
{
	(void)challenge;
	return buf_putc(out, '\0') && buf_puts(out, s->user) &&
	       buf_putc(out, '\0') && buf_put_span(out, s->secret);
}

static bool
say_user(struct sasl *s, struct span challenge, struct buf *out)
{
	(void)challenge;
	return buf_puts(out, s->user);
}

static bool
say_secret(struct sasl *s, struct span challenge, struct buf *out)
{
	(void)challenge;
	return buf_put_span(out, s->secret);
}

static bool
say_digest(struct sasl *s, struct span challenge, struct buf *out)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned len = 0, i;
	bool ok;

	if (HMAC(EVP_md5(), s->secret.p, (int)s->secret.len,
	        (const unsigned char *)challenge.p, challenge.len, mac,
	        &len) == NULL) {
		(void)snprintf(s->why, sizeof(s->why),
		    "OpenSSL has no MD5 here");
		return false;
	}
	ok = buf_puts(out, s->user) && buf_putc(out, ' ');
	for (i = 0; ok && i < len; i++)
		ok = buf_printf(out, "%02x", mac[i]);
	return ok;
}

static bool
scram_begin(struct sasl *s, struct span challenge, struct buf *out)
{
	(void)challenge;
	return scram_first(&s->scram, rows[s->mechanism].digest, s->nonce,
	    s->user, out, s->why, sizeof(s->why));
}

static bool
scram_prove(struct sasl *s, struct span challenge, struct buf *out)
{
	return scram_final(&s->scram, challenge, s->secret, out, s->why,
	    sizeof(s->why));
}

/* The server's proof comes as a challenge too, and the answer is empty. */
static bool
scram_accept(struct sasl *s, struct span challenge, struct buf *out)
{
	(void)out;
	s->proven = scram_check(&s->scram, challenge, s->why, sizeof(s->why));
	return s->proven;
}

static bool
put_token(struct sasl *s, struct buf *out)
{
	return buf_puts(out, "auth=Bearer ") && buf_put_span(out, s->secret) &&
	       buf_puts(out, "\001\001");
}

static bool
say_bearer(struct sasl *s, struct span challenge, struct buf *out)
{
	(void)challenge;
	return buf_puts(out, "n,a=") && scram_put_name(out, s->user) &&
	       buf_printf(out, ",\001host=%s\001port=%d\001", s->host,
	           s->port) &&
	       put_token(s, out);
}

static bool
say_xoauth2(struct sasl *s, struct span challenge, struct buf *out)
{
	(void)challenge;
	return buf_puts(out, "user=") && buf_puts(out, s->user) &&
	       buf_putc(out, '\001') && put_token(s, out);
}

/* Why the token is refused, as JSON, comes as a challenge; an empty answer
 * brings the refusal itself. */
static bool
hear_error(struct sasl *s, struct span challenge, struct buf *out)
{
	(void)out;
	(void)delivery_escape(challenge, s->told, sizeof(s->told));
	return true;
}

/* RFC 7628, 3.2.3: that answer is one byte. */
static bool
hear_bearer_error(struct sasl *s, struct span challenge, struct buf *out)
{
	return hear_error(s, challenge, out) && buf_putc(out, '\001');
}

/* ------------------------------------------------------------ the dialogue */

void
sasl_begin(struct sasl *s, enum mechanism m, const char *user,
    struct span secret)
{
	assert(m < MECHANISMS);
	*s = (struct sasl){ .mechanism = m, .user = user, .secret = secret };
	s->proven = !rows[m].proves;
}

bool
sasl_speaks_first(const struct sasl *s)
{
	return rows[s->mechanism].first;
}

/* `raw` and `out` hold secrets; both are reserved, so that they never move. */
static bool
say(struct sasl *s, struct span challenge, struct buf *raw, struct buf *out)
{
	if (!rows[s->mechanism].answers[s->said++](s, challenge, raw)) {
		if (s->why[0] == '\0')
			(void)snprintf(s->why, sizeof(s->why),
			    "the name or the password is too long");
		return false;
	}
	return sasl_base64_put(out, buf_span(raw));
}

bool
sasl_answer(struct sasl *s, struct span challenge, struct buf *out)
{
	const struct row *row = &rows[s->mechanism];
	struct buf in, raw;
	bool ok = false;

	s->why[0] = '\0';
	if (s->said == MOST_MESSAGES || row->answers[s->said] == NULL) {
		(void)snprintf(s->why, sizeof(s->why),
		    "the server asks for more than "
		    "%s has",
		    row->name);
		return false;
	}
	buf_init(&in, SASL_MESSAGE_BYTES);
	buf_init(&raw, SASL_MESSAGE_BYTES);
	if (row->reads && !sasl_base64_get(&in, challenge))
		(void)snprintf(s->why, sizeof(s->why),
		    "the server's challenge is no base64");
	else if (!buf_reserve(&raw, SASL_MESSAGE_BYTES) ||
	         !buf_reserve(out, 2 * SASL_MESSAGE_BYTES))
		(void)snprintf(s->why, sizeof(s->why), "out of memory");
	else
		ok = say(s, buf_span(&in), &raw, out);
	secret_clear(&raw);
	buf_clear(&in);
	return ok;
}

void
sasl_end(struct sasl *s)
{
	scram_clear(&s->scram);
	s->secret = (struct span){ NULL, 0 };
}
