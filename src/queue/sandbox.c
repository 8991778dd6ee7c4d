/* SPDX-License-Identifier: ISC */
/*
 * Names are resolved and connections made again and again while a worker
 * lives, so socket(2), connect(2) and what the C library's resolver opens stay;
 * a thread is what getaddrinfo_a(3) makes. clone3(2) has its flags in memory,
 * where no filter sees them: "not implemented" makes the C library take clone.
 */
#include "queue/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log/log.h"
#include "util/fd.h"

#define MOST_FILES 2048 /* open at once: jobs, their connections */

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

/* ----------------------------------------------------------------- seccomp */

/* For every worker. */
static const int allowed[] = {
	/* descriptors */
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	SCMP_SYS(lseek),
	SCMP_SYS(close),
	SCMP_SYS(close_range),
	SCMP_SYS(dup),
	SCMP_SYS(fcntl),
	SCMP_SYS(fcntl64),
	SCMP_SYS(ioctl),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(eventfd2),
	SCMP_SYS(pipe2),
	/* files: which ones is landlock's matter */
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(openat2),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(fstatat64),
	SCMP_SYS(statx),
	SCMP_SYS(fstatfs),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64),
	SCMP_SYS(getcwd),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fadvise64),
	SCMP_SYS(memfd_create),
	/* the network */
	SCMP_SYS(socket),
	SCMP_SYS(bind),
	SCMP_SYS(connect),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(shutdown),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(recvmmsg),
	SCMP_SYS(send),
	SCMP_SYS(recv),
	/* memory, threads, signals of its own */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(futex_time64),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(set_tid_address),
	SCMP_SYS(rseq),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(gettid),
	SCMP_SYS(tgkill),
	SCMP_SYS(membarrier),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	/* who and when */
	SCMP_SYS(getpid),
	SCMP_SYS(getppid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(getrandom),
	SCMP_SYS(getrusage),
	SCMP_SYS(times),
	SCMP_SYS(time),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
};

/* For who makes files. */
static const int making_files[] = {
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(link),
	SCMP_SYS(linkat),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(fchmod),
	SCMP_SYS(fallocate),
	SCMP_SYS(flock),
	SCMP_SYS(utimensat),
};

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* A name that this architecture has not is passed over. */
static bool
allow(scmp_filter_ctx f, const int *calls, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (calls[i] != __NR_SCMP_ERROR &&
		    seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0) < 0)
			return false;
	return true;
}

/* What its arguments decide. A shared library is mapped from a file. */
static bool
allow_some(scmp_filter_ctx f)
{
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
	           SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0 &&
	       seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
	           SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE,
	               PROT_EXEC),
	           SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0)) == 0 &&
	       seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
	           SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0 &&
	       seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
	           SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)) ==
	           0 &&
	       seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3),
	           0) == 0;
}

static int
filter_calls(bool makes_files, struct po_err *err)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = -1;

	if (f == NULL)
		return po_fail(err, PO_EOS, "sandbox: no memory");
	(void)seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (allow(f, allowed, N(allowed)) && allow_some(f) &&
	    (!makes_files || allow(f, making_files, N(making_files))))
		rc = seccomp_load(f);
	seccomp_release(f);
	if (rc < 0)
		return po_fail(err, PO_EOS, "sandbox: seccomp: %s",
		    strerror(-rc));
	return 0;
}

/* ---------------------------------------------------------------- landlock */

#define READ_FILE LANDLOCK_ACCESS_FS_READ_FILE
#define READ (READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define APPEND (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG)
/* All of the first version (Linux 5.13), which every later one has. */
#define FIRST_VERSION ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
#define MAKE                                                                   \
	(READ | APPEND | LANDLOCK_ACCESS_FS_MAKE_DIR |                         \
	    LANDLOCK_ACCESS_FS_REMOVE_FILE)
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

/* Read, no more; what is missing here is passed over. The passwords and the
 * certificates of relays were read before. */
static const char *const readable[] = {
	/* names */
	"/etc/resolv.conf",
	"/etc/hosts",
	"/etc/nsswitch.conf",
	"/etc/host.conf",
	"/etc/gai.conf",
	"/etc/services",
	"/etc/protocols",
	"/etc/networks",
	"/run",
	/* authorities, looked up by their hash */
	"/etc/ssl",
	"/etc/pki",
	"/etc/ca-certificates",
	/* modules of the name service, zones of time */
	"/usr",
	"/lib",
	"/lib64",
	"/etc/ld.so.cache",
	"/etc/localtime",
	"/dev/null",
	"/dev/urandom",
};

static int
permit(int rules, int fd, uint64_t rights)
{
	struct landlock_path_beneath_attr a = { .allowed_access = rights,
		.parent_fd = fd };

	return (int)syscall(SYS_landlock_add_rule, rules,
	    LANDLOCK_RULE_PATH_BENEATH, &a, 0u);
}

/* `path`, where it is; a file has no rights of a folder. */
static int
permit_path(int rules, const char *path, uint64_t rights, struct po_err *err)
{
	struct stat st;
	int rc = 0, fd = open(path, O_PATH | O_CLOEXEC);

	if (fd == -1)
		return 0;
	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rights &= READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
		          LANDLOCK_ACCESS_FS_TRUNCATE;
	if (permit(rules, fd, rights) == -1)
		rc = po_fail_sys(err, PO_EOS, "sandbox: landlock: %s", path);
	fd_close(&fd);
	return rc;
}

static int
permit_templates(int rules, const char *spool, struct po_err *err)
{
	char path[4096];

	if (snprintf(path, sizeof(path), "%s/templates", spool) >=
	    (int)sizeof(path))
		return po_fail(err, PO_ECONFIG, "%s: long path", spool);
	return permit_path(rules, path, READ, err);
}

/* Rotation makes a new log file under the old name. Where the spool lies below
 * the same folder only the file of today is allowed. */
static int
permit_log(int rules, const char *spool, struct po_err *err)
{
	const char *file = log_file(), *slash;
	char folder[4096];
	size_t len;

	if (file == NULL || (slash = strrchr(file, '/')) == NULL)
		return 0;
	len = slash == file ? 1 : (size_t)(slash - file);
	if (len >= sizeof(folder) || strncmp(file, spool, len) == 0)
		return permit_path(rules, file, APPEND, err);
	memcpy(folder, file, len);
	folder[len] = '\0';
	return permit_path(rules, folder, APPEND, err);
}

static int
permit_all(int rules, const struct sandbox *box, uint64_t known,
    struct po_err *err)
{
	const struct deliver_needs *needs = &box->needs;
	uint64_t make = known & (MAKE | LANDLOCK_ACCESS_FS_REFER |
	                            LANDLOCK_ACCESS_FS_TRUNCATE);
	size_t i;

	for (i = 0; i < N(readable); i++)
		if (permit_path(rules, readable[i], READ, err) == -1)
			return -1;
	for (i = 0; i < needs->n_folders; i++)
		if (permit_path(rules, needs->folders[i], make, err) == -1)
			return -1;
	if (permit_templates(rules, box->spool, err) == -1)
		return -1;
	return permit_log(rules, box->spool, err);
}

/* A right that the kernel does not know may not be asked for. */
static uint64_t
rights_of(long version)
{
	return FIRST_VERSION | (version >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0) |
	       (version >= 3 ? LANDLOCK_ACCESS_FS_TRUNCATE : 0);
}

static int
restrict_files(const struct sandbox *box, struct po_err *err)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0u,
	    LANDLOCK_CREATE_RULESET_VERSION);
	struct landlock_ruleset_attr a = { .handled_access_fs =
		                               rights_of(version) };
	int rules, rc;

	if (version < 1)
		return 0; /* ENOSYS, EOPNOTSUPP */
	rules = (int)syscall(SYS_landlock_create_ruleset, &a, sizeof(a), 0u);
	if (rules == -1)
		return po_fail_sys(err, PO_EOS, "sandbox: landlock");
	rc = permit_all(rules, box, a.handled_access_fs, err);
	if (rc == 0 && syscall(SYS_landlock_restrict_self, rules, 0u) == -1)
		rc = po_fail_sys(err, PO_EOS, "sandbox: landlock");
	fd_close(&rules);
	return rc;
}

/* ------------------------------------------------------------------- limits */

static int
limit(struct po_err *err)
{
	const struct rlimit none = { 0, 0 };
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 &&
	    files.rlim_max > MOST_FILES) {
		files.rlim_max = MOST_FILES;
		if (files.rlim_cur > MOST_FILES)
			files.rlim_cur = MOST_FILES;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	if (setrlimit(RLIMIT_CORE, &none) == -1 ||
	    setrlimit(RLIMIT_MSGQUEUE, &none) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		return po_fail_sys(err, PO_EOS, "sandbox");
	return 0;
}

int
sandbox_enter(const struct sandbox *box, struct po_err *err)
{
	if (limit(err) == -1)
		return -1;
	if (box->limits_only || box->needs.commands)
		return 0;
#ifdef __SANITIZE_ADDRESS__
	return 0; /* its runtime opens and maps what it wants */
#endif
	if (restrict_files(box, err) == -1)
		return -1;
	return filter_calls(box->needs.n_folders > 0, err);
}
