/* SPDX-License-Identifier: ISC */
/* What po.conf says about submission, and the names of this host. */
#ifndef PO_SUBMIT_OPTIONS_H
#define PO_SUBMIT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "util/err.h"
#include "util/span.h"

/* Which senders are believed; words of from_policy. */
enum from_policy { FROM_ANY, FROM_TABLE, FROM_FORCE };

/* An entry of `sender`. Lists that are empty match everybody and everything. */
struct sender_rule {
	struct conf_names uid, login, address; /* envelope/pattern.h */
	char *from; /* "a@b"; "*@b": the domain alone; "": as it is */
	bool reply_to;
};

struct submit_conf {
	const char *file; /* po.conf itself, for what lies beside it */
	char *hostname;
	char *domain;
	struct conf_names local_domains;
	char *aliases; /* "": beside po.conf */
	struct {
		char *domain;
		struct conf_names hosts, except;
		bool header;
	} masquerade;
	struct conf_list sender;    /* of struct sender_rule */
	int from_policy;            /* enum from_policy */
	int64_t message_size_limit; /* bytes, as they are kept */
	int64_t header_size_limit;  /* bytes */
	int64_t recipient_limit;
	int64_t stdin_timeout; /* seconds for a whole message */
	int64_t not_queued_exit;
};
extern const struct conf_option submit_options[];

#define HOST_MAX_BYTES 256

struct submit_host {
	char hostname[HOST_MAX_BYTES]; /* in Received and Message-ID */
	char domain[HOST_MAX_BYTES];   /* behind addresses without one */
};

/*
 * The names: as configured; else gethostname(2) where it has a dot, else what
 * /etc/mailname says, else gethostname. The domain is /etc/mailname before the
 * hostname. What is no domain name is passed over, at last for "localhost".
 * PO_ECONFIG when a configured one is none, not_queued_exit is not one of 71,
 * 74, 75, or submit/identity.h finds a fault.
 */
int submit_host_find(const struct submit_conf *conf, struct submit_host *host,
    struct po_err *err);

/* Are names at this domain names of this host: its hostname, "localhost", or
 * one of local_domains? */
bool submit_is_local(const struct submit_conf *conf,
    const struct submit_host *host, struct span domain);

#endif
