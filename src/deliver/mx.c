/* SPDX-License-Identifier: ISC */
/*
 * From a domain to a connection: the MX records, or without any the domain's
 * own addresses; the hosts in their order; the first that greets with 220. One
 * that does not is passed over, and one that cannot even be reached is left
 * alone for a while by this process, whichever domain it serves: a thousand
 * domains may share a dead host, and each would wait for it anew.
 *
 *   the name service says           the recipients are
 *   no such domain                  failed, 5.1.2
 *   neither MX nor address          failed, 5.1.2
 *   "." is the only MX (RFC 7505)   failed, 556 5.1.10
 *   no MX host has an address       failed, 5.4.4
 *   we are the best MX host         failed, 5.4.6
 *   SERVFAIL, or nothing in time    deferred, 4.4.3
 *
 * What was found holds for FOUND_MS on this session.
 */
#include "deliver/mx.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "deliver/mx_domain.h"
#include "deliver/relay.h"
#include "deliver/resolver.h"
#include "util/wallclock.h"
#include "util/xalloc.h"

#define FOUND_MS (5 * 60 * 1000)
#define DEAD_MS (60 * 1000)
#define DEADS 64u
#define OWN_ADDRESSES 64u
#define LEAST_CONNECT_MS 1000
#define SMTP_PORT 25

struct dead {
	struct mx_address address;
	char source[INET6_ADDRSTRLEN]; /* from where it was tried */
	int64_t since_ms, until_ms;
	char text[200];
};

/* A ring: the oldest one makes room. */
struct mx_memory {
	struct dead all[DEADS];
	size_t next;
};

struct mx {
	const struct deliver_setup *setup;
	const struct relay_conf *conf;
	char domain[DELIVER_HOP_MAX];
	struct mx_target targets[MX_TARGETS];
	size_t n;
	int64_t found_ms; /* 0: nothing yet */
};

/* ------------------------------------------------------------------ setup */

int
mx_prepare(struct deliver_setup *setup, struct po_err *err)
{
	const char *servers = setup->conf->mx_nameserver;

	if (!resolver_servers_ok(servers))
		return po_fail(err, PO_ECONFIG,
		    "mx.nameserver \"%s\" is no list of ADDRESS or "
		    "ADDRESS:PORT",
		    servers);
	if (setup->mx_memory == NULL)
		setup->mx_memory = xcalloc(1, sizeof(*setup->mx_memory));
	return smtp_prepare_peers(setup, true, err);
}

void
mx_memory_free(struct mx_memory *memory)
{
	free(memory);
}

int
mx_open(const struct deliver_setup *setup, const char *hop, struct smtp *s,
    struct po_err *err)
{
	struct span rest = span_of(hop), name = span_cut(&rest, ':');
	struct mx *mx;
	size_t i;

	for (i = 0; i < setup->routes->n_relays; i++)
		if (setup->routes->relays[i].direct && setup->peers[i].ready &&
		    span_eq(span_of(setup->routes->relays[i].name), name))
			break;
	if (i == setup->routes->n_relays)
		return po_fail(err, PO_ECONFIG,
		    "next hop \"%s\": no route by mx leads there now", hop);
	mx = xcalloc(1, sizeof(*mx));
	mx->setup = setup;
	mx->conf = setup->routes->relays[i].conf;
	(void)snprintf(mx->domain, sizeof(mx->domain), "%.*s", (int)rest.len,
	    rest.p);
	s->mx = mx;
	s->peer = &setup->peers[i];
	smtp_set_timeouts(s);
	s->habits = &s->all_habits[0];
	return 0;
}

void
mx_free(struct mx *mx)
{
	free(mx);
}

/* ------------------------------------------------------------------ ourselves
 */

static size_t
own_addresses(struct mx_address out[OWN_ADDRESSES])
{
	struct ifaddrs *all = NULL, *i;
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
	size_t n = 0;

	if (getifaddrs(&all) == -1)
		return 0;
	for (i = all; i != NULL && n < OWN_ADDRESSES; i = i->ifa_next) {
		if (i->ifa_addr == NULL)
			continue;
		out[n] =
		    (struct mx_address){ .family = i->ifa_addr->sa_family };
		if (out[n].family == AF_INET) {
			memcpy(&in4, i->ifa_addr, sizeof(in4));
			memcpy(out[n++].bytes, &in4.sin_addr, 4);
		} else if (out[n].family == AF_INET6) {
			memcpy(&in6, i->ifa_addr, sizeof(in6));
			memcpy(out[n++].bytes, &in6.sin6_addr, 16);
		}
	}
	freeifaddrs(all);
	return n;
}

/* On another port than 25 an address of ours may be another server. */
static bool
cut_self(const struct mx *mx, struct mx_list *l)
{
	struct mx_address own[OWN_ADDRESSES];
	struct mx_self self = { .names = { mx->setup->conf->hostname,
		                    mx->conf->helo },
		.addresses = own };

	if (relay_port(mx->conf, TRANSPORT_MX) == SMTP_PORT) {
		self.n_addresses = own_addresses(own);
		self.loopback = true;
	}
	return mx_list_cut_self(l, &self);
}

/* ------------------------------------------------------------------ finding
 */

static uint32_t
chance(uint32_t below)
{
	uint32_t r = 0;

	if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != (ssize_t)sizeof(r))
		r = (uint32_t)monotonic_ms();
	return r % below;
}

/* "BEFORE NAME AFTER". */
static bool
fails(struct delivery *why, const char *status, const char *before,
    const char *name, const char *after)
{
	delivery_set(why, DELIVERY_FAILED, PHASE_CONNECT, status, "%s%s%s",
	    before, name, after);
	return false;
}

static bool
defers(struct delivery *why, const char *name, const struct resolver *r)
{
	delivery_set(why, DELIVERY_DEFERRED, PHASE_CONNECT, "4.4.3",
	    "look up %s: %s", name,
	    r == NULL ? "no name server is known" : resolver_cause(r));
	return false;
}

static bool
is_stopped(struct delivery *why)
{
	*why = (struct delivery){ .state = DELIVERY_UNTOUCHED };
	return false;
}

/* The hosts have their addresses, as far as there are any. */
static bool
choose(struct mx *mx, struct mx_list *l, bool implicit,
    const struct resolver *r, struct delivery *why)
{
	mx_list_shuffle(l, chance);
	if (cut_self(mx, l) && l->n == 0)
		return fails(why, "5.4.6", "mail for ", mx->domain,
		    " loops back to this host, which is its best mail host");
	mx->n = mx_list_targets(l, mx->targets);
	if (mx->n > 0)
		return true;
	if (mx_list_has_failed(l))
		return defers(why, mx->domain, r);
	return implicit ? fails(why, "5.1.2", "", mx->domain,
	                      " has neither a mail host nor an address")
	                : fails(why, "5.4.4", "no mail host of ", mx->domain,
	                      " has an address");
}

static bool
ask(struct mx *mx, struct resolver *r, const char *name, struct delivery *why)
{
	struct mx_list l = { .n = 0 };
	enum resolved rc = resolver_mx(r, name, &l);

	if (rc == RESOLVED_STOPPED)
		return is_stopped(why);
	if (rc == RESOLVED_FAILED)
		return defers(why, name, r);
	if (rc == RESOLVED_NO_NAME)
		return fails(why, "5.1.2", "there is no domain ", name, "");
	if (mx_list_is_null(&l)) {
		(void)fails(why, "5.1.10", "", name,
		    " accepts no mail (null MX)");
		why->reply_code = 556;
		return false;
	}
	if (rc == RESOLVED_NO_DATA)
		mx_list_add(&l, 0, name);
	if (l.n > 0 && resolver_addresses(r, &l) == RESOLVED_STOPPED)
		return is_stopped(why);
	return choose(mx, &l, rc == RESOLVED_NO_DATA, r, why);
}

static bool
use_literal(struct mx *mx, const struct mx_address *address,
    struct delivery *why)
{
	struct mx_list l = { .n = 1 };

	(void)snprintf(l.hosts[0].name, sizeof(l.hosts[0].name), "%.*s",
	    (int)sizeof(l.hosts[0].name) - 1, mx->domain);
	mx_list_add_address(&l, 0, address);
	return choose(mx, &l, true, NULL, why);
}

static bool
find(struct mx *mx, const struct smtp *s, struct delivery *why)
{
	int64_t deadline_ms =
	    monotonic_ms() + mx->conf->connect_timeout_s * 1000;
	struct mx_address literal;
	struct resolver *r;
	char name[MX_NAME_MAX];
	bool found;

	switch (mx_domain_parse(mx->domain, name, &literal)) {
	case MX_DOMAIN_BAD:
		return fails(why, "5.1.2", "\"", mx->domain,
		    "\" is no domain that mail can be sent to");
	case MX_DOMAIN_LITERAL:
		return use_literal(mx, &literal, why);
	case MX_DOMAIN_NAME:
		break;
	}
	r = resolver_new(mx->setup->conf->mx_nameserver, deadline_ms, s->stop);
	if (r == NULL)
		return defers(why, name, NULL);
	found = ask(mx, r, name, why);
	resolver_free(r);
	return found;
}

/* ------------------------------------------------------------------ reaching
 */

static const char *
source_of(const struct mx *mx)
{
	return mx->conf->source;
}

static const struct dead *
find_dead(const struct mx *mx, const struct mx_address *a)
{
	const struct mx_memory *m = mx->setup->mx_memory;
	int64_t now_ms = monotonic_ms();
	size_t i;

	for (i = 0; i < DEADS; i++)
		if (m->all[i].until_ms > now_ms &&
		    mx_address_eq(&m->all[i].address, a) &&
		    strcmp(m->all[i].source, source_of(mx)) == 0)
			return &m->all[i];
	return NULL;
}

static void
remember_dead(const struct mx *mx, const struct mx_address *a, const char *text)
{
	struct mx_memory *m = mx->setup->mx_memory;
	struct dead *d = &m->all[m->next];

	m->next = (m->next + 1) % DEADS;
	*d = (struct dead){ .address = *a, .since_ms = monotonic_ms() };
	d->until_ms = d->since_ms + DEAD_MS;
	(void)snprintf(d->source, sizeof(d->source), "%s", source_of(mx));
	(void)snprintf(d->text, sizeof(d->text), "%.*s",
	    (int)sizeof(d->text) - 1, text);
}

static bool
is_left_alone(const struct mx *mx, const struct mx_address *a,
    struct delivery *why)
{
	const struct dead *d = find_dead(mx, a);

	if (d == NULL)
		return false;
	delivery_set(why, DELIVERY_DEFERRED, PHASE_CONNECT, "4.4.1",
	    "%s (%lld s ago; not tried again yet)", d->text,
	    (long long)(monotonic_ms() - d->since_ms) / 1000);
	return true;
}

/* True: connected. *left_ms is what all connecting together may still take. */
static bool
try_one(const struct mx *mx, size_t i, struct smtp *s, int64_t *left_ms,
    struct delivery *why)
{
	const struct mx_target *t = &mx->targets[i];
	int64_t share_ms = *left_ms / (int64_t)(mx->n - i), began_ms;
	char address[INET6_ADDRSTRLEN];
	bool open;

	if (inet_ntop(t->address.family, t->address.bytes, address,
	        sizeof(address)) == NULL)
		return false;
	s->goal = (struct smtp_goal){ .host = t->host,
		.address = address,
		.timeout_ms =
		    share_ms > LEAST_CONNECT_MS ? share_ms : LEAST_CONNECT_MS };
	began_ms = monotonic_ms();
	open = smtp_open_goal(s, why);
	s->goal.address = NULL;
	if (open || why->state == DELIVERY_UNTOUCHED ||
	    why->phase != PHASE_CONNECT)
		return open;
	*left_ms -= monotonic_ms() - began_ms;
	remember_dead(mx, &t->address, why->text);
	return false;
}

static bool
reach(const struct mx *mx, struct smtp *s, struct delivery *why)
{
	int64_t left_ms = mx->conf->connect_timeout_s * 1000;
	size_t i;

	for (i = 0; i < mx->n; i++) {
		if (is_left_alone(mx, &mx->targets[i].address, why))
			continue;
		if (try_one(mx, i, s, &left_ms, why))
			return true;
		if (why->state == DELIVERY_UNTOUCHED)
			return false;
		if (i + 1 < mx->n)
			smtp_note(s, "%s; going on with %s", why->text,
			    mx->targets[i + 1].host);
	}
	s->hop_down = true;
	return false;
}

bool
mx_connect(struct mx *mx, struct smtp *s, struct delivery *why)
{
	int64_t now_ms = monotonic_ms();

	if (mx->found_ms == 0 || now_ms - mx->found_ms > FOUND_MS) {
		mx->found_ms = 0;
		if (!find(mx, s, why)) {
			s->hop_down = why->state == DELIVERY_DEFERRED;
			return false;
		}
		mx->found_ms = now_ms == 0 ? 1 : now_ms;
	}
	return reach(mx, s, why);
}
