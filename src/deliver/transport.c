/* SPDX-License-Identifier: ISC */
#include "deliver/transport.h"

#include <string.h>
#include <unistd.h>

#include "deliver/keeper.h"
#include "deliver/mx.h"
#include "deliver/secret.h"
#include "deliver/setup.h"
#include "deliver/tls.h"
#include "util/xalloc.h"

/* In the order of transport_names. */
static const struct transport *const transports[] = {
	&transport_capture,
	&transport_smtp,
	&transport_lmtp,
	&transport_mx,
	&transport_maildir,
	&transport_pipe,
};
#define TRANSPORTS (sizeof(transports) / sizeof(transports[0]))

struct deliver_session {
	const struct transport *transport;
	void *state;
};

/* ------------------------------------------------------------------ setup */

static void
mark_peers(struct deliver_setup *setup, const struct rule *rule)
{
	size_t i;

	for (i = 0; i < rule->n_relays; i++)
		setup->peers[rule->relays[i] - setup->routes->relays].ready =
		    true;
}

static struct deliver_setup *
new_setup(const struct deliver_routes *routes)
{
	struct deliver_setup *setup = xcalloc(1, sizeof(*setup));
	size_t i;

	setup->keeper = -1;
	setup->conf = routes->conf;
	setup->routes = routes;
	setup->is_ready = xcalloc(TRANSPORTS, sizeof(*setup->is_ready));
	setup->peers = xcalloc(routes->n_relays + 1, sizeof(*setup->peers));
	for (i = 0; i < routes->n_relays; i++)
		setup->peers[i].relay = &routes->relays[i];
	for (i = 0; i < routes->n_rules; i++) {
		setup->is_ready[routes->rules[i].transport] = true;
		mark_peers(setup, &routes->rules[i]);
	}
	return setup;
}

int
deliver_setup_begin(const struct deliver_routes *routes,
    struct deliver_setup **out, struct po_err *err)
{
	struct deliver_setup *setup = new_setup(routes);
	struct peer *p;
	size_t i;

	for (i = 0; i < routes->n_relays; i++) {
		p = &setup->peers[i];
		if (!p->ready || geteuid() != 0 ||
		    !secret_is_roots(p->relay->conf))
			continue;
		if (secret_load(p->relay->conf, &p->secret, err) == -1) {
			deliver_setup_free(setup);
			return -1;
		}
		p->has_secret = true;
	}
	*out = setup;
	return 0;
}

int
deliver_setup_finish(struct deliver_setup *setup, struct po_err *err)
{
	size_t i;

	/* OpenSSL writes to its socket without MSG_NOSIGNAL. */
	(void)signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < TRANSPORTS; i++)
		if (setup->is_ready[i] &&
		    transports[i]->prepare(setup, err) == -1)
			return -1;
	return keeper_start(setup, err);
}

int
deliver_setup_new(const struct deliver_routes *routes,
    struct deliver_setup **out, struct po_err *err)
{
	if (deliver_setup_begin(routes, out, err) == -1)
		return -1;
	if (deliver_setup_finish(*out, err) == 0)
		return 0;
	deliver_setup_free(*out);
	*out = NULL;
	return -1;
}

/* A profile of direct delivery has no host. */
static bool
is_host(const struct relay *r)
{
	return r->conf->host != NULL && r->conf->host[0] != '\0';
}

const char *
deliver_setup_relay(const struct deliver_setup *setup, size_t i)
{
	size_t n;

	for (n = 0; n < setup->routes->n_relays; n++)
		if (setup->peers[n].ready &&
		    is_host(&setup->routes->relays[n]) && i-- == 0)
			return setup->routes->relays[n].name;
	return NULL;
}

void
deliver_needs_folder(struct deliver_needs *needs, struct span path)
{
	if (path.len == 0 || path.len >= sizeof(needs->folders[0]) ||
	    needs->n_folders == DELIVER_FOLDERS_MAX) {
		path = span_of("/");
		needs->n_folders = 0;
	}
	memcpy(needs->folders[needs->n_folders], path.p, path.len);
	needs->folders[needs->n_folders++][path.len] = '\0';
}

void
deliver_needs(const struct deliver_setup *setup, struct deliver_needs *needs)
{
	size_t i;

	*needs = (struct deliver_needs){ .n_folders = 0 };
	for (i = 0; i < TRANSPORTS; i++)
		if (setup->is_ready[i] && transports[i]->needs != NULL)
			transports[i]->needs(setup, needs);
}

void
deliver_setup_free(struct deliver_setup *setup)
{
	size_t i;

	if (setup == NULL)
		return;
	keeper_stop(setup);
	for (i = 0; i < setup->routes->n_relays; i++) {
		secret_clear(&setup->peers[i].secret);
		tls_context_free(setup->peers[i].tls);
	}
	mx_memory_free(setup->mx_memory);
	free(setup->peers);
	free(setup->is_ready);
	free(setup);
}

/* ------------------------------------------------------------------ session */

/* A hop begins with the name of its transport, alone or before a colon or a
 * slash. */
static size_t
find_transport(const char *hop)
{
	size_t i, len = strcspn(hop, ":/");

	for (i = 0; i < TRANSPORTS; i++)
		if (strlen(transports[i]->name) == len &&
		    memcmp(transports[i]->name, hop, len) == 0)
			break;
	return i;
}

int
session_new(const struct deliver_setup *setup, const char *hop,
    const volatile sig_atomic_t *stop, int64_t stop_grace_s,
    struct deliver_session **out, struct po_err *err)
{
	size_t which = find_transport(hop);
	struct deliver_session *s;
	void *state;

	/* What was not prepared has no secret and no TLS. */
	if (which == TRANSPORTS || !setup->is_ready[which])
		return po_fail(err, PO_ECONFIG,
		    "next hop \"%s\": no route leads there now", hop);
	state = transports[which]->open(setup, hop, stop, stop_grace_s, err);
	if (state == NULL)
		return -1;
	s = xcalloc(1, sizeof(*s));
	*s = (struct deliver_session){ transports[which], state };
	*out = s;
	return 0;
}

void
session_choose(struct deliver_session *s, unsigned relay, unsigned traits)
{
	if (s->transport->choose != NULL)
		s->transport->choose(s->state, relay, traits);
}

unsigned
session_traits(const struct deliver_session *s)
{
	return s == NULL || s->transport->traits == NULL
	           ? 0
	           : s->transport->traits(s->state);
}

int
session_begin(struct deliver_session *s, const struct deliver_message *m,
    struct delivery *results)
{
	return s->transport->begin(s->state, m, results);
}

void
session_send(struct deliver_session *s, const struct deliver_message *m,
    struct delivery *results, const struct deliver_message *next)
{
	s->transport->send(s->state, m, results, next);
}

size_t
session_window(const struct deliver_session *s, const struct deliver_message *m)
{
	const struct transport *t = s->transport;

	return t->window == NULL ? 1 : t->window(s->state, m);
}

void
session_put(struct deliver_session *s, const struct deliver_message *m,
    struct delivery *results)
{
	s->transport->put(s->state, m, results);
}

size_t
session_take(struct deliver_session *s)
{
	return s->transport->take(s->state);
}

const char *
session_relay(const struct deliver_session *s)
{
	return s == NULL ? "none" : s->transport->relay(s->state);
}

const char *
session_note(struct deliver_session *s)
{
	return s->transport->note == NULL ? NULL : s->transport->note(s->state);
}

bool
session_hop_down(const struct deliver_session *s)
{
	return s != NULL && s->transport->hop_down(s->state);
}

bool
session_slow(const struct deliver_session *s)
{
	return s != NULL && s->transport->slow != NULL &&
	       s->transport->slow(s->state);
}

void
session_free(struct deliver_session *s)
{
	if (s == NULL)
		return;
	s->transport->close(s->state);
	free(s);
}
