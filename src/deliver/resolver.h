/* SPDX-License-Identifier: ISC */
/*
 * What the name service says of a domain's mail, with a deadline and a flag
 * that ends every wait; by the DNS alone, whatever nsswitch.conf(5) says (RFC
 * 5321, 5). For files of this room only.
 */
#ifndef PO_DELIVER_RESOLVER_H
#define PO_DELIVER_RESOLVER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "deliver/mx_list.h"

enum resolved {
	RESOLVED,         /* there is an answer */
	RESOLVED_NO_NAME, /* there is no such domain (NXDOMAIN) */
	RESOLVED_NO_DATA, /* there is, but nothing of this type */
	RESOLVED_FAILED,  /* nobody knows now: try again later */
	RESOLVED_STOPPED  /* *stop was set */
};

struct resolver;

/* `servers` "ADDRESS:PORT,...": "" those of resolv.conf(5), read anew here.
 * `deadline_ms` is monotonic and holds for all that is asked. NULL: `servers`
 * is wrong, or there is no memory. */
struct resolver *resolver_new(const char *servers, int64_t deadline_ms,
    const volatile sig_atomic_t *stop);
void resolver_free(struct resolver *r);

/* The MX records of a name in ASCII, added to *l. */
enum resolved resolver_mx(struct resolver *r, const char *name,
    struct mx_list *l);

/* The addresses of all hosts of *l, asked for at once. RESOLVED, or
 * RESOLVED_STOPPED; who has none has `failed` set where another time may
 * tell. */
enum resolved resolver_addresses(struct resolver *r, struct mx_list *l);

/* Why the last one failed. */
const char *resolver_cause(const struct resolver *r);

/* Is it a list of servers? */
bool resolver_servers_ok(const char *servers);

#endif
