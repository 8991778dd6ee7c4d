/* SPDX-License-Identifier: ISC */
/* The run lock with real processes: each holder is forked, and killed, stopped
 * or left a zombie as the row says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "queue/lock.h"

static char dir_path[64];
static int dir;

static int
set_up(void **state)
{
	(void)state;
	(void)snprintf(dir_path, sizeof(dir_path), "/tmp/po-lock-XXXXXX");
	assert_non_null(mkdtemp(dir_path));
	dir = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_not_equal(dir, -1);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	(void)unlinkat(dir, "po-queue.lock", 0);
	(void)close(dir);
	(void)rmdir(dir_path);
	return 0;
}

/* Try the lock from this process: 1 got (and given back), 0 busy with *holder
 * set. */
static int
try_lock(enum lock_holder *holder, char text[512], struct lock_record *before)
{
	struct lock_record record;
	struct run_lock lock;
	struct po_err err;
	int rc =
	    lock_take(dir, "once", &lock, holder, &record, text, 512, &err);

	assert_int_not_equal(rc, -1);
	if (rc == 1) {
		if (before != NULL)
			*before = lock.before;
		lock_end(&lock);
	}
	return rc;
}

/* A process that takes the lock, forks `orphans` children which keep it, tells,
 * and waits to be killed. */
static pid_t
start_holder(int orphans, int *orphan_pipe)
{
	enum lock_holder holder;
	struct lock_record record;
	struct run_lock lock;
	char text[512], go;
	int ready[2], hold[2];
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(hold), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		(void)close(ready[0]);
		(void)close(hold[1]);
		if (lock_take(dir, "watch", &lock, &holder, &record, text,
		        sizeof(text), NULL) != 1)
			_exit(9);
		if (orphans > 0 && fork() == 0) {
			/* Lives until the test closes its end. */
			(void)close(ready[1]);
			while (read(hold[0], &go, 1) == -1 && errno == EINTR)
				;
			_exit(0);
		}
		(void)!write(ready[1], "x", 1);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	(void)close(hold[0]);
	assert_int_equal(read(ready[0], &go, 1), 1);
	(void)close(ready[0]);
	*orphan_pipe = hold[1];
	return pid;
}

static void
wait_for_state(pid_t pid, char wanted)
{
	char path[64], text[512], *at;
	ssize_t n;
	int fd, i;

	for (i = 0; i < 5000; i++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
		fd = open(path, O_RDONLY);
		assert_int_not_equal(fd, -1);
		n = read(fd, text, sizeof(text) - 1);
		(void)close(fd);
		assert_true(n > 0);
		text[n] = '\0';
		at = strrchr(text, ')');
		if (at != NULL && at[2] == wanted)
			return;
		(void)usleep(1000);
	}
	fail_msg("process %d did not reach state %c", (int)pid, wanted);
}

static void
a_free_lock_is_taken_and_a_clean_end_is_noted(void **state)
{
	struct lock_record before;
	enum lock_holder holder;
	char text[512];

	(void)state;
	assert_int_equal(try_lock(&holder, text, &before), 1);
	assert_int_equal(before.pid, 0);
	assert_int_equal(try_lock(&holder, text, &before), 1);
	assert_int_equal(before.pid, getpid());
	assert_true(before.clean);
}

static void
a_live_holder_is_named(void **state)
{
	enum lock_holder holder;
	char text[512], pid_text[32];
	int orphans;
	pid_t pid;

	(void)state;
	pid = start_holder(0, &orphans);
	assert_int_equal(try_lock(&holder, text, NULL), 0);
	assert_int_equal(holder, HOLDER_LIVE);
	(void)snprintf(pid_text, sizeof(pid_text), "pid %d (watch)", (int)pid);
	assert_non_null(strstr(text, pid_text));
	assert_non_null(strstr(text, "alive"));
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	(void)close(orphans);
}

static void
a_stopped_and_a_silent_holder_are_told_apart(void **state)
{
	const struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };
	enum lock_holder holder;
	char text[512];
	int orphans;
	pid_t pid;

	(void)state;
	pid = start_holder(0, &orphans);
	(void)kill(pid, SIGSTOP);
	wait_for_state(pid, 'T');
	assert_int_equal(try_lock(&holder, text, NULL), 0);
	assert_int_equal(holder, HOLDER_STOPPED);
	(void)kill(pid, SIGCONT);
	wait_for_state(pid, 'S');
	assert_int_equal(utimensat(dir, "po-queue.lock", old, 0), 0);
	assert_int_equal(try_lock(&holder, text, NULL), 0);
	assert_int_equal(holder, HOLDER_SILENT);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	(void)close(orphans);
}

static void
a_zombie_without_children_holds_nothing(void **state)
{
	struct lock_record before;
	enum lock_holder holder;
	char text[512];
	int orphans;
	pid_t pid;

	(void)state;
	pid = start_holder(0, &orphans);
	(void)kill(pid, SIGKILL);
	wait_for_state(pid, 'Z');
	assert_int_equal(try_lock(&holder, text, &before), 1);
	assert_int_equal(before.pid, pid);
	assert_false(before.clean);
	(void)waitpid(pid, NULL, 0);
	(void)close(orphans);
}

static void
orphans_keep_the_lock_of_a_zombie_and_of_a_dead_holder(void **state)
{
	enum lock_holder holder;
	char text[512];
	int orphans, i, rc = 0;
	pid_t pid;

	(void)state;
	pid = start_holder(1, &orphans);
	(void)kill(pid, SIGKILL);
	wait_for_state(pid, 'Z');
	assert_int_equal(try_lock(&holder, text, NULL), 0);
	assert_int_equal(holder, HOLDER_ZOMBIE);
	(void)waitpid(pid, NULL, 0);
	assert_int_equal(try_lock(&holder, text, NULL), 0);
	assert_int_equal(holder, HOLDER_DEAD);
	assert_non_null(strstr(text, "children"));
	(void)close(orphans);
	for (i = 0; i < 5000 && rc == 0; i++) {
		rc = try_lock(&holder, text, NULL);
		(void)usleep(1000);
	}
	assert_int_equal(rc, 1);
}

static void
garbage_in_the_file_is_unknown_and_never_a_pid(void **state)
{
	enum lock_holder holder;
	struct lock_record before;
	char text[512];
	int orphans, fd;
	pid_t pid;

	(void)state;
	pid = start_holder(0, &orphans);
	fd = openat(dir, "po-queue.lock", O_WRONLY);
	assert_int_equal(pwrite(fd, "po-lock 1 pid=1 ", 16, 0), 16);
	(void)close(fd);
	assert_int_equal(try_lock(&holder, text, NULL), 0);
	assert_int_equal(holder, HOLDER_UNKNOWN);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	(void)close(orphans);
	assert_int_equal(try_lock(&holder, text, &before), 1);
	assert_int_equal(before.pid, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_free_lock_is_taken_and_a_clean_end_is_noted, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(a_live_holder_is_named, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    a_stopped_and_a_silent_holder_are_told_apart, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    a_zombie_without_children_holds_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    orphans_keep_the_lock_of_a_zombie_and_of_a_dead_holder,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    garbage_in_the_file_is_unknown_and_never_a_pid, set_up,
		    tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
