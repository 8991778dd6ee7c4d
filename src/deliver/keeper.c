/* SPDX-License-Identifier: ISC */
/*
 * A question goes over one socket that all workers have inherited, with the
 * writing end of a pipe of the asker's for the answer. It names the generation
 * that was refused: only if that is the latest, there is something to do.
 */
#include "deliver/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deliver/mechanism.h"
#include "deliver/secret.h"
#include "util/fd.h"
#include "util/wallclock.h"

#define PATIENCE_MS 30000

struct question {
	size_t peer;
	uint64_t refused; /* generation; 0: none was */
};

struct answer {
	uint64_t generation;
	size_t len;
	char why[200];
	char secret[SECRET_MAX_BYTES];
};

bool
keeper_is_for(const struct relay_conf *conf, unsigned auth)
{
	return conf->user[0] != '\0' &&
	       (conf->password_command[0] != '\0' ||
	           (auth & (MECHANISM_BIT(MECHANISM_XOAUTH2) |
	                       MECHANISM_BIT(MECHANISM_OAUTHBEARER))) != 0);
}

/* ------------------------------------------------------------ the keeper */

/* Whatever comes of it, it was done for this generation. */
static void
renew(struct peer *p, struct answer *a)
{
	struct po_err err;
	struct buf fresh;

	p->generation++;
	if (secret_load(p->relay->conf, &fresh, &err) == -1) {
		(void)snprintf(a->why, sizeof(a->why), "%.190s", err.text);
		return;
	}
	secret_clear(&p->secret);
	p->secret = fresh;
}

/* 1; 0 nobody is left who could ask; -1 that was no question. */
static int
hear(int sock, struct question *q, int *reply)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec io = { q, sizeof(*q) };
	struct msghdr msg = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	ssize_t n;

	*reply = -1;
	do {
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (n == -1 && errno == EINTR);
	if (n <= 0)
		return 0;
	c = CMSG_FIRSTHDR(&msg);
	if (c != NULL && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(reply, CMSG_DATA(c), sizeof(int));
	return n == (ssize_t)sizeof(*q) ? 1 : -1;
}

static _Noreturn void
keep(struct deliver_setup *setup, int sock)
{
	struct question q;
	struct answer a;
	struct peer *p;
	int reply, heard;

	(void)signal(SIGPIPE, SIG_IGN);
	while ((heard = hear(sock, &q, &reply)) != 0) {
		if (heard == 1 && q.peer < setup->routes->n_relays) {
			a = (struct answer){ .len = 0 };
			p = &setup->peers[q.peer];
			if (q.refused == p->generation)
				renew(p, &a);
			a.generation = p->generation;
			a.len = p->secret.len;
			memcpy(a.secret, p->secret.p, a.len);
			(void)!write(reply, &a, sizeof(a));
			OPENSSL_cleanse(&a, sizeof(a));
		}
		fd_close(&reply);
	}
	_exit(0);
}

/* ------------------------------------------------------------ our side */

static bool
is_wanted(const struct deliver_setup *setup)
{
	size_t i;

	for (i = 0; i < setup->routes->n_relays; i++)
		if (setup->peers[i].prepared &&
		    keeper_is_for(setup->peers[i].relay->conf,
		        setup->peers[i].auth))
			return true;
	return false;
}

int
keeper_start(struct deliver_setup *setup, struct po_err *err)
{
	int pair[2];
	size_t i;

	if (!is_wanted(setup))
		return 0;
	for (i = 0; i < setup->routes->n_relays; i++)
		setup->peers[i].generation = 1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return po_fail_sys(err, PO_EOS, "socket pair for passwords");
	setup->keeper_pid = fork();
	if (setup->keeper_pid == 0) {
		fd_close(&pair[0]);
		keep(setup, pair[1]);
	}
	fd_close(&pair[1]);
	if (setup->keeper_pid == -1) {
		fd_close(&pair[0]);
		return po_fail_sys(err, PO_EOS, "fork");
	}
	setup->keeper_owner = getpid();
	setup->keeper = pair[0];
	return 0;
}

void
keeper_stop(struct deliver_setup *setup)
{
	if (setup->keeper == -1)
		return;
	fd_close(&setup->keeper);
	if (setup->keeper_owner != getpid())
		return;
	while (waitpid(setup->keeper_pid, NULL, 0) == -1 && errno == EINTR)
		;
}

static bool
ask(int sock, const struct question *q, int reply)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct question copy = *q;
	struct iovec io = { &copy, sizeof(copy) };
	struct msghdr msg = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *c;

	memset(&control, 0, sizeof(control));
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &reply, sizeof(int));
	return sendmsg(sock, &msg, MSG_NOSIGNAL) == (ssize_t)sizeof(copy);
}

/* The whole answer, or false. */
static bool
hear_answer(int fd, struct answer *a)
{
	int64_t deadline_ms = monotonic_ms() + PATIENCE_MS;
	char *to = (char *)a;
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(*a)) {
		if (fd_wait(fd, POLLIN, deadline_ms) != 1)
			return false;
		n = read(fd, to + len, sizeof(*a) - len);
		if (n == 0 || (n == -1 && errno != EINTR))
			return false;
		len += n > 0 ? (size_t)n : 0;
	}
	return a->len <= sizeof(a->secret);
}

static bool
take(struct peer *peer, const struct answer *a)
{
	const struct span now = { a->secret, a->len };
	bool other = !span_eq(now, buf_span(&peer->secret));

	peer->generation = a->generation;
	if (!other)
		return false;
	OPENSSL_cleanse(peer->secret.p, peer->secret.cap);
	buf_reset(&peer->secret);
	return buf_put_span(&peer->secret, now);
}

bool
keeper_ask(const struct deliver_setup *setup, struct peer *peer, bool refused,
    char *why, size_t max)
{
	const struct question q = { (size_t)(peer - setup->peers),
		refused ? peer->generation : 0 };
	struct answer a = { .len = 0 };
	bool heard, other = false;
	int p[2];

	why[0] = '\0';
	if (setup->keeper == -1 ||
	    !keeper_is_for(peer->relay->conf, peer->auth) ||
	    pipe2(p, O_CLOEXEC) == -1)
		return false;
	heard = ask(setup->keeper, &q, p[1]);
	fd_close(&p[1]);
	heard = heard && hear_answer(p[0], &a);
	fd_close(&p[0]);
	if (heard) {
		other = take(peer, &a);
		(void)snprintf(why, max, "%.*s", (int)sizeof(a.why) - 1, a.why);
	} else {
		(void)snprintf(why, max, "the password cannot be renewed");
	}
	OPENSSL_cleanse(&a, sizeof(a));
	return other;
}
