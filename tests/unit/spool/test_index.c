/* SPDX-License-Identifier: ISC */
/* The index: rows that follow the record, order, totals, refusals. */
#include "index_fixture.h"

#define SAME_ID(a, b) assert_string_equal((a).text, (b).text)

static void
put(struct fixture *f, const struct index_message *m)
{
	OK(index_message_put(f->tx, m, &f->err));
}

/* Which of due, ready, finished have any row: "D", "R", "F" in this order. */
static void
assert_rows(struct fixture *f, const char *want)
{
	enum priority class = PRIORITY_NOW;
	struct queue_id id = { "" };
	char got[4] = "";
	uint32_t hop = 0;
	int64_t t = 0;
	size_t n = 0;

	if (OK(index_due_first(f->tx, &t, &id, &f->err)) == 1)
		got[n++] = 'D';
	if (OK(index_ready_seek(f->tx, &hop, &class, &f->err)) == 1)
		got[n++] = 'R';
	t = 0;
	id.text[0] = '\0';
	if (OK(index_finished_next(f->tx, &t, &id, &f->err)) == 1)
		got[n++] = 'F';
	got[n] = '\0';
	assert_string_equal(got, want);
}

static void
record_is_there_after_reopening(void **state)
{
	struct fixture *f = *state;
	struct index_message m = message_of(1), got;

	m.tag = "tag";
	m.key = "key";
	assert_true(index_is_new(f->ix));
	assert_false(index_is_dirty(f->tx));
	put(f, &m);
	assert_true(index_is_dirty(f->tx));
	fixture_commit(f);
	fixture_close(f);
	fixture_open(f);
	assert_false(index_is_new(f->ix));
	assert_int_equal(OK(index_message_get(f->tx, &m.id, &f->arena, &got,
	                     &f->err)),
	    1);
	SAME_ID(got.id, m.id);
	assert_string_equal(got.sender, m.sender);
	assert_string_equal(got.tag, "tag");
	assert_string_equal(got.key, "key");
	m.id = id_of(2);
	assert_int_equal(OK(index_message_get(f->tx, &m.id, &f->arena, &got,
	                     &f->err)),
	    0);
}

static void
what_was_discarded_is_not_there(void **state)
{
	struct fixture *f = *state;
	struct index_message m = message_of(1), got;
	struct index_totals t;

	put(f, &m);
	index_discard(f->tx);
	OK(index_begin(f->ix, INDEX_WRITE, &f->tx, &f->err));
	assert_int_equal(OK(index_message_get(f->tx, &m.id, &f->arena, &got,
	                     &f->err)),
	    0);
	OK(index_totals_get(f->tx, &t, &f->err));
	assert_int_equal(t.messages[MESSAGE_WAITING], 0);
}

static void
rows_follow_the_place(void **state)
{
	struct fixture *f = *state;
	struct index_message m = message_of(1);
	struct queue_id id;
	uint64_t turn;
	int64_t due;

	put(f, &m);
	assert_rows(f, "D");
	OK(index_due_first(f->tx, &due, &id, &f->err));
	assert_int_equal(due, m.due);
	m.due += 60;
	put(f, &m);
	assert_rows(f, "D");
	OK(index_due_first(f->tx, &due, &id, &f->err));
	assert_int_equal(due, m.due);
	m.place = PLACE_READY;
	m.hop = 3;
	m.turn = 17;
	put(f, &m);
	assert_rows(f, "R");
	assert_int_equal(OK(index_ready_first(f->tx, 3, PRIORITY_MEDIUM, &turn,
	                     &id, &f->err)),
	    1);
	assert_int_equal(turn, 17);
	SAME_ID(id, m.id);
	m.priority = PRIORITY_NOW;
	put(f, &m);
	assert_int_equal(OK(index_ready_first(f->tx, 3, PRIORITY_MEDIUM, &turn,
	                     &id, &f->err)),
	    0);
	assert_int_equal(OK(index_ready_first(f->tx, 3, PRIORITY_NOW, &turn,
	                     &id, &f->err)),
	    1);
	m.place = PLACE_CLAIM;
	put(f, &m);
	assert_rows(f, "");
	m.place = PLACE_NONE;
	m.state = MESSAGE_SENT;
	m.finished = 1764000500;
	put(f, &m);
	assert_rows(f, "F");
	m.place = PLACE_DUE;
	m.state = MESSAGE_WAITING;
	m.finished = 0;
	put(f, &m);
	assert_rows(f, "D");
}

static void
due_comes_in_order_of_time_then_id(void **state)
{
	static const struct {
		uint32_t n;
		int64_t due;
	} rows[] = { { 3, 200 }, { 2, 200 }, { 9, 100 }, { 1, 70000 },
		{ 4, INT64_C(1) << 40 } };
	static const uint32_t want[] = { 9, 2, 3, 1, 4 };
	struct fixture *f = *state;
	struct index_message m;
	struct queue_id id, expect;
	int64_t due;
	size_t i;

	for (i = 0; i < 5; i++) {
		m = message_of(rows[i].n);
		m.due = rows[i].due;
		put(f, &m);
	}
	for (i = 0; i < 5; i++) {
		assert_int_equal(OK(index_due_first(f->tx, &due, &id, &f->err)),
		    1);
		expect = id_of(want[i]);
		SAME_ID(id, expect);
		OK(index_message_delete(f->tx, &id, &f->err));
	}
	assert_rows(f, "");
}

static void
ready_comes_by_hop_class_turn_id(void **state)
{
	static const struct {
		uint32_t n, hop;
		enum priority class;
		uint64_t turn;
	} rows[] = {
		{ 1, 2, PRIORITY_NOW, 1 },
		{ 2, 1, PRIORITY_LOW, 1 },
		{ 3, 1, PRIORITY_HIGH, 300 },
		{ 4, 1, PRIORITY_HIGH, 299 },
		{ 5, 1, PRIORITY_HIGH, 299 },
		{ 6, 256, PRIORITY_NOW, 0 },
	};
	static const uint32_t want[] = { 4, 5, 3, 2, 1, 6 };
	struct fixture *f = *state;
	enum priority class;
	struct index_message m;
	struct queue_id id, expect;
	uint64_t turn;
	uint32_t hop;
	size_t i;

	for (i = 0; i < 6; i++) {
		m = message_of(rows[i].n);
		m.place = PLACE_READY;
		m.hop = rows[i].hop;
		m.priority = rows[i].class;
		m.turn = rows[i].turn;
		put(f, &m);
	}
	for (i = 0; i < 6; i++) {
		hop = 0;
		class = PRIORITY_NOW;
		assert_int_equal(OK(index_ready_seek(f->tx, &hop, &class,
		                     &f->err)),
		    1);
		assert_int_equal(OK(index_ready_first(f->tx, hop, class, &turn,
		                     &id, &f->err)),
		    1);
		expect = id_of(want[i]);
		SAME_ID(id, expect);
		OK(index_message_delete(f->tx, &id, &f->err));
	}
	assert_rows(f, "");
}

static void
totals_follow_state_size_and_attempts(void **state)
{
	struct fixture *f = *state;
	struct index_message a = message_of(1), b = message_of(2);
	struct index_totals t;

	put(f, &a);
	put(f, &a);
	b.size = 24;
	put(f, &b);
	b.attempts = 1;
	put(f, &b);
	OK(index_totals_get(f->tx, &t, &f->err));
	assert_int_equal(t.messages[MESSAGE_WAITING], 2);
	assert_int_equal(t.bytes[MESSAGE_WAITING], 1024);
	assert_int_equal(t.deferred, 1);
	b.state = MESSAGE_SENT;
	b.finished = 5;
	b.place = PLACE_NONE;
	put(f, &b);
	fixture_commit(f);
	OK(index_totals_get(f->tx, &t, &f->err));
	assert_int_equal(t.messages[MESSAGE_WAITING], 1);
	assert_int_equal(t.messages[MESSAGE_SENT], 1);
	assert_int_equal(t.bytes[MESSAGE_WAITING], 1000);
	assert_int_equal(t.bytes[MESSAGE_SENT], 24);
	assert_int_equal(t.deferred, 0);
	OK(index_message_delete(f->tx, &a.id, &f->err));
	OK(index_message_delete(f->tx, &a.id, &f->err));
	OK(index_message_delete(f->tx, &b.id, &f->err));
	fixture_commit(f);
	OK(index_totals_get(f->tx, &t, &f->err));
	assert_int_equal(t.messages[MESSAGE_WAITING], 0);
	assert_int_equal(t.messages[MESSAGE_SENT], 0);
	assert_int_equal(t.bytes[MESSAGE_WAITING], 0);
}

static const struct index_recipient bob = { SLOT_DEFERRED, 1, 1764000000, 451,
	"4.7.1", "bob@example.net", "try again" };
static const struct index_attempt tried = { .attempt = 1,
	.recipient = 0,
	.time = 1764000000,
	.state = SLOT_DEFERRED,
	.delay_ms = 10,
	.reply_code = 451,
	.status = "4.7.1",
	.phase = "rcpt",
	.relay = "mx[192.0.2.1]:25",
	.text = "try again" };

static void
give_everything(struct fixture *f, uint32_t n)
{
	struct index_message m = message_of(n);
	struct index_attempt a = tried;
	struct index_holder holder = { .id = m.id };
	uint32_t i;

	m.key = n == 2 ? "two" : "other";
	put(f, &m);
	OK(index_key_put(f->tx, m.uid, m.key, &holder, &f->err));
	OK(index_claim_put(f->tx,
	    &(struct index_claim){ .id = m.id, .attempt = n }, &f->err));
	OK(index_move_put(f->tx, &m.id, &f->err));
	for (i = 0; i < 3; i++) {
		a.recipient = i;
		OK(index_recipient_put(f->tx, &m.id, i, &bob, &f->err));
		OK(index_attempt_put(f->tx, &m.id, &a, &f->err));
	}
}

static unsigned
rows_left(struct fixture *f, const struct queue_id *id)
{
	struct index_attempt a = { .attempt = UINT32_MAX,
		.recipient = UINT32_MAX };
	struct index_recipient rec;
	unsigned n = 0;
	uint32_t i;

	for (i = 0; i < 3; i++)
		n += (unsigned)OK(index_recipient_get(f->tx, id, i, &f->arena,
		    &rec, &f->err));
	while (OK(index_attempt_next(f->tx, id, &f->arena, &a, &f->err)) == 1)
		n++;
	return n;
}

static void
delete_takes_every_row_of_its_message_and_no_other(void **state)
{
	struct fixture *f = *state;
	struct queue_id one = id_of(1), two = id_of(2), three = id_of(3), id;
	struct index_holder holder;
	struct index_claim claim;

	give_everything(f, 1);
	give_everything(f, 2);
	give_everything(f, 3);
	assert_int_equal(rows_left(f, &two), 6);
	OK(index_message_delete(f->tx, &two, &f->err));
	assert_int_equal(rows_left(f, &one), 6);
	assert_int_equal(rows_left(f, &two), 0);
	assert_int_equal(rows_left(f, &three), 6);
	assert_int_equal(OK(index_key_get(f->tx, 1000, "two", &holder,
	                     &f->err)),
	    0);
	/* Message 3 took over the key of 1: that row is not 1's any more. */
	OK(index_message_delete(f->tx, &one, &f->err));
	assert_int_equal(OK(index_key_get(f->tx, 1000, "other", &holder,
	                     &f->err)),
	    1);
	SAME_ID(holder.id, three);
	assert_int_equal(OK(index_claim_next(f->tx, NULL, &claim, &f->err)), 1);
	SAME_ID(claim.id, three);
	assert_int_equal(claim.attempt, 3);
	assert_int_equal(OK(index_claim_next(f->tx, &claim, &claim, &f->err)),
	    0);
	assert_int_equal(OK(index_move_next(f->tx, NULL, &id, &f->err)), 1);
	SAME_ID(id, three);
	OK(index_move_delete(f->tx, &three, &f->err));
	assert_int_equal(OK(index_move_next(f->tx, NULL, &id, &f->err)), 0);
	OK(index_claim_delete(f->tx, &three, 3, &f->err));
	assert_int_equal(OK(index_claim_next(f->tx, NULL, &claim, &f->err)), 0);
}

static void
messages_are_walked_in_order_of_id(void **state)
{
	struct fixture *f = *state;
	struct index_message m;
	struct queue_id after, expect;
	uint32_t i, n = 0;

	for (i = 300; i > 0; i -= 3) {
		m = message_of(i);
		put(f, &m);
	}
	fixture_commit(f);
	while (OK(index_message_next(f->tx, n == 0 ? NULL : &after, &f->arena,
	           &m, &f->err)) == 1) {
		after = m.id;
		expect = id_of(3 * ++n);
		SAME_ID(m.id, expect);
	}
	assert_int_equal(n, 100);
	/* An id that is not there is a place to go on from, too. */
	after = id_of(7);
	assert_int_equal(OK(index_message_next(f->tx, &after, &f->arena, &m,
	                     &f->err)),
	    1);
	expect = id_of(9);
	SAME_ID(m.id, expect);
}

static void
attempts_are_walked_by_attempt_then_recipient(void **state)
{
	static const uint32_t rows[][2] = { { 2, 0 }, { 1, 1 }, { 1, 0 },
		{ 10, 5 } };
	static const uint32_t want[][2] = { { 1, 0 }, { 1, 1 }, { 2, 0 },
		{ 10, 5 } };
	struct fixture *f = *state;
	struct queue_id id = id_of(1), next = id_of(2);
	struct index_attempt a = tried;
	size_t i;

	OK(index_attempt_put(f->tx, &next, &tried, &f->err));
	for (i = 0; i < 4; i++) {
		a.attempt = rows[i][0];
		a.recipient = rows[i][1];
		OK(index_attempt_put(f->tx, &id, &a, &f->err));
	}
	a.attempt = a.recipient = UINT32_MAX;
	for (i = 0; i < 4; i++) {
		assert_int_equal(OK(index_attempt_next(f->tx, &id, &f->arena,
		                     &a, &f->err)),
		    1);
		assert_int_equal(a.attempt, want[i][0]);
		assert_int_equal(a.recipient, want[i][1]);
		assert_string_equal(a.relay, tried.relay);
	}
	assert_int_equal(OK(index_attempt_next(f->tx, &id, &f->arena, &a,
	                     &f->err)),
	    0);
}

static void
finished_is_walked_oldest_first(void **state)
{
	static const int64_t times[] = { 30, 10, 20, 10 };
	static const uint32_t want[] = { 1, 3, 2, 0 };
	struct fixture *f = *state;
	struct queue_id id = { "" }, expect;
	struct index_message m;
	int64_t t = 0;
	uint32_t i;

	for (i = 0; i < 4; i++) {
		m = message_of(i);
		m.place = PLACE_NONE;
		m.state = MESSAGE_FAILED;
		m.finished = times[i];
		put(f, &m);
	}
	for (i = 0; i < 4; i++) {
		assert_int_equal(OK(index_finished_next(f->tx, &t, &id,
		                     &f->err)),
		    1);
		expect = id_of(want[i]);
		SAME_ID(id, expect);
		assert_int_equal(t, times[want[i]]);
	}
	assert_int_equal(OK(index_finished_next(f->tx, &t, &id, &f->err)), 0);
}

static void
hosts_get_numbers_and_keep_them(void **state)
{
	struct fixture *f = *state;
	struct index_host a = { .name = "smtp:a:25" };
	struct index_host b = { .name = "smtp:b:587" }, got;

	OK(index_host_put(f->tx, &a, &f->err));
	OK(index_host_put(f->tx, &b, &f->err));
	assert_int_equal(a.hop, 1);
	assert_int_equal(b.hop, 2);
	a.hop = 0;
	a.backoff_until = 99;
	a.failures = 4;
	a.traits = 1;
	OK(index_host_put(f->tx, &a, &f->err));
	assert_int_equal(a.hop, 1);
	assert_int_equal(OK(index_host_by_hop(f->tx, 1, &got, &f->err)), 1);
	assert_string_equal(got.name, "smtp:a:25");
	assert_int_equal(got.backoff_until, 99);
	assert_int_equal(got.failures, 4);
	assert_int_equal(got.traits, 1);
	assert_int_equal(OK(index_host_get(f->tx, "smtp:b:587", &got, &f->err)),
	    1);
	assert_int_equal(got.hop, 2);
	assert_int_equal(OK(index_host_get(f->tx, "smtp:c", &got, &f->err)), 0);
	assert_int_equal(OK(index_host_by_hop(f->tx, 3, &got, &f->err)), 0);
}

static void
keys_turns_and_meta_are_told_apart(void **state)
{
	struct fixture *f = *state;
	struct index_holder one = { id_of(1), "the first's digest" };
	struct index_holder two = { id_of(2), "the second's digest" }, got;
	char value[200];
	uint64_t turn;

	OK(index_key_put(f->tx, 1, "k", &one, &f->err));
	OK(index_key_put(f->tx, 2, "k", &two, &f->err));
	assert_int_equal(OK(index_key_get(f->tx, 1, "k", &got, &f->err)), 1);
	SAME_ID(got.id, one.id);
	assert_memory_equal(got.digest, one.digest, sizeof(got.digest));
	assert_int_equal(OK(index_key_get(f->tx, 2, "k", &got, &f->err)), 1);
	SAME_ID(got.id, two.id);
	assert_memory_equal(got.digest, two.digest, sizeof(got.digest));
	assert_int_equal(OK(index_key_get(f->tx, 3, "k", &got, &f->err)), 0);
	OK(index_turn_put(f->tx, PRIORITY_LOW, 5, 77, &f->err));
	assert_int_equal(OK(index_turn_get(f->tx, PRIORITY_LOW, 5, &turn,
	                     &f->err)),
	    1);
	assert_int_equal(turn, 77);
	assert_int_equal(OK(index_turn_get(f->tx, PRIORITY_NOW, 5, &turn,
	                     &f->err)),
	    0);
	assert_int_equal(turn, 0);
	OK(index_meta_put(f->tx, "boot", "b1", &f->err));
	assert_int_equal(OK(index_meta_get(f->tx, "boot", value, sizeof(value),
	                     &f->err)),
	    1);
	assert_string_equal(value, "b1");
	assert_int_equal(OK(index_meta_get(f->tx, "clean", value, sizeof(value),
	                     &f->err)),
	    0);
}

static void
failed_put_spoils_the_transaction(void **state)
{
	struct fixture *f = *state;
	struct index_message m = message_of(1), got;

	put(f, &m);
	m.sender = NULL;
	assert_int_equal(index_message_put(f->tx, &m, &f->err), -1);
	assert_int_equal(f->err.code, PO_EBUG);
	assert_int_equal(index_commit(f->tx, &f->err), -1);
	OK(index_begin(f->ix, INDEX_WRITE, &f->tx, &f->err));
	assert_int_equal(OK(index_message_get(f->tx, &m.id, &f->arena, &got,
	                     &f->err)),
	    0);
}

/* ---------------------------------------------------------- a long life */

#define MODEL 60

struct model {
	struct index_message m[MODEL];
	bool there[MODEL];
	char tags[MODEL][ENVELOPE_MAX_TAG + 1];
	uint32_t seed;
};

static uint32_t
chance(struct model *w, uint32_t n)
{
	w->seed = w->seed * 1103515245 + 12345;
	return (w->seed >> 16) % n;
}

/* Put anything of any standing, its record of any length; or delete it. */
static void
live_on(struct fixture *f, struct model *w)
{
	uint32_t i = chance(w, MODEL);
	struct index_message *m = &w->m[i];

	if (chance(w, 8) == 0) {
		m->id = id_of(i);
		OK(index_message_delete(f->tx, &m->id, &f->err));
		w->there[i] = false;
		return;
	}
	*m = message_of(i);
	m->place = (enum index_place)chance(w, 4);
	m->state = (enum message_state)chance(w, MESSAGE_STATES);
	m->priority = (enum priority)chance(w, PRIORITIES);
	m->due = chance(w, 100);
	m->hop = chance(w, 3);
	m->turn = chance(w, 5);
	m->attempts = chance(w, 2);
	m->finished = chance(w, 3);
	m->size = chance(w, 10000);
	memset(w->tags[i], 't', sizeof(w->tags[i]));
	w->tags[i][chance(w, ENVELOPE_MAX_TAG)] = '\0';
	m->tag = w->tags[i];
	put(f, m);
	w->there[i] = true;
}

static void
assert_totals(struct fixture *f, const struct model *w)
{
	struct index_totals want = { .deferred = 0 }, got;
	uint32_t i;

	for (i = 0; i < MODEL; i++) {
		if (!w->there[i])
			continue;
		want.messages[w->m[i].state]++;
		want.bytes[w->m[i].state] += w->m[i].size;
		if (w->m[i].state == MESSAGE_WAITING && w->m[i].attempts > 0)
			want.deferred++;
	}
	OK(index_totals_get(f->tx, &got, &f->err));
	assert_memory_equal(&got, &want, sizeof(got));
}

/* The message whose row must come next: by what the rows are sorted by. */
static bool
precedes(const struct index_message *a, const struct index_message *b)
{
	int id = strcmp(a->id.text, b->id.text);

	if (a->place == PLACE_DUE)
		return a->due != b->due ? a->due < b->due : id < 0;
	if (a->hop != b->hop)
		return a->hop < b->hop;
	if (a->priority != b->priority)
		return a->priority < b->priority;
	return a->turn != b->turn ? a->turn < b->turn : id < 0;
}

static int
first_of(const struct model *w, enum index_place place)
{
	int best = -1, i;

	for (i = 0; i < MODEL; i++)
		if (w->there[i] && w->m[i].place == place &&
		    (best == -1 || precedes(&w->m[i], &w->m[best])))
			best = i;
	return best;
}

static int
first_row(struct fixture *f, enum index_place place, struct queue_id *id)
{
	enum priority class = PRIORITY_NOW;
	uint32_t hop = 0;
	uint64_t turn;
	int64_t due;

	if (place == PLACE_DUE)
		return OK(index_due_first(f->tx, &due, id, &f->err));
	if (OK(index_ready_seek(f->tx, &hop, &class, &f->err)) == 0)
		return 0;
	return OK(index_ready_first(f->tx, hop, class, &turn, id, &f->err));
}

static void
assert_rows_in_order(struct fixture *f, struct model *w, enum index_place place)
{
	struct queue_id id;
	int i;

	while ((i = first_of(w, place)) != -1) {
		assert_int_equal(first_row(f, place, &id), 1);
		SAME_ID(id, w->m[i].id);
		OK(index_message_delete(f->tx, &id, &f->err));
		w->there[i] = false;
	}
	assert_int_equal(first_row(f, place, &id), 0);
}

static void
assert_finished(struct fixture *f, const struct model *w)
{
	struct queue_id id = { "" };
	unsigned want = 0, got = 0;
	int64_t t = 0;
	uint32_t i;

	for (i = 0; i < MODEL; i++)
		want += w->there[i] && w->m[i].finished != 0;
	for (; OK(index_finished_next(f->tx, &t, &id, &f->err)) == 1; got++)
		assert_true(t == 1 || t == 2);
	assert_int_equal(got, want);
}

static void
rows_and_totals_stay_in_step_over_a_long_life(void **state)
{
	struct model w = { .seed = 3 };
	struct fixture *f = *state;
	unsigned i;

	for (i = 0; i < 6000; i++) {
		live_on(f, &w);
		if (chance(&w, 50) == 0)
			fixture_commit(f);
	}
	assert_totals(f, &w);
	assert_finished(f, &w);
	assert_rows_in_order(f, &w, PLACE_DUE);
	assert_rows_in_order(f, &w, PLACE_READY);
	assert_totals(f, &w);
	assert_finished(f, &w);
	fixture_commit(f);
	OK(index_verify_records(f->tx, &f->err));
	fixture_close(f);
	OK(index_verify(f->dirfd, "index", &f->err));
	fixture_open(f);
}

/* ------------------------------------------------- what is no index of ours */

static int
try_open(struct fixture *f, enum index_mode mode)
{
	struct index *ix;
	int rc = index_open(f->dirfd, "index", mode, &ix, &f->err);

	index_close(ix);
	return rc;
}

static void
spoil_file(struct fixture *f, const char *bytes, off_t length)
{
	int fd = openat(f->dirfd, "index/live/data.mdb", O_RDWR);

	assert_true(fd != -1);
	if (bytes != NULL)
		assert_int_equal(pwrite(fd, bytes, strlen(bytes), 0),
		    strlen(bytes));
	if (length >= 0)
		assert_int_equal(ftruncate(fd, length), 0);
	(void)close(fd);
}

static void
reader_finds_no_index(void **state)
{
	struct fixture *f = *state;

	fixture_close(f);
	assert_int_equal(unlinkat(f->dirfd, "index/live/data.mdb", 0), 0);
	assert_int_equal(try_open(f, INDEX_READ), -1);
	assert_int_equal(f->err.code, PO_EINDEX);
	assert_int_equal(f->err.sys, ENOENT);
	fixture_open(f);
	assert_true(index_is_new(f->ix));
}

static void
other_files_and_cut_ones_are_refused(void **state)
{
	struct fixture *f = *state;
	struct index_message m;
	uint32_t i;

	for (i = 0; i < 200; i++) {
		m = message_of(i);
		put(f, &m);
	}
	fixture_commit(f);
	fixture_close(f);
	spoil_file(f, NULL, 5 * 4096);
	assert_int_equal(try_open(f, INDEX_READ), -1);
	assert_int_equal(f->err.code, PO_EINDEX);
	assert_int_equal(try_open(f, INDEX_WRITE), -1);
	assert_int_equal(f->err.code, PO_EINDEX);
	spoil_file(f, "a text of some length, but no database of LMDB's", -1);
	assert_int_equal(try_open(f, INDEX_WRITE), -1);
	assert_int_equal(f->err.code, PO_EINDEX);
	spoil_file(f, NULL, 0);
	fixture_open(f);
	assert_true(index_is_new(f->ix));
}

static void
folder_of_others_is_refused(void **state)
{
	struct fixture *f = *state;

	fixture_close(f);
	assert_int_equal(fchmodat(f->dirfd, "index", 0770, 0), 0);
	assert_int_equal(try_open(f, INDEX_WRITE), -1);
	assert_int_equal(f->err.code, PO_EPERM);
	assert_int_equal(fchmodat(f->dirfd, "index", 0700, 0), 0);
	assert_int_equal(renameat(f->dirfd, "index", f->dirfd, "real"), 0);
	assert_int_equal(symlinkat("real", f->dirfd, "index"), 0);
	assert_int_equal(try_open(f, INDEX_WRITE), -1);
	assert_int_equal(unlinkat(f->dirfd, "index", 0), 0);
	fixture_open(f);
}

#define UNIT(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(record_is_there_after_reopening),
		UNIT(what_was_discarded_is_not_there),
		UNIT(rows_follow_the_place),
		UNIT(due_comes_in_order_of_time_then_id),
		UNIT(ready_comes_by_hop_class_turn_id),
		UNIT(totals_follow_state_size_and_attempts),
		UNIT(delete_takes_every_row_of_its_message_and_no_other),
		UNIT(messages_are_walked_in_order_of_id),
		UNIT(attempts_are_walked_by_attempt_then_recipient),
		UNIT(finished_is_walked_oldest_first),
		UNIT(hosts_get_numbers_and_keep_them),
		UNIT(keys_turns_and_meta_are_told_apart),
		UNIT(failed_put_spoils_the_transaction),
		UNIT(rows_and_totals_stay_in_step_over_a_long_life),
		UNIT(reader_finds_no_index),
		UNIT(other_files_and_cut_ones_are_refused),
		UNIT(folder_of_others_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
