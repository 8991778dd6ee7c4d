/* SPDX-License-Identifier: ISC */
/* A spool with message files, its index, and a tick over both: for the tests of
 * what happens inside a tick. */
#ifndef PO_TESTS_QUEUE_FIXTURE_H
#define PO_TESTS_QUEUE_FIXTURE_H

#include <string.h>

#include "../spool/message_fixture.h"
#include "queue/place.h"
#include "queue/settle.h"
#include "queue/tick.h"

#define NOW INT64_C(1764010000)
#define EXPIRES INT64_C(1764432000) /* of sample_of() */

struct queue_fixture {
	struct fixture *f;
	struct spool spool;
	struct queue_conf conf;
	struct deliver_conf deliver;
	struct deliver_routes *routes;
	struct tick t;
	struct po_err err;
};

#define MUST(call) must((call), q, #call, __FILE__, __LINE__)

static inline int
must(int rc, struct queue_fixture *q, const char *call, const char *file,
    int line)
{
	if (rc == -1)
		print_error("%s: %s\n", call, q->err.text);
	_assert_true(rc != -1, call, file, line);
	return rc;
}

static inline int
open_folder(int dirfd, const char *name)
{
	int fd;

	(void)mkdirat(dirfd, name, 0700);
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd != -1);
	return fd;
}

static inline int
queue_setup(void **state)
{
	struct queue_fixture *q = calloc(1, sizeof(*q));
	void *f;

	if (q == NULL || fixture_setup(&f) == -1)
		return -1;
	q->f = f;
	q->spool = fixture_spool(q->f);
	q->spool.drop = open_folder(q->f->dirfd, "drop");
	q->spool.bad = open_folder(q->f->dirfd, "bad");
	q->spool.trash = open_folder(q->f->dirfd, "trash");
	q->spool.path = q->f->path;
	q->spool.uid = 2000;
	q->conf = (struct queue_conf){
		.batch = 1000,
		.retry_first_s = 300,
		.retry_max_s = 14400,
		.give_up_after_s = 432000,
		.keep_sent_s = 7 * 86400,
		.keep_failed_s = 30 * 86400,
		.in_doubt = IN_DOUBT_RETRY,
	};
	if (deliver_routes_new(&q->deliver, &q->routes, &q->err) == -1)
		return -1;
	q->t = (struct tick){
		.tx = q->f->tx,
		.now = NOW,
		.after = after_new(),
		.hops = hops_new(),
		.spool = &q->spool,
		.conf = &q->conf,
		.routes = q->routes,
	};
	arena_init(&q->t.arena, 1u << 26);
	*state = q;
	return 0;
}

static inline int
queue_teardown(void **state)
{
	struct queue_fixture *q = *state;
	void *f = q->f;

	q->f->tx = q->t.tx;
	(void)close(q->spool.drop);
	(void)close(q->spool.bad);
	(void)close(q->spool.trash);
	fixture_spool_close(&q->spool);
	hops_free(q->t.hops);
	deliver_routes_free(q->routes);
	after_free(q->t.after);
	arena_clear(&q->t.arena);
	free(q);
	return fixture_teardown(&f);
}

/* Commit, do what follows, begin the next tick. */
static inline void
next_tick(struct queue_fixture *q)
{
	MUST(index_commit(q->t.tx, &q->err));
	after_run(q->t.after, &q->spool);
	MUST(index_begin(q->f->ix, INDEX_WRITE, &q->t.tx, &q->err));
}

/* The file in queue/, its records in the index; where it stands is up to
 * place_message(). */
static inline struct index_message
put_sample(struct queue_fixture *q, struct sample *s)
{
	struct index_message m;
	struct message_file file;
	char folder[3];
	bool in_done;

	place_sample(q->spool.queue, s);
	queue_id_folder(&s->env.id, folder); /* made by --setup */
	(void)mkdirat(q->spool.done, folder, 0700);
	assert_int_equal(MUST(spool_find(&q->spool, &s->env.id, false, &file,
	                     &in_done, &q->err)),
	    1);
	MUST(spool_index_file(&file, q->t.tx, &q->t.arena, NULL, &m, &q->err));
	file_close(&file);
	return m;
}

/* In the hands of a worker. */
static inline struct index_message
put_claimed(struct queue_fixture *q, struct sample *s, uint32_t attempt)
{
	struct index_message m = put_sample(q, s);

	m.place = PLACE_CLAIM;
	MUST(index_message_put(q->t.tx, &m, &q->err));
	MUST(index_claim_put(q->t.tx,
	    &(struct index_claim){ .id = m.id, .attempt = attempt }, &q->err));
	return m;
}

static inline struct index_message
get_message(struct queue_fixture *q, const struct queue_id *id)
{
	struct index_message m;

	assert_int_equal(MUST(index_message_get(q->t.tx, id, &q->t.arena, &m,
	                     &q->err)),
	    1);
	return m;
}

static inline bool
is_known(struct queue_fixture *q, const struct queue_id *id)
{
	struct index_message m;

	return MUST(index_message_get(q->t.tx, id, &q->t.arena, &m, &q->err)) ==
	       1;
}

static inline struct index_recipient
get_recipient(struct queue_fixture *q, const struct queue_id *id, uint32_t n)
{
	struct index_recipient r;

	assert_int_equal(MUST(index_recipient_get(q->t.tx, id, n, &q->t.arena,
	                     &r, &q->err)),
	    1);
	return r;
}

static inline bool
has_claim(struct queue_fixture *q)
{
	struct index_claim claim;

	return MUST(index_claim_next(q->t.tx, NULL, &claim, &q->err)) == 1;
}

static inline struct head
get_head(struct queue_fixture *q, const struct queue_id *id)
{
	struct message_file file;
	struct head h;
	bool in_done;
	int which;

	assert_int_equal(MUST(spool_find(&q->spool, id, false, &file, &in_done,
	                     &q->err)),
	    1);
	MUST(file_read_head(&file, &h, &which, &q->err));
	file_close(&file);
	return h;
}

static inline struct slot
get_slot(struct queue_fixture *q, const struct queue_id *id, uint32_t n)
{
	struct message_file file;
	struct slot s;
	bool in_done;

	assert_int_equal(MUST(spool_find(&q->spool, id, false, &file, &in_done,
	                     &q->err)),
	    1);
	MUST(file_read_slots(&file, n, 1, &s, &q->err));
	file_close(&file);
	return s;
}

/* Write over bytes of the file in queue/. */
static inline void
damage(struct queue_fixture *q, const struct queue_id *id, off_t at, size_t len)
{
	char path[QUEUE_ID_LEN + 4], junk[256];
	int fd;

	memset(junk, '#', sizeof(junk));
	queue_id_folder(id, path);
	path[2] = '/';
	memcpy(path + 3, id->text, QUEUE_ID_LEN + 1);
	fd = openat(q->spool.queue, path, O_WRONLY | O_CLOEXEC);
	assert_true(fd != -1);
	assert_int_equal(pwrite(fd, junk, len, at), (ssize_t)len);
	(void)close(fd);
}

static inline struct wire_result
result_of(const struct queue_id *id, uint32_t n, enum delivery_state state)
{
	static const char *const statuses[] = { "", "2.0.0", "4.2.0", "5.1.1",
		"4.4.2" };
	struct wire_result r = {
		.id = *id,
		.attempt = 1,
		.recipient = n,
		.state = state,
		.phase = PHASE_DOT,
		.reply_code = 250,
		.status = statuses[state],
		.relay = "mx.example.net[192.0.2.1]:25",
		.text = "a reply",
	};

	return r;
}

#endif
