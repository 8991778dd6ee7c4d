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
run_child(char *const argv[], struct pipes *p)
{
	static char *const no_environment[] = { NULL };
	int null, sys, keep;

	(void)setpgid(0, 0);
	reset_signals();
	null = fd_open_null();
	/* Clear of the standard descriptors before they are set. */
	keep = fcntl(p->status[1], F_DUPFD_CLOEXEC, 3);
	if (null != -1 && keep != -1 && dup2(null, 0) != -1 &&
	    dup2(p->out[1], 1) != -1) {
		close_rest(keep);
		(void)execve(argv[0], argv, no_environment);
	}
	sys = errno;
	if (keep != -1 && write(keep, &sys, sizeof(sys)) == -1)
		_exit(126);
	_exit(127);
}

/* 1 some, 0 end, -1 error. */
static int
read_some(const char *what, int fd, int64_t deadline_ms, struct buf *out,
    struct po_err *err)
{
	char block[1024];
	ssize_t n;
	int ready = fd_wait(fd, POLLIN, deadline_ms);

	if (ready == 0)
		return po_fail(err, PO_ETEMP, "%s: no end in time", what);
	if (ready == -1)
		return errno == EINTR
		           ? 1
		           : po_fail_sys(err, PO_EIO, "%s: poll", what);
	n = read(fd, block, sizeof(block));
	if (n == -1)
		return errno == EINTR
		           ? 1
		           : po_fail_sys(err, PO_EIO, "%s: read", what);
	if (n > 0 && !buf_put(out, block, (size_t)n))
		return po_fail(err, PO_ETEMP, "%s: writes more than %zu bytes",
		    what, out->max);
	explicit_bzero(block, sizeof(block));
	return n > 0;
}

static int
judge_status(const char *what, int status, int exec_errno, struct po_err *err)
{
	if (exec_errno != 0) {
		errno = exec_errno;
		return po_fail_sys(err, PO_ECONFIG, "%s: cannot be run", what);
	}
	if (WIFSIGNALED(status))
		return po_fail(err, PO_ETEMP, "%s: killed by signal %d", what,
		    WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return po_fail(err, PO_ETEMP, "%s: exit status %d", what,
		    WEXITSTATUS(status));
	return 0;
}

/* 1 when it has ended (not reaped yet), 0 at the deadline. */
static int
wait_end(pid_t pid, int64_t deadline_ms)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0u);
	int n = -1;

	while (fd != -1 && n == -1) {
		n = fd_wait(fd, POLLIN, deadline_ms);
		if (n == -1 && errno != EINTR)
			break;
	}
	fd_close(&fd);
	return n == 1;
}

static int
run_parent(const char *what, pid_t pid, struct pipes *p, int64_t deadline_ms,
    struct buf *out, struct po_err *err)
{
	int rc, status = 0, exec_errno = 0;
	ssize_t n;

	do {
		rc = read_some(what, p->out[0], deadline_ms, out, err);
	} while (rc == 1);
	if (rc == 0 && !wait_end(pid, deadline_ms))
		rc = po_fail(err, PO_ETEMP, "%s: no end in time", what);
	/* Its helpers too; before it is reaped, while the number is its own. */
	(void)kill(-pid, SIGKILL);
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (rc == -1)
		return -1;
	n = read(p->status[0], &exec_errno, sizeof(exec_errno));
	return judge_status(what, status,
	    n == (ssize_t)sizeof(exec_errno) ? exec_errno : 0, err);
}

int
child_output(const char *what, char *const argv[], int64_t timeout_s,
    struct buf *out, struct po_err *err)
{
	int64_t deadline_ms = monotonic_ms() + timeout_s * 1000;
	struct pipes p = { { -1, -1 }, { -1, -1 } };
	int rc = -1;
	pid_t pid;

	if (pipe2(p.out, O_CLOEXEC) == -1 ||
	    pipe2(p.status, O_CLOEXEC | O_NONBLOCK) == -1) {
		(void)po_fail_sys(err, PO_EOS, "%s: pipe", what);
		goto out;
	}
	pid = fork();
	if (pid == 0)
		run_child(argv, &p);
	if (pid == -1) {
		(void)po_fail_sys(err, PO_EOS, "%s: fork", what);
		goto out;
	}
	(void)setpgid(pid, pid);
	fd_close(&p.out[1]);
	fd_close(&p.status[1]);
	rc = run_parent(what, pid, &p, deadline_ms, out, err);
out:
	fd_close(&p.out[0]);
	fd_close(&p.out[1]);
	fd_close(&p.status[0]);
	fd_close(&p.status[1]);
	return rc;
}
