/* SPDX-License-Identifier: ISC */
/*
 * getaddrinfo(3) has no deadline, so the look-up of a name runs in the C
 * library's helper thread (getaddrinfo_a(3)), which blocks all signals; an
 * address is parsed at once without it. A look-up that cannot be cancelled
 * keeps its memory until it ends, which then nobody frees: a process has few
 * of them, and they must not be pulled from under the helper.
 */
#include "deliver/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/wallclock.h"
#include "util/xalloc.h"

#define SLICE_MS 1000

struct lookup {
	struct gaicb cb;
	struct addrinfo hints;
	char host[256];
	char port[8];
};

struct call {
	char host[256]; /* without brackets */
	const char *address;
	const char *port;
	const char *source;
	int64_t deadline_ms;
	const volatile sig_atomic_t *stop;
};

static bool
stopped(const volatile sig_atomic_t *stop)
{
	return stop != NULL && *stop != 0;
}

static bool
fail(char *text, size_t max, const char *a, const char *b)
{
	(void)snprintf(text, max, "%s%s", a, b);
	return false;
}

/* The look-up is done, or the time is up (EAI_INPROGRESS). */
static int
wait_lookup(struct lookup *l, int64_t deadline_ms,
    const volatile sig_atomic_t *stop)
{
	const struct gaicb *list[1] = { &l->cb };
	struct timespec ts;
	int64_t left;
	int rc;

	while ((rc = gai_error(&l->cb)) == EAI_INPROGRESS) {
		left = deadline_ms - monotonic_ms();
		if (left <= 0 || stopped(stop))
			break;
		if (left > SLICE_MS)
			left = SLICE_MS;
		ts.tv_sec = left / 1000;
		ts.tv_nsec = left % 1000 * 1000000;
		(void)gai_suspend(list, 1, &ts);
	}
	return rc;
}

static int
look_up(const struct call *c, struct addrinfo **out)
{
	struct lookup *l = xcalloc(1, sizeof(*l));
	struct gaicb *list[1] = { &l->cb };
	int rc;

	(void)snprintf(l->host, sizeof(l->host), "%s",
	    c->address != NULL ? c->address : c->host);
	(void)snprintf(l->port, sizeof(l->port), "%s", c->port);
	l->hints.ai_socktype = SOCK_STREAM;
	l->hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
	rc = getaddrinfo(l->host, l->port, &l->hints, out);
	if (rc == EAI_NONAME) {
		l->hints.ai_flags = AI_NUMERICSERV;
		l->cb.ar_name = l->host;
		l->cb.ar_service = l->port;
		l->cb.ar_request = &l->hints;
		rc = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
		if (rc == 0)
			rc = wait_lookup(l, c->deadline_ms, c->stop);
		if (rc == EAI_INPROGRESS) {
			if (gai_cancel(&l->cb) == EAI_NOTCANCELED)
				return rc;
		} else if (rc == 0) {
			*out = l->cb.ar_result;
		}
	}
	free(l);
	return rc;
}

/* 0, or errno; ETIMEDOUT and EINTR are ours. */
static int
wait_connected(int fd, int64_t deadline_ms, const volatile sig_atomic_t *stop)
{
	struct pollfd p = { fd, POLLOUT, 0 };
	socklen_t len = sizeof(int);
	int64_t left;
	int n, error = 0;

	do {
		left = deadline_ms - monotonic_ms();
		if (stopped(stop))
			return EINTR;
		if (left <= 0)
			return ETIMEDOUT;
		n = poll(&p, 1, (int)(left > SLICE_MS ? SLICE_MS : left));
	} while (n == 0 || (n == -1 && errno == EINTR));
	if (n == -1 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		return errno;
	return error;
}

/* `source` as an address of that family: its length, 0 when it is none. */
static socklen_t
parse_source(const char *source, int family, struct sockaddr_storage *out)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (family == AF_INET &&
	    inet_pton(AF_INET, source, &in4.sin_addr) == 1) {
		memcpy(out, &in4, sizeof(in4));
		return sizeof(in4);
	}
	if (family == AF_INET6 &&
	    inet_pton(AF_INET6, source, &in6.sin6_addr) == 1) {
		memcpy(out, &in6, sizeof(in6));
		return sizeof(in6);
	}
	return 0;
}

bool
dial_source_ok(const char *source)
{
	struct sockaddr_storage ss;

	return parse_source(source, AF_INET, &ss) != 0 ||
	       parse_source(source, AF_INET6, &ss) != 0;
}

/* 0, or errno: an address of the other family cannot be reached from it. */
static int
bind_source(int fd, const char *source, int family)
{
	struct sockaddr_storage ss;
	socklen_t len;

	if (source == NULL || source[0] == '\0')
		return 0;
	len = parse_source(source, family, &ss);
	if (len == 0)
		return EAFNOSUPPORT;
	return bind(fd, (struct sockaddr *)&ss, len) == -1 ? errno : 0;
}

static int
connect_one(const struct addrinfo *a, int64_t deadline_ms, const struct call *c,
    int *out)
{
	int one = 1, error = 0, fd;

	fd =
	    socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return errno;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	error = bind_source(fd, c->source, a->ai_family);
	if (error == 0 && connect(fd, a->ai_addr, a->ai_addrlen) == -1)
		error = errno;
	if (error == EINPROGRESS || error == EINTR)
		error = wait_connected(fd, deadline_ms, c->stop);
	if (error != 0) {
		fd_close(&fd);
		return error;
	}
	*out = fd;
	return 0;
}

static bool
is_loopback(const struct sockaddr *sa)
{
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;

	if (sa->sa_family == AF_INET) {
		memcpy(&in4, sa, sizeof(in4));
		return ntohl(in4.sin_addr.s_addr) >> 24 == 127;
	}
	if (sa->sa_family != AF_INET6)
		return false;
	memcpy(&in6, sa, sizeof(in6));
	return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr) ||
	       (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) &&
	           in6.sin6_addr.s6_addr[12] == 127);
}

static void
name_relay(const struct addrinfo *a, const struct call *c, struct dialled *out)
{
	char address[INET6_ADDRSTRLEN + 16];

	if (getnameinfo(a->ai_addr, a->ai_addrlen, address, sizeof(address),
	        NULL, 0, NI_NUMERICHOST) != 0)
		(void)snprintf(address, sizeof(address), "?");
	(void)snprintf(out->relay, sizeof(out->relay), "%s[%s]:%s", c->host,
	    address, c->port);
	out->loopback = is_loopback(a->ai_addr);
}

static bool
connect_any(const struct addrinfo *list, const struct call *c,
    struct dialled *out, char *text, size_t max)
{
	const struct addrinfo *a;
	int64_t left, count = 0;
	int error;

	for (a = list; a != NULL; a = a->ai_next)
		count++;
	for (a = list; a != NULL; a = a->ai_next, count--) {
		left = c->deadline_ms - monotonic_ms();
		name_relay(a, c, out);
		error = connect_one(a,
		    monotonic_ms() + (left > 0 ? left / count : 0), c,
		    &out->fd);
		if (error == 0)
			return true;
		if (error == EINTR && stopped(c->stop))
			return fail(text, max, "stopped", "");
		/* A family without a route explains nothing if another has
		 * an answer. */
		if (text[0] == '\0' ||
		    (error != ENETUNREACH && error != EAFNOSUPPORT))
			(void)snprintf(text, max, "connect to %s: %s",
			    out->relay, strerror(error));
	}
	out->relay[0] = '\0';
	return false;
}

/* "[::1]" is "::1". */
static bool
bare_host(const char *host, char *out, size_t max)
{
	size_t len = strlen(host);

	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	}
	if (len == 0 || len >= max)
		return false;
	memcpy(out, host, len);
	out[len] = '\0';
	return true;
}

/* A full queue of the listener refuses a non-blocking socket at once, and
 * nothing tells when there is room: so it blocks, a slice at a time. */
static int
connect_socket(int fd, const struct sockaddr_un *sa, const struct call *c)
{
	const struct timeval slice = { SLICE_MS / 1000, 0 };
	int error;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &slice, sizeof(slice)) ==
	    -1)
		return errno;
	do {
		error =
		    connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == -1
		        ? errno
		        : 0;
		if (error != EAGAIN && error != EINTR)
			return error;
	} while (!stopped(c->stop) && monotonic_ms() < c->deadline_ms);
	return stopped(c->stop) ? EINTR : ETIMEDOUT;
}

static bool
dial_socket(const char *path, const struct call *c, struct dialled *out,
    char *text, size_t max)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int error = ENAMETOOLONG, fd;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return fail(text, max, "socket: ", strerror(errno));
	if (strlen(path) < sizeof(sa.sun_path)) {
		memcpy(sa.sun_path, path, strlen(path));
		error = connect_socket(fd, &sa, c);
	}
	if (error == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
		error = errno;
	if (error == 0) {
		out->fd = fd;
		out->loopback = true;
		(void)snprintf(out->relay, sizeof(out->relay), "localhost[%s]",
		    path);
		return true;
	}
	fd_close(&fd);
	if (error == EINTR)
		return fail(text, max, "stopped", "");
	(void)snprintf(text, max, "connect to %s: %s%s", path, strerror(error),
	    error == EACCES ? "; the user who runs po-queue may not write to it"
	                    : "");
	return false;
}

bool
dial(const struct dialling *to, struct dialled *out, char *text, size_t max)
{
	struct call c = { .address = to->address,
		.port = to->port,
		.source = to->source,
		.stop = to->stop };
	struct addrinfo *list = NULL;
	int64_t began_ms;
	bool ok;
	int rc;

	c.deadline_ms = monotonic_ms() + to->timeout_ms;
	*out = (struct dialled){ .fd = -1 };
	text[0] = '\0';
	if (to->socket != NULL)
		return dial_socket(to->socket, &c, out, text, max);
	if (!bare_host(to->host, c.host, sizeof(c.host)))
		return fail(text, max, "look up: bad host name ", to->host);
	began_ms = monotonic_ms();
	rc = look_up(&c, &list);
	out->lookup_ms = monotonic_ms() - began_ms;
	if (rc == EAI_INPROGRESS && stopped(c.stop))
		return fail(text, max, "stopped", "");
	if (rc != 0) {
		(void)snprintf(text, max, "look up %s: %s", c.host,
		    rc == EAI_INPROGRESS ? "timed out" : gai_strerror(rc));
		return false;
	}
	ok = connect_any(list, &c, out, text, max);
	freeaddrinfo(list);
	return ok;
}
