/* SPDX-License-Identifier: ISC */
#include "submit/identity.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "envelope/address.h"
#include "envelope/envelope.h"
#include "envelope/pattern.h"

/* ------------------------------------------------------------------ check */

static bool
is_set(const char *option)
{
	return option != NULL && option[0] != '\0';
}

static bool
keeps_local_part(const char *from)
{
	return from[0] == '*' && from[1] == '@';
}

static const char *
from_fault(const char *from)
{
	struct address_list list;
	struct address a;
	const char *fault = "one address with a domain, or *@domain, is wanted";

	if (keeps_local_part(from))
		return address_domain_fault(span_of(from + 2));
	address_list_init(&list, span_of(from), NULL);
	if (address_next(&list, &a, NULL) == 1 && a.qualified && a.len > 0 &&
	    strcmp(a.text, from) == 0 && strchr(from, '*') == NULL &&
	    address_next(&list, &a, NULL) == 0)
		fault = NULL;
	address_list_clear(&list);
	return fault;
}

static int
check_rule(const struct sender_rule *rule, const char *place,
    struct po_err *err)
{
	const char *fault = is_set(rule->from) ? from_fault(rule->from) : NULL;
	uint32_t first, last;
	size_t i;

	if (fault != NULL)
		return po_fail(err, PO_ECONFIG,
		    "%s: sender[].from \"%.100s\": %s", place, rule->from,
		    fault);
	for (i = 0; i < rule->uid.n; i++)
		if (!pattern_parse_uids(span_of(rule->uid.v[i]), &first, &last))
			return po_fail(err, PO_ECONFIG,
			    "%s: sender[].uid \"%.40s\": a number, or "
			    "FIRST-LAST, is wanted",
			    place, rule->uid.v[i]);
	return 0;
}

int
identity_check(const struct submit_conf *conf, struct po_err *err)
{
	const struct sender_rule *rules = conf->sender.v;
	const char *domain = conf->masquerade.domain, *fault;
	size_t i;

	fault = is_set(domain) ? address_domain_fault(span_of(domain)) : NULL;
	if (fault != NULL)
		return po_fail(err, PO_ECONFIG,
		    "masquerade.domain \"%.100s\": %s", domain, fault);
	for (i = 0; i < conf->sender.n; i++)
		if (check_rule(&rules[i], conf->sender.places[i], err) == -1)
			return -1;
	return 0;
}

/* ------------------------------------------------------------------ caller */

void
identity_init(struct identity *id, const struct submit_conf *conf,
    const struct submit_host *host, struct arena *arena)
{
	*id =
	    (struct identity){ conf, host, arena, false, { 0, "", "" }, NULL };
}

bool
identity_is_active(const struct identity *id)
{
	return id->conf->from_policy != FROM_ANY || id->conf->sender.n > 0 ||
	       is_set(id->conf->masquerade.domain);
}

const struct caller *
identity_caller(struct identity *id, struct po_err *err)
{
	if (!id->known && caller_find(&id->caller, id->arena, err) == -1)
		return NULL;
	id->known = true;
	return &id->caller;
}

/* local@domain; NULL (PO_EOS): no memory. */
static const char *
join(struct identity *id, struct span local, const char *domain,
    struct po_err *err)
{
	size_t len = strlen(domain);
	char *text = arena_alloc(id->arena, local.len + 1 + len + 1);

	if (text == NULL) {
		(void)po_fail(err, PO_EOS, "no memory for the sender");
		return NULL;
	}
	memcpy(text, local.p, local.len);
	text[local.len] = '@';
	memcpy(text + local.len + 1, domain, len + 1);
	return text;
}

const char *
identity_own(struct identity *id, struct po_err *err)
{
	const struct caller *c;

	if (id->own != NULL)
		return id->own;
	c = identity_caller(id, err);
	if (c != NULL)
		id->own = join(id, span_of(c->login), id->host->domain, err);
	return id->own;
}

static bool
any_matches(const struct conf_names *names, struct span s)
{
	size_t i;

	for (i = 0; i < names->n; i++)
		if (pattern_match(span_of(names->v[i]), s, true))
			return true;
	return false;
}

static bool
any_address_matches(const struct conf_names *names, const char *address)
{
	size_t i;

	for (i = 0; i < names->n; i++)
		if (pattern_match_address(span_of(names->v[i]),
		        span_of(address)))
			return true;
	return false;
}

static bool
has_uid(const struct conf_names *names, uid_t uid)
{
	uint32_t first, last;
	size_t i;

	for (i = 0; i < names->n; i++)
		if (pattern_parse_uids(span_of(names->v[i]), &first, &last) &&
		    uid >= first && uid <= last)
			return true;
	return false;
}

/* Is the rule for the caller? 1, 0, or -1: nobody knows who he is. */
static int
is_for_caller(struct identity *id, const struct sender_rule *rule,
    struct po_err *err)
{
	const struct caller *c;

	if (rule->uid.n > 0 && !has_uid(&rule->uid, getuid()))
		return 0;
	if (rule->login.n == 0)
		return 1;
	c = identity_caller(id, err);
	if (c == NULL)
		return -1;
	return any_matches(&rule->login, span_of(c->login));
}

/* ------------------------------------------------------------------ policy */

static struct span
local_part(const char *address)
{
	struct span s = span_of(address), domain = address_domain(s);

	if (domain.len > 0 || (s.len > 0 && s.p[s.len - 1] == '@'))
		s.len = (size_t)(domain.p - 1 - s.p);
	return s;
}

/* The caller's login at a name of this host. */
static bool
is_own(const struct identity *id, const char *address)
{
	struct span domain = address_domain(span_of(address));

	return span_eq(local_part(address), span_of(id->caller.login)) &&
	       (span_eq_nocase(domain, span_of(id->host->domain)) ||
	           submit_is_local(id->conf, id->host, domain));
}

/* Does the rule give the address to whom it names? */
static bool
gives(const struct identity *id, const struct sender_rule *rule,
    const char *address)
{
	if (rule->uid.n == 0 && rule->login.n == 0)
		return false;
	if (any_address_matches(&rule->address, address))
		return true;
	if (!is_set(rule->from))
		return false;
	if (!keeps_local_part(rule->from))
		return span_eq_nocase(span_of(address), span_of(rule->from));
	return span_eq(local_part(address), span_of(id->caller.login)) &&
	       span_eq_nocase(address_domain(span_of(address)),
	           span_of(rule->from + 2));
}

static const char *
masquerade(struct identity *id, const char *address, struct po_err *err)
{
	const char *domain = id->conf->masquerade.domain;
	struct span of, local;
	bool hides;

	if (!is_set(domain) || address[0] == '\0')
		return address;
	of = address_domain(span_of(address));
	local = local_part(address);
	if (id->conf->masquerade.hosts.n > 0)
		hides =
		    any_address_matches(&id->conf->masquerade.hosts, address);
	else
		hides = submit_is_local(id->conf, id->host, of) ||
		        (of.len > strlen(domain) &&
		            of.p[of.len - strlen(domain) - 1] == '.' &&
		            span_eq_nocase((struct span){ of.p + of.len -
		                                              strlen(domain),
		                               strlen(domain) },
		                span_of(domain)));
	if (!hides || any_matches(&id->conf->masquerade.except, local))
		return address;
	return join(id, local, domain, err);
}

int
identity_believe(struct identity *id, const char *address, struct po_err *err)
{
	const struct sender_rule *rules = id->conf->sender.v;
	const struct caller *c;
	const char *masked;
	size_t i;
	int rc;

	if (id->conf->from_policy != FROM_TABLE || address[0] == '\0')
		return 0;
	c = identity_caller(id, err);
	masked = c == NULL ? NULL : masquerade(id, address, err);
	if (masked == NULL)
		return -1;
	if (is_own(id, address))
		return 0;
	for (i = 0; i < id->conf->sender.n; i++) {
		if (!gives(id, &rules[i], address) &&
		    !gives(id, &rules[i], masked))
			continue;
		rc = is_for_caller(id, &rules[i], err);
		if (rc != 0)
			return rc == 1 ? 0 : -1;
	}
	return po_fail(err, PO_EPERM,
	    "%.80s (uid %lu) may not send as %.200s (from_policy)", c->login,
	    (unsigned long)getuid(), address);
}

/* ------------------------------------------------------------------ map */

/* What the rule makes of the address; NULL: no memory. */
static const char *
apply(struct identity *id, const struct sender_rule *rule, const char *address,
    struct po_err *err)
{
	if (!is_set(rule->from))
		return address;
	if (!keeps_local_part(rule->from))
		return rule->from;
	return join(id, local_part(address), rule->from + 2, err);
}

/* The first rule that fits, or NULL; -1: see is_for_caller(). */
static int
find_rule(struct identity *id, const char *address,
    const struct sender_rule **found, struct po_err *err)
{
	const struct sender_rule *rules = id->conf->sender.v, *rule;
	size_t i;
	int rc;

	*found = NULL;
	for (i = 0; i < id->conf->sender.n; i++) {
		rule = &rules[i];
		if (rule->address.n > 0 &&
		    !any_address_matches(&rule->address, address))
			continue;
		if (address[0] == '\0' && is_set(rule->from) &&
		    keeps_local_part(rule->from))
			continue;
		rc = is_for_caller(id, rule, err);
		if (rc == -1)
			return -1;
		if (rc == 1) {
			*found = rule;
			return 0;
		}
	}
	return 0;
}

int
identity_map(struct identity *id, const char *address, bool in_header,
    struct identity_result *out, struct po_err *err)
{
	const struct sender_rule *rule;
	const char *before = address;

	*out = (struct identity_result){ address, false, false };
	if (id->conf->from_policy == FROM_FORCE) {
		out->address = identity_own(id, err);
		if (out->address == NULL)
			return -1;
	}
	if (!in_header || id->conf->masquerade.header) {
		out->address = masquerade(id, out->address, err);
		before = masquerade(id, before, err);
		if (out->address == NULL || before == NULL)
			return -1;
	}
	if (find_rule(id, out->address, &rule, err) == -1)
		return -1;
	if (rule != NULL) {
		out->address = apply(id, rule, out->address, err);
		out->reply_to = rule->reply_to;
	}
	if (out->address == NULL)
		return -1;
	out->rewritten = strcmp(out->address, before) != 0;
	return 0;
}
