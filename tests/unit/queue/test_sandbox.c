/* SPDX-License-Identifier: ISC */
/*
 * What a worker, and the ingester, can still do. Each thing is tried in a child
 * that has entered the sandbox, and in one that has not, where it must work: so
 * that a test cannot pass for another reason.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netdb.h>
#include <sched.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
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
write_template(void)
{
	return open_for("templates/text", O_WRONLY);
}

static int
write_resolver(void)
{
	return open("/etc/hosts", O_WRONLY | O_APPEND) == -1 ? errno : 0;
}

/* Not an errno: 1 it is. */
static int
core_is_possible(void)
{
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1 ||
	       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0;
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
	char path[200];

	(void)snprintf(path, sizeof(path), "%s", below("capture/a"));
	return rename(path, path) == -1 ? errno : 0;
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
	return rc == 0 ? 0 : EPERM;
}

static int
resolve_in_a_thread(void)
{
	struct gaicb request = { .ar_name = "localhost" };
	struct gaicb *list[] = { &request };
	int rc = getaddrinfo_a(GAI_WAIT, list, 1, NULL);

	if (rc == 0)
		freeaddrinfo(request.ar_result);
	return rc == 0 ? 0 : EPERM;
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
signal_by_thread(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), 0) == -1 ? errno : 0;
}

static int
signal_itself(void)
{
	(void)signal(SIGUSR1, SIG_IGN);
	return raise(SIGUSR1) == 0 ? 0 : errno;
}

/* SIGIO goes to whom the owner of a descriptor names. */
static int
signal_by_descriptor(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	return fcntl(fd, F_SETOWN, getppid()) == -1 ? errno : 0;
}

static int
trace_itself(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1 ? errno : 0;
}

/* Where it is allowed, the answer is about the process: not there, not ours. */
static int
memory_of_another(void)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { &byte, 1 };

	return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == 1 ? 0
	                                                               : errno;
}

static int
socket_of_the_kernel(void)
{
	return socket(AF_ALG, SOCK_SEQPACKET, 0) == -1 && errno != EAFNOSUPPORT
	           ? errno
	           : 0;
}

static int
talk_on_this_host(void)
{
	union {
		struct sockaddr_un un;
		struct sockaddr any;
	} to = { .un = { .sun_family = AF_UNIX, .sun_path = "/run/none" } };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	return fd != -1 && connect(fd, &to.any, sizeof(to.un)) == -1 &&
	               errno == ENOENT
	           ? 0
	           : 200;
}

static int
make_a_namespace(void)
{
	return unshare(CLONE_FILES) == -1 ? errno : 0;
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

enum stays { NEVER = 0, FOR_WORKER = 1, FOR_INGESTER = 2, FOR_BOTH = 3 };

static const struct {
	const char *name;
	int (*act)(void);
	unsigned stays;
	bool by_landlock;
} acts[] = {
	{ "read the index", read_index, NEVER, true },
	{ "read another message", read_message, FOR_INGESTER, true },
	{ "write another message", write_message, FOR_INGESTER, true },
	{ "make a file in queue/", make_in_queue, FOR_INGESTER, true },
	{ "write a template", write_template, NEVER, true },
	{ "write /etc/hosts", write_resolver, NEVER, true },
	{ "read the memory of the parent", read_memory_of_parent, NEVER, true },
	{ "read /etc/passwd", read_accounts, FOR_INGESTER, true },
	{ "make a folder outside", make_folder, NEVER, true },
	{ "rename a file outside", rename_a_file, NEVER, true },
	{ "listen", listen_on, NEVER, false },
	{ "fork", fork_one, NEVER, false },
	{ "run a program", run_a_program, NEVER, false },
	{ "signal the parent", signal_parent, NEVER, false },
	{ "signal by thread", signal_by_thread, NEVER, false },
	{ "signal by descriptor", signal_by_descriptor, NEVER, false },
	{ "trace", trace_itself, NEVER, false },
	{ "memory of another", memory_of_another, NEVER, false },
	{ "a socket of the kernel", socket_of_the_kernel, NEVER, false },
	{ "a namespace", make_a_namespace, NEVER, false },
	{ "executable memory", executable_memory, NEVER, false },
	{ "memory made executable", memory_made_executable, NEVER, false },
	{ "change identity", change_identity, NEVER, false },
	{ "signal itself", signal_itself, FOR_BOTH, false },
	{ "talk on this host", talk_on_this_host, FOR_BOTH, false },
	{ "read /etc/hosts", read_resolver, FOR_BOTH, false },
	{ "read a template", read_template, FOR_WORKER, true },
	{ "connect", connect_to, FOR_WORKER, false },
	{ "resolve", resolve, FOR_BOTH, false },
	{ "resolve in a thread", resolve_in_a_thread, FOR_WORKER, false },
};
#define ACTS (sizeof(acts) / sizeof(acts[0]))

/* A kind of child; NULL: none, nothing is given up. */
typedef int enter(struct po_err *err);

static struct deliver_needs no_needs, needs;

static int
enter_worker(struct po_err *err)
{
	return sandbox_worker(spool, &no_needs, false, err);
}

static int
enter_making_files(struct po_err *err)
{
	return sandbox_worker(spool, &needs, false, err);
}

static int
enter_ingester(struct po_err *err)
{
	return sandbox_ingester(spool, false, err);
}

static int
enter_running_programs(struct po_err *err)
{
	static const struct deliver_needs commands = { .commands = true };

	return sandbox_worker(spool, &commands, false, err);
}

static int
enter_limits(struct po_err *err)
{
	return sandbox_worker(spool, &no_needs, true, err);
}

/* errno of the act in a child: 0 it worked; above 200, it could not be tried.
 */
static int
try(int (*act)(void), enter *sandbox)
{
	struct po_err err;
	pid_t pid = fork();
	int status;

	assert_true(pid != -1);
	if (pid == 0) {
		if (sandbox != NULL && sandbox(&err) == -1) {
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
check_acts(enter *sandbox, unsigned who)
{
	size_t i;
	int got;

	for (i = 0; i < ACTS; i++) {
		if (acts[i].by_landlock && !has_landlock()) {
			print_message("%s: skipped, no landlock here\n",
			    acts[i].name);
			continue;
		}
		got = try(acts[i].act, NULL);
		if (got != 0)
			fail_msg("%s, without a sandbox: %d (%s)", acts[i].name,
			    got, strerror(got));
		(void)rmdir(below("capture/x"));
		got = try(acts[i].act, sandbox);
		if ((acts[i].stays & who) != 0 ? got != 0
		                               : got != EPERM && got != EACCES)
			fail_msg("%s: %d (%s)", acts[i].name, got,
			    strerror(got));
	}
}

static void
a_worker_connects_and_does_nothing_else(void **state)
{
	(void)state;
	check_acts(enter_worker, FOR_WORKER);
}

static void
an_ingester_makes_files_of_the_spool_and_does_nothing_else(void **state)
{
	(void)state;
	check_acts(enter_ingester, FOR_INGESTER);
}

static void
a_transport_that_makes_files_makes_them_in_its_folder(void **state)
{
	int got;

	(void)state;
	(void)snprintf(needs.folders[0], sizeof(needs.folders[0]), "%s",
	    below("capture"));
	needs.n_folders = 1;
	assert_int_equal(try(make_folder, enter_making_files), 0);
	(void)rmdir(below("capture/x"));
	got = try(make_in_queue, enter_making_files);
	assert_true(!has_landlock() || got == EACCES);
	assert_int_equal(try(listen_on, enter_making_files), EPERM);
	assert_int_equal(try(run_a_program, enter_making_files), EPERM);
}

static void
a_transport_that_runs_programs_takes_over_no_process(void **state)
{
	(void)state;
	assert_int_equal(try(run_a_program, enter_running_programs), 0);
	assert_int_equal(try(fork_one, enter_running_programs), 0);
	assert_int_equal(try(listen_on, enter_running_programs), 0);
	assert_int_equal(try(trace_itself, enter_running_programs), EPERM);
	assert_int_equal(try(memory_of_another, enter_running_programs), EPERM);
	assert_int_equal(try(core_is_possible, enter_running_programs), 0);
}

static void
without_a_sandbox_the_limits_stay(void **state)
{
	(void)state;
	assert_int_equal(try(run_a_program, enter_limits), 0);
	assert_int_equal(try(core_is_possible, NULL), 1);
	assert_int_equal(try(core_is_possible, enter_limits), 0);
}

/* A sanitizer's runtime bears no filter, so that nothing is given up there; and
 * valgrind's calls would be the filtered ones. */
static bool
is_sanitized(void)
{
	const char *preloaded = getenv("LD_PRELOAD");

	if (preloaded != NULL && strstr(preloaded, "vgpreload") != NULL)
		return true;
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
		    an_ingester_makes_files_of_the_spool_and_does_nothing_else),
		cmocka_unit_test(
		    a_transport_that_makes_files_makes_them_in_its_folder),
		cmocka_unit_test(
		    a_transport_that_runs_programs_takes_over_no_process),
		cmocka_unit_test(without_a_sandbox_the_limits_stay),
	};

	if (is_sanitized()) {
		(void)printf(
		    "1..0 # SKIP a sanitizer, or valgrind, is in it\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
