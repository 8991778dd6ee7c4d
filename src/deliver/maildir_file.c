/* SPDX-License-Identifier: ISC */
#include "deliver/maildir_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deliver/content.h"
#include "util/fd.h"
#include "util/wallclock.h"

#define NAME_MAX_BYTES 256u

mode_t
maildir_folder_mode(mode_t mode)
{
	return mode | (mode & 0440) >> 2;
}

/* The umask does not count. A set-group-id bit, which a folder has from the one
 * above it, stays. */
static int
set_mode(int fd, mode_t mode)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	return fchmod(fd, mode | (st.st_mode & S_ISGID));
}

/* The name of a new folder is in the one above it. */
static int
sync_above(int fd)
{
	int above = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = above == -1 ? -1 : fsync(above);

	fd_close(&above);
	return rc;
}

int
maildir_make_folder(int at, const char *name, mode_t mode, struct po_err *err)
{
	bool made = mkdirat(at, name, 0700) == 0;
	int fd;

	if (!made && errno != EEXIST)
		return po_fail_sys(err, PO_ECREATE, "maildir: mkdir %s", name);
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return po_fail_sys(err, PO_EIO, "maildir: open %s", name);
	if (made && (set_mode(fd, mode) == -1 || sync_above(fd) == -1)) {
		(void)po_fail_sys(err, PO_EIO, "maildir: mkdir %s", name);
		fd_close(&fd);
	}
	return fd;
}

int
maildir_open(struct maildir *d, int top, struct po_err *err)
{
	mode_t mode = maildir_folder_mode(d->mode);
	int cur = -1;

	d->new = -1;
	d->tmp = maildir_make_folder(top, "tmp", mode, err);
	if (d->tmp != -1)
		cur = maildir_make_folder(top, "cur", mode, err);
	if (cur != -1)
		d->new = maildir_make_folder(top, "new", mode, err);
	fd_close(&cur);
	if (d->new != -1)
		return 0;
	maildir_close(d);
	return -1;
}

void
maildir_close(struct maildir *d)
{
	fd_close(&d->tmp);
	fd_close(&d->new);
}

static int
copy_content(struct maildir *d, const struct deliver_message *m, int to,
    struct po_err *err)
{
	uint64_t left = m->length;
	off_t at = m->at;
	size_t n;

	while (left > 0) {
		n = left < CONTENT_BLOCK_BYTES ? (size_t)left
		                               : CONTENT_BLOCK_BYTES;
		if (fd_pread_all(m->fd, d->block, n, at, "message", err) ==
		        -1 ||
		    fd_write_all(to, d->block, n, "maildir", err) == -1)
			return -1;
		at += (off_t)n;
		left -= n;
	}
	return 0;
}

/* Unique as Maildir wants it: time, process and a count; then the size, which
 * readers need not ask for (Maildir++). */
static void
make_name(struct maildir *d, uint64_t size, char *name, size_t max)
{
	int64_t now = wallclock_now_ms();

	(void)snprintf(name, max,
	    "%" PRId64 ".M%dP%dQ%" PRIu64 ".%.150s,S=%" PRIu64, now / 1000,
	    (int)(now % 1000) * 1000, (int)getpid(), ++d->count,
	    d->host[0] == '\0' ? "localhost" : d->host, size);
	for (; *name != '\0'; name++)
		if (*name == '/' || *name == ':')
			*name = '_';
}

/* A file of a name that nobody has. */
static int
create(struct maildir *d, uint64_t size, char *name, size_t max,
    struct po_err *err)
{
	int fd;

	do {
		make_name(d, size, name, max);
		fd = openat(d->tmp, name,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	} while (fd == -1 && errno == EEXIST);
	return fd == -1 ? po_fail_sys(err, PO_ECREATE, "maildir: tmp/%s", name) : fd;
}

int
maildir_put(struct maildir *d, const struct deliver_message *m,
    struct span head, struct po_err *err)
{
	char name[NAME_MAX_BYTES];
	int fd, rc = -1;

	fd = create(d, head.len + m->length, name, sizeof(name), err);
	if (fd == -1)
		return -1;
	if (fd_write_all(fd, head.p, head.len, "maildir", err) == -1 ||
	    copy_content(d, m, fd, err) == -1)
		goto out;
	if (fchmod(fd, d->mode) == -1 || fsync(fd) == -1) {
		(void)po_fail_sys(err, PO_EIO, "maildir: fsync tmp/%s", name);
		goto out;
	}
	if (linkat(d->tmp, name, d->new, name, 0) == -1) {
		(void)po_fail_sys(err, PO_EIO, "maildir: link new/%s", name);
		goto out;
	}
	rc = 0;
out:
	(void)unlinkat(d->tmp, name, 0);
	fd_close(&fd);
	return rc;
}

int
maildir_sync(const struct maildir *d, struct po_err *err)
{
	return fsync(d->new) == 0 ? 0 : po_fail_sys(err, PO_EIO, "maildir: fsync new");
}

bool
maildir_judge(const struct po_err *err, struct delivery *d)
{
	bool quota = err->sys == EDQUOT;

	delivery_set(d, DELIVERY_DEFERRED, PHASE_LOCAL,
	    quota                   ? "4.2.2"
	    : err->code == PO_EFULL ? "4.3.1"
	                            : "4.3.0",
	    "%s", err->text);
	return !quota;
}
