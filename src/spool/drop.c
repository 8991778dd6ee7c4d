/* SPDX-License-Identifier: ISC */
/*
 * The file has no name until it is complete: O_TMPFILE, then link(2) through
 * /proc/self/fd. Where either is missing it is made as "t.RANDOM" and renamed.
 * The one fsync comes after the link, because it is the fsync of the file that
 * makes the new name durable too (measured on ext4, XFS and btrfs; a submitter
 * cannot open a folder of mode 3733 to sync that). A file that could not be
 * synced is never synced again: its name is removed.
 */
#include "spool/drop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "spool/writer.h"
#include "util/fd.h"
#include "util/xalloc.h"

#define LOOK_AGAIN_BYTES (1u << 20) /* look at the free space this often */
#define MIN_FREE_INODES 100u
#define MODE_SYSTEM 03733u
#define MODE_OWN 0700u

const struct conf_option drop_options[] = {
	{ "spool", CONF_STRING, offsetof(struct drop_conf, spool),
	    PO_LOCALSTATEDIR "/spool/po", 0, 0, "folder of the spool", NULL },
	{ "min_free", CONF_SIZE, offsetof(struct drop_conf, min_free), "64M", 0,
	    0, "free space below which no mail is accepted", NULL },
	{ NULL, CONF_INT, 0, NULL, 0, 0, NULL, NULL },
};

struct drop_names {
	int fd; /* of one of them */
	size_t n;
	char name[DROP_GROUP_MAX][QUEUE_ID_LEN + 3];
};

struct drop {
	char *path;
	int dirfd; /* O_PATH: a submitter may not read the folder */
	bool own;
	int64_t min_free;

	int fd; /* of the file that was begun, or -1 */
	char name[QUEUE_ID_LEN + 3];
	char temp[35]; /* "t." and 32 digits, or "" for an unnamed file */
	struct drop_names *group;  /* published, not synced; NULL: each is */
	uint64_t looked_at;        /* of its bytes, when the free space was */
	struct file_writer writer; /* last: its buffer is not cleared */
};

static const char remedy_system[] = "run \"po-queue --setup\" as root";
static const char remedy_own[] =
    "run \"po-queue --setup\" as root, or \"po-queue --setup --user\" for a "
    "spool of your own";

/* ------------------------------------------------------------ the folder */

static int
look_at_space(struct drop *d, struct po_err *err)
{
	struct statvfs v;
	uint64_t left;

	if (fstatvfs(d->dirfd, &v) == -1)
		return po_fail_sys(err, PO_ETEMP, "%s: free space", d->path);
	left = (uint64_t)v.f_bavail * v.f_frsize;
	if (left < (uint64_t)d->min_free)
		return po_fail(err, PO_EFULL,
		    "%s: %llu bytes are free, less than min_free (%lld); "
		    "make room",
		    d->path, (unsigned long long)left, (long long)d->min_free);
	if (v.f_files > 0 && v.f_favail < MIN_FREE_INODES)
		return po_fail(err, PO_EFULL,
		    "%s: only %llu inodes are free; make room", d->path,
		    (unsigned long long)v.f_favail);
	return 0;
}

static int
check_mode(struct drop *d, struct po_err *err)
{
	struct stat st;
	unsigned mode;

	if (fstat(d->dirfd, &st) == -1)
		return po_fail_sys(err, PO_ETEMP, "%s", d->path);
	mode = st.st_mode & 07777;
	d->own = mode == MODE_OWN && st.st_uid == geteuid();
	if (d->own || mode == MODE_SYSTEM)
		return 0;
	return po_fail(err, PO_ETEMP,
	    "%s: mode %04o of uid %lu, but uid %lu needs 3733 (or 0700 and "
	    "its own); %s",
	    d->path, mode, (unsigned long)st.st_uid, (unsigned long)geteuid(),
	    remedy_system);
}

int
drop_check_path(const char *spool, struct po_err *err)
{
	if (spool[0] == '/')
		return 0;
	return po_fail(err, PO_ECONFIG,
	    "spool \"%s\" is no absolute path: it would be another folder for "
	    "each caller",
	    spool);
}

int
drop_open(const struct drop_conf *conf, struct drop **out, struct po_err *err)
{
	struct drop *d = xmalloc(sizeof(*d));
	size_t len = strlen(conf->spool) + sizeof("/drop");

	memset(d, 0, offsetof(struct drop, writer.buffer));
	d->fd = d->dirfd = -1;
	if (drop_check_path(conf->spool, err) == -1)
		goto fail;
	d->min_free = conf->min_free;
	d->path = xcalloc(1, len);
	(void)snprintf(d->path, len, "%s/drop", conf->spool);
	d->dirfd = open(d->path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (d->dirfd == -1) {
		(void)po_fail_sys(err, PO_ETEMP, "uid %lu cannot open %s (%s)",
		    (unsigned long)geteuid(), d->path, remedy_own);
		goto fail;
	}
	if (check_mode(d, err) == -1 || look_at_space(d, err) == -1)
		goto fail;
	*out = d;
	return 0;
fail:
	drop_close(d);
	return -1;
}

/* ------------------------------------------------------------ the file */

static int
open_named(struct drop *d, struct po_err *err)
{
	unsigned char r[16];
	size_t i;

	if (getrandom(r, sizeof(r), 0) != sizeof(r))
		return po_fail_sys(err, PO_EOS, "random bytes for a name");
	(void)snprintf(d->temp, sizeof(d->temp), "t.");
	for (i = 0; i < sizeof(r); i++)
		(void)snprintf(d->temp + 2 + 2 * i, 3, "%02x", r[i]);
	d->fd = openat(d->dirfd, d->temp,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (d->fd == -1) {
		d->temp[0] = '\0';
		return po_fail_sys(err, PO_ETEMP,
		    "uid %lu cannot write to %s (%s)", (unsigned long)geteuid(),
		    d->path, remedy_system);
	}
	return 0;
}

static int
open_file(struct drop *d, struct po_err *err)
{
	d->temp[0] = '\0';
	if (access("/proc/self/fd", X_OK) == 0) {
		d->fd = openat(d->dirfd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC,
		    0600);
		if (d->fd != -1)
			return 0;
	}
	return open_named(d, err);
}

int
drop_begin(struct drop *d, const struct envelope *env, struct po_err *err)
{
	drop_discard(d);
	(void)snprintf(d->name, sizeof(d->name), "n.%s", env->id.text);
	d->looked_at = 0;
	if (open_file(d, err) == -1)
		return -1;
	if (writer_begin(&d->writer, d->fd, d->path, env, err) == 0)
		return 0;
	drop_discard(d);
	return -1;
}

/* ------------------------------------------------------------ the content */

static int
take_content(void *ctx, const void *p, size_t len, struct po_err *err)
{
	struct drop *d = ctx;

	if (d->fd == -1)
		return po_fail(err, PO_EBUG, "content, but no message begun");
	if (d->writer.flushed - d->looked_at >= LOOK_AGAIN_BYTES) {
		d->looked_at = d->writer.flushed;
		if (look_at_space(d, err) == -1)
			return -1;
	}
	return writer_content(&d->writer, p, len, err);
}

struct sink
drop_sink(struct drop *d)
{
	return (struct sink){ take_content, d };
}

/* ------------------------------------------------------------ the name */

static int
give_name(struct drop *d)
{
	char self[32];

	if (d->temp[0] != '\0') {
		/* By number: not every C library has it by name. */
		if (syscall(SYS_renameat2, d->dirfd, d->temp, d->dirfd, d->name,
		        RENAME_NOREPLACE) == 0) {
			d->temp[0] = '\0';
			return 0;
		}
		if (errno != EINVAL && errno != ENOSYS)
			return -1;
		/* The temporary name goes with drop_discard(). */
		return linkat(d->dirfd, d->temp, d->dirfd, d->name, 0);
	}
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", d->fd);
	return linkat(AT_FDCWD, self, d->dirfd, d->name, AT_SYMLINK_FOLLOW);
}

/*
 * The name is out, the sync failed. Gone already means that the runner has
 * taken it, and the runner syncs what it takes: accepted.
 */
static int
take_back(struct drop *d, struct po_err *err)
{
	int sys = errno;

	if (unlinkat(d->dirfd, d->name, 0) == -1 && errno == ENOENT)
		return 0;
	errno = sys;
	return po_fail_sys(err, PO_EIO, "sync %s/%s", d->path, d->name);
}

/* Remember it for drop_sync(). */
static int
join_group(struct drop *d, struct po_err *err)
{
	struct drop_names *g = d->group;

	if (g->n == DROP_GROUP_MAX && drop_sync(d, err) == -1)
		return take_back(d, err);
	if (g->fd == -1)
		g->fd = fcntl(d->fd, F_DUPFD_CLOEXEC, 0);
	if (g->fd == -1)
		return take_back(d, err);
	memcpy(g->name[g->n++], d->name, sizeof(d->name));
	return 0;
}

static int
finish(struct drop *d, struct po_err *err)
{
	if (writer_end(&d->writer, err) == -1)
		return -1;
	if (fchmod(d->fd, d->own ? 0600 : 0640) == -1)
		return po_fail_sys(err, PO_EIO, "set the mode of a file in %s",
		    d->path);
	if (give_name(d) == -1)
		return po_fail_sys(err, PO_EIO, "name %s/%s", d->path, d->name);
	if (d->group != NULL)
		return join_group(d, err);
	return fsync(d->fd) == -1 ? take_back(d, err) : 0;
}

int
drop_group(struct drop *d, struct po_err *err)
{
	if (d->group != NULL)
		return 0;
	d->group = calloc(1, sizeof(*d->group));
	if (d->group == NULL)
		return po_fail(err, PO_EOS, "no memory for a batch");
	d->group->fd = -1;
	return 0;
}

int
drop_sync(struct drop *d, struct po_err *err)
{
	struct drop_names *g = d->group;
	size_t i;
	int rc = 0;

	if (g == NULL || g->n == 0)
		return 0;
	if (syncfs(g->fd) == -1) {
		rc = po_fail_sys(err, PO_EIO, "sync %s", d->path);
		for (i = 0; i < g->n; i++)
			(void)unlinkat(d->dirfd, g->name[i], 0);
	}
	fd_close(&g->fd);
	g->n = 0;
	return rc;
}

int
drop_publish(struct drop *d, struct po_err *err)
{
	int rc;

	if (d->fd == -1)
		return po_fail(err, PO_EBUG, "publish, but no message begun");
	rc = finish(d, err);
	drop_discard(d);
	return rc;
}

void
drop_discard(struct drop *d)
{
	if (d->temp[0] != '\0')
		(void)unlinkat(d->dirfd, d->temp, 0);
	d->temp[0] = '\0';
	fd_close(&d->fd);
}

void
drop_close(struct drop *d)
{
	if (d == NULL)
		return;
	drop_discard(d);
	if (d->group != NULL)
		fd_close(&d->group->fd);
	free(d->group);
	fd_close(&d->dirfd);
	free(d->path);
	free(d);
}
