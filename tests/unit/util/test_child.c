/* SPDX-License-Identifier: ISC */
#include "util/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/fd.h"
#include "util/parse_num.h"
#include "util/wallclock.h"

static int
run_shell(const char *script, int64_t timeout_s, struct buf *out,
    struct po_err *err)
{
	char shell[] = "/bin/sh", flag[] = "-c", text[512];
	char *argv[] = { shell, flag, text, NULL };

	snprintf(text, sizeof(text), "%s", script);
	return child_output("test", argv, timeout_s, out, err);
}

static void
a_child_inherits_nothing(void **state)
{
	struct po_err err;
	struct buf out;
	sigset_t set;

	(void)state;
	buf_init(&out, 4096);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* What remains is what a shell sets itself. */
	assert_int_equal(run_shell("grep -E '^Sig(Blk|Ign)' /proc/self/status; "
	                           "readlink /proc/self/fd/0; "
	                           "env | grep -v -E '^(PWD|OLDPWD|SHLVL|_)='; "
	                           "exit 0",
	                     10, &out, &err),
	    0);
	assert_non_null(strstr(buf_str(&out), "SigBlk:\t0000000000000000\n"));
	/* 32 and 33 are glibc's own: posix_spawn (make) leaves them ignored,
	 * and sigaction refuses them. */
	assert_true(strstr(buf_str(&out), "SigIgn:\t0000000000000000\n") ||
	            strstr(buf_str(&out), "SigIgn:\t0000000180000000\n"));
	assert_non_null(strstr(buf_str(&out), "/dev/null\n"));
	assert_null(strstr(buf_str(&out), "="));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	signal(SIGPIPE, SIG_DFL);
	buf_clear(&out);
}

static void
a_leaked_descriptor_is_closed(void **state)
{
	struct po_err err;
	struct buf out;
	char script[128];
	int fd;

	(void)state;
	buf_init(&out, 4096);
	fd = dup2(2, 77);
	assert_int_equal(fd, 77);
	snprintf(script, sizeof(script),
	    "[ -e /proc/self/fd/2 ] && [ ! -e /proc/self/fd/%d ] && echo ok",
	    fd);
	assert_int_equal(run_shell(script, 10, &out, &err), 0);
	assert_string_equal(buf_str(&out), "ok\n");
	close(fd);
	buf_clear(&out);
}

static void
a_child_that_does_not_end_is_killed_with_its_own(void **state)
{
	int64_t begun = monotonic_ms();
	struct po_err err;
	struct buf out;
	uint64_t pid;
	int pidfd;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(run_shell("sleep 300 & echo $!; wait", 1, &out, &err),
	    -1);
	assert_int_equal(err.code, PO_ETEMP);
	assert_string_equal(err.text, "test: no end in time");
	assert_true(monotonic_ms() - begun < 10000);
	assert_true(parse_u64(span_trim(buf_span(&out)), 2, 1 << 30, &pid));
	/* Killed; dying may take it a moment, and being reaped a longer one. */
	pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (pidfd == -1) {
		assert_int_equal(errno, ESRCH);
	} else {
		assert_int_equal(fd_wait(pidfd, POLLIN, monotonic_ms() + 10000),
		    1);
		fd_close(&pidfd);
	}
	buf_clear(&out);
}

static void
an_end_of_output_is_not_the_end_of_the_child(void **state)
{
	struct po_err err;
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(run_shell("echo x; exec >&-; sleep 300", 1, &out,
	                     &err),
	    -1);
	assert_string_equal(err.text, "test: no end in time");
	buf_reset(&out);
	assert_int_equal(run_shell("echo x; exec >&-; exit 3", 10, &out, &err),
	    -1);
	assert_string_equal(err.text, "test: exit status 3");
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_inherits_nothing),
		cmocka_unit_test(a_leaked_descriptor_is_closed),
		cmocka_unit_test(
		    a_child_that_does_not_end_is_killed_with_its_own),
		cmocka_unit_test(an_end_of_output_is_not_the_end_of_the_child),
	};

	return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
