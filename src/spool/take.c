/* SPDX-License-Identifier: ISC */
/*
 * The original may still be open for writing at its owner's, so it is read
 * once, front to back, and everything after that looks at the copy. The copy
 * has no name until it is right in every byte and its cells are written.
 */
#include "spool/take.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "spool/digest.h"
#include "spool/known.h"
#include "util/fd.h"
#include "util/wallclock.h"
#include "util/xalloc.h"

#define CHUNK_BYTES 65536u
#define ARENA_BYTES                                                            \
	(160u << 20) /* an envelope of ENVELOPE_MAX_BYTES, decoded */
#define SLOTS_AT_ONCE (CHUNK_BYTES / CELL_BYTES)
#define LOGINS 64u

struct login {
	bool known;
	uint32_t uid;
	char name[41];
};

struct taker {
	const struct spool *s;
	const struct ingest_conf *conf;
	struct arena arena;
	bool named; /* no O_TMPFILE or no /proc: copies begin as "xx/t.ID" */
	struct login logins[LOGINS];
	char chunk[CHUNK_BYTES];
};

struct paths {
	char folder[3];              /* "xx" */
	char name[QUEUE_ID_LEN + 4]; /* "xx/ID" */
	char temp[QUEUE_ID_LEN + 6]; /* "xx/t.ID" */
};

/* One file under way. */
struct work {
	struct taker *t;
	const struct stat *st; /* of the original */
	struct paths p;
	struct ingest_taken *taken;
	struct message_file f; /* the copy */
	enum take_result result;
};

static struct paths
paths_of(const struct queue_id *id)
{
	struct paths p;

	queue_id_folder(id, p.folder);
	(void)snprintf(p.name, sizeof(p.name), "%s/%s", p.folder, id->text);
	(void)snprintf(p.temp, sizeof(p.temp), "%s/t.%s", p.folder, id->text);
	return p;
}

int
taker_new(const struct spool *s, const struct ingest_conf *conf,
    struct taker **out, struct po_err *err)
{
	struct taker *t = xcalloc(1, sizeof(*t));
	int fd;

	(void)err;
	t->s = s;
	t->conf = conf;
	arena_init(&t->arena, ARENA_BYTES);
	fd = openat(s->queue, "00", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	t->named = fd == -1 || access("/proc/self/fd", X_OK) == -1;
	fd_close(&fd);
	*out = t;
	return 0;
}

void
taker_free(struct taker *t)
{
	if (t == NULL)
		return;
	arena_clear(&t->arena);
	free(t);
}

/* ------------------------------------------------------------ the copy */

static int
open_copy(struct taker *t, const struct paths *p, struct po_err *err)
{
	int fd;

	if (t->named)
		fd = openat(t->s->queue, p->temp,
		    O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	else
		fd = openat(t->s->queue, p->folder,
		    O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd == -1)
		po_fail_sys(err, PO_EIO, "make a copy in queue/%s", p->folder);
	return fd;
}

/* Exactly `size` bytes, as fstat said: 1; 0 the original cannot be read. */
static int
copy_bytes(struct taker *t, int from, int to, off_t size, struct po_err *err)
{
	size_t some;
	ssize_t n;

	while (size > 0) {
		some = size < CHUNK_BYTES ? (size_t)size : CHUNK_BYTES;
		n = read(from, t->chunk, some);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			(void)po_fail_sys(err, PO_EDATA, "cannot be read");
			return 0;
		}
		if (n == 0)
			return 1; /* it was cut meanwhile: the check sees it */
		if (fd_write_all(to, t->chunk, (size_t)n, "copy", err) == -1)
			return -1;
		size -= n;
	}
	return 1;
}

/* ------------------------------------------------------------ the cells */

static const char *
login_of(struct taker *t, uint32_t uid)
{
	struct login *l = &t->logins[uid % LOGINS];
	struct passwd entry, *found = NULL;
	char text[16384];

	if (l->known && l->uid == uid)
		return l->name;
	*l = (struct login){ .known = true, .uid = uid };
	if (getpwuid_r(uid, &entry, text, sizeof(text), &found) == 0 &&
	    found != NULL)
		(void)snprintf(l->name, sizeof(l->name), "%s", found->pw_name);
	return l->name;
}

static void
first_head(const struct taker *t, const struct envelope *env, int64_t arrival,
    struct head *h)
{
	int64_t from;

	*h = (struct head){ .generation = 1,
		.state = MESSAGE_WAITING,
		.priority = env->priority,
		.due = env->due == 0 ? arrival : env->due,
		.expires = env->expires,
		.changed = wallclock_now() };
	from = h->due > arrival ? h->due : arrival;
	if (h->expires == 0)
		h->expires = from + t->conf->give_up_after_s;
}

static int
write_cells(struct taker *t, const struct message_file *f,
    const struct envelope *env, const struct stat *st, struct po_err *err)
{
	struct head h;
	struct stamp stamp = { st->st_uid, st->st_ctime, "" };
	struct slot slot = { .generation = 1,
		.state = SLOT_WAITING,
		.time = st->st_ctime };
	size_t i, some, left = f->preamble.slots;
	off_t at = f->slots_at;

	first_head(t, env, st->st_ctime, &h);
	memcpy(stamp.login, login_of(t, st->st_uid), sizeof(stamp.login));
	cell_put_head(&h, t->chunk);
	cell_put_blank(t->chunk + CELL_BYTES);
	cell_put_stamp(&stamp, t->chunk + FILE_STAMP_AT - FILE_HEAD_AT);
	if (fd_pwrite_all(f->fd, t->chunk, FILE_ENVELOPE_AT - FILE_HEAD_AT,
	        FILE_HEAD_AT, "cells", err) == -1)
		return -1;
	for (i = 0; i < left && i < SLOTS_AT_ONCE; i++)
		cell_put_slot(&slot, t->chunk + i * CELL_BYTES);
	for (; left > 0; left -= some, at += (off_t)(some * CELL_BYTES)) {
		some = left < SLOTS_AT_ONCE ? left : SLOTS_AT_ONCE;
		if (fd_pwrite_all(f->fd, t->chunk, some * CELL_BYTES, at,
		        "slots", err) == -1)
			return -1;
	}
	return 0;
}

/* ------------------------------------------------------------ the name */

static int
link_copy(struct taker *t, int fd, const char *name, struct po_err *err)
{
	char self[32];

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, self, t->s->queue, name, AT_SYMLINK_FOLLOW) == -1)
		return po_fail_sys(err, PO_EIO, "name queue/%s", name);
	return 0;
}

static int
name_new(struct taker *t, int fd, const struct paths *p, struct po_err *err)
{
	if (!t->named)
		return link_copy(t, fd, p->name, err);
	if (renameat2(t->s->queue, p->temp, t->s->queue, p->name,
	        RENAME_NOREPLACE) == -1 &&
	    (errno != EINVAL ||
	        renameat(t->s->queue, p->temp, t->s->queue, p->name) == -1))
		return po_fail_sys(err, PO_EIO, "name queue/%s", p->name);
	return 0;
}

/* In one step, so that there is always one of the two. */
static int
name_over(struct taker *t, int fd, const struct paths *p, struct po_err *err)
{
	if (!t->named) {
		(void)unlinkat(t->s->queue, p->temp, 0);
		if (link_copy(t, fd, p->temp, err) == -1)
			return -1;
	}
	if (renameat(t->s->queue, p->temp, t->s->queue, p->name) == -1)
		return po_fail_sys(err, PO_EIO, "replace queue/%s", p->name);
	return 0;
}

/* ------------------------------------------------------------ a known id */

/* 1 open, 0 no such id. */
static int
open_known(struct taker *t, const struct paths *p, int *fd, bool *in_done,
    struct po_err *err)
{
	*in_done = false;
	*fd = fd_open_beneath(t->s->queue, p->name, O_RDONLY, 0);
	if (*fd == -1 && errno == ENOENT) {
		*in_done = true;
		*fd = fd_open_beneath(t->s->done, p->name, O_RDONLY, 0);
	}
	if (*fd != -1)
		return 1;
	return errno == ENOENT ? 0
	                       : po_fail_sys(err, PO_EIO, "open %s", p->name);
}

/*
 * A repeat may be read while a worker or the parent writes a cell of it, and
 * look torn: damage is what is still there at a second and a third look. (A
 * file that is replaced under a worker's hands loses the worker's result.)
 */
static enum known_verdict
judge_known(const struct work *w, int old)
{
	enum known_verdict v = KNOWN_DAMAGED;
	unsigned looks;

	for (looks = 0; looks < 3 && v == KNOWN_DAMAGED; looks++)
		v = known_judge(old, &w->f, w->st->st_uid);
	return v;
}

static int
settle_known(struct work *w, int old, bool in_done, struct po_err *err)
{
	enum known_verdict v = judge_known(w, old);

	w->result = v == KNOWN_OTHER ? TAKE_REFUSED : TAKE_REPEAT;
	if (v == KNOWN_OTHER)
		(void)po_fail(err, PO_EDATA, "id taken");
	if (v != KNOWN_DAMAGED || in_done)
		return 0;
	if (known_keep_cells(old, &w->f, err) == -1)
		return -1;
	return name_over(w->t, w->f.fd, &w->p, err);
}

/* ------------------------------------------------------------ all of it */

static int
place(struct work *w, const struct envelope *env, struct po_err *err)
{
	bool in_done;
	int old = -1, known, rc = -1;

	if (write_cells(w->t, &w->f, env, w->st, err) == -1)
		return -1;
	known = open_known(w->t, &w->p, &old, &in_done, err);
	if (known == 0) {
		w->result = TAKE_NEW;
		rc = name_new(w->t, w->f.fd, &w->p, err);
	} else if (known == 1)
		rc = settle_known(w, old, in_done, err);
	fd_close(&old);
	return rc;
}

/* What a repeat with the same key will be compared by. */
static int
take_digest(struct work *w, const struct envelope *env, struct po_err *err)
{
	w->taken->has_key = env->key != NULL;
	return env->key == NULL
	           ? 0
	           : digest_message(&w->f, env, w->taken->digest, err);
}

static int
check_and_place(struct work *w, struct po_err *err)
{
	const struct message_origin from = { w->taken->id, w->st->st_uid,
		w->st->st_ctime };
	const struct message_rules rules = { w->t->conf->message_size_limit,
		w->t->s->uid };
	struct envelope env;
	int ok = message_check(&w->f, &from, &rules, &w->t->arena, &env, err);

	if (ok == 1)
		ok = take_digest(w, &env, err) == 0 ? place(w, &env, err) : -1;
	return ok;
}

/* `copy` is w->f's from here on, or closed. */
static int
take_copy(struct work *w, int copy, struct po_err *err)
{
	int rc = -1;

	w->result = TAKE_REFUSED;
	if (file_adopt(copy, &w->f, err) == 0)
		rc = check_and_place(w, err);
	else if (message_is_at_fault(err))
		rc = 0;
	file_close(&w->f);
	return rc;
}

int
take_file(struct taker *t, int fd, const struct stat *st,
    struct ingest_taken *taken, enum take_result *result, struct po_err *err)
{
	struct work w = { t, st, paths_of(&taken->id), taken, { .fd = -1 },
		TAKE_UNREADABLE };
	int rc, copy = open_copy(t, &w.p, err);

	if (copy == -1)
		return -1;
	rc = copy_bytes(t, fd, copy, st->st_size, err);
	if (rc == 1)
		rc = take_copy(&w, copy, err);
	else
		fd_close(&copy);
	if (t->named)
		(void)unlinkat(t->s->queue, w.p.temp, 0);
	arena_clear(&t->arena);
	*result = w.result;
	return rc;
}

int
take_undo(struct taker *t, const struct queue_id *id, struct po_err *err)
{
	struct paths p = paths_of(id);

	if (unlinkat(t->s->queue, p.name, 0) == -1 && errno != ENOENT)
		return po_fail_sys(err, PO_EIO, "unlink queue/%s", p.name);
	return 0;
}
