/* SPDX-License-Identifier: ISC */
/*
 * Walk queue/ and done/, then history/, then take over what only the old index
 * knew. Transactions are bounded, so that memory is; the new index is nobody
 * else's until one rename puts it in place of the old.
 */
#include "spool/rebuild.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "spool/history.h"
#include "spool/rebuild_parts.h"
#include "util/fd.h"

#define PUTS_PER_TX 4096
#define ATTEMPTS_AT_ONCE 16 /* of one message, by as many next hops */
#define ARENA_MAX (512u << 20)
#define PROBLEMS_MAX (64u << 10)

int
rebuild_next(struct builder *b, struct po_err *err)
{
	int rc;

	arena_clear(&b->arena);
	if (++b->puts < PUTS_PER_TX)
		return 0;
	b->puts = 0;
	rc = index_commit(b->tx, err);
	b->tx = NULL;
	return rc == -1 ? -1 : index_begin(b->ix, INDEX_WRITE, &b->tx, err);
}

void
rebuild_complain(struct builder *b, const char *where, const char *path,
    const char *why)
{
	(void)buf_printf(&b->report->problems, "%s/%s: %s\n", where, path, why);
}

/* ---------------------------------------------------------- the message files
 */

/* One folder of messages: where, and whether a final one belongs there. */
struct place {
	const char *name;
	int fd;
	bool done;
};

static int
put_file(struct builder *b, const struct place *at, const char *path,
    const struct queue_id *id, struct index_message *m, struct po_err *err)
{
	struct message_file f;
	int rc = file_open(at->fd, path, false, &f, err);

	if (rc == 0)
		rc = index_file_as(&f, id, b->tx, &b->arena, NULL, m, err);
	file_close(&f);
	return rc;
}

/* done/ has it too: its file wins if it is final, else that of queue/ goes
 * back in. */
static int
settle_double(struct builder *b, const struct place *at, const char *path,
    const struct queue_id *id, struct po_err *err)
{
	struct place queue = { "queue", b->spool->queue, false };
	struct index_message m;

	rebuild_complain(b, at->name, path, "also in queue/");
	if (index_message_delete(b->tx, id, err) == -1)
		return -1;
	if (put_file(b, at, path, id, &m, err) == 0 &&
	    message_is_final(m.state))
		return 0;
	if (index_message_delete(b->tx, id, err) == -1)
		return -1;
	return put_file(b, &queue, path, id, &m, err);
}

/*
 * What the parent has yet to decide: a message with a key, taken in and not
 * begun, whose original still lies in drop/. It is left to the ingester, who
 * reports it again, and then comes before or behind others with its key as if
 * nothing had happened.
 */
static bool
is_undecided(const struct builder *b, const struct index_message *m)
{
	char name[QUEUE_ID_LEN + 3];

	if (m->key == NULL || m->state != MESSAGE_WAITING || m->attempts > 0 ||
	    m->n_in_doubt > 0)
		return false;
	(void)snprintf(name, sizeof(name), "n.%s", m->id.text);
	return faccessat(b->spool->drop, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/*
 * Its last results are in the slots, and nothing tells whether they were
 * settled, with the notice that they ask for: recovery does it once more, and
 * knows a notice by its id. Attempts that ended together are the last ones.
 */
static int
leave_to_recovery(struct builder *b, const struct index_message *m,
    struct po_err *err)
{
	struct index_claim claim = { .id = m->id, .attempt = m->attempts };
	unsigned n;

	if (m->state != MESSAGE_SENT && m->state != MESSAGE_FAILED)
		return 0;
	for (n = 0; n < ATTEMPTS_AT_ONCE && claim.attempt > 0; n++) {
		if (index_claim_put(b->tx, &claim, err) == -1)
			return -1;
		claim.attempt--;
	}
	return 0;
}

static int
add_file(struct builder *b, const struct place *at, const char *path,
    const struct queue_id *id, struct po_err *err)
{
	struct index_message m;
	int known = 0;

	if (at->done)
		known = index_message_get(b->tx, id, &b->arena, &m, err);
	if (known == -1)
		return -1;
	if (known == 1)
		return settle_double(b, at, path, id, err);
	if (put_file(b, at, path, id, &m, err) == -1)
		return -1;
	if (!at->done && is_undecided(b, &m))
		return index_message_delete(b->tx, id, err);
	b->report->messages++;
	if (at->done || !message_is_final(m.state))
		return 0;
	return leave_to_recovery(b, &m, err) == -1
	           ? -1
	           : index_move_put(b->tx, id, err);
}

/* A file that cannot be read as a message does not stop the others. */
static int
add_entry(struct builder *b, const struct place *at, const char *folder,
    const char *name, struct po_err *err)
{
	char path[3 + QUEUE_ID_LEN + 1];
	struct queue_id id;
	struct po_err why;

	if (!queue_id_parse(span_of(name), &id))
		return 0;
	(void)snprintf(path, sizeof(path), "%s/%s", folder, id.text);
	if (add_file(b, at, path, &id, &why) == 0)
		return rebuild_next(b, err);
	if (b->tx->failed || (why.code != PO_ECORRUPT && why.sys != ENOENT)) {
		(void)po_fail(err, why.code, "rebuild: %s/%s: %s", at->name,
		    path, why.text);
		return -1;
	}
	b->report->damaged++;
	rebuild_complain(b, at->name, path, why.text);
	return rebuild_next(b, err);
}

static int
walk_folder(struct builder *b, const struct place *at, const char *folder,
    struct po_err *err)
{
	struct dirent *e;
	DIR *dir;
	int rc = 0, fd;

	fd = openat(at->fd, folder,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT)
		return 0;
	if (fd == -1 || (dir = fdopendir(fd)) == NULL) {
		(void)po_fail_sys(err, PO_EIO, "open %s/%s", at->name, folder);
		fd_close(&fd);
		return -1;
	}
	for (errno = 0; rc == 0 && (e = readdir(dir)) != NULL; errno = 0)
		rc = add_entry(b, at, folder, e->d_name, err);
	if (rc == 0 && errno != 0)
		rc = po_fail_sys(err, PO_EIO, "list %s/%s", at->name, folder);
	(void)closedir(dir);
	return rc;
}

static int
walk(struct builder *b, const struct place *at, struct po_err *err)
{
	char folder[3];
	unsigned i;

	for (i = 0; i < 256; i++) {
		(void)snprintf(folder, sizeof(folder), "%02x", i);
		if (walk_folder(b, at, folder, err) == -1)
			return -1;
	}
	return 0;
}

/* ------------------------------------------------------------- history */

/* What the file's slot does not hold: the text of the reply. */
static int
give_text(struct builder *b, const struct history_row *row, struct po_err *err)
{
	struct index_recipient r;
	int found = index_recipient_get(b->tx, &row->id, row->a.recipient,
	    &b->arena, &r, err);

	if (found != 1 || r.attempt != row->a.attempt)
		return found == -1 ? -1 : 0;
	r.text = row->a.text;
	return index_recipient_put(b->tx, &row->id, row->a.recipient, &r, err);
}

/* Attempts in doubt are counted for ever, also those that were tried again. */
static int
count_doubts(struct builder *b, struct index_message *m, struct po_err *err)
{
	struct index_attempt a = { .attempt = UINT32_MAX,
		.recipient = UINT32_MAX };
	uint32_t n = 0;
	int found;

	while ((found = index_attempt_next(b->tx, &m->id, NULL, &a, err)) == 1)
		if (a.state == SLOT_IN_DOUBT)
			n++;
	if (found == -1 || n <= m->n_in_doubt)
		return found;
	m->n_in_doubt = n;
	return index_message_put(b->tx, m, err);
}

static int
add_attempt(struct builder *b, const struct history_row *row,
    struct po_err *err)
{
	struct index_message m;
	int found = index_message_get(b->tx, &row->id, &b->arena, &m, err);

	if (found != 1 || row->a.recipient >= m.n_recipients)
		return found == -1 ? -1 : 0;
	if (index_attempt_put(b->tx, &row->id, &row->a, err) == -1 ||
	    give_text(b, row, err) == -1)
		return -1;
	b->report->attempts++;
	return row->a.state == SLOT_IN_DOUBT ? count_doubts(b, &m, err) : 0;
}

static int
add_history(struct builder *b, struct po_err *err)
{
	struct history_row row;
	struct history *h;
	int rc = history_open(b->spool, &h, err);

	if (rc == -1)
		return -1;
	while ((rc = history_next(h, &b->arena, &row, err)) == 1) {
		if (add_attempt(b, &row, err) == -1 ||
		    rebuild_next(b, err) == -1) {
			rc = -1;
			break;
		}
	}
	b->report->history_skipped = history_skipped(h);
	history_close(h);
	return rc;
}

/* ------------------------------------------------------------- rebuild */

static int
build(struct builder *b, struct po_err *err)
{
	struct place queue = { "queue", b->spool->queue, false };
	struct place done = { "done", b->spool->done, true };

	if (rebuild_remove_folder(b->folder, INDEX_NEW, err) == -1 ||
	    index_open_folder(b->folder, INDEX_NEW, INDEX_WRITE, &b->ix, err) ==
	        -1 ||
	    index_begin(b->ix, INDEX_WRITE, &b->tx, err) == -1)
		return -1;
	if (walk(b, &queue, err) == -1 || walk(b, &done, err) == -1 ||
	    add_history(b, err) == -1 || rebuild_keep_old(b, err) == -1)
		return -1;
	return 0;
}

int
spool_rebuild_index(const struct spool *s, struct rebuild_report *report,
    struct po_err *err)
{
	struct builder b = { .spool = s, .report = report };
	int rc;

	*report = (struct rebuild_report){ 0 };
	buf_init(&report->problems, PROBLEMS_MAX);
	arena_init(&b.arena, ARENA_MAX);
	b.folder = openat(s->dirfd, INDEX_FOLDER,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (b.folder == -1)
		return po_fail_sys(err, PO_EIO, "open index");
	rc = build(&b, err);
	if (rc == 0)
		rc = index_commit(b.tx, err);
	else
		index_discard(b.tx);
	index_close(b.ix);
	if (rc == 0)
		rc = rebuild_swap(b.folder, err);
	arena_clear(&b.arena);
	fd_close(&b.folder);
	return rc;
}

void
rebuild_report_clear(struct rebuild_report *report)
{
	buf_clear(&report->problems);
}
