/* SPDX-License-Identifier: ISC */
/*
 * One pass over drop/ is one readdir(3) stream, which goes on from call to
 * call. Names are gathered and sorted before they are taken, because the order
 * of a folder is any order and ids are time-ordered: mail is taken oldest
 * first, over NAMES_MAX at a time. So many entries are looked at in one call
 * and no more: who adds rubbish faster than it is removed delays nobody's mail.
 *
 * What was reported and is not released yet is remembered: it still lies in
 * drop/. ingest_entry.c judges one entry.
 */
#include "spool/ingest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/ingest_state.h"
#include "util/fd.h"
#include "util/wallclock.h"
#include "util/xalloc.h"

#define SKIP_MAX 100000u
#define IN_FLIGHT_MAX 1000000u
#define SKIP_FOR_MS INT64_C(3600000)
#define TRASH_HIGH 2048u /* then a release unlinks, too */

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
/* ------------------------------------------------------------ a batch */

static void
begin_batch(struct ingest *ing)
{
	ing->n_refusals = ing->unsaid = 0;
	ing->n_refused = ing->n_fresh = 0;
	ing->bytes = 0;
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

/* One entry of the folder: a message is noted, all else dealt with. */
static void
gather_one(struct ingest *ing, const struct dirent *e)
{
	struct name *name = &ing->names[ing->n_names];

	if (u64_set_has(&ing->skip, ingest_entry_key(e)))
		return;
	if (!ingest_is_message(e, &name->id)) {
		ingest_look_at_other(ing, e);
	} else if (!u64_set_has(&ing->in_flight, ingest_hash(name->id.text))) {
		name->ino = e->d_ino;
		ing->n_names++;
	}
}

/* The next names of the folder, in order. */
static int
gather(struct ingest *ing, struct po_err *err)
{
	const struct dirent *e;
	size_t looks;

	ing->n_names = ing->next_name = 0;
	for (looks = 0; looks < NAMES_MAX; looks++) {
		errno = 0;
		e = readdir(ing->folder);
		if (e == NULL && errno != 0)
			return po_fail_sys(err, PO_EIO, "read %s/drop",
			    ing->s->path);
		if (e == NULL) {
			ing->at_end = true;
			break;
		}
		gather_one(ing, e);
	}
	qsort(ing->names, ing->n_names, sizeof(*ing->names), by_id);
	return 0;
}

/* Until the batch is full, or what was gathered is taken. */
static int
read_folder(struct ingest *ing, size_t max, struct po_err *err)
{
	if (ing->next_name == ing->n_names && !ing->at_end &&
	    gather(ing, err) == -1)
		return -1;
	while (ing->n + ing->n_refused < max && ing->bytes < BATCH_BYTES &&
	       ing->next_name < ing->n_names)
		if (ingest_look_at(ing, &ing->names[ing->next_name++], err) ==
		    -1)
			return -1;
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
forget_taken_back(struct ingest *ing)
{
	char name[QUEUE_ID_LEN + 3];
	struct stat st;
	size_t i, kept = 0, k = 0;

	for (i = 0; i < ing->n; i++) {
		bool fresh =
		    k < ing->n_fresh &&
		    strcmp(ing->fresh[k].text, ing->taken[i].id.text) == 0;

		k += fresh;
		ingest_drop_name(&ing->taken[i].id, name);
		if (fresh &&
		    fstatat(ing->s->drop, name, &st, AT_SYMLINK_NOFOLLOW) ==
		        -1 &&
		    errno == ENOENT &&
		    take_undo(ing->taker, &ing->taken[i].id, NULL) == 0)
			continue;
		ing->taken[kept++] = ing->taken[i];
	}
	ing->n = kept;
}

static int
end_batch(struct ingest *ing, struct po_err *err)
{
	char name[QUEUE_ID_LEN + 3];
	size_t i;

	if (ing->n + ing->n_refused == 0)
		return 0;
	if (sync_copies(ing, err) == -1) {
		ing->n = 0;
		return -1;
	}
	forget_taken_back(ing);
	for (i = 0; i < ing->n; i++)
		(void)u64_set_add(&ing->in_flight,
		    ingest_hash(ing->taken[i].id.text));
	for (i = 0; i < ing->n_refused; i++) {
		ingest_drop_name(&ing->refused[i], name);
		(void)ingest_to_trash(ing, name, name);
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
ingest_batch(struct ingest *ing, size_t max, struct ingest_taken *taken,
    size_t *n, bool *more, struct po_err *err)
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
	ing->taken = taken;
	ing->n = 0;
	rc = read_folder(ing, max < BATCH_MAX ? max : BATCH_MAX, &why);
	if (end_batch(ing, err) == -1)
		return -1;
	*n = ing->n;
	if (rc == -1)
		rc = fail_later(ing, *n, &why, err);
	*more = rc == 0 &&
	        (!ing->at_end || ing->next_name < ing->n_names || ing->failed);
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
		ingest_drop_name(&ids[i], name);
		if (ingest_to_trash(ing, name, name) == -1) {
			rc = po_fail_sys(err, PO_EIO, "move drop/%s to trash/",
			    name);
			continue;
		}
		u64_set_remove(&ing->in_flight, ingest_hash(ids[i].text));
	}
	if (rc == 0 && ing->trash > TRASH_HIGH &&
	    ingest_idle(ing, 2 * n, err) == -1)
		rc = -1;
	return rc;
}
