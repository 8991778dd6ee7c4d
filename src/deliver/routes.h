/* SPDX-License-Identifier: ISC */
/*
 * Which way a message takes to one of its recipients. Compiled once from the
 * configuration; pure from then on, and the same in the runner's parent and in
 * its workers, which must agree: what both know of a message decides, and
 * nothing else.
 */
#ifndef PO_DELIVER_ROUTES_H
#define PO_DELIVER_ROUTES_H

#include <stddef.h>
#include <stdint.h>

#include "deliver/options.h"
#include "util/err.h"
#include "util/span.h"

#define DELIVER_HOP_MAX 300u /* bytes of a hop's name, with NUL */
#define DELIVER_HOP_RELAYS 8u

/* What an entry of a list may be called, for it stands in hops: letters, digits,
 * '.', '_' and '-'. PO_ECONFIG begins with `place` and names the list. */
#define ROUTES_NAME_MAX 40u
int routes_check_name(const char *list, const char *name, const char *place,
    struct po_err *err);

struct deliver_routes;

struct deliver_query {
	const char *recipient;
	const char *sender; /* "": the null sender */
	const char *tag;    /* NULL: none */
	const char *login;  /* "": none */
	uint32_t uid;
};

/* What a query finds; pointers into the routes. */
struct deliver_choice {
	const char *place; /* "FILE:LINE" of the rule; NULL: none matched */
	int transport;
	char hop[DELIVER_HOP_MAX];
	size_t n_relays; /* of transport mx one, with the settings of the
	                    profile and no host */
	const struct relay_conf *relays[DELIVER_HOP_RELAYS];
	const struct maildir_conf *maildir; /* or NULL */
	const struct pipe_conf *pipe;       /* or NULL */
};

/* PO_ECONFIG says which entry is wrong, with file and line. `conf` must outlive
 * it. */
int deliver_routes_new(const struct deliver_conf *conf,
    struct deliver_routes **out, struct po_err *err);
void deliver_routes_free(struct deliver_routes *routes);

/* The hop of a recipient: messages with equal hops can share a session. Text
 * like "smtp:mail.example.net:587", "mx:example.org" or "capture". */
void deliver_route(const struct deliver_routes *routes,
    const struct deliver_query *q, char hop[DELIVER_HOP_MAX]);

/* The same, explained. */
void deliver_choose(const struct deliver_routes *routes,
    const struct deliver_query *q, struct deliver_choice *out);

/* The names of a hop's relays, best first, as spans of `hop`: how many, 0 where
 * its transport has none. */
size_t deliver_hop_relays(const char *hop,
    struct span names[DELIVER_HOP_RELAYS]);

/* Is it a domain, by transport mx? */
bool deliver_hop_is_direct(const char *hop);

/* The relay of this name in hops, NULL: there is none now. */
const struct relay_conf *deliver_relay(const struct deliver_routes *routes,
    struct span name);

/* The settings of sessions with a relay ("relay:NAME") or a domain (a direct
 * hop); NULL: it is of another time, or not reached by sessions. */
const struct relay_conf *deliver_session_conf(
    const struct deliver_routes *routes, const char *relay);

/* Does all mail go one way, whatever it is? */
bool deliver_routes_are_one(const struct deliver_routes *routes);

#endif
