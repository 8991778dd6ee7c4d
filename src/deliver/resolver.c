/* SPDX-License-Identifier: ISC */
/*
 * A channel of c-ares for one domain: it is made in microseconds, and so always
 * knows the resolv.conf of now. Its sockets are waited for here, by poll(2).
 *
 * Every answer is hostile: it has at most 64 KiB (the size of a DNS message),
 * the library follows no name in circles, and of its records only as many are
 * kept as a list holds, each with a name of the form that hosts have.
 */
#include "deliver/resolver.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/wallclock.h"
#include "util/xalloc.h"

#define SLICE_MS 1000
#define FIRST_WAIT_MS 2000 /* for a server; doubled for each further try */
#define TRIES 4
/* A size that no path fragments; what is larger comes by TCP. */
#define EDNS_BYTES 1232

struct resolver {
	ares_channel channel;
	int64_t deadline_ms;
	const volatile sig_atomic_t *stop;
	size_t pending;
	const char *cause;
};

/* One question. */
struct question {
	struct resolver *r;
	struct mx_list *list;
	size_t host; /* whose address it is about */
	int family;
	int status; /* of c-ares */
};

struct resolver *
resolver_new(const char *servers, int64_t deadline_ms,
    const volatile sig_atomic_t *stop)
{
	struct ares_options options = { .flags = ARES_FLAG_EDNS,
		.ednspsz = EDNS_BYTES,
		.timeout = FIRST_WAIT_MS,
		.tries = TRIES };
	struct resolver *r = xcalloc(1, sizeof(*r));

	if (ares_init_options(&r->channel, &options,
	        ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS |
	            ARES_OPT_TRIES) != ARES_SUCCESS) {
		free(r);
		return NULL;
	}
	if (servers[0] != '\0' &&
	    ares_set_servers_ports_csv(r->channel, servers) != ARES_SUCCESS) {
		resolver_free(r);
		return NULL;
	}
	r->deadline_ms = deadline_ms;
	r->stop = stop;
	r->cause = "no answer";
	return r;
}

void
resolver_free(struct resolver *r)
{
	if (r == NULL)
		return;
	ares_destroy(r->channel);
	free(r);
}

bool
resolver_servers_ok(const char *servers)
{
	struct resolver *r = resolver_new(servers, 0, NULL);

	resolver_free(r);
	return r != NULL;
}

const char *
resolver_cause(const struct resolver *r)
{
	return r->cause;
}

/* ------------------------------------------------------------------ waiting
 */

/* How long to wait for the sockets: until the library wants to ask again, but
 * no longer than a slice, for the flag. 0: the deadline has passed. */
static int
wait_ms(const struct resolver *r)
{
	int64_t left = r->deadline_ms - monotonic_ms();
	struct timeval most, tv;
	const struct timeval *next;
	int64_t ms;

	if (left <= 0)
		return 0;
	if (left > SLICE_MS)
		left = SLICE_MS;
	most.tv_sec = left / 1000;
	most.tv_usec = left % 1000 * 1000;
	next = ares_timeout(r->channel, &most, &tv);
	ms = (int64_t)next->tv_sec * 1000 + next->tv_usec / 1000;
	return ms < 1 ? 1 : (int)ms;
}

static void
wait_once(const struct resolver *r, int ms)
{
	ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
	struct pollfd p[ARES_GETSOCK_MAXNUM];
	/* The library's macros shift a signed 1 by up to 31. */
	unsigned i, bits = (unsigned)ares_getsock(r->channel, sockets,
	                ARES_GETSOCK_MAXNUM);
	nfds_t n = 0;

	for (i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
		short events = 0;

		if ((bits >> i & 1u) != 0)
			events |= POLLIN;
		if ((bits >> (i + ARES_GETSOCK_MAXNUM) & 1u) != 0)
			events |= POLLOUT;
		if (events != 0)
			p[n++] = (struct pollfd){ sockets[i], events, 0 };
	}
	if (poll(p, n, ms) <= 0) {
		/* The library looks at its own clock. */
		ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
		return;
	}
	while (n-- > 0)
		if (p[n].revents != 0)
			ares_process_fd(r->channel,
			    (p[n].events & POLLIN) ? p[n].fd : ARES_SOCKET_BAD,
			    (p[n].events & POLLOUT) ? p[n].fd
			                            : ARES_SOCKET_BAD);
}

/* Until every question has its answer. False: stopped. */
static bool
wait_all(struct resolver *r)
{
	int ms;

	while (r->pending > 0) {
		if (r->stop != NULL && *r->stop != 0) {
			ares_cancel(r->channel);
			return false;
		}
		ms = wait_ms(r);
		if (ms > 0)
			wait_once(r, ms);
		else
			ares_cancel(r->channel);
	}
	return true;
}

/* ------------------------------------------------------------------ answers
 */

static const char *
cause_of(int status)
{
	switch (status) {
	case ARES_ECANCELLED:
	case ARES_ETIMEOUT:
		return "timed out";
	case ARES_ESERVFAIL:
	case ARES_EREFUSED:
	case ARES_ENOTIMP:
	case ARES_ECONNREFUSED: /* the library says this for all of them */
		return "no name server answers: they fail (SERVFAIL), refuse, "
		       "or cannot be reached";
	default:
		return ares_strerror(status);
	}
}

static enum resolved
judge(struct resolver *r, int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return RESOLVED;
	case ARES_ENOTFOUND:
		return RESOLVED_NO_NAME;
	case ARES_ENODATA:
		return RESOLVED_NO_DATA;
	default:
		r->cause = cause_of(status);
		return RESOLVED_FAILED;
	}
}

static void
take_mx(void *arg, int status, int timeouts, unsigned char *answer, int len)
{
	struct question *q = arg;
	struct ares_mx_reply *all = NULL, *mx;

	(void)timeouts;
	q->r->pending--;
	if (status == ARES_SUCCESS)
		status = ares_parse_mx_reply(answer, len, &all);
	for (mx = all; mx != NULL; mx = mx->next)
		mx_list_add(q->list, mx->priority, mx->host);
	if (all != NULL)
		ares_free_data(all);
	q->status = status;
}

static int
take_v4(const struct question *q, unsigned char *answer, int len)
{
	struct ares_addrttl found[MX_ADDRESSES];
	int i, n = MX_ADDRESSES,
	       status = ares_parse_a_reply(answer, len, NULL, found, &n);

	for (i = 0; status == ARES_SUCCESS && i < n; i++) {
		struct mx_address a = { .family = AF_INET };

		memcpy(a.bytes, &found[i].ipaddr, 4);
		mx_list_add_address(q->list, q->host, &a);
	}
	return status;
}

static int
take_v6(const struct question *q, unsigned char *answer, int len)
{
	struct ares_addr6ttl found[MX_ADDRESSES];
	int i, n = MX_ADDRESSES,
	       status = ares_parse_aaaa_reply(answer, len, NULL, found, &n);

	for (i = 0; status == ARES_SUCCESS && i < n; i++) {
		struct mx_address a = { .family = AF_INET6 };

		memcpy(a.bytes, &found[i].ip6addr, 16);
		mx_list_add_address(q->list, q->host, &a);
	}
	return status;
}

static void
take_address(void *arg, int status, int timeouts, unsigned char *answer,
    int len)
{
	struct question *q = arg;

	(void)timeouts;
	q->r->pending--;
	if (status == ARES_SUCCESS)
		status = q->family == AF_INET6 ? take_v6(q, answer, len)
		                               : take_v4(q, answer, len);
	q->status = status;
	if (judge(q->r, status) == RESOLVED_FAILED)
		q->list->hosts[q->host].failed = true;
}

enum resolved
resolver_mx(struct resolver *r, const char *name, struct mx_list *l)
{
	struct question q = { .r = r, .list = l };

	r->pending++;
	ares_query(r->channel, name, ns_c_in, ns_t_mx, take_mx, &q);
	return wait_all(r) ? judge(r, q.status) : RESOLVED_STOPPED;
}

enum resolved
resolver_addresses(struct resolver *r, struct mx_list *l)
{
	struct question q[MX_HOSTS][2];
	size_t i;

	r->pending += 2 * l->n;
	for (i = 0; i < l->n; i++) {
		q[i][0] = (struct question){ r, l, i, AF_INET6, 0 };
		q[i][1] = (struct question){ r, l, i, AF_INET, 0 };
		ares_query(r->channel, l->hosts[i].name, ns_c_in, ns_t_aaaa,
		    take_address, &q[i][0]);
		ares_query(r->channel, l->hosts[i].name, ns_c_in, ns_t_a,
		    take_address, &q[i][1]);
	}
	return wait_all(r) ? RESOLVED : RESOLVED_STOPPED;
}
