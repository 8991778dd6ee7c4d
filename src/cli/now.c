/* SPDX-License-Identifier: ISC */
#include "cli/now.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util/wallclock.h"

/* In the child: between fork and exec nothing that needs a heap. */
static void
leave_the_caller(void)
{
	/* It may be one of the three itself: what is above them goes below. */
	int null = open("/dev/null", O_RDWR), fd;

	(void)setsid();
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGXFSZ, SIG_DFL);
	for (fd = 0; fd <= 2; fd++)
		if (null == -1 || dup2(null, fd) == -1)
			(void)close(fd);
	(void)syscall(SYS_close_range, 3u, ~0u, 0u);
}

/* SIGCHLD is blocked and comes to an end. */
static void
await(pid_t pid, int64_t wait_ms)
{
	int64_t left, deadline_ms = monotonic_ms() + wait_ms;
	struct timespec time;
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	while (waitpid(pid, NULL, WNOHANG) == 0) {
		left = deadline_ms - monotonic_ms();
		if (left <= 0)
			return;
		time = (struct timespec){ .tv_sec = left / 1000,
			.tv_nsec = left % 1000 * 1000000 };
		(void)sigtimedwait(&set, NULL, &time);
	}
}

void
now_deliver(const char *program, const char *id, int64_t wait_ms)
{
	char only[] = "--only";
	char *argv[] = { (char *)(uintptr_t)program, only,
		(char *)(uintptr_t)id, NULL };
	sigset_t set, before;
	pid_t pid;

	/* A caller that ignores SIGCHLD would have it lost. */
	(void)signal(SIGCHLD, SIG_DFL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &set, &before);
	pid = fork();
	if (pid == 0) {
		(void)sigprocmask(SIG_SETMASK, &before, NULL);
		leave_the_caller();
		(void)execv(program, argv);
		_exit(127);
	}
	if (pid != -1)
		await(pid, wait_ms);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
}
