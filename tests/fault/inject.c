/* SPDX-License-Identifier: ISC */
/*
 * LD_PRELOAD shim of the sweeps: lets one call to the system fail, or kills the
 * process at it.
 *
 *	PO_FAULT_STATE	a file of STATE_BYTES, shared by all processes of a run
 *	PO_FAULT_AT	CALL:SITE:N:HOW; without it all calls are only recorded
 *	PO_FAULT_AFTER	CALL:SITE: calls before the first of these do not count
 *	PO_FAULT_ALL	no process of the run makes a call after the one that
 *fired
 *
 * A site is where a call comes from: a number made of the last FRAMES return
 * addresses, each in its module, so that it is the same in every run, whatever
 * the processes beside do. The N-th call (from 1) to CALL from SITE fails with
 * the error named by HOW, or
 *	short	does half of what it was asked for
 *	kill	the process is killed before the call does anything
 *	tear	half is written, then the process is killed
 *	late	all of it is written, then the process is killed
 * and the frames of the call that fired are left in the state as
 * MODULE+0xOFFSET lines: a process in a sandbox opens no file. A run that
 * records leaves there one line for each site but those of memory: CALL SITE
 * FRAME..., innermost first, the first of which are ours.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FRAMES 6
#define RECORDS 65536u
#define FRAMES_BYTES 8192u
#define ALL_FRAMES 32
#define SEEN 16384u
#define PLACES_BYTES 4194304u

struct record {
	char call[12];
	uint32_t site;
};

struct state {
	_Atomic uint32_t calls; /* records used; more are not written down */
	_Atomic uint32_t met;   /* calls of the wanted kind so far */
	_Atomic uint32_t fired;
	_Atomic uint32_t armed; /* PO_FAULT_AFTER has been */
	struct record records[RECORDS];
	_Atomic uint32_t seen[SEEN]; /* sites that places has */
	_Atomic uint32_t places_len;
	char places[PLACES_BYTES];
	char frames[FRAMES_BYTES];
};

static const struct {
	const char *name;
	int number;
} errors[] = {
	{ "EIO", EIO },
	{ "ENOSPC", ENOSPC },
	{ "EDQUOT", EDQUOT },
	{ "ENOMEM", ENOMEM },
	{ "EMFILE", EMFILE },
	{ "EAGAIN", EAGAIN },
	{ "ENOBUFS", ENOBUFS },
	{ "ECONNRESET", ECONNRESET },
};

enum how { HOW_ERROR, HOW_SHORT, HOW_KILL, HOW_TEAR, HOW_LATE };

static struct state *state;
static bool wanted, want_all;
static char want_call[12], after_call[12];
static uint32_t want_site, want_n, after_site;
static enum how want_how;
static int want_errno;
/* Our own work calls malloc and the like: not recorded. */
static _Thread_local bool busy;

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

/* ------------------------------------------------------------------ set-up */

static bool
read_how(const char *text)
{
	size_t i;

	want_how = strcmp(text, "short") == 0  ? HOW_SHORT
	           : strcmp(text, "kill") == 0 ? HOW_KILL
	           : strcmp(text, "tear") == 0 ? HOW_TEAR
	           : strcmp(text, "late") == 0 ? HOW_LATE
	                                       : HOW_ERROR;
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(text, errors[i].name) == 0)
			want_errno = errors[i].number;
	return want_how != HOW_ERROR || want_errno != 0;
}

static __attribute__((constructor)) void
set_up(void)
{
	const char *path = getenv("PO_FAULT_STATE");
	const char *at = getenv("PO_FAULT_AT");
	const char *after = getenv("PO_FAULT_AFTER");
	void *frames[FRAMES];
	char how[12];
	int fd;

	if (path == NULL)
		return;
	busy = true;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd == -1 ||
	    (state = mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE,
	         MAP_SHARED, fd, 0)) == MAP_FAILED) {
		perror(path);
		_exit(99);
	}
	(void)close(fd);
	wanted = at != NULL;
	if (wanted && (sscanf(at, "%11[^:]:%x:%u:%11s", want_call, &want_site,
	                   &want_n, how) != 4 ||
	                  !read_how(how))) {
		(void)fprintf(stderr, "PO_FAULT_AT=%s: not understood\n", at);
		_exit(99);
	}
	if (after != NULL &&
	    sscanf(after, "%11[^:]:%x", after_call, &after_site) != 2) {
		(void)fprintf(stderr, "PO_FAULT_AFTER=%s: what?\n", after);
		_exit(99);
	}
	want_all = getenv("PO_FAULT_ALL") != NULL;
	(void)backtrace(frames, FRAMES); /* loads what it needs */
	busy = false;
}

/* ------------------------------------------------------------ where are we */

/* Two frames are ours. */
static uint32_t
site_of(void **frames, int n)
{
	uint32_t site = 2166136261u;
	const char *name;
	uintptr_t offset;
	Dl_info info;
	size_t k;
	int i;

	for (i = 2; i < n; i++) {
		if (dladdr(frames[i], &info) == 0 || info.dli_fname == NULL)
			break;
		name = strrchr(info.dli_fname, '/');
		name = name == NULL ? info.dli_fname : name + 1;
		offset = (uintptr_t)frames[i] - (uintptr_t)info.dli_fbase;
		for (k = 0; name[k] != '\0'; k++)
			site = (site ^ (unsigned char)name[k]) * 16777619u;
		for (k = 0; k < sizeof(offset); k++)
			site = (site ^ (offset >> 8 * k & 0xff)) * 16777619u;
	}
	return site;
}

static void
leave_frames(void **frames, int n)
{
	size_t at = 0;
	Dl_info info;
	int i, len;

	for (i = 2; i < n; i++) {
		if (dladdr(frames[i], &info) == 0)
			continue;
		len = snprintf(state->frames + at, sizeof(state->frames) - at,
		    "%s+0x%zx\n", info.dli_fname,
		    (size_t)frames[i] - (size_t)info.dli_fbase);
		if (len < 0 || (size_t)len >= sizeof(state->frames) - at)
			break;
		at += (size_t)len;
	}
	state->frames[at] = '\0';
}

/* Whether this is the first call from there. */
static bool
is_new(uint32_t site)
{
	uint32_t i, found;

	for (i = 0; i < SEEN; i++) {
		found = 0;
		if (atomic_compare_exchange_strong(&state->seen[(site + i) %
		                                                SEEN],
		        &found, site))
			return true;
		if (found == site)
			return false;
	}
	return false;
}

static void
leave_place(const char *call, uint32_t site)
{
	void *frames[ALL_FRAMES];
	char line[8192];
	uint32_t len, at;
	Dl_info info;
	int i, n;

	n = backtrace(frames, ALL_FRAMES);
	len = (uint32_t)snprintf(line, sizeof(line), "%s %x", call, site);
	for (i = 0; i < n && len < sizeof(line) - 400; i++)
		if (dladdr(frames[i], &info) != 0)
			len += (uint32_t)snprintf(line + len, 400,
			    " %.300s+0x%zx", info.dli_fname,
			    (size_t)frames[i] - (size_t)info.dli_fbase);
	line[len++] = '\n';
	at = atomic_fetch_add(&state->places_len, len);
	if (at + len < sizeof(state->places))
		memcpy(state->places + at, line, len);
}

static void
record(const char *call, uint32_t site)
{
	uint32_t i = atomic_fetch_add(&state->calls, 1);

	if (strstr(call, "alloc") == NULL && is_new(site))
		leave_place(call, site);
	if (i >= RECORDS)
		return;
	(void)snprintf(state->records[i].call, sizeof(state->records[i].call),
	    "%s", call);
	state->records[i].site = site;
}

/* A process in a sandbox may send signals to its own threads alone. */
static void
end_here(void)
{
	(void)syscall(SYS_tgkill, getpid(), gettid(), SIGKILL);
}

/* Has what is to come first been? */
static bool
is_armed(const char *call, uint32_t site)
{
	if (after_call[0] == '\0' || state->armed)
		return true;
	if (site == after_site && strcmp(call, after_call) == 0)
		state->armed = 1;
	return false;
}

static bool
concerns(const char *call)
{
	return !wanted || strcmp(call, want_call) == 0 ||
	       strcmp(call, after_call) == 0;
}

/* Is it this call's turn? */
static __attribute__((noinline)) bool
fires(const char *call)
{
	void *frames[24];
	bool yes = false;
	uint32_t site;
	int n;

	if (state == NULL || busy)
		return false;
	if (want_all && state->fired)
		end_here();
	if (!concerns(call))
		return false;
	busy = true;
	n = backtrace(frames, FRAMES + 2);
	site = site_of(frames, n);
	if (!wanted)
		record(call, site);
	else if (is_armed(call, site) && site == want_site &&
	         strcmp(call, want_call) == 0)
		yes = atomic_fetch_add(&state->met, 1) + 1 == want_n;
	if (yes) {
		state->fired = 1;
		leave_frames(frames, backtrace(frames, 24));
	}
	if (yes && want_how == HOW_KILL)
		end_here();
	busy = false;
	if (yes && want_how == HOW_ERROR)
		errno = want_errno;
	return yes;
}

/* ------------------------------------------------------------------- calls */

#define REAL(call)                                                             \
	static __typeof__(call) *real;                                         \
	if (real == NULL)                                                      \
	real = (__typeof__(call) *)dlsym(RTLD_NEXT, #call)

/* A call that fails as a whole. */
#define FAILS(name, result, failed, declared, passed)                          \
	result name declared                                                   \
	{                                                                      \
		REAL(name);                                                    \
		return fires(#name) ? (result)(failed) : real passed;          \
	}

/* A call that moves bytes, and may move half of them. */
#define MOVES(name, declared, passed, half)                                    \
	ssize_t name declared                                                  \
	{                                                                      \
		REAL(name);                                                    \
		if (!fires(#name))                                             \
			return real passed;                                    \
		if (want_how == HOW_ERROR)                                     \
			return -1;                                             \
		if (want_how != HOW_LATE)                                      \
			len = len > 1 ? len / 2 : len;                         \
		if (want_how != HOW_SHORT) {                                   \
			(void)half;                                            \
			end_here();                                            \
		}                                                              \
		return half;                                                   \
	}

MOVES(write, (int fd, const void *p, size_t len), (fd, p, len),
    real(fd, p, len))
MOVES(pwrite, (int fd, const void *p, size_t len, off_t at), (fd, p, len, at),
    real(fd, p, len, at))
MOVES(send, (int fd, const void *p, size_t len, int flags), (fd, p, len, flags),
    real(fd, p, len, flags))
MOVES(read, (int fd, void *p, size_t len), (fd, p, len), real(fd, p, len))
MOVES(pread, (int fd, void *p, size_t len, off_t at), (fd, p, len, at),
    real(fd, p, len, at))

ssize_t
writev(int fd, const struct iovec *v, int n)
{
	REAL(writev);
	ssize_t done;

	if (!fires("writev"))
		return real(fd, v, n);
	if (want_how == HOW_ERROR)
		return -1;
	done = real(fd, v, n > 1 ? n / 2 : n);
	if (want_how == HOW_TEAR)
		end_here();
	return done;
}

FAILS(fsync, int, -1, (int fd), (fd))
FAILS(fdatasync, int, -1, (int fd), (fd))
FAILS(syncfs, int, -1, (int fd), (fd))
FAILS(msync, int, -1, (void *p, size_t len, int flags), (p, len, flags))
FAILS(ftruncate, int, -1, (int fd, off_t len), (fd, len))
FAILS(fchmod, int, -1, (int fd, mode_t mode), (fd, mode))
FAILS(mkdirat, int, -1, (int fd, const char *path, mode_t mode),
    (fd, path, mode))
FAILS(renameat, int, -1, (int from, const char *old, int to, const char *new),
    (from, old, to, new))
FAILS(renameat2, int, -1,
    (int from, const char *old, int to, const char *new, unsigned flags),
    (from, old, to, new, flags))
FAILS(linkat, int, -1,
    (int from, const char *old, int to, const char *new, int flags),
    (from, old, to, new, flags))
FAILS(unlinkat, int, -1, (int fd, const char *path, int flags),
    (fd, path, flags))
FAILS(mmap, void *, MAP_FAILED,
    (void *p, size_t len, int prot, int flags, int fd, off_t at),
    (p, len, prot, flags, fd, at))
FAILS(fork, pid_t, -1, (void), ())
FAILS(socketpair, int, -1, (int family, int type, int protocol, int fds[2]),
    (family, type, protocol, fds))
FAILS(pipe2, int, -1, (int fds[2], int flags), (fds, flags))
FAILS(sendmsg, ssize_t, -1, (int fd, const struct msghdr *m, int flags),
    (fd, m, flags))
FAILS(recvmsg, ssize_t, -1, (int fd, struct msghdr *m, int flags),
    (fd, m, flags))

int
openat(int dir, const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	if (fires("openat"))
		return -1;
	return (int)syscall(SYS_openat, dir, path, flags, mode);
}

int
open(const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	if (fires("open"))
		return -1;
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* openat2(2) has no function in the C library. */
long
syscall(long number, ...)
{
	REAL(syscall);
	long a[6];
	va_list ap;
	int i;

	va_start(ap, number);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (number == SYS_openat2 && fires("openat2"))
		return -1;
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

void *
malloc(size_t len)
{
	return fires("malloc") ? NULL : __libc_malloc(len);
}

void *
calloc(size_t n, size_t len)
{
	return fires("calloc") ? NULL : __libc_calloc(n, len);
}

void *
realloc(void *p, size_t len)
{
	return fires("realloc") ? NULL : __libc_realloc(p, len);
}
