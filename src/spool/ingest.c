/* SPDX-License-Identifier: ISC */
/*
 * One pass over drop/ is one readdir(3) stream, which goes on from call to
 * call. Names are gathered and sorted before they are taken, because the order
 * of a folder is any order and ids are time-ordered: mail is taken oldest
 * first, over NAMES_MAX at a time. Nothing is trusted but what the kernel says of an open descriptor; the
 * names that can be told from their type are not opened at all.
 *
 * What can be neither taken nor removed (folders, files without the right to
 * read) is remembered by inode and name for an hour, so that each pass costs
 * one look and the log one line. What was reported and is not released yet is
 * remembered too: it still lies in drop/.
 *
 * The bad/ copy of a refused file is made from the original: it is evidence,
 * nobody parses it again.
 */
#include "spool/ingest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "spool/bad.h"
#include "spool/take.h"
#include "util/fd.h"
#include "util/u64_set.h"
#include "util/wallclock.h"
#include "util/xalloc.h"

#define BATCH_MAX 4096u
#define REFUSALS_MAX 64u
#define SKIP_MAX 100000u
#define IN_FLIGHT_MAX 1000000u
#define SKIP_FOR_MS INT64_C(3600000)
#define UNFINISHED_S INT64_C(86400) /* then a file without a proper name goes */
#define LINKED_S INT64_C(60)	    /* a name may be added before one is removed */
#define TRASH_HIGH 2048u	    /* then a release unlinks, too */
#define NAMES_MAX 65536u
#define ACTS_MAX 64u
#define LARGE_BYTES (16u << 20)

struct name {
	struct queue_id id;
	ino_t ino;
};

struct ingest {
	const struct spool *s;
	const struct ingest_conf *conf;
	struct taker *taker;
	struct bad *bad;
	DIR *folder;
	dev_t device; /* that drop/ lies on */
	bool at_end;  /* the folder is read to its end */
	struct name *names; /* sorted; [next_name, n_names) to be taken */
	size_t n_names, next_name;
	struct ingest_act acts[ACTS_MAX]; /* of this batch */
	size_t n_acts;

	struct u64_set skip, in_flight;
	int64_t skip_since_ms;
	uint64_t junk; /* counts names in trash/ */
	size_t trash;  /* files moved there and not unlinked */

	struct ingest_refusal refusals[REFUSALS_MAX];
	size_t n_refusals, unsaid;

	struct queue_id refused[BATCH_MAX]; /* to trash/ after the sync */
	size_t n_refused;
	struct queue_id fresh[BATCH_MAX]; /* TAKE_NEW of this batch */
	size_t n_fresh;

	bool failed; /* an error that the next call has to report */
	struct po_err why;
};

/* FNV-1a. */
static uint64_t
hash(const char *s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	return h;
}

static uint64_t
entry_key(const struct dirent *e)
{
	return hash(e->d_name) ^ (uint64_t)e->d_ino * UINT64_C(0x9e3779b97f4a7c15);
}

static void
drop_name(const struct queue_id *id, char name[QUEUE_ID_LEN + 3])
{
	(void)snprintf(name, QUEUE_ID_LEN + 3, "n.%s", id->text);
}

int
ingest_new(const struct spool *s, const struct ingest_conf *conf,
    struct ingest **out, struct po_err *err)
{
	struct ingest *ing = xcalloc(1, sizeof(*ing));
	struct stat st;
	int fd;

	ing->s = s;
	ing->conf = conf;
	u64_set_init(&ing->skip, SKIP_MAX);
	u64_set_init(&ing->in_flight, IN_FLIGHT_MAX);
	ing->names = xcalloc(NAMES_MAX, sizeof(*ing->names));
	ing->skip_since_ms = monotonic_ms();
	ing->junk = (uint64_t)wallclock_now_ms();
	if (taker_new(s, conf, &ing->taker, err) == -1 ||
	    bad_new(s, &ing->bad, err) == -1)
		goto fail;
	fd = openat(s->drop, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ing->folder = fd == -1 ? NULL : fdopendir(fd);
	if (ing->folder == NULL || fstat(fd, &st) == -1) {
		if (ing->folder == NULL)
			fd_close(&fd);
		po_fail_sys(err, PO_EIO, "read %s/drop", s->path);
		goto fail;
	}
	ing->device = st.st_dev;
	*out = ing;
	return 0;
fail:
	ingest_free(ing);
	return -1;
}

static void
close_acts(struct ingest *ing)
{
	size_t i;

	for (i = 0; i < ing->n_acts; i++)
		fd_close(&ing->acts[i].fd);
	ing->n_acts = 0;
}

void
ingest_free(struct ingest *ing)
{
	if (ing == NULL)
		return;
	if (ing->folder != NULL)
		(void)closedir(ing->folder);
	close_acts(ing);
	free(ing->names);
	taker_free(ing->taker);
	bad_free(ing->bad);
	u64_set_clear(&ing->skip);
	u64_set_clear(&ing->in_flight);
	free(ing);
}

/* ------------------------------------------------------------ saying no */

static struct ingest_refusal *
next_refusal(struct ingest *ing, uint32_t uid)
{
	struct ingest_refusal *r;

	if (ing->n_refusals == REFUSALS_MAX) {
		ing->unsaid++;
		return NULL;
	}
	r = &ing->refusals[ing->n_refusals++];
	r->uid = uid;
	return r;
}

static void
refuse_message(struct ingest *ing, uint32_t uid, const struct queue_id *id,
    const char *reason)
{
	struct ingest_refusal *r = next_refusal(ing, uid);

	if (r != NULL)
		(void)snprintf(r->text, sizeof(r->text), "%s: %.110s", id->text,
		    reason);
}

/* The name is the user's text: the inode tells the administrator which. */
static void
refuse_entry(struct ingest *ing, uint32_t uid, const struct dirent *e,
    const char *reason)
{
	struct ingest_refusal *r = next_refusal(ing, uid);

	if (r != NULL)
		(void)snprintf(r->text, sizeof(r->text),
		    "drop entry of inode %llu: %.100s",
		    (unsigned long long)e->d_ino, reason);
}

static void
skip_entry(struct ingest *ing, uint32_t uid, const struct dirent *e,
    const char *reason)
{
	if (u64_set_add(&ing->skip, entry_key(e)))
		refuse_entry(ing, uid, e, reason);
}

/* Over a mount point (drop/ on a file system of its own) it is unlinked. */
static int
to_trash(struct ingest *ing, const char *name, const char *as)
{
	if (renameat(ing->s->drop, name, ing->s->trash, as) == 0) {
		ing->trash++;
		return 0;
	}
	if (errno == EXDEV && unlinkat(ing->s->drop, name, 0) == 0)
		return 0;
	return errno == ENOENT ? 0 : -1;
}

static void
remove_junk(struct ingest *ing, uint32_t uid, const struct dirent *e,
    const char *reason)
{
	char as[32];

	(void)snprintf(as, sizeof(as), "j.%016llx",
	    (unsigned long long)ing->junk++);
	if (to_trash(ing, e->d_name, as) == 0)
		refuse_entry(ing, uid, e, reason);
	else
		skip_entry(ing, uid, e, "cannot be removed");
}

/* ------------------------------------------------------------ one entry */

/* A type that is no message, without opening it: true when it is dealt with. */
static bool
by_type(struct ingest *ing, const struct dirent *e, mode_t type, uint32_t uid)
{
	switch (type) {
	case S_IFREG:
		return false;
	case S_IFDIR:
		skip_entry(ing, uid, e, "a folder; remove it as root");
		return true;
	default:
		remove_junk(ing, uid, e,
		    "neither file nor folder, removed");
		return true;
	}
}

/* A name that no message has: an unfinished file, for a day. */
static void
by_other_name(struct ingest *ing, const struct dirent *e, const struct stat *st)
{
	if (st->st_ctime < wallclock_now() - UNFINISHED_S)
		remove_junk(ing, st->st_uid, e, "unfinished, removed");
}

static bool
id_of(const char *name, struct queue_id *id)
{
	return strncmp(name, "n.", 2) == 0 &&
	    queue_id_parse(span_of(name + 2), id);
}

static bool
unfit_owner(const struct ingest *ing, const struct stat *st)
{
	return ing->s->own ? st->st_uid != ing->s->uid :
				   st->st_gid != ing->s->gid;
}

/* What the open descriptor says. NULL: copy it; else why not. */
static const char *
unfit(const struct ingest *ing, const struct stat *st)
{
	int64_t most = ing->conf->message_size_limit;

	if (st->st_dev != ing->device)
		return "on another file system";
	if (unfit_owner(ing, st))
		return "of a foreign owner or group";
	if (st->st_size < (off_t)(FILE_ENVELOPE_AT + 3 * CELL_BYTES))
		return "too short";
	if (most > 0 && st->st_size - (off_t)ENVELOPE_MAX_BYTES -
		    (off_t)ENVELOPE_MAX_RECIPIENTS * CELL_BYTES >
		most + (1 << 20))
		return "larger than message_size_limit";
	return NULL;
}

/*
 * A file that the disk has no room for must not stop the others: it waits. Small
 * ones are not asked for; if they do not fit either, the call fails.
 */
static bool
has_room(const struct ingest *ing, off_t size)
{
	struct statvfs v;

	return size < LARGE_BYTES || fstatvfs(ing->s->queue, &v) == -1 ||
	    (uint64_t)size + LARGE_BYTES <
		(uint64_t)v.f_bavail * (uint64_t)v.f_frsize;
}

static int
refuse_file(struct ingest *ing, int fd, const struct stat *st,
    const struct queue_id *id, const char *reason, struct po_err *err)
{
	int kept = bad_put(ing->bad, id, st->st_uid, fd, st->st_size, reason,
	    err);

	if (kept == -1)
		return -1;
	refuse_message(ing, st->st_uid, id, reason);
	ing->refused[ing->n_refused++] = *id;
	return 0;
}

static int
take(struct ingest *ing, int fd, const struct stat *st, const struct dirent *e,
    const struct queue_id *id, struct queue_id *ids, size_t *n,
    struct po_err *err)
{
	struct po_err why = { .text = "" };
	enum take_result result;

	if (!has_room(ing, st->st_size)) {
		skip_entry(ing, st->st_uid, e, "no room for so large a file");
		return 0;
	}
	if (take_file(ing->taker, fd, st, id, &result, &why) == -1) {
		*err = why;
		return -1;
	}
	if (result == TAKE_REFUSED)
		return refuse_file(ing, fd, st, id, why.text, err);
	if (result == TAKE_UNREADABLE) {
		skip_entry(ing, st->st_uid, e, why.text);
		return 0;
	}
	if (result == TAKE_NEW)
		ing->fresh[ing->n_fresh++] = *id;
	ids[(*n)++] = *id;
	return 0;
}

/*
 * A second link is normal for a moment, where a name is given by link and
 * unlink. Later the envelope tells which of the names is the message's.
 */
static int
by_descriptor(struct ingest *ing, int fd, const struct dirent *e,
    const struct queue_id *id, struct queue_id *ids, size_t *n,
    struct po_err *err)
{
	struct stat st;
	const char *reason;

	if (fstat(fd, &st) == -1)
		return po_fail_sys(err, PO_EIO, "look at a file of drop/");
	if (by_type(ing, e, st.st_mode & S_IFMT, st.st_uid))
		return 0;
	reason = unfit(ing, &st);
	if (reason == NULL && st.st_nlink != 1 &&
	    st.st_ctime > wallclock_now() - LINKED_S)
		return 0;
	if (reason == NULL)
		return take(ing, fd, &st, e, id, ids, n, err);
	/* What lies here by a foreign hand's link is not read. */
	return refuse_file(ing, st.st_nlink == 1 ? fd : -1, &st, id, reason,
	    err);
}

/* It did not open: what is it? */
static int
by_name(struct ingest *ing, const struct dirent *e, int sys, struct po_err *err)
{
	struct stat st;

	if (po_code_of_errno(sys, PO_EIO) == PO_EOS) {
		errno = sys;
		return po_fail_sys(err, PO_EIO, "open a file of drop/");
	}
	if (fstatat(ing->s->drop, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    by_type(ing, e, st.st_mode & S_IFMT, st.st_uid))
		return 0;
	/* A lease is broken, or ends, by itself. */
	if (sys != EAGAIN && sys != ENOENT)
		skip_entry(ing, st.st_uid, e, strerror(sys));
	return 0;
}

static mode_t
type_of(const struct dirent *e)
{
	return e->d_type == DT_UNKNOWN ? S_IFREG : (mode_t)DTTOIF(e->d_type);
}

/*
 * A request (queue/act.h): whoever wrote it keeps his descriptor and waits for
 * the answer, so the file stays and its descriptor is handed on.
 */
static void
look_at_act(struct ingest *ing, const struct dirent *e, const struct stat *st)
{
	struct ingest_act *a;
	struct stat now;
	int fd;

	if (ing->n_acts == ACTS_MAX ||
	    u64_set_has(&ing->in_flight, hash(e->d_name)))
		return;
	fd = fd_open_beneath(ing->s->drop, e->d_name, O_RDWR, 0);
	if (fd == -1 || fstat(fd, &now) == -1 || !S_ISREG(now.st_mode) ||
	    now.st_nlink != 1 || now.st_ino != st->st_ino ||
	    unfit_owner(ing, &now)) {
		fd_close(&fd);
		remove_junk(ing, st->st_uid, e, "no proper request, removed");
		return;
	}
	(void)u64_set_add(&ing->in_flight, hash(e->d_name));
	a = &ing->acts[ing->n_acts++];
	a->uid = now.st_uid;
	a->fd = fd;
	(void)snprintf(a->name, sizeof(a->name), "%.*s",
	    (int)sizeof(a->name) - 1, e->d_name);
}

static bool
is_act_name(const char *name)
{
	struct queue_id id;

	return strncmp(name, "a.", 2) == 0 &&
	    queue_id_parse(span_of(name + 2), &id);
}

/* What is no message's name, or no file: dealt with where it is met. */
static void
look_at_other(struct ingest *ing, const struct dirent *e)
{
	struct stat st;

	if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
	    fstatat(ing->s->drop, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    by_type(ing, e, st.st_mode & S_IFMT, st.st_uid))
		return;
	if (is_act_name(e->d_name))
		look_at_act(ing, e, &st);
	else
		by_other_name(ing, e, &st);
}

static int
look_at(struct ingest *ing, const struct name *name, struct queue_id *ids,
    size_t *n, struct po_err *err)
{
	struct dirent e = { .d_ino = name->ino };
	int fd, rc;

	drop_name(&name->id, e.d_name);
	fd = fd_open_beneath(ing->s->drop, e.d_name, O_RDONLY, 0);
	if (fd == -1)
		return by_name(ing, &e, errno, err);
	rc = by_descriptor(ing, fd, &e, &name->id, ids, n, err);
	fd_close(&fd);
	return rc;
}

/* ------------------------------------------------------------ a batch */

static void
begin_batch(struct ingest *ing)
{
	ing->n_refusals = ing->unsaid = 0;
	ing->n_refused = ing->n_fresh = 0;
	close_acts(ing);
	if (ing->at_end && ing->next_name == ing->n_names) {
		rewinddir(ing->folder);
		ing->at_end = false;
	}
	if (monotonic_ms() - ing->skip_since_ms > SKIP_FOR_MS) {
		u64_set_clear(&ing->skip);
		ing->skip_since_ms = monotonic_ms();
	}
}

static int
by_id(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	return strcmp(x->id.text, y->id.text);
}

/* The next names of the folder, in order. */
static int
gather(struct ingest *ing, struct po_err *err)
{
	const struct dirent *e;
	struct name *name;

	ing->n_names = ing->next_name = 0;
	while (ing->n_names < NAMES_MAX) {
		errno = 0;
		e = readdir(ing->folder);
		if (e == NULL && errno != 0)
			return po_fail_sys(err, PO_EIO, "read %s/drop",
			    ing->s->path);
		if (e == NULL) {
			ing->at_end = true;
			break;
		}
		if (u64_set_has(&ing->skip, entry_key(e)))
			continue;
		name = &ing->names[ing->n_names];
		if (type_of(e) != S_IFREG || !id_of(e->d_name, &name->id)) {
			look_at_other(ing, e);
		} else if (!u64_set_has(&ing->in_flight, hash(name->id.text))) {
			name->ino = e->d_ino;
			ing->n_names++;
		}
	}
	qsort(ing->names, ing->n_names, sizeof(*ing->names), by_id);
	return 0;
}

/* Until the batch is full or the folder is read. */
static int
read_folder(struct ingest *ing, size_t max, struct queue_id *ids, size_t *n,
    struct po_err *err)
{
	while (*n + ing->n_refused < max) {
		if (ing->next_name == ing->n_names) {
			if (ing->at_end)
				return 0;
			if (gather(ing, err) == -1)
				return -1;
			continue;
		}
		if (look_at(ing, &ing->names[ing->next_name++], ids, n, err) ==
		    -1)
			return -1;
	}
	return 0;
}

/*
 * Copies that may not be on the disk are thrown away: after a failed sync the
 * kernel may hold their pages for clean.
 */
static int
sync_copies(struct ingest *ing, struct po_err *err)
{
	size_t i;

	if (syncfs(ing->s->queue) == 0)
		return 0;
	po_fail_sys(err, PO_EIO, "sync %s/queue", ing->s->path);
	for (i = 0; i < ing->n_fresh; i++)
		(void)take_undo(ing->taker, &ing->fresh[i], NULL);
	return -1;
}

/*
 * The submitter takes the name back when his own sync fails, and tells his
 * caller that nothing was queued. As long as the message is not reported, that
 * can be made true.
 */
static void
forget_taken_back(struct ingest *ing, struct queue_id *ids, size_t *n)
{
	char name[QUEUE_ID_LEN + 3];
	struct stat st;
	size_t i, kept = 0, k = 0;

	for (i = 0; i < *n; i++) {
		bool fresh = k < ing->n_fresh &&
		    strcmp(ing->fresh[k].text, ids[i].text) == 0;

		k += fresh;
		drop_name(&ids[i], name);
		if (fresh &&
		    fstatat(ing->s->drop, name, &st, AT_SYMLINK_NOFOLLOW) ==
			-1 &&
		    errno == ENOENT &&
		    take_undo(ing->taker, &ids[i], NULL) == 0)
			continue;
		ids[kept++] = ids[i];
	}
	*n = kept;
}

static int
end_batch(struct ingest *ing, struct queue_id *ids, size_t *n,
    struct po_err *err)
{
	char name[QUEUE_ID_LEN + 3];
	size_t i;

	if (*n + ing->n_refused == 0)
		return 0;
	if (sync_copies(ing, err) == -1) {
		*n = 0;
		return -1;
	}
	forget_taken_back(ing, ids, n);
	for (i = 0; i < *n; i++)
		(void)u64_set_add(&ing->in_flight, hash(ids[i].text));
	for (i = 0; i < ing->n_refused; i++) {
		drop_name(&ing->refused[i], name);
		(void)to_trash(ing, name, name);
	}
	return 0;
}

/* Report it now when there is nothing better, else with the next call. */
static int
fail_later(struct ingest *ing, size_t n, const struct po_err *why,
    struct po_err *err)
{
	ing->at_end = true;
	if (n == 0) {
		if (err != NULL)
			*err = *why;
		return -1;
	}
	ing->failed = true;
	ing->why = *why;
	return 0;
}

int
ingest_batch(struct ingest *ing, size_t max, struct queue_id *ids, size_t *n,
    bool *more, struct po_err *err)
{
	struct po_err why = { .text = "" };
	int rc;

	*n = 0;
	*more = false;
	if (ing->failed) {
		ing->failed = false;
		if (err != NULL)
			*err = ing->why;
		return -1;
	}
	begin_batch(ing);
	rc = read_folder(ing, max < BATCH_MAX ? max : BATCH_MAX, ids, n, &why);
	if (end_batch(ing, ids, n, err) == -1)
		return -1;
	if (rc == -1)
		rc = fail_later(ing, *n, &why, err);
	*more = rc == 0 && (!ing->at_end || ing->next_name < ing->n_names ||
			      ing->failed);
	return rc;
}

struct ingest_act *
ingest_acts(struct ingest *ing, size_t *n)
{
	*n = ing->n_acts;
	return ing->acts;
}

const struct ingest_refusal *
ingest_refusals(const struct ingest *ing, size_t *n, size_t *unsaid)
{
	*n = ing->n_refusals;
	*unsaid = ing->unsaid;
	return ing->refusals;
}

int
ingest_idle(struct ingest *ing, size_t max, struct po_err *err)
{
	int n = spool_empty_trash(ing->s, max, err);

	if (n >= 0)
		ing->trash -= (size_t)n < ing->trash ? (size_t)n : ing->trash;
	return n;
}

int
ingest_release(struct ingest *ing, const struct queue_id *ids, size_t n,
    struct po_err *err)
{
	char name[QUEUE_ID_LEN + 3];
	size_t i;
	int rc = 0;

	for (i = 0; i < n; i++) {
		drop_name(&ids[i], name);
		if (to_trash(ing, name, name) == -1) {
			rc = po_fail_sys(err, PO_EIO, "move drop/%s to trash/",
			    name);
			continue;
		}
		u64_set_remove(&ing->in_flight, hash(ids[i].text));
	}
	if (rc == 0 && ing->trash > TRASH_HIGH &&
	    ingest_idle(ing, 2 * n, err) == -1)
		rc = -1;
	return rc;
}
