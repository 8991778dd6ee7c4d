/* SPDX-License-Identifier: ISC */
/*
 * Nothing is trusted but what the kernel says of an open descriptor; names that
 * can be told from their type are not opened at all.
 *
 * What can be neither taken nor removed (folders, files without the right to
 * read) is remembered by inode and name for an hour, so that each pass costs
 * one look and the log one line.
 *
 * The bad/ copy of a refused file is made from the original: it is evidence,
 * nobody parses it again.
 */
#include "spool/ingest_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/wallclock.h"

#define UNFINISHED_S                                                           \
	INT64_C(86400) /* then a file without a proper name goes               \
	                */
#define LARGE_BYTES (16u << 20)

/* FNV-1a. */
uint64_t
ingest_hash(const char *s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	return h;
}

uint64_t
ingest_entry_key(const struct dirent *e)
{
	return ingest_hash(e->d_name) ^
	       (uint64_t)e->d_ino * UINT64_C(0x9e3779b97f4a7c15);
}

void
ingest_drop_name(const struct queue_id *id, char name[QUEUE_ID_LEN + 3])
{
	(void)snprintf(name, QUEUE_ID_LEN + 3, "n.%s", id->text);
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
	if (u64_set_add(&ing->skip, ingest_entry_key(e)))
		refuse_entry(ing, uid, e, reason);
}

/* Over a mount point (drop/ on a file system of its own) it is unlinked. */
int
ingest_to_trash(struct ingest *ing, const char *name, const char *as)
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
	if (ingest_to_trash(ing, e->d_name, as) == 0)
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
		remove_junk(ing, uid, e, "neither file nor folder, removed");
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
	return ing->s->own ? st->st_uid != ing->s->uid
	                   : st->st_gid != ing->s->gid;
}

/* What the open descriptor says. NULL: copy it; else why not. */
static const char *
unfit(const struct ingest *ing, int fd, const struct stat *st)
{
	int64_t most = ing->conf->message_size_limit;

	if (st->st_dev != ing->device && !fd_same_mount(fd, dirfd(ing->folder)))
		return "on another mount";
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
 * A file that the disk has no room for must not stop the others: it waits.
 * Small ones are not asked for; if they do not fit either, the call fails.
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
	int kept = bad_put(ing->bad, id, fd, st, reason, err);

	if (kept == -1)
		return -1;
	refuse_message(ing, st->st_uid, id, reason);
	ing->refused[ing->n_refused++] = *id;
	return 0;
}

static int
take(struct ingest *ing, int fd, const struct stat *st, const struct dirent *e,
    const struct queue_id *id, struct po_err *err)
{
	struct po_err why = { .text = "" };
	struct ingest_taken *taken = &ing->taken[ing->n];
	enum take_result result;

	*taken = (struct ingest_taken){ .id = *id };
	if (!has_room(ing, st->st_size)) {
		skip_entry(ing, st->st_uid, e, "no room for so large a file");
		return 0;
	}
	ing->bytes += st->st_size;
	if (take_file(ing->taker, fd, st, taken, &result, &why) == -1) {
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
	ing->n++;
	return 0;
}

/*
 * A second link of a file with the right group is no reason to refuse: a name
 * is given by link and unlink where renameat2(2) cannot do it in one step, and
 * whoever links a message cannot write into it. The id in the envelope tells
 * which of the names is the message's; another one is refused.
 */
static int
by_descriptor(struct ingest *ing, int fd, const struct dirent *e,
    const struct queue_id *id, struct po_err *err)
{
	struct stat st;
	const char *reason;

	if (fstat(fd, &st) == -1)
		return po_fail_sys(err, PO_EIO, "look at a file of drop/");
	if (by_type(ing, e, st.st_mode & S_IFMT, st.st_uid))
		return 0;
	reason = unfit(ing, fd, &st);
	if (reason == NULL)
		return take(ing, fd, &st, e, id, err);
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

	if (ing->n_acts == ACTS_MAX)
		return;
	(void)u64_set_add(&ing->skip, ingest_entry_key(e)); /* once */
	fd = fd_open_beneath(ing->s->drop, e->d_name, O_RDWR, 0);
	if (fd == -1 || fstat(fd, &now) == -1 || !S_ISREG(now.st_mode) ||
	    now.st_nlink != 1 || now.st_ino != st->st_ino ||
	    unfit_owner(ing, &now)) {
		fd_close(&fd);
		remove_junk(ing, st->st_uid, e, "no proper request, removed");
		return;
	}
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

bool
ingest_is_message(const struct dirent *e, struct queue_id *id)
{
	return type_of(e) == S_IFREG && id_of(e->d_name, id);
}

/* What is no message's name, or no file: dealt with where it is met. */
void
ingest_look_at_other(struct ingest *ing, const struct dirent *e)
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

int
ingest_look_at(struct ingest *ing, const struct name *name, struct po_err *err)
{
	struct dirent e = { .d_ino = name->ino };
	int fd, rc;

	ingest_drop_name(&name->id, e.d_name);
	fd = fd_open_beneath(ing->s->drop, e.d_name, O_RDONLY, 0);
	if (fd == -1)
		return by_name(ing, &e, errno, err);
	rc = by_descriptor(ing, fd, &e, &name->id, err);
	fd_close(&fd);
	return rc;
}
