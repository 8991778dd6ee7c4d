/* SPDX-License-Identifier: ISC */
/*
 * The order of a save: the new file, synced; its name VERSION, by link(2),
 * which gives no name twice; the folder synced; renamed over `current`; the
 * folder synced again. So a crash leaves the old current version or the new
 * one, and never a name without its content. Whoever saves holds a lock on the
 * folder of the language (flock(2), ended by the kernel with its holder).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "spool/templates_parts.h"
#include "util/fd.h"
#include "util/wallclock.h"

#define WAIT_MS 10000 /* for others who save */
#define FRESH "t.new" /* being written by the holder of the lock */

/* ------------------------------------------------------------------ folders */

struct place {
	int name, lang; /* folders, open; the language's is locked */
	mode_t folder_mode, file_mode;
};

static void
leave(struct place *p)
{
	fd_close(&p->lang);
	fd_close(&p->name);
}

/* Others may read what others may read at the top. */
static int
choose_modes(const struct templates *t, struct place *p, struct po_err *err)
{
	struct stat st;

	if (fstat(t->dirfd, &st) == -1)
		return po_fail_sys(err, PO_EIO, "look at %s", t->path);
	if (st.st_uid != geteuid())
		return po_fail(err, PO_EPERM,
		    "%s belongs to uid %lu; only that uid or root changes "
		    "templates",
		    t->path, (unsigned long)st.st_uid);
	p->folder_mode = st.st_mode & 0755;
	p->file_mode = st.st_mode & 0644;
	return 0;
}

static int
open_folder(int above, const char *name, bool make, mode_t mode, int *out,
    const char *what, struct po_err *err)
{
	bool made = make && mkdirat(above, name, 0700) == 0;

	if (make && !made && errno != EEXIST)
		return po_fail_sys(err, PO_EIO, "make %s", what);
	*out = openat(above, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*out == -1)
		return errno == ENOENT
		           ? 0
		           : po_fail_sys(err, PO_EIO, "open %s", what);
	if (make && (fchmod(*out, mode) == -1 || fsync(above) == -1))
		return po_fail_sys(err, PO_EIO, "make %s", what);
	return 1;
}

/* 1 locked, 0 it was removed meanwhile, -1. */
static int
lock_folder(int fd, int64_t wait_ms, const char *what, struct po_err *err)
{
	const struct timespec pause = { 0, 20000000 };
	int64_t deadline_ms = monotonic_ms() + wait_ms;
	struct stat st;

	while (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return po_fail_sys(err, PO_EIO, "lock %s", what);
		if (monotonic_ms() >= deadline_ms)
			return po_fail(err, PO_EBUSY,
			    "somebody else saves %s just now", what);
		(void)nanosleep(&pause, NULL);
	}
	if (fstat(fd, &st) == -1)
		return po_fail_sys(err, PO_EIO, "look at %s", what);
	return st.st_nlink > 0 ? 1 : 0;
}

/* Enter NAME/LANG and lock it: 1, 0 there is none (and `make` was not said). */
static int
enter(const struct templates *t, const char *folder, const char *lang,
    bool make, int64_t wait_ms, struct place *p, struct po_err *err)
{
	char what[TEMPLATES_ID_BYTES];
	int rc = 0, tries;

	*p = (struct place){ -1, -1, 0, 0 };
	(void)snprintf(what, sizeof(what), "%s/%s", folder, lang);
	if (choose_modes(t, p, err) == -1)
		return -1;
	/* What was empty may be removed between two calls. */
	for (tries = 0; tries < 20 && rc == 0; tries++) {
		leave(p);
		rc = open_folder(t->dirfd, folder, make, p->folder_mode,
		    &p->name, folder, err);
		if (rc == 1)
			rc = open_folder(p->name, lang, make, p->folder_mode,
			    &p->lang, what, err);
		if (rc == 0 && !make)
			break;
		if (rc == 1)
			rc = lock_folder(p->lang, wait_ms, what, err);
	}
	if (rc == 0 && make)
		rc = po_fail(err, PO_EBUSY, "%s is being removed", what);
	if (rc != 1)
		leave(p);
	return rc;
}

/* ------------------------------------------------------------------ save */

struct newest {
	uint32_t version;
};

static int
visit_newest(void *ctx, const char *name, struct po_err *err)
{
	struct newest *n = ctx;
	uint32_t version;

	(void)err;
	if (templates_version_parse(span_of(name), &version) &&
	    version > n->version)
		n->version = version;
	return 0;
}

static int
write_fresh(const struct place *p, const struct buf *text, struct po_err *err)
{
	int fd, rc = -1;

	(void)unlinkat(p->lang, FRESH, 0); /* of one who was killed */
	fd = openat(p->lang, FRESH,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return po_fail_sys(err, PO_EIO, "make a version");
	if (fd_write_all(fd, text->p, text->len, "a version", err) == 0) {
		if (fchmod(fd, p->file_mode) == -1 || fsync(fd) == -1)
			po_fail_sys(err, PO_EIO, "sync a version");
		else
			rc = 0;
	}
	fd_close(&fd);
	return rc;
}

static int
publish(const struct place *p, const struct templates_version *v,
    const struct buf *text, struct po_err *err)
{
	char name[12];

	(void)snprintf(name, sizeof(name), "%u", v->id.version);
	if (write_fresh(p, text, err) == -1)
		return -1;
	if (linkat(p->lang, FRESH, p->lang, name, 0) == -1)
		return po_fail_sys(err, PO_EIO, "name version %s", name);
	if (fsync(p->lang) == -1 ||
	    renameat(p->lang, FRESH, p->lang, "current") == -1 ||
	    fsync(p->lang) == -1)
		return po_fail_sys(err, PO_EIO, "make version %s the current",
		    name);
	return 0;
}

static int
check_base(const struct templates_version *v, int64_t base, bool found,
    uint32_t current, struct po_err *err)
{
	if (base == TEMPLATES_NEW && found)
		return po_fail(err, PO_EDATA,
		    "there is a template '%s' in language '%s' already (edit "
		    "changes it)",
		    v->name, v->id.lang);
	if (base > 0 && !found)
		return po_fail(err, PO_EBUSY, "'%s' was removed meanwhile",
		    v->name);
	if (base > 0 && current != (uint64_t)base)
		return po_fail(err, PO_EBUSY,
		    "'%s' was changed meanwhile: version %u is the current one",
		    v->name, current);
	return 0;
}

static int
save_locked(const struct templates *t, const struct place *p,
    struct templates_version *v, int64_t base, int64_t now, struct po_err *err)
{
	struct newest newest = { 0 };
	struct templates_version old;
	char path[TEMPLATES_ID_BYTES];
	struct buf text;
	int rc;

	templates_version_init(&old);
	buf_init(&text, TEMPLATES_FILE_MAX);
	(void)snprintf(path, sizeof(path), "%s/%s", v->id.folder, v->id.lang);
	rc = templates_read_current(t, v->id.folder, v->id.lang, &old, err);
	if (rc == -1 ||
	    check_base(v, base, rc == 1, old.id.version, err) == -1) {
		rc = -1;
		goto out;
	}
	if (rc == 1 && templates_version_same(&old, v)) {
		v->id.version = old.id.version;
		rc = 0;
		goto out;
	}
	v->created = rc == 1 ? old.created : now;
	v->updated = now;
	rc = templates_each(t, path, visit_newest, &newest, err);
	v->id.version = newest.version + 1;
	if (rc == 0 && newest.version >= TEMPLATES_VERSION_MAX)
		rc = po_fail(err, PO_EUNAVAILABLE, "too many versions");
	if (rc == 0 && templates_version_encode(v, &text, err) == 0 &&
	    publish(p, v, &text, err) == 0)
		rc = 1;
	else
		rc = -1;
out:
	templates_version_clear(&old);
	buf_clear(&text);
	return rc;
}

int
templates_save(const struct templates *t, struct templates_version *v,
    int64_t base, int64_t now, struct po_err *err)
{
	struct place p;
	int rc;

	if (!templates_name_decode(v->id.folder, v->name))
		return po_fail(err, PO_EDATA, "that is no name of a template");
	if (enter(t, v->id.folder, v->id.lang, true, WAIT_MS, &p, err) != 1)
		return -1;
	rc = save_locked(t, &p, v, base, now, err);
	leave(&p);
	return rc;
}

/* ------------------------------------------------------------------ remove */

int
templates_remove(const struct templates *t, const char *folder,
    const char *lang, struct po_err *err)
{
	struct place p;
	int rc = enter(t, folder, lang, false, WAIT_MS, &p, err);

	if (rc != 1)
		return rc;
	if (unlinkat(p.lang, "current", 0) == -1)
		rc = errno == ENOENT ? 0
		                     : po_fail_sys(err, PO_EIO, "remove %s/%s",
		                           folder, lang);
	if (rc == 1 && fsync(p.lang) == -1)
		rc = po_fail_sys(err, PO_EIO, "sync %s/%s", folder, lang);
	leave(&p);
	return rc;
}

/* ------------------------------------------------------------------ cleanup
 */

struct cleaning {
	const struct templates *t;
	int64_t before;
	int (*used)(void *ctx, const struct templates_id *id,
	    struct po_err *err);
	void *ctx;
	struct templates_id id;
	struct place place; /* of id */
	ino_t current;
	int removed;
};

static int
clean_version(void *ctx, const char *name, struct po_err *err)
{
	struct cleaning *c = ctx;
	struct stat st;
	int used;

	if (!templates_version_parse(span_of(name), &c->id.version) ||
	    fstatat(c->place.lang, name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    st.st_ino == c->current || st.st_ctime >= c->before)
		return 0;
	used = c->used(c->ctx, &c->id, err);
	if (used != 0)
		return used == -1 ? -1 : 0;
	if (unlinkat(c->place.lang, name, 0) == -1)
		return po_fail_sys(err, PO_EIO, "unlink version %s", name);
	c->removed++;
	return 0;
}

static int
clean_lang(void *ctx, const char *lang, struct po_err *err)
{
	struct cleaning *c = ctx;
	char path[TEMPLATES_ID_BYTES];
	struct po_err busy;
	struct stat st;
	int rc;

	if (!templates_lang(span_of(lang), c->id.lang) ||
	    strcmp(c->id.lang, lang) != 0)
		return 0;
	rc = enter(c->t, c->id.folder, lang, false, 0, &c->place, &busy);
	if (rc == -1 && busy.code != PO_EBUSY) {
		*err = busy;
		return -1;
	}
	if (rc != 1)
		return 0;
	c->current =
	    fstatat(c->place.lang, "current", &st, AT_SYMLINK_NOFOLLOW) == 0
	        ? st.st_ino
	        : 0;
	(void)snprintf(path, sizeof(path), "%s/%s", c->id.folder, lang);
	rc = templates_each(c->t, path, clean_version, c, err);
	/* A removed template whose last version went; else it is not empty. */
	if (rc == 0 && c->current == 0) {
		(void)unlinkat(c->place.lang, FRESH, 0);
		(void)unlinkat(c->place.name, lang, AT_REMOVEDIR);
	}
	leave(&c->place);
	return rc;
}

static int
clean_name(void *ctx, const char *folder, struct po_err *err)
{
	struct cleaning *c = ctx;
	char name[TEMPLATES_NAME_MAX + 1];

	if (!templates_name_decode(folder, name))
		return 0;
	(void)snprintf(c->id.folder, sizeof(c->id.folder), "%s", folder);
	if (templates_each(c->t, folder, clean_lang, c, err) == -1)
		return -1;
	(void)unlinkat(c->t->dirfd, folder, AT_REMOVEDIR);
	return 0;
}

int
templates_cleanup(const struct templates *t, int64_t before,
    int (*used)(void *ctx, const struct templates_id *id, struct po_err *err),
    void *ctx, struct po_err *err)
{
	struct cleaning c = { .t = t,
		.before = before,
		.used = used,
		.ctx = ctx,
		.place = { -1, -1, 0, 0 } };

	return templates_each(t, ".", clean_name, &c, err) == -1 ? -1
	                                                         : c.removed;
}
