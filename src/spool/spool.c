/* SPDX-License-Identifier: ISC */
/*
 * The owner of queue/ is the owner of the spool; where the top folder is his
 * too, it is an own spool, else the system's. Every entry is checked at each
 * open: a folder with another mode or owner is somebody's mistake, and guessing
 * around it would lose mail or show it to others.
 */
#include "spool/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/drop.h"
#include "spool/layout.h"
#include "util/fd.h"
#include "util/xalloc.h"

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

struct id_path {
	char text[QUEUE_ID_LEN + 4]; /* "xx/ID" */
};

static struct id_path
path_of(const struct queue_id *id)
{
	struct id_path p;

	queue_id_folder(id, p.text);
	p.text[2] = '/';
	memcpy(p.text + 3, id->text, QUEUE_ID_LEN + 1);
	return p;
}

/* ------------------------------------------------------------ open */

static int *
descriptor(struct spool *s, const struct layout_entry *e)
{
	return (int *)(void *)((char *)s + e->fd_at);
}

static void
forget(struct spool *s)
{
	const struct layout_entry *e;

	*s = (struct spool){ .dirfd = -1 };
	for (e = layout_entries; e->name != NULL; e++)
		if (e->fd_at != 0)
			*descriptor(s, e) = -1;
}

/* Who owns the spool whose top folder is open, and which profile it has. */
static int
owner_of(int top, const char *path, struct stat *st, bool *own,
    struct po_err *err)
{
	struct stat above;

	if (fstat(top, &above) == -1 ||
	    fstatat(top, "queue", st, AT_SYMLINK_NOFOLLOW) == -1) {
		if (errno == EACCES)
			return po_fail(err, PO_EPERM,
			    "%s: only root and the spool's owner may do this, "
			    "not uid %lu",
			    path, (unsigned long)geteuid());
		return po_fail_sys(err, PO_ECONFIG,
		    "%s is no spool (run \"po-queue --setup\")", path);
	}
	*own = above.st_uid == st->st_uid;
	return 0;
}

static int
open_entry(struct spool *s, const struct layout_entry *e, struct po_err *err)
{
	unsigned mode = s->own ? e->mode_own : e->mode_system;
	struct stat st;
	int fd, rc = -1;

	fd = openat(s->dirfd, e->name, FOLDER_FLAGS | O_NOFOLLOW);
	if (fd == -1)
		return po_fail_sys(err, PO_ECONFIG,
		    "open %s/%s (run \"po-queue --setup\")", s->path, e->name);
	if (fstat(fd, &st) == -1)
		po_fail_sys(err, PO_EIO, "look at %s/%s", s->path, e->name);
	else
		rc = layout_check(s->path, e->name, &st, mode, s->uid, s->gid,
		    s->own, err);
	if (rc == 0 && e->fd_at != 0)
		*descriptor(s, e) = fd;
	else
		fd_close(&fd);
	return rc;
}

static int
open_entries(struct spool *s, struct po_err *err)
{
	const struct layout_entry *e;
	struct stat top;

	if (fstat(s->dirfd, &top) == -1)
		return po_fail_sys(err, PO_EIO, "look at %s", s->path);
	if (s->own ? layout_check(s->path, "", &top, LAYOUT_TOP_OWN, s->uid,
	                 s->gid, true, err) == -1
	           : layout_check(s->path, "", &top, LAYOUT_TOP_SYSTEM, 0, 0,
	                 false, err) == -1)
		return -1;
	for (e = layout_entries; e->name != NULL; e++)
		if (open_entry(s, e, err) == -1)
			return -1;
	return 0;
}

int
spool_open(const char *path, struct spool *s, struct po_err *err)
{
	struct stat st = { 0 };

	forget(s);
	s->path = xstrdup(path);
	if (drop_check_path(path, err) == -1)
		goto fail;
	s->dirfd = open(path, FOLDER_FLAGS);
	if (s->dirfd == -1) {
		po_fail_sys(err, PO_ECONFIG,
		    "open the spool %s (run \"po-queue --setup\")", path);
		goto fail;
	}
	if (owner_of(s->dirfd, path, &st, &s->own, err) == -1)
		goto fail;
	s->uid = st.st_uid;
	s->gid = st.st_gid;
	if (s->uid != geteuid()) {
		po_fail(err, PO_EPERM,
		    "the spool %s belongs to uid %lu; uid %lu may not open it",
		    path, (unsigned long)s->uid, (unsigned long)geteuid());
		goto fail;
	}
	if (open_entries(s, err) == -1)
		goto fail;
	return 0;
fail:
	spool_close(s);
	return -1;
}

void
spool_close(struct spool *s)
{
	const struct layout_entry *e;

	for (e = layout_entries; e->name != NULL; e++)
		if (e->fd_at != 0)
			fd_close(descriptor(s, e));
	fd_close(&s->dirfd);
	free(s->path);
	s->path = NULL;
}

void
spool_close_folders(const struct spool *s)
{
	struct spool copy = *s;
	const struct layout_entry *e;

	for (e = layout_entries; e->name != NULL; e++)
		if (e->fd_at != 0)
			fd_close(descriptor(&copy, e));
	fd_close(&copy.dirfd);
}

/* ------------------------------------------------------------ owner */

static int
change_to(uid_t uid, gid_t gid, struct po_err *err)
{
	uid_t r, e, saved;

	if (setgroups(0, NULL) == -1 || setresgid(gid, gid, gid) == -1 ||
	    setresuid(uid, uid, uid) == -1)
		return po_fail_sys(err, PO_EPERM, "become uid %lu",
		    (unsigned long)uid);
	if (getresuid(&r, &e, &saved) == -1 || r != uid || e != uid ||
	    saved != uid || getegid() != gid || setuid(0) == 0)
		return po_fail(err, PO_EPERM, "uid %lu could become root again",
		    (unsigned long)uid);
	return 0;
}

static int
find_owner(const char *path, struct stat *st, struct po_err *err)
{
	bool own = false;
	int top, rc;

	*st = (struct stat){ 0 };
	if (drop_check_path(path, err) == -1)
		return -1;
	top = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top == -1)
		return po_fail_sys(err, PO_ECONFIG,
		    "open the spool %s (run \"po-queue --setup\")", path);
	rc = owner_of(top, path, st, &own, err);
	fd_close(&top);
	return rc;
}

int
spool_become_owner(const char *path, struct po_err *err)
{
	struct stat st;
	int rc = find_owner(path, &st, err);

	if (rc == -1 || st.st_uid == geteuid())
		return rc;
	if (geteuid() != 0)
		return po_fail(err, PO_EPERM,
		    "the spool %s belongs to uid %lu; only that uid or root "
		    "may do this",
		    path, (unsigned long)st.st_uid);
	return change_to(st.st_uid, st.st_gid, err);
}

int
spool_borrow_owner(const char *path, struct spool_borrow *b, struct po_err *err)
{
	struct stat st;
	int rc;

	b->borrowed = false;
	if (geteuid() != 0)
		return 0;
	rc = find_owner(path, &st, err);
	if (rc == -1 || st.st_uid == 0)
		return rc;
	b->gid = getegid();
	b->n_groups = getgroups(SPOOL_BORROW_GROUPS, b->groups);
	if (b->n_groups == -1 || setgroups(0, NULL) == -1 ||
	    setegid(st.st_gid) == -1 || seteuid(st.st_uid) == -1)
		return po_fail_sys(err, PO_EPERM, "become uid %lu",
		    (unsigned long)st.st_uid);
	b->borrowed = true;
	return 0;
}

void
spool_return_owner(struct spool_borrow *b)
{
	if (!b->borrowed)
		return;
	b->borrowed = false;
	if (seteuid(0) == -1 || setegid(b->gid) == -1 ||
	    setgroups((size_t)b->n_groups, b->groups) == -1)
		abort(); /* the saved uid is root's: cannot be */
}

/* ------------------------------------------------------------ messages */

int
spool_find(const struct spool *s, const struct queue_id *id, bool writable,
    struct message_file *f, bool *in_done, struct po_err *err)
{
	struct id_path p = path_of(id);
	struct po_err why = { .sys = 0 };

	*in_done = false;
	if (file_open(s->queue, p.text, writable, f, &why) == 0)
		return 1;
	if (why.sys == ENOENT) {
		*in_done = true;
		if (file_open(s->done, p.text, writable, f, &why) == 0)
			return 1;
		if (why.sys == ENOENT)
			return 0;
	}
	if (err != NULL)
		*err = why;
	return -1;
}

int
spool_move_to_done(const struct spool *s, const struct queue_id *id,
    struct po_err *err)
{
	struct id_path p = path_of(id);
	struct stat st;

	if (renameat(s->queue, p.text, s->done, p.text) == 0)
		return 0;
	if (errno == ENOENT &&
	    fstatat(s->done, p.text, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return po_fail_sys(err, errno == ENOENT ? PO_ECORRUPT : PO_EIO,
	    "move %s to done/", p.text);
}

int
spool_move_back(const struct spool *s, const struct queue_id *id,
    struct po_err *err)
{
	struct id_path p = path_of(id);

	if (renameat(s->done, p.text, s->queue, p.text) == 0)
		return 0;
	return po_fail_sys(err, PO_EIO, "move done/%s to queue/", p.text);
}

int
spool_trash(const struct spool *s, const struct queue_id *id,
    struct po_err *err)
{
	struct id_path p = path_of(id);

	if (renameat(s->done, p.text, s->trash, id->text) == -1 &&
	    errno != ENOENT)
		return po_fail_sys(err, PO_EIO, "move done/%s to trash/",
		    p.text);
	if (renameat(s->queue, p.text, s->trash, id->text) == -1 &&
	    errno != ENOENT)
		return po_fail_sys(err, PO_EIO, "move queue/%s to trash/",
		    p.text);
	return 0;
}

int
spool_empty_trash(const struct spool *s, size_t max, struct po_err *err)
{
	int fd = openat(s->trash, ".", FOLDER_FLAGS);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *e;
	int n = 0;

	if (d == NULL) {
		fd_close(&fd);
		return po_fail_sys(err, PO_EIO, "read %s/trash", s->path);
	}
	while ((size_t)n < max && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(s->trash, e->d_name, 0) == 0)
			n++;
		else if (errno != ENOENT && errno != EISDIR) {
			n = po_fail_sys(err, PO_EIO, "unlink trash/%s",
			    e->d_name);
			break;
		}
	}
	(void)closedir(d);
	return n;
}
