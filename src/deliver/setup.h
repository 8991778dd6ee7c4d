/* SPDX-License-Identifier: ISC */
/* What deliver_setup_new() made ready, the compiled routes, and the table of
 * transports. For files of this room only. */
#ifndef PO_DELIVER_SETUP_H
#define PO_DELIVER_SETUP_H

#include <openssl/ssl.h>

#include "deliver/transport.h"
#include "util/buf.h"

struct relay {
	const struct relay_conf *conf;
	char *name;  /* as in hops */
	bool direct; /* no relay, but how mail goes right to its domains */
};

struct rule {
	const struct route_conf *conf; /* NULL: for what no other matches */
	const char *place;
	int transport;
	struct relay *relays[DELIVER_HOP_RELAYS];
	size_t n_relays;
	const struct maildir_conf *maildir;
	const struct pipe_conf *pipe;
	char *hop; /* of a direct one: what stands before ":DOMAIN" */
};

struct deliver_routes {
	const struct deliver_conf *conf;
	struct relay *relays;
	size_t n_relays;
	struct relay *group;  /* "relay.", or NULL */
	struct relay *direct; /* "mx." */
	struct relay_conf *direct_confs;
	char *nothing;      /* "", for what a direct one has not */
	struct rule *rules; /* the last one matches everything */
	size_t n_rules;
	const struct rule *allowed; /* for capture_allow, or NULL */
};

/* Which profile a route means by a name; "": the group "mx"; NULL: none. */
struct relay *routes_find_direct(const struct deliver_routes *r,
    const char *name);

/* A relay made ready. */
struct peer {
	const struct relay *relay;
	struct buf secret; /* its password; wiped when freed */
	bool has_secret;
	uint64_t generation; /* of it: deliver/keeper.h; 0: it stays */
	unsigned auth;       /* mechanisms that may be used: MECHANISM_BIT()s */
	SSL_CTX *tls;        /* NULL at level none */
	bool ready;          /* a rule leads to it */
	bool prepared;
};

struct deliver_setup {
	const struct deliver_conf *conf;
	const struct deliver_routes *routes;
	struct peer *peers; /* in the order of routes->relays */
	bool *is_ready;     /* by transport: a rule leads there */
	int keeper;         /* who renews passwords; -1: nobody */
	pid_t keeper_pid, keeper_owner;
	struct mx_memory *mx_memory; /* of this process; NULL: no direct mail */
};

/* One transport. `open` gives the state that the others take. */
struct transport {
	const char *name;
	/* What can be checked without the network; fills in the setup. */
	int (*prepare)(struct deliver_setup *setup, struct po_err *err);
	/* Adds what it needs besides connections; NULL: nothing. */
	void (*needs)(const struct deliver_setup *setup,
	    struct deliver_needs *needs);
	void *(*open)(const struct deliver_setup *setup, const char *hop,
	    const volatile sig_atomic_t *stop, int64_t stop_grace_s,
	    struct po_err *err);
	/* Both NULL: a hop without relays, of which nothing is learnt. */
	void (*choose)(void *state, unsigned relay, unsigned traits);
	unsigned (*traits)(const void *state);
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
	bool (*slow)(const void *state); /* NULL: never */
	/* What the log should know of the connection, told once; NULL: nothing.
	 */
	const char *(*note)(void *state);
	void (*close)(void *state);
};

/* Another folder for needs.folders; where they are too many: all of them. */
void deliver_needs_folder(struct deliver_needs *needs, struct span path);

extern const struct transport transport_capture;
extern const struct transport transport_smtp;
extern const struct transport transport_lmtp;
extern const struct transport transport_mx;
extern const struct transport transport_maildir;
extern const struct transport transport_pipe;

#endif
