/* SPDX-License-Identifier: ISC */
/*
 * The hop of a rule is made once. It names its relays, not the rule's number:
 * what waits for a hop goes to the same relays after the file was edited, or,
 * when one of them is gone, is routed anew.
 */
#include "deliver/routes.h"

#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "deliver/local.h"
#include "deliver/relay.h"
#include "deliver/setup.h"
#include "envelope/pattern.h"
#include "util/xalloc.h"

#define GROUP_NAME "relay"

static bool
is_empty(const char *s)
{
	return s == NULL || s[0] == '\0';
}

/* ------------------------------------------------------------------ relays */

/* A name stands in hops, between commas and without a colon. */
static bool
name_ok(const char *name)
{
	size_t i, len = strlen(name);

	for (i = 0; i < len; i++)
		if (!ascii_is_alnum((unsigned char)name[i]) &&
		    strchr("._-", name[i]) == NULL)
			return false;
	return len > 0 && len <= ROUTES_NAME_MAX &&
	       strcmp(name, GROUP_NAME) != 0;
}

static struct relay *
find_relay(const struct deliver_routes *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->n_relays; i++)
		if (!r->relays[i].direct &&
		    strcmp(r->relays[i].name, name) == 0)
			return &r->relays[i];
	return NULL;
}

/* The path is absolute and fits into an address (unix(7)); in a hop a comma
 * divides relays. */
static int
check_socket(const struct relay_conf *conf, const char *place,
    struct po_err *err)
{
	const char *path = relay_socket(conf);
	size_t most = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

	if (path == NULL ||
	    (path[0] == '/' && strlen(path) <= most && !strchr(path, ',')))
		return 0;
	return po_fail(err, PO_ECONFIG,
	    "%s: \"%s\": behind unix: stands the absolute path of a socket, at "
	    "most %zu bytes without a comma",
	    place, conf->host, most);
}

int
routes_check_name(const char *list, const char *name, const char *place,
    struct po_err *err)
{
	if (is_empty(name))
		return po_fail(err, PO_ECONFIG, "%s: %s: an entry needs a name",
		    place, list);
	if (!name_ok(name))
		return po_fail(err, PO_ECONFIG,
		    "%s: %s: \"%s\" cannot be a name: letters, digits, "
		    "'.', '_' and '-', at most %u, and not \"" GROUP_NAME "\"",
		    place, list, name, ROUTES_NAME_MAX);
	return 0;
}

static int
add_entry(struct deliver_routes *r, const struct relay_conf *conf,
    const char *place, struct po_err *err)
{
	if (routes_check_name("relays", conf->name, place, err) == -1)
		return -1;
	if (find_relay(r, conf->name) != NULL)
		return po_fail(err, PO_ECONFIG,
		    "%s: relays: \"%s\" is there twice", place, conf->name);
	if (is_empty(conf->host))
		return po_fail(err, PO_ECONFIG, "%s: relay %s needs a host",
		    place, conf->name);
	if (check_socket(conf, place, err) == -1)
		return -1;
	r->relays[r->n_relays++] =
	    (struct relay){ conf, xstrdup(conf->name), false };
	return 0;
}

/* The group "relay", which is called by what it connects to. */
static int
add_group(struct deliver_routes *r, const struct relay_conf *conf,
    struct po_err *err)
{
	char name[DELIVER_HOP_MAX];
	int n;

	if (is_empty(conf->host))
		return 0;
	if (check_socket(conf, "relay.host", err) == -1)
		return -1;
	n = relay_socket(conf) != NULL
	        ? snprintf(name, sizeof(name), "%s", conf->host)
	        : snprintf(name, sizeof(name), "%s:%d", conf->host,
	              relay_port(conf, r->conf->transport));
	if (n < 0 || (size_t)n + sizeof("relay:") > sizeof(name) ||
	    strchr(conf->host, ',') != NULL)
		return po_fail(err, PO_ECONFIG,
		    "relay.host: \"%.100s\" is no name of a host", conf->host);
	r->group = &r->relays[r->n_relays];
	r->relays[r->n_relays++] = (struct relay){ conf, xstrdup(name), false };
	return 0;
}

/* The settings of a way that has no relay: what only relays have is empty.
 * `name` NULL: the group, which has no row for one. */
static void
add_direct(struct deliver_routes *r, const struct relay_conf *from, char *name)
{
	struct relay_conf *conf =
	    &r->direct_confs[&r->relays[r->n_relays] - r->direct];
	char hop[ROUTES_NAME_MAX + 8];

	*conf = *from;
	conf->host = conf->user = r->nothing;
	conf->password_file = conf->password_command = r->nothing;
	conf->port = r->conf->mx_port;
	conf->implicit_tls = TLS_IMPLICIT_NO;
	conf->cert_file = conf->key_file = r->nothing;
	conf->auth = conf->fingerprints = (struct conf_names){ NULL, 0 };
	conf->name = name == NULL ? r->nothing : name;
	(void)snprintf(hop, sizeof(hop), "%s%s%s",
	    transport_names[TRANSPORT_MX], conf->name[0] == '\0' ? "" : "/",
	    conf->name);
	r->relays[r->n_relays++] = (struct relay){ conf, xstrdup(hop), true };
}

static int
add_directs(struct deliver_routes *r, struct po_err *err)
{
	const struct conf_list *list = &r->conf->mx_profiles;
	const struct relay_conf *entries = list->v;
	size_t i;

	r->nothing = xstrdup("");
	r->direct_confs = xcalloc(list->n + 1, sizeof(*r->direct_confs));
	r->direct = &r->relays[r->n_relays];
	add_direct(r, &r->conf->mx, NULL);
	for (i = 0; i < list->n; i++) {
		if (routes_check_name("mx_profiles", entries[i].name,
		        list->places[i], err) == -1)
			return -1;
		if (routes_find_direct(r, entries[i].name) != NULL)
			return po_fail(err, PO_ECONFIG,
			    "%s: mx_profiles: \"%s\" is there twice",
			    list->places[i], entries[i].name);
		add_direct(r, &entries[i], entries[i].name);
	}
	return 0;
}

static int
add_relays(struct deliver_routes *r, struct po_err *err)
{
	const struct conf_list *list = &r->conf->relays;
	const struct relay_conf *entries = list->v;
	size_t i;

	r->relays =
	    xcalloc(list->n + 2 + r->conf->mx_profiles.n, sizeof(*r->relays));
	if (add_group(r, &r->conf->relay, err) == -1)
		return -1;
	for (i = 0; i < list->n; i++)
		if (add_entry(r, &entries[i], list->places[i], err) == -1)
			return -1;
	return add_directs(r, err);
}

/* ------------------------------------------------------------------ rules */

static int
add_to_rule(struct rule *rule, struct relay *relay, struct po_err *err)
{
	size_t i;

	for (i = 0; i < rule->n_relays; i++)
		if (rule->relays[i] == relay)
			return po_fail(err, PO_ECONFIG,
			    "%s: relay %s is there twice", rule->place,
			    relay->name);
	if (rule->n_relays == DELIVER_HOP_RELAYS)
		return po_fail(err, PO_ECONFIG, "%s: more than %u relays",
		    rule->place, DELIVER_HOP_RELAYS);
	rule->relays[rule->n_relays++] = relay;
	return 0;
}

/* The relays of what names none: the group, or else the whole list. */
static int
default_relays(struct deliver_routes *r, struct rule *rule, struct po_err *err)
{
	size_t i;

	if (r->group != NULL)
		return add_to_rule(rule, r->group, err);
	for (i = 0; i < r->n_relays; i++)
		if (!r->relays[i].direct &&
		    add_to_rule(rule, &r->relays[i], err) == -1)
			return -1;
	return 0;
}

static int
named_relays(struct deliver_routes *r, struct rule *rule, struct po_err *err)
{
	const struct conf_names *names = &rule->conf->relays;
	struct relay *relay;
	size_t i;

	for (i = 0; i < names->n; i++) {
		relay = strcmp(names->v[i], GROUP_NAME) == 0
		            ? r->group
		            : find_relay(r, names->v[i]);
		if (relay == NULL)
			return po_fail(err, PO_ECONFIG,
			    "%s: routes: there is no relay \"%s\"", rule->place,
			    names->v[i]);
		if (add_to_rule(rule, relay, err) == -1)
			return -1;
	}
	return 0;
}

static int
check_uids(const struct rule *rule, struct po_err *err)
{
	const struct conf_names *names = &rule->conf->uid;
	uint32_t first, last;
	size_t i;

	for (i = 0; i < names->n; i++)
		if (!pattern_parse_uids(span_of(names->v[i]), &first, &last))
			return po_fail(err, PO_ECONFIG,
			    "%s: routes: uid \"%s\" is neither a number nor "
			    "FIRST-LAST",
			    rule->place, names->v[i]);
	return 0;
}

static int
name_hop(struct rule *rule, struct po_err *err)
{
	struct buf hop;
	bool ok;
	size_t i;

	buf_init(&hop, DELIVER_HOP_MAX - 1);
	ok = buf_puts(&hop, transport_names[rule->transport]);
	if (rule->maildir != NULL || rule->pipe != NULL)
		ok = ok && buf_putc(&hop, ':') &&
		     buf_puts(&hop, rule->pipe != NULL ? rule->pipe->name
		                                       : rule->maildir->name);
	for (i = 0; ok && i < rule->n_relays; i++)
		ok = buf_putc(&hop, i == 0 ? ':' : ',') &&
		     buf_puts(&hop, rule->relays[i]->name);
	if (ok)
		rule->hop = xstrdup(buf_str(&hop));
	buf_clear(&hop);
	return ok ? 0
	          : po_fail(err, PO_ECONFIG,
	                "%s: the names of its relays are too long together",
	                rule->place);
}

static int
find_relays(struct deliver_routes *r, struct rule *rule, struct po_err *err)
{
	if (rule->conf == NULL)
		return default_relays(r, rule, err);
	if (rule->conf->relays.n > 0)
		return named_relays(r, rule, err);
	if (default_relays(r, rule, err) == -1)
		return -1;
	return rule->n_relays > 0
	           ? 0
	           : po_fail(err, PO_ECONFIG,
	                 "%s: routes: a route by %s needs relays", rule->place,
	                 transport_names[rule->transport]);
}

/* Its only relay is the profile. */
static int
choose_direct(struct deliver_routes *r, struct rule *rule, struct po_err *err)
{
	const char *name = rule->conf == NULL ? "" : rule->conf->profile;

	rule->relays[0] = routes_find_direct(r, name);
	if (rule->relays[0] == NULL)
		return po_fail(err, PO_ECONFIG,
		    "%s: routes: there is no profile \"%s\" in mx_profiles",
		    rule->place, name);
	rule->n_relays = 1;
	rule->hop = xstrdup(rule->relays[0]->name);
	return 0;
}

/* What only another transport has is a mistake. */
static int
check_members(const struct rule *rule, struct po_err *err)
{
	if (rule->conf == NULL)
		return 0;
	if (!transport_has_relays(rule->transport) && rule->conf->relays.n > 0)
		return po_fail(err, PO_ECONFIG,
		    "%s: routes: transport %s has no relays", rule->place,
		    transport_names[rule->transport]);
	if (rule->transport != TRANSPORT_MX && !is_empty(rule->conf->profile))
		return po_fail(err, PO_ECONFIG,
		    "%s: routes: transport %s has no profile", rule->place,
		    transport_names[rule->transport]);
	if (rule->transport != TRANSPORT_MAILDIR &&
	    !is_empty(rule->conf->maildir))
		return po_fail(err, PO_ECONFIG,
		    "%s: routes: transport %s has no maildir", rule->place,
		    transport_names[rule->transport]);
	if (rule->transport != TRANSPORT_PIPE && !is_empty(rule->conf->pipe))
		return po_fail(err, PO_ECONFIG,
		    "%s: routes: transport %s has no pipe", rule->place,
		    transport_names[rule->transport]);
	return 0;
}

/* `conf` NULL: the rule for what no other matches. */
static int
add_rule(struct deliver_routes *r, const struct route_conf *conf,
    const char *place, struct po_err *err)
{
	struct rule *rule = &r->rules[r->n_rules++];

	*rule = (struct rule){ .conf = conf, .place = place };
	rule->transport = conf == NULL ? r->conf->transport : conf->transport;
	if ((conf != NULL && check_uids(rule, err) == -1) ||
	    check_members(rule, err) == -1)
		return -1;
	if (rule->transport == TRANSPORT_MX)
		return choose_direct(r, rule, err);
	if (rule->transport == TRANSPORT_MAILDIR &&
	    local_find_maildir(r->conf, conf == NULL ? NULL : conf->maildir,
	        place, &rule->maildir, err) == -1)
		return -1;
	if (rule->transport == TRANSPORT_PIPE &&
	    local_find_pipe(r->conf, conf == NULL ? NULL : conf->pipe, place,
	        &rule->pipe, err) == -1)
		return -1;
	if (transport_has_relays(rule->transport) &&
	    find_relays(r, rule, err) == -1)
		return -1;
	return name_hop(rule, err);
}

/* What capture_allow lets out takes the way of mail by smtp without a route. It
 * stands among the rules, and no condition leads to it. */
static int
add_allowed(struct deliver_routes *r, struct po_err *err)
{
	struct rule *rule = &r->rules[r->n_rules];

	if (r->conf->capture_allow.n == 0)
		return 0;
	r->n_rules++;
	*rule = (struct rule){ .place = "capture_allow",
		.transport = TRANSPORT_SMTP };
	if (find_relays(r, rule, err) == -1)
		return -1;
	if (rule->n_relays == 0)
		return po_fail(err, PO_ECONFIG,
		    "capture_allow: what is let out needs relay.host");
	r->allowed = rule;
	return name_hop(rule, err);
}

int
deliver_routes_new(const struct deliver_conf *conf, struct deliver_routes **out,
    struct po_err *err)
{
	const struct route_conf *entries = conf->routes.v;
	struct deliver_routes *r = xcalloc(1, sizeof(*r));
	size_t i;
	int rc;

	r->conf = conf;
	r->rules = xcalloc(conf->routes.n + 2, sizeof(*r->rules));
	rc = local_check(conf, err);
	if (rc == 0)
		rc = add_relays(r, err);
	for (i = 0; rc == 0 && i < conf->routes.n; i++)
		rc = add_rule(r, &entries[i], conf->routes.places[i], err);
	if (rc == 0)
		rc = add_allowed(r, err);
	if (rc == 0)
		rc = add_rule(r, NULL, "transport", err);
	if (rc == -1) {
		deliver_routes_free(r);
		return -1;
	}
	*out = r;
	return 0;
}

void
deliver_routes_free(struct deliver_routes *r)
{
	size_t i;

	if (r == NULL)
		return;
	for (i = 0; i < r->n_relays; i++)
		free(r->relays[i].name);
	for (i = 0; i < r->n_rules; i++)
		free(r->rules[i].hop);
	free(r->relays);
	free(r->direct_confs);
	free(r->nothing);
	free(r->rules);
	free(r);
}
