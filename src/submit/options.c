/* SPDX-License-Identifier: ISC */
#include "submit/options.h"

#include <fcntl.h>
#include <stddef.h>
#include <sysexits.h>
#include <unistd.h>

#include "envelope/address.h"
#include "envelope/envelope.h"
#include "submit/identity.h"

#define AT(field) offsetof(struct submit_conf, field)

#define OF(field) offsetof(struct sender_rule, field)

static const char *const policies[] = { "any", "table", "force", NULL };

const struct conf_option submit_options[] = {
	{ "hostname", CONF_STRING, AT(hostname), NULL, 0, 0,
	    "name of this host in Received and Message-ID", NULL },
	{ "domain", CONF_STRING, AT(domain), NULL, 0, 0,
	    "added to addresses without a domain", NULL },
	{ "local_domains", CONF_NAMES, AT(local_domains), NULL, 0, 0,
	    "domains besides hostname whose names may be aliases", NULL },
	{ "aliases", CONF_STRING, AT(aliases), NULL, 0, 0,
	    "file of aliases; empty: beside po.conf, where there is one",
	    NULL },
	{ "masquerade.domain", CONF_STRING, AT(masquerade.domain), NULL, 0, 0,
	    "domain of senders in the place of this host's names; empty: none",
	    NULL },
	{ "masquerade.hosts", CONF_NAMES, AT(masquerade.hosts), NULL, 0, 0,
	    "addresses that get it; empty: this host's and its subdomains'",
	    NULL },
	{ "masquerade.except", CONF_NAMES, AT(masquerade.except), NULL, 0, 0,
	    "local parts of senders that stay as they are", NULL },
	{ "masquerade.header", CONF_BOOL, AT(masquerade.header), "false", 0, 0,
	    "masquerade From and Sender too", NULL },
	{ "sender", CONF_LIST, AT(sender), NULL, sizeof(struct sender_rule),
	    1000, "what senders become, the first that fits", NULL },
	{ "sender[].uid", CONF_NAMES, OF(uid), NULL, 0, 0,
	    "whose mail, by number", NULL },
	{ "sender[].login", CONF_NAMES, OF(login), NULL, 0, 0,
	    "whose mail, by name", NULL },
	{ "sender[].address", CONF_NAMES, OF(address), NULL, 0, 0,
	    "which sender addresses", NULL },
	{ "sender[].from", CONF_STRING, OF(from), NULL, 0, 0,
	    "what they become; empty: they stay", NULL },
	{ "sender[].reply_to", CONF_BOOL, OF(reply_to), "false", 0, 0,
	    "the old From becomes Reply-To where there is none", NULL },
	{ "from_policy", CONF_WORD, AT(from_policy), "any", 0, 0,
	    "senders that are believed: any, table or force", policies },
	{ "message_size_limit", CONF_SIZE, AT(message_size_limit), "50M", 1024,
	    INT64_C(1) << 40, "largest message that is taken", NULL },
	{ "header_size_limit", CONF_SIZE, AT(header_size_limit), "1M", 1024,
	    64 << 20, "largest header block that is taken", NULL },
	{ "recipient_limit", CONF_INT, AT(recipient_limit), "10000", 1,
	    ENVELOPE_MAX_RECIPIENTS, "most recipients of one message", NULL },
	{ "stdin_timeout", CONF_DURATION, AT(stdin_timeout), "1h", 1, 7 * 86400,
	    "longest time that a message may take to come in", NULL },
	{ "not_queued_exit", CONF_INT, AT(not_queued_exit), "75", EX_OSERR,
	    EX_TEMPFAIL, "exit status of sendmail for what may work later",
	    NULL },
	{ NULL, CONF_INT, 0, NULL, 0, 0, NULL, NULL },
};

static int
set_configured(char *to, const char *value, const char *option,
    struct po_err *err)
{
	const char *fault = address_domain_fault(span_of(value));

	if (fault != NULL || strlen(value) >= HOST_MAX_BYTES)
		return po_fail(err, PO_ECONFIG, "%s \"%.100s\": %s", option,
		    value, fault != NULL ? fault : "too long");
	(void)snprintf(to, HOST_MAX_BYTES, "%s", value);
	return 0;
}

static void
set_found(char *to, struct span s)
{
	s = span_trim(s);
	if (to[0] != '\0' || s.len >= HOST_MAX_BYTES ||
	    address_domain_fault(s) != NULL)
		return;
	memcpy(to, s.p, s.len);
	to[s.len] = '\0';
}

/* The first line of /etc/mailname into *line (`len` bytes of room). */
static struct span
read_mailname(char *line, size_t len)
{
	struct span s = { line, 0 };
	ssize_t n;
	int fd = open("/etc/mailname", O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd == -1)
		return s;
	n = read(fd, line, len);
	(void)close(fd);
	s.len = n > 0 ? (size_t)n : 0;
	return span_cut(&s, '\n');
}

int
submit_host_find(const struct submit_conf *conf, struct submit_host *host,
    struct po_err *err)
{
	char own[HOST_MAX_BYTES] = "", line[HOST_MAX_BYTES];
	struct span mailname = { line, 0 };

	*host = (struct submit_host){ "", "" };
	if (identity_check(conf, err) == -1)
		return -1;
	if (conf->not_queued_exit != EX_TEMPFAIL &&
	    conf->not_queued_exit != EX_IOERR &&
	    conf->not_queued_exit != EX_OSERR)
		return po_fail(err, PO_ECONFIG,
		    "not_queued_exit is 75, 74 or 71");
	if (conf->hostname[0] != '\0' &&
	    set_configured(host->hostname, conf->hostname, "hostname", err))
		return -1;
	if (conf->domain[0] != '\0' &&
	    set_configured(host->domain, conf->domain, "domain", err))
		return -1;
	if (host->hostname[0] == '\0' &&
	    gethostname(own, sizeof(own) - 1) == -1)
		own[0] = '\0';
	if (host->domain[0] == '\0' ||
	    (host->hostname[0] == '\0' && strchr(own, '.') == NULL))
		mailname = read_mailname(line, sizeof(line));
	if (strchr(own, '.') != NULL)
		set_found(host->hostname, span_of(own));
	set_found(host->hostname, mailname);
	set_found(host->hostname, span_of(own));
	set_found(host->hostname, SPAN_LIT("localhost"));
	set_found(host->domain, mailname);
	set_found(host->domain, span_of(host->hostname));
	return 0;
}

bool
submit_is_local(const struct submit_conf *conf, const struct submit_host *host,
    struct span domain)
{
	size_t i;

	if (span_eq_nocase(domain, span_of(host->hostname)) ||
	    span_eq_nocase(domain, SPAN_LIT("localhost")))
		return true;
	for (i = 0; i < conf->local_domains.n; i++)
		if (span_eq_nocase(domain, span_of(conf->local_domains.v[i])))
			return true;
	return false;
}
