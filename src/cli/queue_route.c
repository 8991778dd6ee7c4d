/* SPDX-License-Identifier: ISC */
/* --route: the answer of deliver_choose() for people, with nothing secret in
 * it. */
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/queue_verbs.h"
#include "deliver/maildir.h"
#include "deliver/relay.h"
#include "envelope/address.h"
#include "queue/limits.h"

#define KEY "%-12s"
#define LONGEST_ADDRESS 2000u
#define LOGIN_MAX 40u /* as in the stamp of a message */

int
queue_address(const struct queue_program *p, const char *text, bool sender,
    struct buf *out, struct po_err *err)
{
	struct address_list list;
	struct address a;
	int rc;

	if (sender && (text[0] == '\0' || strcmp(text, "<>") == 0))
		return 0;
	address_list_init(&list, span_of(text), p->submit.domain);
	rc = address_next(&list, &a, err);
	if (rc == 1 && (a.len == 0 || !buf_put(out, a.text, a.len)))
		rc = 0;
	if (rc == 0)
		(void)po_fail(err, PO_EUSAGE, "\"%s\" is no address", text);
	address_list_clear(&list);
	return rc == 1 ? 0 : -1;
}

static void
say_identity(const struct queue_program *p, const struct relay_conf *r)
{
	const char *helo =
	    r->helo[0] == '\0' ? p->deliver_conf.hostname : r->helo;

	(void)printf("  " KEY "%s\n", "helo", helo);
	(void)printf("  " KEY "%s\n", "source",
	    r->source[0] == '\0' ? "any address" : r->source);
	if (r->user[0] == '\0')
		(void)printf("  " KEY "none\n", "user");
	else
		(void)printf("  " KEY "%s, password from %s\n", "user", r->user,
		    r->password_file[0] != '\0' ? r->password_file
		                                : "password_command");
}

static void
say_rates(const struct rate_limits *r)
{
	int w;

	for (w = 0; w < WINDOWS; w++)
		if (r->most[w] > 0)
			(void)printf(", %lld messages in a %s",
			    (long long)r->most[w],
			    rate_window_name((enum index_window)w));
}

/* Of who sends, where there are any. */
static void
say_bounds(const struct queue_program *p, const struct deliver_query *q)
{
	const struct rate_limits sender =
	    limits_of_sender(&p->queue, q->sender);
	const struct rate_limits uid =
	    limits_of_uid(&p->queue, q->uid, q->login);

	if (!rate_is_unlimited(&sender)) {
		(void)printf(KEY "of the sender", "limits");
		say_rates(&sender);
		(void)printf("\n");
	}
	if (!rate_is_unlimited(&uid)) {
		(void)printf(KEY "of the user", "limits");
		say_rates(&uid);
		(void)printf("\n");
	}
}

static void
say_limits(const struct relay_conf *r)
{
	struct rate_limits rates;

	(void)printf("  " KEY "connect within %lld s, ", "limits",
	    (long long)r->connect_timeout_s);
	if (r->max_messages == 0)
		(void)printf("any number of");
	else
		(void)printf("%lld", (long long)r->max_messages);
	(void)printf(" messages a connection, window %lld",
	    (long long)r->window);
	if (r->max_connections > 0)
		(void)printf(", %lld connections",
		    (long long)r->max_connections);
	rates = limits_of_relay(r);
	say_rates(&rates);
	(void)printf("\n");
}

/* Which hosts they are, only the name service knows. */
static void
say_mail_hosts(const struct queue_program *p, const struct relay_conf *r)
{
	const char *servers = p->deliver_conf.mx_nameserver;

	(void)printf(KEY "those of the domain, by %s, port %d", "mail hosts",
	    servers[0] == '\0' ? "resolv.conf" : servers,
	    relay_port(r, TRANSPORT_MX));
	if (r->name[0] != '\0')
		(void)printf(", profile %s", r->name);
	(void)printf("\n");
}

static void
say_host(const struct relay_conf *r, int transport)
{
	(void)printf(KEY "%s%s%s", "relay", r->name == NULL ? "" : r->name,
	    r->name == NULL || r->name[0] == '\0' ? "" : ": ", r->host);
	if (relay_socket(r) == NULL)
		(void)printf(" port %d", relay_port(r, transport));
	(void)printf("\n");
}

static void
say_relay(const struct queue_program *p, const struct relay_conf *r,
    int transport)
{
	if (transport == TRANSPORT_MX)
		say_mail_hosts(p, r);
	else
		say_host(r, transport);
	(void)printf("  " KEY "%s", "tls", tls_level_names[relay_tls(r)]);
	if (relay_tls(r) != TLS_NONE)
		(void)printf("%s", relay_is_implicit(r)
		                       ? ", from the first byte"
		                       : ", by STARTTLS");
	if (relay_tls(r) == TLS_VERIFY)
		(void)printf(", trusts %s", r->ca_file[0] == '\0'
		                                ? "the system's certificates"
		                                : r->ca_file);
	if (relay_tls(r) == TLS_FINGERPRINT)
		(void)printf(", %zu fingerprints", r->fingerprints.n);
	(void)printf("\n");
	say_identity(p, r);
	say_limits(r);
}

static void
say_maildir(const struct queue_program *p, const struct maildir_conf *box,
    const char *recipient)
{
	struct buf base, rest;
	int found;

	buf_init(&base, MAILDIR_PATH_MAX);
	buf_init(&rest, MAILDIR_PATH_MAX);
	found =
	    maildir_path(&p->deliver_conf, box, recipient, &base, &rest, NULL);
	(void)printf(KEY "%s\n", "maildir", box->name);
	if (found == 1)
		(void)printf("  " KEY "%s/%s\n", "path", buf_str(&base),
		    buf_str(&rest));
	else
		(void)printf("  " KEY "none: it can have no mailbox here\n",
		    "path");
	(void)printf("  " KEY "files %s, what is missing %s\n", "mode",
	    maildir_mode_names[box->mode],
	    box->create ? "is made" : "is an unknown user");
	buf_clear(&base);
	buf_clear(&rest);
}

static void
say_pipe(const struct pipe_conf *pipe)
{
	size_t i;

	(void)printf(KEY "%s\n", "pipe", pipe->name);
	(void)printf("  %-11s", "command");
	for (i = 0; i < pipe->command.n; i++)
		(void)printf(" %s", pipe->command.v[i]);
	(void)printf("\n  " KEY "%s\n", "flags", pipe->flags);
	(void)printf("  " KEY "one run within %lld s\n", "limits",
	    (long long)pipe->timeout_s);
}

static void
say_choice(const struct queue_program *p, const struct deliver_query *q,
    const struct deliver_choice *c)
{
	size_t i;

	(void)printf(KEY "%s\n", "recipient", q->recipient);
	(void)printf(KEY "%s\n", "sender",
	    q->sender[0] == '\0' ? "<>" : q->sender);
	(void)printf(KEY "%s (uid %u)\n", "user", q->login, q->uid);
	(void)printf(KEY "%s\n", "rule",
	    c->place == NULL ? "none matches: \"transport\" decides"
	                     : c->place);
	(void)printf(KEY "%s\n", "transport", transport_names[c->transport]);
	(void)printf(KEY "%s\n", "next hop", c->hop);
	if (c->transport == TRANSPORT_CAPTURE)
		(void)printf(KEY "%s\n", "maildir",
		    p->deliver_conf.capture_dir);
	if (c->maildir != NULL)
		say_maildir(p, c->maildir, q->recipient);
	if (c->pipe != NULL)
		say_pipe(c->pipe);
	for (i = 0; i < c->n_relays; i++)
		say_relay(p, c->relays[i], c->transport);
	say_bounds(p, q);
}

/* Whose mail it is: as the options say, else the caller's. */
static int
find_user(const struct queue_args *args, struct deliver_query *q,
    char login[LOGIN_MAX + 1], struct po_err *err)
{
	const struct passwd *pw;

	if (args->login != NULL) {
		pw = getpwnam(args->login);
		if (pw == NULL)
			return po_fail(err, PO_EUSAGE,
			    "there is no user \"%s\"", args->login);
	} else {
		pw = getpwuid(args->uid == -1 ? getuid() : (uid_t)args->uid);
	}
	q->uid = pw != NULL        ? (uint32_t)pw->pw_uid
	         : args->uid == -1 ? (uint32_t)getuid()
	                           : (uint32_t)args->uid;
	(void)snprintf(login, LOGIN_MAX + 1, "%s",
	    pw == NULL ? "" : pw->pw_name);
	q->login = login;
	return 0;
}

/* --sender is a selection elsewhere, so it lies there. */
static const char *
sender_of(const struct queue_args *args, const char *login)
{
	return args->which.n == 0 ? login : args->which.terms[0].text.p;
}

int
queue_verb_route(const struct queue_program *p, struct po_err *err)
{
	struct deliver_query q = { .tag = p->args.tag };
	struct deliver_choice c;
	char login[LOGIN_MAX + 1];
	struct buf to, from;
	int rc;

	buf_init(&to, LONGEST_ADDRESS);
	buf_init(&from, LONGEST_ADDRESS);
	rc = queue_address(p, p->args.address, false, &to, err);
	if (rc == 0)
		rc = find_user(&p->args, &q, login, err);
	if (rc == 0)
		rc = queue_address(p, sender_of(&p->args, login), true, &from,
		    err);
	if (rc == 0) {
		q.recipient = buf_str(&to);
		q.sender = buf_str(&from);
		deliver_choose(p->routes, &q, &c);
		say_choice(p, &q, &c);
	}
	buf_clear(&to);
	buf_clear(&from);
	return rc;
}
