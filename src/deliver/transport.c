/* SPDX-License-Identifier: ISC */
#include "deliver/transport.h"

#include "deliver/secret.h"
#include "deliver/setup.h"
#include "util/xalloc.h"

/* In the order of transport_names. */
static const struct transport *const transports[] = {
	&transport_capture,
	&transport_smtp,
};
#define TRANSPORTS (sizeof(transports) / sizeof(transports[0]))

struct deliver_session {
	const struct transport *transport;
	void *state;
};

int
deliver_setup_new(const struct deliver_conf *conf, struct deliver_setup **out,
    struct po_err *err)
{
	struct deliver_setup *setup = xcalloc(1, sizeof(*setup));

	/* OpenSSL writes to its socket without MSG_NOSIGNAL. */
	(void)signal(SIGPIPE, SIG_IGN);
	setup->conf = conf;
	if (transports[conf->transport]->prepare(setup, err) == -1) {
		deliver_setup_free(setup);
		return -1;
	}
	*out = setup;
	return 0;
}

void
deliver_setup_free(struct deliver_setup *setup)
{
	if (setup == NULL)
		return;
	secret_clear(&setup->secret);
	SSL_CTX_free(setup->tls);
	free(setup);
}

void
deliver_route(const struct deliver_conf *conf, const char *address, char *hop,
    size_t max)
{
	transports[conf->transport]->route(conf, address, hop, max);
}

/* A hop begins with the name of its transport, alone or before a colon. */
static const struct transport *
find_transport(const char *hop)
{
	size_t i, len = strcspn(hop, ":");

	for (i = 0; i < TRANSPORTS; i++)
		if (strlen(transports[i]->name) == len &&
		    memcmp(transports[i]->name, hop, len) == 0)
			return transports[i];
	return NULL;
}

int
session_new(const struct deliver_setup *setup, const char *hop,
    const volatile sig_atomic_t *stop, int64_t stop_grace_s,
    struct deliver_session **out, struct po_err *err)
{
	const struct transport *t = find_transport(hop);
	struct deliver_session *s;
	void *state;

	/* What was not prepared has no secret and no TLS. */
	if (t == NULL || t != transports[setup->conf->transport])
		return po_fail(err, PO_ECONFIG,
		    "next hop \"%s\": transport is %s now", hop,
		    transports[setup->conf->transport]->name);
	state = t->open(setup, hop, stop, stop_grace_s, err);
	if (state == NULL)
		return -1;
	s = xcalloc(1, sizeof(*s));
	*s = (struct deliver_session){ t, state };
	*out = s;
	return 0;
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

void
session_idle(struct deliver_session *s)
{
	s->transport->idle(s->state);
}

void
session_free(struct deliver_session *s)
{
	if (s == NULL)
		return;
	s->transport->close(s->state);
	free(s);
}
