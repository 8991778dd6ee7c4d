/* SPDX-License-Identifier: ISC */
/*
 * Rows from files: what one file means, and that an index built from the files
 * alone equals the one that grew with them.
 */
#include "spool/rebuild.h"

#include "message_fixture.h"
#include "spool/history.h"
#include "spool/index_db.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define T INT64_C(1764000000)

static struct index_message
index_it(struct fixture *f, int folder, struct sample *s)
{
	char path[QUEUE_ID_LEN + 4];
	struct index_message m;
	struct message_file file;

	place_sample(folder, s);
	queue_id_folder(&s->env.id, path);
	path[2] = '/';
	memcpy(path + 3, s->env.id.text, QUEUE_ID_LEN + 1);
	OK(file_open(folder, path, false, &file, &f->err));
	OK(spool_index_file(&file, f->tx, &f->arena, NULL, &m, &f->err));
	file_close(&file);
	return m;
}

/* ------------------------------------------------------------ one file */

static void
state_time_and_counts_come_from_head_and_slots(void **state)
{
	static const struct {
		const char *name;
		enum message_state head;
		enum slot_state slots[2];
		enum message_state want;
		enum index_place place;
		int64_t finished;
		uint32_t open, doubts;
	} cases[] = {
		{ "new", MESSAGE_WAITING, { SLOT_WAITING, SLOT_WAITING },
		    MESSAGE_WAITING, PLACE_DUE, 0, 2, 0 },
		{ "held", MESSAGE_HELD, { SLOT_WAITING, SLOT_WAITING },
		    MESSAGE_HELD, PLACE_NONE, 0, 2, 0 },
		{ "one sent", MESSAGE_WAITING, { SLOT_SENT, SLOT_DEFERRED },
		    MESSAGE_WAITING, PLACE_DUE, 0, 1, 0 },
		{ "all sent", MESSAGE_WAITING, { SLOT_SENT, SLOT_SENT },
		    MESSAGE_SENT, PLACE_NONE, T + 20, 0, 0 },
		{ "one failed", MESSAGE_WAITING, { SLOT_FAILED, SLOT_SENT },
		    MESSAGE_FAILED, PLACE_NONE, T + 20, 0, 0 },
		{ "in doubt", MESSAGE_WAITING, { SLOT_IN_DOUBT, SLOT_SENT },
		    MESSAGE_WAITING, PLACE_DUE, 0, 1, 1 },
		{ "cancelled", MESSAGE_CANCELLED, { SLOT_CANCELLED, SLOT_SENT },
		    MESSAGE_CANCELLED, PLACE_NONE, T + 5, 0, 0 },
		{ "expired", MESSAGE_EXPIRED, { SLOT_EXPIRED, SLOT_EXPIRED },
		    MESSAGE_EXPIRED, PLACE_NONE, T + 5, 0, 0 },
		{ "duplicate", MESSAGE_DUPLICATE,
		    { SLOT_CANCELLED, SLOT_CANCELLED }, MESSAGE_DUPLICATE,
		    PLACE_NONE, T + 5, 0, 0 },
	};
	struct fixture *f = *state;
	struct spool spool = fixture_spool(f);
	struct index_message m;
	struct sample s;
	size_t i, n;

	for (i = 0; i < COUNT(cases); i++) {
		print_message("%s\n", cases[i].name);
		s = sample_of((uint32_t)i);
		s.head.state = cases[i].head;
		s.head.changed = T + 5;
		s.head.attempts = 1;
		for (n = 0; n < 2; n++) {
			s.slots[n].state = cases[i].slots[n];
			s.slots[n].time = T + 10 * (int64_t)(n + 1);
			s.slots[n].attempt = n == 0 ? 3 : 2;
		}
		m = index_it(f, spool.queue, &s);
		assert_int_equal(m.state, cases[i].want);
		assert_int_equal(m.place, cases[i].place);
		assert_int_equal(m.finished, cases[i].finished);
		assert_int_equal(m.n_open, cases[i].open);
		assert_int_equal(m.n_in_doubt, cases[i].doubts);
		assert_int_equal(m.attempts, 3);
		assert_int_equal(m.due, s.head.due);
		assert_int_equal(m.arrival, T);
		assert_int_equal(m.uid, 1000);
		assert_int_equal(m.size, strlen(s.content));
		assert_string_equal(m.login, "alice");
	}
	fixture_spool_close(&spool);
}

static void
key_stays_with_the_message_that_was_let_through(void **state)
{
	struct fixture *f = *state;
	struct spool spool = fixture_spool(f);
	struct sample one = sample_of(1), two = sample_of(2);
	struct index_holder holder;

	one.env.key = two.env.key = "order";
	two.head.state = MESSAGE_DUPLICATE;
	(void)index_it(f, spool.queue, &one);
	(void)index_it(f, spool.queue, &two);
	assert_int_equal(OK(index_key_get(f->tx, 1000, "order", &holder,
	                     &f->err)),
	    1);
	assert_string_equal(holder.id.text, one.env.id.text);
	fixture_spool_close(&spool);
}

/* Whose key it is, when the files are met in either order. */
static void
one_key_of_two_messages_goes_to_the_right_one(void **state)
{
	static const struct {
		const char *name;
		enum slot_state first, second;
		unsigned owner;
	} cases[] = {
		{ "both wait", SLOT_WAITING, SLOT_WAITING, 1 },
		{ "the first was sent and forgotten", SLOT_SENT, SLOT_WAITING,
		    2 },
		{ "both were sent", SLOT_SENT, SLOT_SENT, 2 },
		{ "the second was sent", SLOT_WAITING, SLOT_SENT, 1 },
	};
	struct fixture *f = *state;
	struct spool spool = fixture_spool(f);
	struct index_holder holder;
	struct message_file file;
	struct index_message m;
	struct sample s[2];
	size_t i, n, k;

	for (i = 0; i < COUNT(cases) * 2; i++) {
		print_message("%s, %s\n", cases[i / 2].name,
		    i % 2 == 0 ? "in order" : "in reverse");
		for (k = 0; k < 2; k++) {
			n = (i + k) % 2;
			s[n] = sample_of(1 + (uint32_t)n);
			s[n].env.key = "order";
			s[n].slots[0].state = s[n].slots[1].state =
			    n == 0 ? cases[i / 2].first : cases[i / 2].second;
			write_sample(spool.queue, "x", &s[n]);
			OK(file_open(spool.queue, "x", false, &file, &f->err));
			OK(index_file_as(&file, &s[n].env.id, f->tx, &f->arena,
			    NULL, &m, &f->err));
			file_close(&file);
		}
		assert_int_equal(OK(index_key_get(f->tx, 1000, "order", &holder,
		                     &f->err)),
		    1);
		assert_string_equal(holder.id.text,
		    s[cases[i / 2].owner - 1].env.id.text);
		OK(index_message_delete(f->tx, &s[0].env.id, &f->err));
		OK(index_message_delete(f->tx, &s[1].env.id, &f->err));
	}
	fixture_spool_close(&spool);
}

static void
reply_text_and_old_doubts_survive_a_second_look(void **state)
{
	struct fixture *f = *state;
	struct spool spool = fixture_spool(f);
	struct sample s = sample_of(1);
	struct index_recipient r;
	struct index_message m;

	s.slots[0] = (struct slot){ 1, SLOT_DEFERRED, 1, T, 451, "4.7.1" };
	m = index_it(f, spool.queue, &s);
	OK(index_recipient_get(f->tx, &m.id, 0, &f->arena, &r, &f->err));
	assert_string_equal(r.address, "bob@example.net");
	assert_string_equal(r.text, "");
	r.text = "try again";
	OK(index_recipient_put(f->tx, &m.id, 0, &r, &f->err));
	m.n_in_doubt = 2;
	OK(index_message_put(f->tx, &m, &f->err));
	m = index_it(f, spool.queue, &s);
	assert_int_equal(m.n_in_doubt, 2);
	OK(index_recipient_get(f->tx, &m.id, 0, &f->arena, &r, &f->err));
	assert_string_equal(r.text, "try again");
	/* A newer attempt has its own text. */
	s.slots[0].attempt = 2;
	(void)index_it(f, spool.queue, &s);
	OK(index_recipient_get(f->tx, &m.id, 0, &f->arena, &r, &f->err));
	assert_string_equal(r.text, "");
	fixture_spool_close(&spool);
}

/* Row 25 of spool-layout.md: recovery settles a claim, and counts the doubt. */
static void
a_slot_in_sending_is_a_claim_in_a_rebuild(void **state)
{
	struct fixture *f = *state;
	struct spool spool = fixture_spool(f);
	struct sample s = sample_of(1);
	struct index_recipient r;
	struct index_claim claim;
	struct message_file file;
	struct index_message m;

	s.slots[0] = (struct slot){ 3, SLOT_SENDING, 2, T, 0, "" };
	write_sample(spool.queue, "x", &s);
	OK(file_open(spool.queue, "x", false, &file, &f->err));
	OK(index_file_as(&file, &s.env.id, f->tx, &f->arena, NULL, &m,
	    &f->err));
	file_close(&file);
	assert_int_equal(m.place, PLACE_CLAIM);
	assert_int_equal(m.n_in_doubt, 0);
	assert_int_equal(OK(index_claim_next(f->tx, NULL, &claim, &f->err)), 1);
	assert_string_equal(claim.id.text, m.id.text);
	assert_int_equal(claim.attempt, 2);
	assert_int_equal(claim.hop, 0);
	OK(index_recipient_get(f->tx, &m.id, 0, &f->arena, &r, &f->err));
	assert_int_equal(r.state, SLOT_WAITING);
	fixture_spool_close(&spool);
}

static void
slots_and_recipients_must_be_as_many(void **state)
{
	struct fixture *f = *state;
	struct spool spool = fixture_spool(f);
	struct sample s = sample_of(1);
	struct message_file file;
	struct index_message m;

	write_sample(spool.queue, "x", &s);
	OK(file_open(spool.queue, "x", false, &file, &f->err));
	file.preamble.slots = 1;
	assert_int_equal(spool_index_file(&file, f->tx, &f->arena, NULL, &m,
	                     &f->err),
	    -1);
	assert_int_equal(f->err.code, PO_ECORRUPT);
	assert_false(index_is_dirty(f->tx));
	file_close(&file);
	fixture_spool_close(&spool);
}

/* ------------------------------------------------------------- rebuild */

/* All that can be read of an index through its header, as lines. */
static void
dump_message(struct fixture *f, const struct index_message *m, struct buf *b)
{
	struct index_attempt a = { .attempt = UINT32_MAX,
		.recipient = UINT32_MAX };
	struct index_recipient r;
	struct index_holder holder;
	uint32_t i;

	assert_true(buf_printf(b,
	    "message %s %d %d %u %u %lld %lld %lld %lld "
	    "%ju %u %u %u %u %ju %d %s %s %s %s\n",
	    m->id.text, m->state, m->priority, m->uid, m->attempts,
	    (long long)m->arrival, (long long)m->due, (long long)m->expires,
	    (long long)m->finished, (uintmax_t)m->size, m->n_recipients,
	    m->n_open, m->n_in_doubt, m->crc, (uintmax_t)m->file_size, m->ours,
	    m->login, m->sender, m->tag == NULL ? "-" : m->tag,
	    m->key == NULL ? "-" : m->key));
	/* A ready row may have become a due row. */
	assert_true(buf_printf(b, " place %d\n",
	    m->place == PLACE_READY ? PLACE_DUE : m->place));
	for (i = 0; OK(index_recipient_get(f->tx, &m->id, i, &f->arena, &r,
	                &f->err)) == 1;
	     i++)
		assert_true(buf_printf(b,
		    " recipient %u %d %u %lld %d %s %s "
		    "%s\n",
		    i, r.state, r.attempt, (long long)r.time, r.reply_code,
		    r.status, r.address, r.text));
	while (
	    OK(index_attempt_next(f->tx, &m->id, &f->arena, &a, &f->err)) == 1)
		assert_true(buf_printf(b,
		    " attempt %u %u %lld %d %d %u %s %s "
		    "%s %s\n",
		    a.attempt, a.recipient, (long long)a.time, a.state,
		    a.reply_code, a.delay_ms, a.status, a.phase, a.relay,
		    a.text));
	if (m->key != NULL &&
	    OK(index_key_get(f->tx, m->uid, m->key, &holder, &f->err)) == 1) {
		assert_true(buf_printf(b, " key %s", holder.id.text));
		for (i = 0; i < sizeof(holder.digest); i++)
			assert_true(buf_printf(b, "%s%02x", i == 0 ? " " : "",
			    holder.digest[i]));
		assert_true(buf_putc(b, '\n'));
	}
}

/* Due and ready together: the set of what waits. */
static int
by_text(const void *a, const void *b)
{
	return strcmp(((const struct queue_id *)a)->text,
	    ((const struct queue_id *)b)->text);
}

static void
dump_waiting(struct fixture *f, struct buf *b)
{
	enum priority class = PRIORITY_NOW;
	struct queue_id ids[64];
	uint32_t hop = 0;
	uint64_t turn;
	size_t n = 0, i;
	int64_t due;

	while (OK(index_due_first(f->tx, &due, &ids[n], &f->err)) == 1)
		OK(index_message_delete(f->tx, &ids[n++], &f->err));
	while (OK(index_ready_seek(f->tx, &hop, &class, &f->err)) == 1) {
		assert_int_equal(OK(index_ready_first(f->tx, hop, class, &turn,
		                     &ids[n], &f->err)),
		    1);
		OK(index_message_delete(f->tx, &ids[n++], &f->err));
	}
	qsort(ids, n, sizeof(ids[0]), by_text);
	for (i = 0; i < n; i++)
		assert_true(buf_printf(b, "waits %s\n", ids[i].text));
}

static void
dump_lists(struct fixture *f, struct buf *b)
{
	struct queue_id id = { "" };
	struct index_totals t;
	struct index_claim claim;
	int64_t time = 0;
	int i;

	while (OK(index_finished_next(f->tx, &time, &id, &f->err)) == 1)
		assert_true(buf_printf(b, "finished %lld %s\n", (long long)time,
		    id.text));
	for (i = 0;
	     OK(index_move_next(f->tx, i == 0 ? NULL : &id, &id, &f->err)) == 1;
	     i++)
		assert_true(buf_printf(b, "move %s\n", id.text));
	for (i = 0; OK(index_claim_next(f->tx, i == 0 ? NULL : &claim, &claim,
	                &f->err)) == 1;
	     i++)
		assert_true(buf_printf(b, "claim %s %u\n", claim.id.text,
		    claim.attempt));
	OK(index_totals_get(f->tx, &t, &f->err));
	for (i = 0; i < MESSAGE_STATES; i++)
		assert_true(buf_printf(b, "total %ju %ju\n",
		    (uintmax_t)t.messages[i], (uintmax_t)t.bytes[i]));
	assert_true(buf_printf(b, "deferred %ju\n", (uintmax_t)t.deferred));
}

static char *
dump(struct fixture *f)
{
	struct index_message m;
	struct queue_id after;
	struct buf b;
	int n;

	buf_init(&b, 1 << 20);
	for (n = 0; OK(index_message_next(f->tx, n == 0 ? NULL : &after,
	                &f->arena, &m, &f->err)) == 1;
	     n++) {
		after = m.id;
		dump_message(f, &m, &b);
	}
	assert_true(buf_printf(&b, "messages %d\n", n));
	dump_lists(f, &b);
	dump_waiting(f, &b);
	index_discard(f->tx);
	OK(index_begin(f->ix, INDEX_WRITE, &f->tx, &f->err));
	return b.p;
}

/* One attempt at recipient n of the sample, as the runner settles it. */
static void
attempt(struct fixture *f, const struct spool *spool, struct sample *s,
    uint32_t n, struct slot slot, const char *text)
{
	struct history_row row = { .id = s->env.id,
		.address = s->recipients[n].address,
		.a = { .attempt = slot.attempt,
		    .recipient = n,
		    .time = slot.time,
		    .state = slot.state,
		    .reply_code = slot.reply_code,
		    .delay_ms = 12,
		    .phase = "dot",
		    .relay = "mx[192.0.2.1]:25",
		    .text = text } };
	struct index_recipient r;

	memcpy(row.a.status, slot.status, sizeof(slot.status));
	s->slots[n] = slot;
	(void)index_it(f, spool->queue, s);
	OK(index_attempt_put(f->tx, &s->env.id, &row.a, &f->err));
	OK(index_recipient_get(f->tx, &s->env.id, n, &f->arena, &r, &f->err));
	r.text = text;
	OK(index_recipient_put(f->tx, &s->env.id, n, &r, &f->err));
	OK(history_append(spool, &row, 1, &f->err));
}

static void
move_to_done(const struct spool *spool, const struct queue_id *id)
{
	char path[QUEUE_ID_LEN + 4];

	queue_id_folder(id, path);
	(void)mkdirat(spool->done, path, 0700);
	path[2] = '/';
	memcpy(path + 3, id->text, QUEUE_ID_LEN + 1);
	assert_int_equal(renameat(spool->queue, path, spool->done, path), 0);
}

/* A life of some messages: new, ready, deferred, in doubt and then sent, failed
 * and moved, finished and not yet moved, held, cancelled, duplicate. */
static void
live(struct fixture *f, const struct spool *spool)
{
	static const struct slot sent = { 2, SLOT_SENT, 1, T + 30, 250,
		"2.0.0" };
	static const struct slot doubt = { 2, SLOT_IN_DOUBT, 1, T + 40, 0,
		"4.4.2" };
	static const struct slot later = { 2, SLOT_DEFERRED, 1, T + 50, 451,
		"4.7.1" };
	static const struct slot failed = { 2, SLOT_FAILED, 1, T + 60, 550,
		"5.1.1" };
	struct slot again = sent;
	struct index_message m;
	struct sample s[9];
	uint32_t i;

	for (i = 0; i < 9; i++) {
		s[i] = sample_of(i * 77);
		s[i].env.tag = i % 2 == 0 ? "news" : NULL;
		s[i].stamp.uid = 1000 + i % 3;
		m = index_it(f, spool->queue, &s[i]);
	}
	m = index_it(f, spool->queue, &s[1]);
	m.place = PLACE_READY;
	m.hop = 1;
	m.turn = 5;
	OK(index_message_put(f->tx, &m, &f->err));
	s[2].head.attempts = 1;
	attempt(f, spool, &s[2], 0, later, "451 later");
	attempt(f, spool, &s[3], 0, doubt, "lost connection");
	again.attempt = 2;
	again.time = T + 90;
	attempt(f, spool, &s[3], 0, again, "250 ok");
	m = index_it(f, spool->queue, &s[3]);
	m.n_in_doubt = 1;
	OK(index_message_put(f->tx, &m, &f->err));
	attempt(f, spool, &s[4], 0, failed, "550 unknown");
	attempt(f, spool, &s[4], 1, sent, "250 ok");
	move_to_done(spool, &s[4].env.id);
	attempt(f, spool, &s[5], 0, sent, "250 ok");
	attempt(f, spool, &s[5], 1, sent, "250 ok");
	OK(index_move_put(f->tx, &s[5].env.id, &f->err));
	s[6].head.state = MESSAGE_HELD;
	s[6].env.key = "k";
	(void)index_it(f, spool->queue, &s[6]);
	s[7].head.state = MESSAGE_DUPLICATE;
	s[7].env.key = "k";
	s[7].slots[0].state = s[7].slots[1].state = SLOT_CANCELLED;
	s[7].stamp.uid = s[6].stamp.uid;
	(void)index_it(f, spool->queue, &s[7]);
	move_to_done(spool, &s[7].env.id);
	m = index_it(f, spool->queue, &s[8]);
	m.place = PLACE_CLAIM;
	m.hop = 1;
	OK(index_message_put(f->tx, &m, &f->err));
	OK(index_claim_put(f->tx,
	    &(struct index_claim){ .id = m.id, .attempt = 1 }, &f->err));
}

static void
give_knowledge(struct fixture *f)
{
	struct index_host h = { .name = "smtp:mx:25", .backoff_until = 99 };

	OK(index_host_put(f->tx, &h, &f->err));
	OK(index_turn_put(f->tx, PRIORITY_LOW, 1000, 42, &f->err));
	OK(index_meta_put(f->tx, "boot", "abc", &f->err));
	fixture_commit(f);
}

static void
rebuild(struct fixture *f, const struct spool *spool,
    struct rebuild_report *report)
{
	fixture_close(f);
	OK(spool_rebuild_index(spool, report, &f->err));
	fixture_open(f);
	assert_false(index_is_new(f->ix));
}

static void
rebuilt_index_equals_the_live_one(void **state)
{
	struct fixture *f = *state;
	struct spool spool = fixture_spool(f);
	struct rebuild_report report;
	struct index_host h;
	char *before, *after, value[20];
	uint64_t turn;

	live(f, &spool);
	give_knowledge(f);
	before = dump(f);
	rebuild(f, &spool, &report);
	after = dump(f);
	assert_string_equal(after, before);
	assert_int_equal(report.messages, 9);
	assert_int_equal(report.damaged, 0);
	assert_int_equal(report.attempts, 7);
	assert_true(report.kept);
	assert_string_equal(buf_str(&report.problems), "");
	assert_int_equal(OK(index_host_by_hop(f->tx, 1, &h, &f->err)), 1);
	assert_int_equal(h.backoff_until, 99);
	OK(index_turn_get(f->tx, PRIORITY_LOW, 1000, &turn, &f->err));
	assert_int_equal(turn, 42);
	OK(index_meta_get(f->tx, "boot", value, sizeof(value), &f->err));
	assert_string_equal(value, "abc");
	assert_int_equal(faccessat(f->dirfd, "index/old/data.mdb", F_OK, 0), 0);
	assert_int_equal(faccessat(f->dirfd, "index/new", F_OK, 0), -1);
	rebuild_report_clear(&report);
	/* And once more, over the old one that is there now. */
	rebuild(f, &spool, &report);
	free(after);
	after = dump(f);
	assert_string_equal(after, before);
	rebuild_report_clear(&report);
	free(before);
	free(after);
	fixture_spool_close(&spool);
}

/* Two messages of one key were copied, and the power failed before a record of
 * either was committed: whose key it is, is for the parent to decide. */
static void
undecided_keys_are_left_to_the_ingester(void **state)
{
	static const struct {
		const char *name;
		const char *key;
		enum message_state head;
		uint32_t attempts;
		bool in_drop, known;
	} cases[] = {
		{ "undecided", "k", MESSAGE_WAITING, 0, true, false },
		{ "no key", NULL, MESSAGE_WAITING, 0, true, true },
		{ "decided", "k", MESSAGE_DUPLICATE, 0, true, true },
		{ "begun", "k", MESSAGE_WAITING, 1, true, true },
		{ "released", "k", MESSAGE_WAITING, 0, false, true },
	};
	struct fixture *f = *state;
	struct spool spool = fixture_spool(f);
	struct rebuild_report report;
	struct index_message m;
	struct sample s[COUNT(cases)];
	char name[40];
	uint32_t i;

	for (i = 0; i < COUNT(cases); i++) {
		s[i] = sample_of(i);
		s[i].stamp.uid = 1000 + i;
		s[i].env.key = cases[i].key;
		s[i].head.state = cases[i].head;
		s[i].slots[0].attempt = cases[i].attempts;
		place_sample(spool.queue, &s[i]);
		(void)snprintf(name, sizeof(name), "n.%.26s", s[i].env.id.text);
		if (cases[i].in_drop)
			assert_int_not_equal(openat(spool.drop, name,
			                         O_CREAT | O_WRONLY, 0600),
			    -1);
	}
	rebuild(f, &spool, &report);
	for (i = 0; i < COUNT(cases); i++) {
		print_message("%s\n", cases[i].name);
		assert_int_equal(OK(index_message_get(f->tx, &s[i].env.id,
		                     &f->arena, &m, &f->err)),
		    cases[i].known);
	}
	assert_int_equal(report.messages, COUNT(cases) - 1);
	rebuild_report_clear(&report);
	fixture_spool_close(&spool);
}

static void
damaged_old_index_is_not_needed(void **state)
{
	struct fixture *f = *state;
	struct spool spool = fixture_spool(f);
	struct rebuild_report report;
	struct index_message m;
	struct queue_id id = id_of(0);
	off_t page;
	int fd;

	live(f, &spool);
	give_knowledge(f);
	fixture_close(f);
	fd = openat(f->dirfd, "index/live/data.mdb", O_RDWR);
	for (page = 2; page < 12; page++)
		assert_int_equal(pwrite(fd, "damage", 6, page * 4096), 6);
	(void)close(fd);
	OK(spool_rebuild_index(&spool, &report, &f->err));
	assert_false(report.kept);
	assert_non_null(strstr(report.problems.p, "index/live: "));
	assert_int_equal(report.messages, 9);
	fixture_open(f);
	assert_int_equal(OK(index_message_get(f->tx, &id, &f->arena, &m,
	                     &f->err)),
	    1);
	rebuild_report_clear(&report);
	fixture_spool_close(&spool);
}

static void
missing_index_is_built(void **state)
{
	struct fixture *f = *state;
	struct spool spool = fixture_spool(f);
	struct sample s = sample_of(1);
	struct rebuild_report report;
	struct index_message m;

	fixture_close(f);
	assert_int_equal(unlinkat(f->dirfd, "index/live/data.mdb", 0), 0);
	assert_int_equal(unlinkat(f->dirfd, "index/live/lock.mdb", 0), 0);
	assert_int_equal(unlinkat(f->dirfd, "index/live", AT_REMOVEDIR), 0);
	place_sample(spool.queue, &s);
	OK(spool_rebuild_index(&spool, &report, &f->err));
	assert_string_equal(buf_str(&report.problems), "");
	fixture_open(f);
	assert_int_equal(OK(index_message_get(f->tx, &s.env.id, &f->arena, &m,
	                     &f->err)),
	    1);
	rebuild_report_clear(&report);
	fixture_spool_close(&spool);
}

static void
file_in_both_folders_goes_by_its_state(void **state)
{
	struct fixture *f = *state;
	struct spool spool = fixture_spool(f);
	struct sample one = sample_of(1), two = sample_of(2);
	struct rebuild_report report;
	struct index_message m;

	place_sample(spool.queue, &one);
	place_sample(spool.queue, &two);
	two.head.due += 5; /* a stale copy, not final: queue/ is right */
	place_sample(spool.done, &two);
	one.head.state = MESSAGE_CANCELLED;
	place_sample(spool.done, &one);
	rebuild(f, &spool, &report);
	assert_int_equal(report.messages, 2);
	OK(index_message_get(f->tx, &one.env.id, &f->arena, &m, &f->err));
	assert_int_equal(m.state, MESSAGE_CANCELLED);
	OK(index_message_get(f->tx, &two.env.id, &f->arena, &m, &f->err));
	assert_int_equal(m.due, two.head.due - 5);
	assert_non_null(strstr(report.problems.p, "also in queue/"));
	rebuild_report_clear(&report);
	fixture_spool_close(&spool);
}

static void
damaged_files_are_left_out_and_named(void **state)
{
	struct fixture *f = *state;
	struct spool spool = fixture_spool(f);
	struct sample good = sample_of(1), other = sample_of(0x201);
	struct rebuild_report report;
	struct index_message m;
	char path[QUEUE_ID_LEN + 4];
	struct queue_id id = id_of(0x101);
	int fd;

	place_sample(spool.queue, &good);
	/* Another message's file under a name that is not its own. */
	(void)snprintf(path, sizeof(path), "01/%s", id.text);
	write_sample(spool.queue, path, &other);
	place_sample(spool.queue, &other);
	id = id_of(0x301);
	(void)snprintf(path, sizeof(path), "01/%s", id.text);
	fd = openat(spool.queue, path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "garbage", 7), 7);
	(void)close(fd);
	(void)mkdirat(spool.queue, "01/README", 0700);
	rebuild(f, &spool, &report);
	assert_int_equal(report.messages, 2);
	assert_int_equal(report.damaged, 2);
	assert_non_null(strstr(report.problems.p, id.text));
	assert_int_equal(OK(index_message_get(f->tx, &other.env.id, &f->arena,
	                     &m, &f->err)),
	    1);
	rebuild_report_clear(&report);
	fixture_spool_close(&spool);
}

/* ---------------------------------------------------------------- open */

static int
reopen(struct fixture *f, const struct spool *spool)
{
	struct rebuild_report report;
	struct po_err why;
	int rc;

	rc = spool_open_index(spool, &f->ix, &report, &why, &f->err);
	if (rc != -1)
		OK(index_begin(f->ix, INDEX_WRITE, &f->tx, &f->err));
	if (rc == 1)
		print_message("%s\n", why.text);
	rebuild_report_clear(&report);
	return rc;
}

static void
lost_index_is_made_again_when_there_is_mail(void **state)
{
	struct fixture *f = *state;
	struct spool spool = fixture_spool(f);
	struct sample s = sample_of(1);
	struct index_message m;

	fixture_close(f);
	assert_int_equal(unlinkat(f->dirfd, "index/live/data.mdb", 0), 0);
	assert_int_equal(OK(reopen(f, &spool)), 0); /* no mail: just new */
	fixture_close(f);
	place_sample(spool.done, &s);
	assert_int_equal(unlinkat(f->dirfd, "index/live/data.mdb", 0), 0);
	assert_int_equal(OK(reopen(f, &spool)), 1);
	assert_int_equal(OK(index_message_get(f->tx, &s.env.id, &f->arena, &m,
	                     &f->err)),
	    1);
	fixture_close(f);
	assert_int_equal(OK(reopen(f, &spool)), 0);
	fixture_spool_close(&spool);
}

/* Were an empty one made first, the next run would take it for all there is. */
static void
no_index_is_made_when_nobody_can_tell_whether_there_is_mail(void **state)
{
	struct fixture *f = *state;
	struct spool spool = fixture_spool(f);
	struct sample s = sample_of(1);
	struct index_message m;
	int fd;

	fixture_close(f);
	place_sample(spool.done, &s);
	assert_int_equal(unlinkat(f->dirfd, "index/live/data.mdb", 0), 0);
	(void)unlinkat(spool.queue, "00", AT_REMOVEDIR);
	fd = openat(spool.queue, "00", O_WRONLY | O_CREAT, 0600);
	(void)close(fd);
	assert_int_equal(reopen(f, &spool), -1);
	assert_null(f->ix);
	assert_int_equal(unlinkat(spool.queue, "00", 0), 0);
	assert_int_equal(OK(reopen(f, &spool)), 1);
	assert_int_equal(OK(index_message_get(f->tx, &s.env.id, &f->arena, &m,
	                     &f->err)),
	    1);
	fixture_spool_close(&spool);
}

/* All pages are sound, a record is not: no writer would see it at its start. */
static void
what_a_reader_found_damaged_is_made_again(void **state)
{
	struct fixture *f = *state;
	struct spool spool = fixture_spool(f);
	struct record r = { .p = "no record", .len = 9 };
	struct queue_id id = id_of(7);
	struct index_message m;
	struct index_key k;

	key_clear(&k);
	key_id(&k, &id);
	OK(row_put(f->tx, DB_MESSAGE, &k, &r, &f->err));
	fixture_commit(f);
	fixture_close(f);
	assert_int_equal(OK(reopen(f, &spool)), 0);
	fixture_close(f);
	OK(index_open(f->dirfd, "index", INDEX_READ, &f->ix, &f->err));
	OK(index_begin(f->ix, INDEX_READ, &f->tx, &f->err));
	assert_int_equal(index_message_get(f->tx, &id, &f->arena, &m, &f->err),
	    -1);
	assert_int_equal(f->err.code, PO_EINDEX);
	fixture_close(f);
	assert_int_equal(OK(reopen(f, &spool)), 1);
	assert_int_equal(OK(index_message_get(f->tx, &id, &f->arena, &m,
	                     &f->err)),
	    0);
	fixture_close(f);
	assert_int_equal(OK(reopen(f, &spool)), 0);
	fixture_spool_close(&spool);
}

static void
index_of_another_schema_is_made_again(void **state)
{
	struct fixture *f = *state;
	struct spool spool = fixture_spool(f);
	struct index_key k;
	struct record r;

	key_clear(&k);
	key_bytes(&k, "schema", 6);
	record_put_u32(INDEX_SCHEMA + 1, &r);
	OK(row_put(f->tx, DB_META, &k, &r, &f->err));
	fixture_commit(f);
	fixture_close(f);
	assert_int_equal(index_open(f->dirfd, "index", INDEX_READ, &f->ix,
	                     &f->err),
	    -1);
	assert_int_equal(f->err.code, PO_EINDEX);
	assert_int_equal(OK(reopen(f, &spool)), 1);
	fixture_spool_close(&spool);
}

/* The mark of a writer that was killed; nothing but it tells a damage that
 * only shows in the middle of the work. */
static void
pages_are_looked_at_after_a_killed_writer(void **state)
{
	struct fixture *f = *state;
	struct spool spool = fixture_spool(f);
	off_t page;
	int fd;

	live(f, &spool);
	fixture_commit(f);
	assert_int_equal(faccessat(f->dirfd, "index/writing", F_OK, 0), 0);
	fixture_close(f);
	assert_int_equal(faccessat(f->dirfd, "index/writing", F_OK, 0), -1);
	fd = openat(f->dirfd, "index/live/data.mdb", O_RDWR);
	for (page = 2; page < 40; page++)
		assert_int_equal(pwrite(fd, "\xff\xff", 2, page * 4096 + 14),
		    2);
	(void)close(fd);
	fd = openat(f->dirfd, "index/writing", O_WRONLY | O_CREAT, 0600);
	(void)close(fd);
	assert_int_equal(OK(reopen(f, &spool)), 1);
	OK(index_verify(f->dirfd, "index", &f->err));
	fixture_spool_close(&spool);
}

#define UNIT(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(state_time_and_counts_come_from_head_and_slots),
		UNIT(key_stays_with_the_message_that_was_let_through),
		UNIT(one_key_of_two_messages_goes_to_the_right_one),
		UNIT(reply_text_and_old_doubts_survive_a_second_look),
		UNIT(a_slot_in_sending_is_a_claim_in_a_rebuild),
		UNIT(slots_and_recipients_must_be_as_many),
		UNIT(rebuilt_index_equals_the_live_one),
		UNIT(undecided_keys_are_left_to_the_ingester),
		UNIT(damaged_old_index_is_not_needed),
		UNIT(missing_index_is_built),
		UNIT(file_in_both_folders_goes_by_its_state),
		UNIT(damaged_files_are_left_out_and_named),
		UNIT(lost_index_is_made_again_when_there_is_mail),
		UNIT(no_index_is_made_when_nobody_can_tell_whether_there_is_mail),
		UNIT(what_a_reader_found_damaged_is_made_again),
		UNIT(index_of_another_schema_is_made_again),
		UNIT(pages_are_looked_at_after_a_killed_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
