/* SPDX-License-Identifier: ISC */
/* What routes.c compiled is asked: which rule, which hop, which settings. */
#include "deliver/routes.h"

#include <string.h>

#include "deliver/relay.h"
#include "deliver/setup.h"
#include "envelope/pattern.h"

#define LONGEST_DOMAIN 255u
_Static_assert(sizeof("mx/:") + ROUTES_NAME_MAX + LONGEST_DOMAIN <=
                   DELIVER_HOP_MAX,
    "a domain's hop fits");

struct relay *
routes_find_direct(const struct deliver_routes *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->n_relays; i++)
		if (r->relays[i].direct &&
		    strcmp(r->relays[i].conf->name, name) == 0)
			return &r->relays[i];
	return NULL;
}

static bool
match_addresses(const struct conf_names *names, const char *address)
{
	size_t i;

	for (i = 0; i < names->n; i++)
		if (pattern_match_address(span_of(names->v[i]),
		        span_of(address)))
			return true;
	return names->n == 0;
}

/* What is not there matches nothing. */
static bool
match_words(const struct conf_names *names, const char *word)
{
	size_t i;

	if (names->n == 0 || word == NULL || word[0] == '\0')
		return names->n == 0;
	for (i = 0; i < names->n; i++)
		if (pattern_match(span_of(names->v[i]), span_of(word), false))
			return true;
	return false;
}

static bool
match_uid(const struct conf_names *names, uint32_t uid)
{
	uint32_t first, last;
	size_t i;

	for (i = 0; i < names->n; i++)
		if (pattern_parse_uids(span_of(names->v[i]), &first, &last) &&
		    first <= uid && uid <= last)
			return true;
	return names->n == 0;
}

static bool
matches(const struct route_conf *c, const struct deliver_query *q)
{
	return match_addresses(&c->recipient, q->recipient) &&
	       match_addresses(&c->sender, q->sender) &&
	       match_words(&c->tag, q->tag) &&
	       match_words(&c->login, q->login) && match_uid(&c->uid, q->uid);
}

/* The last rule has no conditions. */
static const struct rule *
find_rule(const struct deliver_routes *r, const struct deliver_query *q)
{
	size_t i;

	for (i = 0; i + 1 < r->n_rules; i++)
		if (&r->rules[i] != r->allowed && matches(r->rules[i].conf, q))
			break;
	if (r->rules[i].transport == TRANSPORT_CAPTURE && r->allowed != NULL &&
	    match_addresses(&r->conf->capture_allow, q->recipient))
		return r->allowed;
	return &r->rules[i];
}

/* A direct one's hop is the recipient's domain; of what is no domain that mail
 * could reach, none. */
static void
put_hop(const struct rule *rule, const char *recipient,
    char hop[DELIVER_HOP_MAX])
{
	const char *domain = strrchr(recipient, '@');
	size_t len = strlen(rule->hop);

	memcpy(hop, rule->hop, len + 1);
	if (rule->transport != TRANSPORT_MX)
		return;
	hop[len++] = ':';
	if (domain != NULL && strlen(domain + 1) <= LONGEST_DOMAIN)
		for (domain++; *domain != '\0'; domain++)
			hop[len++] = (char)ascii_lower((unsigned char)*domain);
	hop[len] = '\0';
}

void
deliver_route(const struct deliver_routes *r, const struct deliver_query *q,
    char hop[DELIVER_HOP_MAX])
{
	put_hop(find_rule(r, q), q->recipient, hop);
}

/* Does the transport of this name have relays? */
static bool
has_relays(struct span transport)
{
	int i;

	for (i = 0; transport_names[i] != NULL; i++)
		if (span_eq(transport, span_of(transport_names[i])))
			return transport_has_relays(i);
	return false;
}

size_t
deliver_hop_relays(const char *hop, struct span names[DELIVER_HOP_RELAYS])
{
	struct span rest = span_of(hop);
	size_t n = 0;

	if (!has_relays(span_cut(&rest, ':')))
		return 0;
	while (n < DELIVER_HOP_RELAYS && rest.len > 0)
		names[n++] = span_cut(&rest, ',');
	return n;
}

const struct relay_conf *
deliver_relay(const struct deliver_routes *r, struct span name)
{
	size_t i;

	for (i = 0; i < r->n_relays; i++)
		if (!r->relays[i].direct &&
		    span_eq(span_of(r->relays[i].name), name))
			return r->relays[i].conf;
	return NULL;
}

bool
deliver_hop_is_direct(const char *hop)
{
	const char *name = transport_names[TRANSPORT_MX];
	size_t len = strlen(name);

	return strncmp(hop, name, len) == 0 &&
	       (hop[len] == ':' || hop[len] == '/');
}

const struct relay_conf *
deliver_session_conf(const struct deliver_routes *r, const char *relay)
{
	char profile[ROUTES_NAME_MAX + 1] = "";
	struct span rest = span_of(relay), first = span_cut(&rest, ':');
	const struct relay *direct;

	if (span_eq(first, SPAN_LIT("relay")))
		return deliver_relay(r, rest);
	if (!deliver_hop_is_direct(relay))
		return NULL;
	(void)span_cut(&first, '/');
	if (first.len > ROUTES_NAME_MAX)
		return NULL;
	memcpy(profile, first.p, first.len);
	direct = routes_find_direct(r, profile);
	return direct == NULL ? NULL : direct->conf;
}

bool
deliver_routes_are_one(const struct deliver_routes *r)
{
	return r->n_rules == 1 && r->rules[0].transport != TRANSPORT_MX;
}

void
deliver_choose(const struct deliver_routes *r, const struct deliver_query *q,
    struct deliver_choice *out)
{
	const struct rule *rule = find_rule(r, q);
	size_t i;

	*out = (struct deliver_choice){ .transport = rule->transport,
		.place = rule->conf == NULL && rule != r->allowed ? NULL
		                                                  : rule->place,
		.n_relays = rule->n_relays };
	put_hop(rule, q->recipient, out->hop);
	for (i = 0; i < rule->n_relays; i++)
		out->relays[i] = rule->relays[i]->conf;
	out->maildir = rule->maildir;
	out->pipe = rule->pipe;
}
