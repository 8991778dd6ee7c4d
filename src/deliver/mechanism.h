/* SPDX-License-Identifier: ISC */
/*
 * SASL mechanisms as a table, strongest first, and the client's side of a
 * dialogue in one of them: bytes in, bytes out, no connection. What the server
 * says is hostile. For files of this room.
 */
#ifndef PO_DELIVER_MECHANISM_H
#define PO_DELIVER_MECHANISM_H

#include <stdbool.h>

#include "deliver/scram.h"
#include "util/buf.h"

enum mechanism {
	MECHANISM_OAUTHBEARER,   /* RFC 7628; a token, where it is asked for */
	MECHANISM_XOAUTH2,       /* the same before there was an RFC */
	MECHANISM_SCRAM_SHA_256, /* RFC 7677 */
	MECHANISM_SCRAM_SHA_1,   /* RFC 5802 */
	MECHANISM_CRAM_MD5,      /* RFC 2195; only where it is asked for */
	MECHANISM_PLAIN,         /* RFC 4616 */
	MECHANISM_LOGIN,         /* never specified, often alone */
	MECHANISMS
};

#define MECHANISM_BIT(m) (1u << (m))
#define SASL_MESSAGE_BYTES ((size_t)12288) /* RFC 4954, 4 */

const char *mechanism_name(enum mechanism m);
/* By its name, case aside; MECHANISMS: we do not know it. */
enum mechanism mechanism_find(struct span name);
/* A set of bits: those that are used when nothing is said. */
unsigned mechanism_default(void);
/* The strongest of a set that is not empty. */
enum mechanism mechanism_best(unsigned set);
/* Their names, joined by ", ". */
void mechanism_print(unsigned set, char *out, size_t max);

struct sasl {
	enum mechanism mechanism;
	const char *user;
	struct span secret; /* the password, or the token */
	const char *host;   /* for OAUTHBEARER */
	int port;
	const char *nonce; /* for tests; NULL: random */
	unsigned said;     /* messages of ours */
	bool proven; /* nothing more is to come from the server: success counts
	              */
	struct scram scram;
	char why[200];  /* the cause, when sasl_answer() is false */
	char told[200]; /* what the server says of a token, printable; or "" */
};

void sasl_begin(struct sasl *s, enum mechanism m, const char *user,
    struct span secret);
/* Does the client speak first, behind AUTH? */
bool sasl_speaks_first(const struct sasl *s);
/* Our answer to a challenge (the first time: to an empty one, if we speak
 * first), both in base64. `out` is empty and reserved, and holds a secret. */
bool sasl_answer(struct sasl *s, struct span challenge, struct buf *out);
void sasl_end(struct sasl *s);

#endif
