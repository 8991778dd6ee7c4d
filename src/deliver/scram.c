/* SPDX-License-Identifier: ISC */
/*
 * The names are those of RFC 5802, section 3:
 *
 *   SaltedPassword  := Hi(Normalize(password), salt, i)
 *   ClientKey       := HMAC(SaltedPassword, "Client Key")
 *   StoredKey       := H(ClientKey)
 *   AuthMessage     := client-first-message-bare "," server-first-message ","
 *                      client-final-message-without-proof
 *   ClientSignature := HMAC(StoredKey, AuthMessage)
 *   ClientProof     := ClientKey XOR ClientSignature
 *   ServerKey       := HMAC(SaltedPassword, "Server Key")
 *   ServerSignature := HMAC(ServerKey, AuthMessage)
 */
#include "deliver/scram.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>

#include "deliver/base64.h"
#include "deliver/delivery.h"
#include "deliver/saslprep.h"
#include "deliver/secret.h"
#include "util/parse_num.h"

#define NONCE_BYTES 18
#define SALT_BYTES 1024u
#define GS2_HEADER "n,,"  /* we know no channel binding */
#define GS2_BASE64 "biws" /* the same in base64 */

struct key {
	unsigned char v[EVP_MAX_MD_SIZE];
	unsigned len;
};

struct server_first {
	struct span nonce;
	struct buf salt;
	uint64_t iterations;
};

static bool
fail(char *why, size_t max, const char *text)
{
	(void)snprintf(why, max, "%s", text);
	return false;
}

static const char no_memory[] = "a message does not fit into memory";

/* ------------------------------------------------------------ the first one */

static bool
make_nonce(char out[SCRAM_NONCE_MAX], const char *given)
{
	unsigned char raw[NONCE_BYTES];
	char space[NONCE_BYTES / 3 * 4 + 1];

	if (given == NULL) {
		if (RAND_bytes(raw, sizeof(raw)) != 1)
			return false;
		(void)EVP_EncodeBlock((unsigned char *)space, raw, sizeof(raw));
		given = space;
	}
	(void)snprintf(out, SCRAM_NONCE_MAX, "%s", given);
	return true;
}

/* saslname: ',' and '=' would end it. */
bool
scram_put_name(struct buf *out, const char *user)
{
	struct buf name;
	size_t i;
	bool ok;

	buf_init(&name, SCRAM_MESSAGE_BYTES);
	ok = saslprep(span_of(user), &name) && name.len > 0;
	for (i = 0; ok && i < name.len; i++)
		if (name.p[i] == ',')
			ok = buf_puts(out, "=2C");
		else if (name.p[i] == '=')
			ok = buf_puts(out, "=3D");
		else
			ok = buf_putc(out, name.p[i]);
	buf_clear(&name);
	return ok;
}

bool
scram_first(struct scram *s, const char *digest, const char *nonce,
    const char *user, struct buf *out, char *why, size_t max)
{
	*s = (struct scram){ .digest = digest };
	buf_init(&s->first, 3 * SCRAM_MESSAGE_BYTES);
	if (!make_nonce(s->nonce, nonce))
		return fail(why, max, "no random bytes for a nonce");
	if (!buf_puts(&s->first, "n=") || !scram_put_name(&s->first, user))
		return fail(why, max,
		    "the user's name cannot be sent: it is "
		    "no UTF-8 text of allowed characters");
	if (!buf_puts(&s->first, ",r=") || !buf_puts(&s->first, s->nonce) ||
	    !buf_puts(out, GS2_HEADER) ||
	    !buf_put_span(out, buf_span(&s->first)))
		return fail(why, max, no_memory);
	return true;
}

/* ------------------------------------------------------------ the server's */

/* The value of the attribute that must come next: "r=..." up to a comma. */
static bool
next_value(struct span *rest, char name, struct span *out)
{
	struct span part = span_cut(rest, ',');

	if (part.len < 2 || part.p[0] != name || part.p[1] != '=')
		return false;
	*out = (struct span){ part.p + 2, part.len - 2 };
	return true;
}

/* Ours, and something behind it that only this dialogue has. */
static bool
nonce_ok(struct span nonce, const char *ours)
{
	struct span begin = span_of(ours);
	size_t i;

	if (nonce.len <= begin.len || memcmp(nonce.p, ours, begin.len) != 0)
		return false;
	for (i = 0; i < nonce.len; i++)
		if (nonce.p[i] <= ' ' || nonce.p[i] > '~')
			return false;
	return true;
}

static bool
parse_first(struct span text, const char *nonce, struct server_first *out,
    char *why, size_t max)
{
	struct span rest = text, salt, count;

	/* "m=" would be an extension that one must understand. */
	if (!next_value(&rest, 'r', &out->nonce) ||
	    !next_value(&rest, 's', &salt) || !next_value(&rest, 'i', &count))
		return fail(why, max, "the server's first message is none");
	if (!nonce_ok(out->nonce, nonce))
		return fail(why, max,
		    "the server's nonce does not continue ours: an old "
		    "dialogue, played again");
	if (!sasl_base64_get(&out->salt, salt) || out->salt.len == 0)
		return fail(why, max, "the server's salt is no base64");
	if (!parse_u64(count, 0, UINT64_MAX, &out->iterations))
		return fail(why, max, "the server's iteration count is none");
	if (out->iterations >= SCRAM_ITERATIONS_MIN &&
	    out->iterations <= SCRAM_ITERATIONS_MAX)
		return true;
	(void)snprintf(why, max,
	    "the server wants %llu iterations; %d to %d are accepted",
	    (unsigned long long)out->iterations, SCRAM_ITERATIONS_MIN,
	    SCRAM_ITERATIONS_MAX);
	return false;
}

/* ------------------------------------------------------------ the proof */

static bool
hmac(const EVP_MD *md, const struct key *with, struct span text,
    struct key *out)
{
	return HMAC(md, with->v, (int)with->len, (const unsigned char *)text.p,
	           text.len, out->v, &out->len) != NULL;
}

static bool
salt_password(const EVP_MD *md, struct span password,
    const struct server_first *first, struct key *out)
{
	struct buf prepared;
	int len = EVP_MD_get_size(md);
	bool ok;

	buf_init(&prepared, SCRAM_MESSAGE_BYTES);
	ok = buf_reserve(&prepared, 4 * password.len + 1) &&
	     saslprep(password, &prepared) && prepared.len > 0 && len > 0 &&
	     PKCS5_PBKDF2_HMAC(prepared.p, (int)prepared.len,
	         (const unsigned char *)first->salt.p, (int)first->salt.len,
	         (int)first->iterations, md, len, out->v) == 1;
	out->len = ok ? (unsigned)len : 0;
	secret_clear(&prepared);
	return ok;
}

/* ClientProof into `proof`, and what the server has to answer into s. */
static bool
prove(struct scram *s, const EVP_MD *md, const struct key *salted,
    struct key *proof)
{
	struct key client, stored, server;
	struct span auth = buf_span(&s->first);
	unsigned len = 0, i;
	bool ok;

	ok = hmac(md, salted, SPAN_LIT("Client Key"), &client) &&
	     EVP_Digest(client.v, client.len, stored.v, &stored.len, md,
	         NULL) == 1 &&
	     hmac(md, &stored, auth, proof) &&
	     hmac(md, salted, SPAN_LIT("Server Key"), &server) &&
	     HMAC(md, server.v, (int)server.len, (const unsigned char *)auth.p,
	         auth.len, s->proof, &len) != NULL;
	for (i = 0; ok && i < proof->len; i++)
		proof->v[i] ^= client.v[i];
	s->proof_len = ok ? len : 0;
	OPENSSL_cleanse(&client, sizeof(client));
	OPENSSL_cleanse(&stored, sizeof(stored));
	OPENSSL_cleanse(&server, sizeof(server));
	return ok;
}

static bool
put_final(struct scram *s, const struct server_first *first, struct span text,
    const struct key *salted, const EVP_MD *md, struct buf *out)
{
	struct key proof = { .len = 0 };
	bool ok;

	ok = buf_puts(out, "c=" GS2_BASE64 ",r=") &&
	     buf_put_span(out, first->nonce) && buf_putc(&s->first, ',') &&
	     buf_put_span(&s->first, text) && buf_putc(&s->first, ',') &&
	     buf_put_span(&s->first, buf_span(out)) &&
	     prove(s, md, salted, &proof) && buf_puts(out, ",p=") &&
	     sasl_base64_put(out,
	         (struct span){ (const char *)proof.v, proof.len });
	OPENSSL_cleanse(&proof, sizeof(proof));
	return ok;
}

bool
scram_final(struct scram *s, struct span server_first, struct span password,
    struct buf *out, char *why, size_t max)
{
	const EVP_MD *md = EVP_get_digestbyname(s->digest);
	struct server_first first = { .iterations = 0 };
	struct key salted = { .len = 0 };
	bool ok = false;

	buf_init(&first.salt, SALT_BYTES);
	if (md == NULL)
		(void)fail(why, max, "OpenSSL has not its digest");
	else if (!parse_first(server_first, s->nonce, &first, why, max))
		;
	else if (!salt_password(md, password, &first, &salted))
		(void)fail(why, max,
		    "the password cannot be used: it is no "
		    "UTF-8 text of allowed characters");
	else if (!put_final(s, &first, server_first, &salted, md, out))
		(void)fail(why, max, no_memory);
	else
		ok = true;
	OPENSSL_cleanse(&salted, sizeof(salted));
	buf_clear(&first.salt);
	return ok;
}

bool
scram_check(const struct scram *s, struct span server_final, char *why,
    size_t max)
{
	struct span rest = server_final, value;
	char shown[80];
	struct buf got;
	bool ok;

	if (next_value(&rest, 'e', &value)) {
		(void)delivery_escape(value, shown, sizeof(shown));
		(void)snprintf(why, max, "the server says %s", shown);
		return false;
	}
	rest = server_final;
	buf_init(&got, EVP_MAX_MD_SIZE);
	ok = next_value(&rest, 'v', &value) && sasl_base64_get(&got, value) &&
	     s->proof_len > 0 && got.len == s->proof_len &&
	     CRYPTO_memcmp(got.p, s->proof, s->proof_len) == 0;
	buf_clear(&got);
	return ok || fail(why, max,
	                 "the server's signature is wrong: it does "
	                 "not know the password");
}

void
scram_clear(struct scram *s)
{
	secret_clear(&s->first);
	OPENSSL_cleanse(s->proof, sizeof(s->proof));
	s->proof_len = 0;
}
