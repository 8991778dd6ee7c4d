/* SPDX-License-Identifier: ISC */
/*
 * A pipe carries the output; a second one, close-on-exec, carries errno when
 * exec fails, so that "no such file" is told apart from a program's own exit
 * status. The end of the output is not the end of the child, so the wait has
 * the same deadline, by a pidfd.
 */
#include "util/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/wallclock.h"

#define SLICE_MS 1000

struct pipes {
	int out[2];
	int status[2];
};

static void
reset_signals(void)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	sigset_t none;
	int sig;

	(void)sigemptyset(&none);
	for (sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &sa, NULL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Everything from 3 on, but for `keep`. */
static void
close_rest(int keep)
{
	if (keep > 3)
		(void)syscall(SYS_close_range, 3u, (unsigned)keep - 1, 0u);
	(void)syscall(SYS_close_range, (unsigned)keep + 1, ~0u, 0u);
}

static _Noreturn void
run_child(const struct child_spec *spec, struct pipes *p)
{
	static char *const no_environment[] = { NULL };
	int in, out, sys, keep;

	(void)setpgid(0, 0);
	reset_signals();
	in = spec->in == -1 ? fd_open_null() : fcntl(spec->in, F_DUPFD, 3);
	/* Clear of the standard descriptors before they are set. */
	out = fcntl(p->out[1], F_DUPFD, 3);
	keep = fcntl(p->status[1], F_DUPFD_CLOEXEC, 3);
	if (in != -1 && out != -1 && keep != -1 && chdir("/") == 0 &&
	    dup2(in, 0) != -1 && dup2(out, 1) != -1 &&
	    (!spec->errors_too || dup2(out, 2) != -1)) {
		close_rest(keep);
		(void)execve(spec->argv[0], spec->argv,
		    spec->envp == NULL ? no_environment : spec->envp);
	}
	sys = errno;
	if (keep != -1 && write(keep, &sys, sizeof(sys)) == -1)
		_exit(126);
	_exit(127);
}

/* A stop shortens the time. */
static void
look_at_stop(const struct child_spec *spec, int64_t *until_ms)
{
	int64_t grace = monotonic_ms() + spec->grace_ms;

	if (spec->stop != NULL && *spec->stop != 0 && grace < *until_ms)
		*until_ms = grace;
}

/* 1 ready, 0 late, -1. In slices: a signal may come just before the wait. */
static int
wait_for(const struct child_spec *spec, int fd, int64_t *until_ms)
{
	int64_t slice;
	int n;

	do {
		look_at_stop(spec, until_ms);
		slice = monotonic_ms() + SLICE_MS;
		n = fd_wait(fd, POLLIN, slice < *until_ms ? slice : *until_ms);
		if (n == 1 || (n == -1 && errno != EINTR))
			return n;
	} while (monotonic_ms() < *until_ms);
	return 0;
}

/* 1 some, 0 the end, or *how is not CHILD_EXITED; -1. */
static int
read_some(const struct child_spec *spec, int fd, int64_t *until_ms,
    struct buf *out, enum child_how *how, struct po_err *err)
{
	char block[1024];
	int ready = wait_for(spec, fd, until_ms);
	size_t room;
	ssize_t n;

	if (ready == 0)
		*how = CHILD_LATE;
	if (ready == -1)
		return po_fail_sys(err, PO_EIO, "%s: poll", spec->what);
	if (ready == 0)
		return 0;
	n = read(fd, block, sizeof(block));
	if (n == -1)
		return errno == EINTR
		           ? 1
		           : po_fail_sys(err, PO_EIO, "%s: read", spec->what);
	room = out->max - out->len;
	if ((size_t)n > room && !spec->cut)
		*how = CHILD_TALKS;
	else if (!buf_put(out, block, (size_t)n < room ? (size_t)n : room))
		return po_fail(err, PO_EOS, "%s: out of memory", spec->what);
	explicit_bzero(block, sizeof(block));
	return n > 0 && *how == CHILD_EXITED;
}

/* The end of its first process (not reaped yet): 1, 0 late, -1. */
static int
wait_end(const struct child_spec *spec, pid_t pid, int64_t *until_ms)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0u);
	int n = fd == -1 ? -1 : wait_for(spec, fd, until_ms);

	fd_close(&fd);
	return n;
}

static void
judge_status(int status, int exec_errno, struct child_end *end)
{
	if (exec_errno != 0)
		*end = (struct child_end){ CHILD_NOT_RUN, exec_errno };
	else if (WIFSIGNALED(status))
		*end = (struct child_end){ CHILD_KILLED, WTERMSIG(status) };
	else
		*end = (struct child_end){ CHILD_EXITED, WEXITSTATUS(status) };
}

static int
run_parent(const struct child_spec *spec, pid_t pid, struct pipes *p,
    struct buf *out, struct child_end *end, struct po_err *err)
{
	int64_t until_ms = monotonic_ms() + spec->timeout_ms;
	enum child_how how = CHILD_EXITED;
	int rc, status = 0, exec_errno = 0;
	ssize_t n;

	do {
		rc = read_some(spec, p->out[0], &until_ms, out, &how, err);
	} while (rc == 1);
	if (rc == 0 && how == CHILD_EXITED) {
		n = wait_end(spec, pid, &until_ms);
		if (n == -1)
			rc = po_fail_sys(err, PO_EIO, "%s: wait", spec->what);
		if (n == 0)
			how = CHILD_LATE;
	}
	/* Its helpers too; before it is reaped, while the number is its own. */
	(void)kill(-pid, SIGKILL);
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (rc == -1)
		return -1;
	n = read(p->status[0], &exec_errno, sizeof(exec_errno));
	judge_status(status, n == (ssize_t)sizeof(exec_errno) ? exec_errno : 0,
	    end);
	if (how != CHILD_EXITED)
		*end = (struct child_end){ how, 0 };
	return 0;
}

int
child_run(const struct child_spec *spec, struct buf *out, struct child_end *end,
    struct po_err *err)
{
	struct pipes p = { { -1, -1 }, { -1, -1 } };
	int rc = -1;
	pid_t pid;

	if (pipe2(p.out, O_CLOEXEC) == -1 ||
	    pipe2(p.status, O_CLOEXEC | O_NONBLOCK) == -1) {
		(void)po_fail_sys(err, PO_EOS, "%s: pipe", spec->what);
		goto out;
	}
	pid = fork();
	if (pid == 0)
		run_child(spec, &p);
	if (pid == -1) {
		(void)po_fail_sys(err, PO_EOS, "%s: fork", spec->what);
		goto out;
	}
	(void)setpgid(pid, pid);
	fd_close(&p.out[1]);
	fd_close(&p.status[1]);
	rc = run_parent(spec, pid, &p, out, end, err);
out:
	fd_close(&p.out[0]);
	fd_close(&p.out[1]);
	fd_close(&p.status[0]);
	fd_close(&p.status[1]);
	return rc;
}

int
child_output(const char *what, char *const argv[], int64_t timeout_s,
    struct buf *out, struct po_err *err)
{
	const struct child_spec spec = { .what = what,
		.argv = argv,
		.in = -1,
		.timeout_ms = timeout_s * 1000 };
	struct child_end end;

	if (child_run(&spec, out, &end, err) == -1)
		return -1;
	switch (end.how) {
	case CHILD_NOT_RUN:
		errno = end.number;
		return po_fail_sys(err, PO_ECONFIG, "%s: cannot be run", what);
	case CHILD_KILLED:
		return po_fail(err, PO_ETEMP, "%s: killed by signal %d", what,
		    end.number);
	case CHILD_LATE:
		return po_fail(err, PO_ETEMP, "%s: no end in time", what);
	case CHILD_TALKS:
		return po_fail(err, PO_ETEMP, "%s: writes more than %zu bytes",
		    what, out->max);
	case CHILD_EXITED:
		break;
	}
	return end.number == 0 ? 0
	                       : po_fail(err, PO_ETEMP, "%s: exit status %d",
	                             what, end.number);
}
