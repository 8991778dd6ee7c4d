/* SPDX-License-Identifier: ISC */
/*
 * Two walks: every file is looked up in the index, and every record in the
 * folders. A live runner changes both meanwhile, so without the lock a finding
 * counts when a second look finds the same, and states are not compared.
 * A read transaction serves at most 1,000 records: it would keep the runner
 * from using pages again.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/check.h"
#include "spool/check_report.h"
#include "util/fd.h"
#include "util/wallclock.h"

#define RECORDS_AT_ONCE 1000u
#define ARENA_BYTES (160u << 20)
#define WAITS_LONG_S 3600

struct walk {
	const struct spool *s;
	struct check_report r;
	bool locked;
	struct index *ix; /* NULL: none */
	struct index_tx *tx;
	size_t used; /* records read in tx */
	struct arena arena;
	uint64_t files, records;
};

/* ------------------------------------------------------------ the index */

static void
end_read(struct walk *w)
{
	index_discard(w->tx);
	w->tx = NULL;
	w->used = 0;
}

static bool
begin_read(struct walk *w)
{
	struct po_err err;

	if (w->tx != NULL && w->used++ < RECORDS_AT_ONCE)
		return true;
	end_read(w);
	if (index_begin(w->ix, INDEX_READ, &w->tx, &err) == 0)
		return true;
	check_say(&w->r, CHECK_ERROR, "%s", err.text);
	return false;
}

/* 1 there is one, 0 none, -1 said. */
static int
get_record(struct walk *w, const struct queue_id *id, struct index_message *m)
{
	struct po_err err;
	int rc;

	if (!begin_read(w))
		return -1;
	arena_clear(&w->arena);
	rc = index_message_get(w->tx, id, &w->arena, m, &err);
	if (rc == -1)
		check_say(&w->r, CHECK_ERROR, "%s: %s", id->text, err.text);
	return rc;
}

/* As get_record, with what was committed since. */
static int
get_record_again(struct walk *w, const struct queue_id *id,
    struct index_message *m)
{
	end_read(w);
	return get_record(w, id, m);
}

static bool
open_index(struct walk *w)
{
	struct po_err err;

	check_about(&w->r, "index");
	if (w->locked && index_verify(w->s->dirfd, "index", &err) == -1) {
		if (err.sys == ENOENT)
			return false;
		check_say(&w->r, CHECK_ERROR,
		    "%s; run \"po-queue --rebuild-index\"", err.text);
		return false;
	}
	if (index_open(w->s->dirfd, "index", INDEX_READ, &w->ix, &err) == 0)
		return true;
	w->ix = NULL;
	if (err.sys != ENOENT)
		check_say(&w->r, CHECK_ERROR,
		    "%s; run \"po-queue --rebuild-index\"", err.text);
	return false;
}

/* ------------------------------------------------------------ a file */

static bool
is_there(const struct walk *w, const struct queue_id *id)
{
	char path[QUEUE_ID_LEN + 4];
	struct stat st;

	queue_id_folder(id, path);
	path[2] = '/';
	memcpy(path + 3, id->text, QUEUE_ID_LEN + 1);
	return fstatat(w->s->queue, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
	       fstatat(w->s->done, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The state that the file means; false when it cannot be told. */
static bool
state_of(struct walk *w, const struct message_file *f, const char *path,
    enum message_state *state)
{
	size_t n = f->preamble.slots;
	struct slot *slots = arena_alloc_array(&w->arena, n, sizeof(*slots));
	struct head h;
	struct po_err err;
	int which;

	if (slots == NULL || file_read_head(f, &h, &which, &err) == -1 ||
	    file_read_slots(f, 0, n, slots, &err) == -1) {
		check_say(&w->r, CHECK_ERROR, "%s: %s", path,
		    slots == NULL ? "no memory for its slots" : err.text);
		return false;
	}
	*state = file_state(&h, slots, n);
	return true;
}

static void
check_record(struct walk *w, const struct queue_id *id, const char *path,
    enum message_state state)
{
	struct index_message m;
	int known = get_record(w, id, &m);

	if (known == 0 && !w->locked)
		known = is_there(w, id) ? get_record_again(w, id, &m) : -1;
	if (known == 0)
		check_say(&w->r,
		    message_is_final(state) ? CHECK_WARNING : CHECK_ERROR,
		    "%s has no record in the index; run \"po-queue "
		    "--rebuild-index\"",
		    path);
	else if (known == 1 && w->locked && m.state != state)
		check_say(&w->r, CHECK_ERROR,
		    "%s is %s, the index says %s; run \"po-queue "
		    "--rebuild-index\"",
		    path, message_state_name(state),
		    message_state_name(m.state));
}

static void
check_file(struct walk *w, int folder, const char *name, const char *path,
    bool whole)
{
	struct message_file f;
	struct queue_id id;
	enum message_state state;
	struct po_err err;
	int right = 1;

	if (file_open(folder, name, false, &f, &err) == -1) {
		if (err.sys != ENOENT)
			check_say(&w->r, CHECK_ERROR, "%s: %s", path, err.text);
		return;
	}
	w->files++;
	arena_clear(&w->arena);
	if (whole)
		right = file_verify(&f, &err);
	if (right == 0)
		check_say(&w->r, CHECK_ERROR, "%s: wrong checksum", path);
	else if (right == -1)
		check_say(&w->r, CHECK_ERROR, "%s: %s", path, err.text);
	else if (state_of(w, &f, path, &state) && w->ix != NULL &&
	         queue_id_parse(span_of(name), &id))
		check_record(w, &id, path, state);
	file_close(&f);
}

/* ------------------------------------------------------------ the folders */

static DIR *
open_folder(struct walk *w, int at, const char *name)
{
	int fd =
	    openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);

	if (d == NULL) {
		check_say(&w->r, CHECK_ERROR, "%s: %s", name, strerror(errno));
		fd_close(&fd);
	}
	return d;
}

static const char *
next_name(DIR *d)
{
	const struct dirent *e;

	do
		e = readdir(d);
	while (e != NULL &&
	       (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0));
	return e == NULL ? NULL : e->d_name;
}

static void
check_hash_folder(struct walk *w, int at, const char *which, const char *xx)
{
	char path[300], folder[3];
	struct queue_id id;
	const char *name;
	DIR *d = open_folder(w, at, xx);

	if (d == NULL)
		return;
	while ((name = next_name(d)) != NULL) {
		(void)snprintf(path, sizeof(path), "%s/%s/%s", which, xx, name);
		if (queue_id_parse(span_of(name), &id))
			queue_id_folder(&id, folder);
		else
			folder[0] = '\0';
		if (folder[0] == '\0')
			check_say(&w->r, CHECK_WARNING,
			    "%s/%s holds a file whose name is no id", which,
			    xx);
		else if (strcmp(folder, xx) != 0)
			check_say(&w->r, CHECK_ERROR,
			    "%s belongs into folder %s", path, folder);
		else
			check_file(w, dirfd(d), name, path, w->s->queue == at);
	}
	(void)closedir(d);
}

static void
check_messages(struct walk *w, int at, const char *which)
{
	char xx[3];
	unsigned i;

	check_about(&w->r, which);
	for (i = 0; i < 256; i++) {
		(void)snprintf(xx, sizeof(xx), "%02x", i);
		check_hash_folder(w, at, which, xx);
	}
}

static void
check_records(struct walk *w)
{
	struct index_message m, again;
	struct queue_id last = { "" };
	struct po_err err;
	int rc;

	check_about(&w->r, "index");
	for (;;) {
		if (!begin_read(w))
			return;
		arena_clear(&w->arena);
		rc = index_message_next(w->tx,
		    last.text[0] == '\0' ? NULL : &last, &w->arena, &m, &err);
		if (rc == -1)
			check_say(&w->r, CHECK_ERROR, "index: %s", err.text);
		if (rc != 1)
			return;
		w->records++;
		last = m.id;
		if (!is_there(w, &last) &&
		    (w->locked || get_record_again(w, &last, &again) == 1) &&
		    !is_there(w, &last))
			check_say(&w->r, CHECK_ERROR,
			    "%s is in the index, but its file is gone",
			    last.text);
	}
}

/* ------------------------------------------------------------ drop and bad */

static void
check_drop_entry(struct walk *w, const char *name, uint64_t *waiting)
{
	struct stat st;
	struct queue_id id;
	bool old;

	if (fstatat(w->s->drop, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return;
	old = st.st_ctime < wallclock_now() - WAITS_LONG_S;
	if (S_ISREG(st.st_mode) && strncmp(name, "n.", 2) == 0 &&
	    queue_id_parse(span_of(name + 2), &id) &&
	    faccessat(w->s->drop, name, R_OK, AT_EACCESS) == 0)
		*waiting += old;
	else if (S_ISDIR(st.st_mode))
		check_say(&w->r, CHECK_WARNING,
		    "drop/ holds a folder of uid %lu (inode %llu), which only "
		    "root can remove",
		    (unsigned long)st.st_uid, (unsigned long long)st.st_ino);
	else if (old)
		check_say(&w->r, CHECK_WARNING,
		    "drop/ holds a file of uid %lu (inode %llu) that is no "
		    "message or cannot be read",
		    (unsigned long)st.st_uid, (unsigned long long)st.st_ino);
}

static void
check_drop(struct walk *w)
{
	const char *name;
	uint64_t waiting = 0;
	DIR *d;

	check_about(&w->r, "drop");
	d = open_folder(w, w->s->drop, ".");
	while (d != NULL && (name = next_name(d)) != NULL)
		check_drop_entry(w, name, &waiting);
	if (d != NULL)
		(void)closedir(d);
	if (waiting > 0)
		check_say(&w->r, CHECK_WARNING,
		    "%llu messages wait in drop/ for more than an hour: does "
		    "po-queue run?",
		    (unsigned long long)waiting);
}

static void
check_bad(struct walk *w)
{
	const char *name;
	uint64_t n = 0;
	size_t len;
	DIR *d;

	check_about(&w->r, "bad");
	d = open_folder(w, w->s->bad, ".");
	while (d != NULL && (name = next_name(d)) != NULL) {
		len = strlen(name);
		n += len > 7 && strcmp(name + len - 7, ".reason") == 0;
	}
	if (d != NULL)
		(void)closedir(d);
	if (n > 0)
		check_say(&w->r, CHECK_WARNING,
		    "%llu refused files lie in bad/, each with its reason "
		    "beside it",
		    (unsigned long long)n);
}

int
spool_check_content(const struct spool *s, bool locked, FILE *out)
{
	struct walk w = { .s = s, .locked = locked, .r = { .out = out } };
	uint64_t without = 0;

	arena_init(&w.arena, ARENA_BYTES);
	check_drop(&w);
	check_bad(&w);
	(void)open_index(&w);
	check_messages(&w, s->queue, "queue");
	check_messages(&w, s->done, "done");
	if (w.ix != NULL)
		check_records(&w);
	else
		without = w.files;
	check_about(&w.r, NULL);
	if (without > 0)
		check_say(&w.r, CHECK_ERROR,
		    "%llu messages and no index; run \"po-queue "
		    "--rebuild-index\"",
		    (unsigned long long)without);
	if (w.r.worst == CHECK_OK)
		check_say(&w.r, CHECK_OK, "%llu messages, %llu in the index",
		    (unsigned long long)w.files, (unsigned long long)w.records);
	end_read(&w);
	index_close(w.ix);
	arena_clear(&w.arena);
	return (int)w.r.worst;
}
