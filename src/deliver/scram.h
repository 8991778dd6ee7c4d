/* SPDX-License-Identifier: ISC */
/*
 * SCRAM, the client's side (RFC 5802; RFC 7677 for SHA-256), without channel
 * binding. The password does not leave this host, and a server that does not
 * know it is found out. Bytes in, bytes out: no connection here. For files of
 * this room.
 */
#ifndef PO_DELIVER_SCRAM_H
#define PO_DELIVER_SCRAM_H

#include <openssl/evp.h>

#include "util/buf.h"

#define SCRAM_NONCE_MAX 64u
#define SCRAM_MESSAGE_BYTES 12288u
/* Fewer would help somebody who guesses (RFC 5802, 5.1); more would be work
 * that a hostile server gives us, about a second of it. */
#define SCRAM_ITERATIONS_MIN 4096
#define SCRAM_ITERATIONS_MAX 1000000

struct scram {
	const char *digest;          /* as OpenSSL calls it: "SHA256" */
	char nonce[SCRAM_NONCE_MAX]; /* ours */
	struct buf first; /* client-first-message-bare, then AuthMessage */
	unsigned char proof[EVP_MAX_MD_SIZE]; /* ServerSignature to come */
	size_t proof_len;
};

/* The next message into the empty `out`, or in `why` the reason that the
 * dialogue is over; `why` never holds a secret. scram_first() takes a nonce of
 * printable ASCII without comma, NULL: a random one. */
bool scram_first(struct scram *s, const char *digest, const char *nonce,
    const char *user, struct buf *out, char *why, size_t max);
bool scram_final(struct scram *s, struct span server_first,
    struct span password, struct buf *out, char *why, size_t max);
/* Did the server prove that it knows the password? */
bool scram_check(const struct scram *s, struct span server_final, char *why,
    size_t max);
/* A saslname: prepared, and ',' and '=' escaped. */
bool scram_put_name(struct buf *out, const char *user);
void scram_clear(struct scram *s);

#endif
