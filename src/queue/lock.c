/* SPDX-License-Identifier: ISC */
/*
 * The text is one line "po-lock 1 pid=.. start=.. since=.. boot=.. pidns=..
 * host=.. mode=.. end=open|clean crc", written whole by one pwrite and checked
 * by CRC-32C, so that garbage or a torn write reads as "unknown", never as a
 * number to act upon. No process is ever signalled by a number read here.
 */
#include "queue/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util/crc32c.h"
#include "util/fd.h"
#include "util/parse_num.h"
#include "util/wallclock.h"

#define LOCK_NAME "po-queue.lock"
#define TEXT_BYTES 512
#define SILENT_S (3 * LOCK_HEARTBEAT_S)

static ssize_t
read_small(const char *path, char *out, size_t max)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd == -1)
		return -1;
	n = read(fd, out, max - 1);
	(void)close(fd);
	if (n >= 0)
		out[n] = '\0';
	return n;
}

void
lock_boot_id(char out[40])
{
	ssize_t n = read_small("/proc/sys/kernel/random/boot_id", out, 40);

	if (n <= 0)
		out[0] = '\0';
	else if (out[n - 1] == '\n')
		out[n - 1] = '\0';
}

/* State letter and start time of a process; false when it is gone. Fields are
 * counted behind the last ')'. */
static bool
process_look(pid_t pid, char *state, uint64_t *start)
{
	char path[32], text[1024];
	struct span rest, field;
	const char *at;
	unsigned n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (read_small(path, text, sizeof(text)) <= 0)
		return false;
	at = strrchr(text, ')');
	if (at == NULL || at[1] != ' ')
		return false;
	rest = span_of(at + 2);
	*state = at[2];
	for (n = 3; n < 22; n++)
		(void)span_cut(&rest, ' ');
	field = span_cut(&rest, ' ');
	return parse_u64(field, 0, UINT64_MAX, start);
}

static uint64_t
own_pidns(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == -1 ? 0 : (uint64_t)st.st_ino;
}

static void
record_self(struct lock_record *r, const char *mode)
{
	char state;

	memset(r, 0, sizeof(*r));
	r->pid = getpid();
	if (!process_look(r->pid, &state, &r->start))
		r->start = 0;
	r->since = wallclock_now();
	lock_boot_id(r->boot);
	r->pidns = own_pidns();
	if (gethostname(r->host, sizeof(r->host) - 1) == -1)
		r->host[0] = '\0';
	(void)snprintf(r->mode, sizeof(r->mode), "%s", mode);
}

static int
record_write(int fd, const struct lock_record *r, struct po_err *err)
{
	char text[TEXT_BYTES + 1];
	int n;

	n = snprintf(text, sizeof(text),
	    "po-lock 1 pid=%d start=%" PRIu64 " since=%" PRId64
	    " boot=%s pidns=%" PRIu64 " host=%s mode=%s end=%s ",
	    (int)r->pid, r->start, r->since, r->boot, r->pidns, r->host,
	    r->mode, r->clean ? "clean" : "open");
	if (n < 0 || n > TEXT_BYTES - 16)
		return po_fail(err, PO_EBUG, "lock record too long");
	(void)snprintf(text + n, sizeof(text) - (size_t)n, "crc=%08" PRIx32,
	    crc32c(0, text, (size_t)n));
	n += 12;
	memset(text + n, ' ', TEXT_BYTES - (size_t)n);
	text[TEXT_BYTES - 1] = '\n';
	return fd_pwrite_all(fd, text, TEXT_BYTES, 0, "run/" LOCK_NAME, err);
}

static void
copy_value(struct span v, char *out, size_t max)
{
	if (v.len >= max)
		v.len = max - 1;
	memcpy(out, v.p, v.len);
	out[v.len] = '\0';
}

static bool
record_field(struct lock_record *r, struct span name, struct span v)
{
	uint64_t n = 0;

	if (span_eq(name, SPAN_LIT("pid"))) {
		if (!parse_u64(v, 1, INT32_MAX, &n))
			return false;
		r->pid = (pid_t)n;
		return true;
	}
	if (span_eq(name, SPAN_LIT("start")))
		return parse_u64(v, 0, UINT64_MAX, &r->start);
	if (span_eq(name, SPAN_LIT("since")))
		return parse_i64(v, 0, INT64_MAX, &r->since);
	if (span_eq(name, SPAN_LIT("pidns")))
		return parse_u64(v, 0, UINT64_MAX, &r->pidns);
	if (span_eq(name, SPAN_LIT("boot")))
		copy_value(v, r->boot, sizeof(r->boot));
	else if (span_eq(name, SPAN_LIT("host")))
		copy_value(v, r->host, sizeof(r->host));
	else if (span_eq(name, SPAN_LIT("mode")))
		copy_value(v, r->mode, sizeof(r->mode));
	else if (span_eq(name, SPAN_LIT("end")))
		r->clean = span_eq(v, SPAN_LIT("clean"));
	return true;
}

/* True when the file holds a whole record. */
static bool
record_read(int fd, struct lock_record *r)
{
	char text[TEXT_BYTES + 1];
	struct span rest, word, name;
	struct stat st;
	const char *crc_at;
	uint64_t crc;

	memset(r, 0, sizeof(*r));
	if (fstat(fd, &st) == -1 ||
	    pread(fd, text, TEXT_BYTES, 0) != TEXT_BYTES)
		return false;
	text[TEXT_BYTES] = '\0';
	crc_at = strstr(text, " crc=");
	if (strncmp(text, "po-lock 1 ", 10) != 0 || crc_at == NULL ||
	    !parse_hex64((struct span){ crc_at + 5, 8 }, UINT32_MAX, &crc) ||
	    crc != crc32c(0, text, (size_t)(crc_at + 1 - text)))
		return false;
	rest = (struct span){ text + 10, (size_t)(crc_at - text) - 10 };
	while (rest.len > 0) {
		word = span_cut(&rest, ' ');
		name = span_cut(&word, '=');
		if (!record_field(r, name, word))
			return false;
	}
	r->heartbeat = (int64_t)st.st_mtime;
	return r->pid != 0;
}

static enum lock_holder
judge(const struct lock_record *r)
{
	struct lock_record self;
	uint64_t start;
	char state;

	record_self(&self, "");
	if (strcmp(r->boot, self.boot) != 0 ||
	    strcmp(r->host, self.host) != 0 || r->pidns != self.pidns)
		return HOLDER_REMOTE;
	if (!process_look(r->pid, &state, &start))
		return HOLDER_DEAD;
	if (start != r->start)
		return HOLDER_RECYCLED;
	if (state == 'Z' || state == 'X')
		return HOLDER_ZOMBIE;
	if (state == 'T' || state == 't')
		return HOLDER_STOPPED;
	return self.since - r->heartbeat > SILENT_S ? HOLDER_SILENT
	                                            : HOLDER_LIVE;
}

static void
describe(enum lock_holder holder, const struct lock_record *r, char *text,
    size_t max)
{
	static const char *const what[] = {
		[HOLDER_NONE] = "free",
		[HOLDER_LIVE] = "alive",
		[HOLDER_SILENT] = "alive but silent",
		[HOLDER_STOPPED] = "stopped by a signal",
		[HOLDER_ZOMBIE] = "a zombie (dead, not reaped); its children "
		                  "still hold the lock",
		[HOLDER_RECYCLED] = "dead, its pid was reused; its children "
		                    "still hold the lock",
		[HOLDER_DEAD] = "dead; its children still hold the lock",
		[HOLDER_REMOTE] = "in another boot, host or pid namespace",
	};
	char since[32] = "?";
	time_t t = (time_t)r->since;
	struct tm tm;

	if (holder == HOLDER_UNKNOWN) {
		(void)snprintf(text, max,
		    "another process has the run lock; its record is not "
		    "readable");
		return;
	}
	if (gmtime_r(&t, &tm) != NULL)
		(void)strftime(since, sizeof(since), "%Y-%m-%dT%H:%M:%SZ", &tm);
	(void)snprintf(text, max,
	    "another runner has the lock: pid %d (%s) on %s since %s, %s; last "
	    "sign of life %" PRId64 " s ago",
	    (int)r->pid, r->mode, r->host, since, what[holder],
	    wallclock_now() - r->heartbeat);
}

/* The folder's path is known to /proc alone. */
static int
fail_at(int run_dirfd, const char *what, struct po_err *err)
{
	int sys = errno;
	char self[32], folder[400];
	ssize_t n;

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", run_dirfd);
	n = readlink(self, folder, sizeof(folder) - 1);
	if (n <= 0)
		n = snprintf(folder, sizeof(folder), "run");
	folder[n] = '\0';
	errno = sys;
	return po_fail_sys(err, PO_EIO, "%s %s/" LOCK_NAME, what, folder);
}

/* Open the file and try the lock on it: 1 got, 0 busy, -1. An unlinked file
 * (somebody's mistake) is opened again. */
static int
open_and_try(int run_dirfd, int *out, struct po_err *err)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat mine, there;
	int fd, tries;

	for (tries = 0; tries < 100; tries++) {
		fd = openat(run_dirfd, LOCK_NAME,
		    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd == -1)
			return fail_at(run_dirfd, "open", err);
		*out = fd;
		if (fcntl(fd, F_OFD_SETLK, &fl) == -1) {
			if (errno == EAGAIN || errno == EACCES)
				return 0;
			(void)po_fail_sys(err, PO_EIO,
			    "lock run/" LOCK_NAME
			    " (the spool must be on a local file system)");
			fd_close(out);
			return -1;
		}
		if (fstat(fd, &mine) == 0 &&
		    fstatat(run_dirfd, LOCK_NAME, &there,
		        AT_SYMLINK_NOFOLLOW) == 0 &&
		    mine.st_ino == there.st_ino && mine.st_dev == there.st_dev)
			return 1;
		fd_close(out);
	}
	return po_fail(err, PO_EIO,
	    "run/" LOCK_NAME " is being replaced all the time");
}

static void
judge_busy(int fd, enum lock_holder *holder, struct lock_record *record,
    char *text, size_t max)
{
	*holder = record_read(fd, record) ? judge(record) : HOLDER_UNKNOWN;
	describe(*holder, record, text, max);
}

int
lock_take(int run_dirfd, const char *mode, struct run_lock *lock,
    enum lock_holder *holder, struct lock_record *record, char *text,
    size_t max, struct po_err *err)
{
	struct lock_record self;
	int got;

	*lock = (struct run_lock){ .fd = -1 };
	*holder = HOLDER_NONE;
	text[0] = '\0';
	got = open_and_try(run_dirfd, &lock->fd, err);
	if (got == -1)
		return -1;
	if (got == 0) {
		judge_busy(lock->fd, holder, record, text, max);
		fd_close(&lock->fd);
		return 0;
	}
	if (!record_read(lock->fd, &lock->before))
		lock->before.pid = 0;
	record_self(&self, mode);
	if (record_write(lock->fd, &self, NULL) == -1 ||
	    ftruncate(lock->fd, TEXT_BYTES) == -1) {
		(void)fail_at(run_dirfd, "write", err);
		fd_close(&lock->fd);
		return -1;
	}
	return 1;
}

int
lock_look(int run_dirfd, enum lock_holder *holder, struct lock_record *record,
    char *text, size_t max, struct po_err *err)
{
	int fd, got;

	*holder = HOLDER_NONE;
	text[0] = '\0';
	memset(record, 0, sizeof(*record));
	got = open_and_try(run_dirfd, &fd, err);
	if (got == 0)
		judge_busy(fd, holder, record, text, max);
	if (got != -1)
		(void)close(fd);
	return got;
}

void
lock_heartbeat(const struct run_lock *lock)
{
	(void)futimens(lock->fd, NULL);
}

void
lock_end(struct run_lock *lock)
{
	struct lock_record r;

	if (lock->fd == -1)
		return;
	if (record_read(lock->fd, &r)) {
		r.clean = true;
		(void)record_write(lock->fd, &r, NULL);
	}
	fd_close(&lock->fd);
}
