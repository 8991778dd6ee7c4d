/* SPDX-License-Identifier: ISC */
/*
 * What a worker can still do. Each thing is tried in a child that has entered
 * the sandbox, and in one that has not, where it must work: so that a test
 * cannot pass for another reason.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "queue/sandbox.h"

static char spool[64];
static struct sockaddr_in server;

static const char *
below(const char *name)
{
	static char path[200];

	(void)snprintf(path, sizeof(path), "%s/%s", spool, name);
	return path;
}

/* Each returns 0 or errno. */
static int
open_for(const char *name, int flags)
{
	return open(below(name), flags, 0600) == -1 ? errno : 0;
}

static int
read_index(void)
{
	return open_for("index/data.mdb", O_RDONLY);
}

static int
read_message(void)
{
	return open_for("queue/message", O_RDONLY);
}

static int
write_message(void)
{
	return open_for("queue/message", O_WRONLY);
}

static int
make_in_queue(void)
{
	return open_for("queue/new", O_WRONLY | O_CREAT);
}

static int
read_template(void)
{
	return open_for("templates/text", O_RDONLY);
}

static int
read_accounts(void)
{
	return open("/etc/passwd", O_RDONLY) == -1 ? errno : 0;
}

static int
read_resolver(void)
{
	return open("/etc/hosts", O_RDONLY) == -1 ? errno : 0;
}

static int
read_memory_of_parent(void)
{
	char path[40];

	(void)snprintf(path, sizeof(path), "/proc/%d/environ", getppid());
	return open(path, O_RDONLY) == -1 ? errno : 0;
}

static int
make_folder(void)
{
	return mkdir(below("capture/x"), 0700) == -1 ? errno : 0;
}

static int
rename_a_file(void)
{
	return rename(below("capture/a"), "/dev/shm/po-test-none") == -1 &&
	               errno != EXDEV && errno != ENOENT
	           ? errno
	           : 0;
}

static int
listen_on(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd == -1 || listen(fd, 1) == -1 ? errno : 0;
}

static int
connect_to(void)
{
	union {
		struct sockaddr_in in;
		struct sockaddr any;
	} to = { .in = server };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd == -1 || connect(fd, &to.any, sizeof(to.in)) == -1 ? errno
	                                                             : 0;
}

static int
resolve(void)
{
	struct addrinfo *found = NULL;
	int rc = getaddrinfo("localhost", "25", NULL, &found);

	if (rc == 0)
		freeaddrinfo(found);
	return rc == 0 ? 0 : 1000 - rc;
}

static int
resolve_in_a_thread(void)
{
	struct gaicb request = { .ar_name = "localhost" };
	struct gaicb *list[] = { &request };
	int rc = getaddrinfo_a(GAI_WAIT, list, 1, NULL);

	if (rc == 0)
		freeaddrinfo(request.ar_result);
	return rc == 0 ? 0 : 1000 - rc;
}

static int
fork_one(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid == -1 ? errno : 0;
}

static int
run_a_program(void)
{
	char name[] = "true", *argv[] = { name, NULL };

	(void)execv("/bin/true", argv); /* ends with 0 */
	return errno;
}

static int
signal_parent(void)
{
	return kill(getppid(), 0) == -1 ? errno : 0;
}

static int
executable_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
	           ? errno
	           : 0;
}

static int
memory_made_executable(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(p, 4096, PROT_READ | PROT_EXEC) == -1 ? errno : 0;
}

static int
change_identity(void)
{
	return setuid(getuid()) == -1 ? errno : 0;
}

static const struct {
	const char *name;
	int (*act)(void);
	bool stays;
	bool by_landlock;
} acts[] = {
	{ "read the index", read_index, false, true },
	{ "read another message", read_message, false, true },
	{ "write another message", write_message, false, true },
	{ "make a file in queue/", make_in_queue, false, true },
	{ "read /etc/passwd", read_accounts, false, true },
	{ "read the parent's environment", read_memory_of_parent, false, true },
	{ "make a folder", make_folder, false, false },
	{ "rename a file", rename_a_file, false, false },
	{ "listen", listen_on, false, false },
	{ "fork", fork_one, false, false },
	{ "run a program", run_a_program, false, false },
	{ "signal the parent", signal_parent, false, false },
	{ "executable memory", executable_memory, false, false },
	{ "memory made executable", memory_made_executable, false, false },
	{ "change identity", change_identity, false, false },
	{ "read a template", read_template, true, false },
	{ "read /etc/hosts", read_resolver, true, false },
	{ "connect", connect_to, true, false },
	{ "resolve", resolve, true, false },
	{ "resolve in a thread", resolve_in_a_thread, true, false },
};
#define ACTS (sizeof(acts) / sizeof(acts[0]))

/* errno of the act in a child: 0 it worked; above 200, it could not be tried.
 */
static int
try(int (*act)(void), const struct sandbox *box)
{
	struct po_err err;
	pid_t pid = fork();
	int status;

	assert_true(pid != -1);
	if (pid == 0) {
		if (box != NULL && sandbox_enter(box, &err) == -1) {
			print_error("%s\n", err.text);
			_exit(201);
		}
		_exit(act());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 202;
}

static bool
has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0u,
	           LANDLOCK_CREATE_RULESET_VERSION) >= 1;
}

static void
a_worker_connects_and_does_nothing_else(void **state)
{
	const struct sandbox box = { .spool = spool };
	size_t i;
	int got;

	(void)state;
	for (i = 0; i < ACTS; i++) {
		if (acts[i].by_landlock && !has_landlock()) {
			print_message("%s: skipped, no landlock here\n",
			    acts[i].name);
			continue;
		}
		assert_int_equal(try(acts[i].act, NULL), 0);
		(void)rmdir(below("capture/x"));
		got = try(acts[i].act, &box);
		if (acts[i].stays ? got != 0 : got != EPERM && got != EACCES)
			fail_msg("%s: %d (%s)", acts[i].name, got,
			    strerror(got));
	}
}

static void
a_transport_that_makes_files_makes_them_in_its_folder(void **state)
{
	struct sandbox box = { .spool = spool };
	int got;

	(void)state;
	(void)snprintf(box.needs.folders[box.needs.n_folders++],
	    sizeof(box.needs.folders[0]), "%s", below("capture"));
	assert_int_equal(try(make_folder, &box), 0);
	got = try(make_in_queue, &box);
	assert_true(!has_landlock() || got == EACCES);
	assert_int_equal(try(listen_on, &box), EPERM);
	assert_int_equal(try(run_a_program, &box), EPERM);
}

static void
a_transport_that_runs_programs_may(void **state)
{
	const struct sandbox box = { .spool = spool,
		.needs = { .commands = true } };

	(void)state;
	assert_int_equal(try(run_a_program, &box), 0);
}

/* A sanitizer's runtime bears no filter, so that nothing is given up there. */
static bool
is_sanitized(void)
{
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
	return true;
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
	return true;
#else
	return false;
#endif
}

static int
set_up(void **state)
{
	static const char *const folders[] = { "index", "queue", "templates",
		"capture" };
	static const char *const files[] = { "index/data.mdb", "queue/message",
		"templates/text", "capture/a" };
	union {
		struct sockaddr_in in;
		struct sockaddr any;
	} at = { .in = { .sin_family = AF_INET } };
	socklen_t len = sizeof(at.in);
	size_t i;
	int fd;

	(void)state;
	(void)snprintf(spool, sizeof(spool), "/tmp/po-test-XXXXXX");
	if (mkdtemp(spool) == NULL)
		return -1;
	for (i = 0; i < 4; i++)
		if (mkdir(below(folders[i]), 0700) == -1)
			return -1;
	for (i = 0; i < 4; i++) {
		fd = open(below(files[i]), O_WRONLY | O_CREAT, 0600);
		(void)close(fd);
	}
	at.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || bind(fd, &at.any, sizeof(at.in)) == -1 ||
	    listen(fd, 64) == -1 || getsockname(fd, &at.any, &len) == -1)
		return -1;
	server = at.in;
	return 0;
}

static int
tear_down(void **state)
{
	char command[100];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", spool);
	return system(command) == 0 ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_worker_connects_and_does_nothing_else),
		cmocka_unit_test(
		    a_transport_that_makes_files_makes_them_in_its_folder),
		cmocka_unit_test(a_transport_that_runs_programs_may),
	};

	if (is_sanitized()) {
		(void)printf("1..0 # SKIP a sanitizer is in it\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
