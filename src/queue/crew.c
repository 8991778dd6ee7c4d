/* SPDX-License-Identifier: ISC */
#include "queue/crew.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/wallclock.h"

int
crew_init(struct crew *c, size_t workers, struct po_err *err)
{
	size_t i;

	c->all = calloc(workers + 1, sizeof(*c->all));
	if (c->all == NULL)
		return po_fail(err, PO_EOS, "no memory for %zu children",
		    workers);
	c->n = workers + 1;
	for (i = 0; i < c->n; i++) {
		c->all[i].kind = i == 0 ? CHILD_INTAKE : CHILD_WORKER;
		c->all[i].sock = -1;
	}
	return 0;
}

void
crew_clear(struct crew *c)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		crew_close(&c->all[i]);
	free(c->all);
	c->all = NULL;
	c->n = 0;
}

void
crew_close(struct child *ch)
{
	fd_close(&ch->sock);
}

static void
become_child(struct crew *c, size_t me, int sock, crew_main *run, void *ctx,
    pid_t parent)
{
	enum child_kind kind = c->all[me].kind;
	sigset_t none;
	size_t i;
	int sig;

	for (i = 0; i < c->n; i++)
		fd_close(&c->all[i].sock);
	for (sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	_exit(run(ctx, kind, sock, parent));
}

int
crew_fork(struct crew *c, size_t i, crew_main *run, void *ctx,
    struct po_err *err)
{
	struct child *ch = &c->all[i];
	enum child_kind kind = ch->kind;
	pid_t pid, parent = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return po_fail_sys(err, PO_EOS, "socket pair for a child");
	pid = fork();
	if (pid == -1) {
		(void)po_fail_sys(err, PO_EOS, "fork");
		(void)close(pair[0]);
		(void)close(pair[1]);
		return -1;
	}
	if (pid == 0) {
		(void)close(pair[0]);
		become_child(c, i, pair[1], run, ctx, parent);
	}
	(void)close(pair[1]);
	memset(ch, 0, sizeof(*ch));
	ch->kind = kind;
	ch->pid = pid;
	ch->sock = pair[0];
	ch->quota = 8;
	ch->ahead_ms = CREW_AHEAD_MS;
	ch->quota_ms = monotonic_ms();
	ch->heard_ms = monotonic_ms();
	return 0;
}

struct held_job *
crew_find(struct child *ch, const struct queue_id *id, uint32_t attempt)
{
	size_t i;

	for (i = 0; i < ch->n_jobs; i++)
		if (ch->jobs[i].attempt == attempt &&
		    strcmp(ch->jobs[i].id.text, id->text) == 0)
			return &ch->jobs[i];
	return NULL;
}

void
crew_drop(struct child *ch, struct held_job *job)
{
	size_t i = (size_t)(job - ch->jobs);

	/* Their order stays: results come in it, so crew_find() looks at few.
	 */
	memmove(job, job + 1, (--ch->n_jobs - i) * sizeof(*job));
}

static size_t
find_relay(const struct child *ch, uint32_t relay)
{
	size_t i;

	for (i = 0; i < ch->n_relays; i++)
		if (ch->relays[i].relay == relay)
			break;
	return i;
}

void
crew_add_relay(struct child *ch, uint32_t relay)
{
	size_t i = find_relay(ch, relay);

	if (i == ch->n_relays) {
		ch->relays[i].relay = relay;
		ch->relays[i].jobs = 0;
		ch->n_relays++;
	}
	ch->relays[i].jobs++;
}

void
crew_drop_relay(struct child *ch, uint32_t relay)
{
	size_t i = find_relay(ch, relay);

	if (i < ch->n_relays && --ch->relays[i].jobs == 0)
		ch->relays[i] = ch->relays[--ch->n_relays];
}

bool
crew_holds(const struct child *ch, uint32_t relay)
{
	return ch->session == relay || find_relay(ch, relay) < ch->n_relays;
}

size_t
crew_holders(const struct crew *c, uint32_t relay)
{
	size_t i, n = 0;

	for (i = 0; i < c->n; i++)
		n += crew_holds(&c->all[i], relay);
	return n;
}

size_t
crew_jobs(const struct crew *c)
{
	size_t i, n = 0;

	for (i = 0; i < c->n; i++)
		n += c->all[i].n_jobs;
	return n;
}

void
crew_signal(const struct crew *c, int sig)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (c->all[i].pid != 0)
			(void)kill(c->all[i].pid, sig);
}

ssize_t
crew_reap(struct crew *c, pid_t *pid, int *status)
{
	size_t i;

	for (;;) {
		*pid = waitpid(-1, status, WNOHANG);
		if (*pid == -1 && errno == EINTR)
			continue;
		if (*pid <= 0)
			return -1;
		for (i = 0; i < c->n; i++) {
			if (c->all[i].pid == *pid) {
				c->all[i].pid = 0;
				return (ssize_t)i;
			}
		}
	}
}
