/* SPDX-License-Identifier: ISC */
/* What deliver_setup_new() made ready, and the table of transports. For files
 * of this room only. */
#ifndef PO_DELIVER_SETUP_H
#define PO_DELIVER_SETUP_H

#include <openssl/ssl.h>

#include "deliver/transport.h"
#include "util/buf.h"

struct deliver_setup {
	const struct deliver_conf *conf;
	struct buf secret; /* the relay's password; wiped when freed */
	SSL_CTX *tls;      /* NULL at level none */
};

/* One transport. `open` gives the state that the others take. */
struct transport {
	const char *name;
	/* What can be checked without the network; fills in the setup. */
	int (*prepare)(struct deliver_setup *setup, struct po_err *err);
	void (*route)(const struct deliver_conf *conf, const char *address,
	    char *hop, size_t max);
	void *(*open)(const struct deliver_setup *setup, const char *hop,
	    const volatile sig_atomic_t *stop, int64_t stop_grace_s,
	    struct po_err *err);
	int (*begin)(void *state, const struct deliver_message *m,
	    struct delivery *results);
	void (*send)(void *state, const struct deliver_message *m,
	    struct delivery *results, const struct deliver_message *next);
	/* All three NULL: never more than one message on the way. */
	size_t (*window)(const void *state, const struct deliver_message *m);
	void (*put)(void *state, const struct deliver_message *m,
	    struct delivery *results);
	size_t (*take)(void *state);
	const char *(*relay)(const void *state);
	bool (*hop_down)(const void *state);
	/* What the log should know of the connection, told once; NULL: nothing.
	 */
	const char *(*note)(void *state);
	void (*idle)(void *state);
	void (*close)(void *state);
};

extern const struct transport transport_capture;
extern const struct transport transport_smtp;

#endif
