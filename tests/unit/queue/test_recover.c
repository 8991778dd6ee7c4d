/* SPDX-License-Identifier: ISC */
/* The crash table of spool-layout.md, rows 10 to 23, as far as the runner's
 * start makes them right: what a slot says, and what becomes of the message. */
#include "queue/recover.h"
#include "queue_fixture.h"

static const struct attempt_end touched = { .attempt = 1, .touched = true };

struct expected {
	enum slot_state slot; /* in the file */
	enum slot_state row;  /* in the index */
	uint32_t attempts, n_open, n_in_doubt;
	enum message_state state;
};

/* One recipient, claimed for attempt 2 (the first one was deferred). */
static const struct {
	const char *name;
	enum slot_state slot;
	uint32_t attempt;
	bool bad_cell;
	struct expected same, other; /* boot */
} rows[] = {
	{ "10, 11: never tried", SLOT_WAITING, 0, false,
	    { SLOT_WAITING, SLOT_WAITING, 1, 1, 0, MESSAGE_WAITING },
	    { SLOT_IN_DOUBT, SLOT_IN_DOUBT, 2, 1, 1, MESSAGE_WAITING } },
	{ "10, 11: deferred before", SLOT_DEFERRED, 1, false,
	    { SLOT_DEFERRED, SLOT_DEFERRED, 1, 1, 0, MESSAGE_WAITING },
	    { SLOT_IN_DOUBT, SLOT_IN_DOUBT, 2, 1, 1, MESSAGE_WAITING } },
	{ "12, 14, 15: sending", SLOT_SENDING, 2, false,
	    { SLOT_IN_DOUBT, SLOT_IN_DOUBT, 2, 1, 1, MESSAGE_WAITING },
	    { SLOT_IN_DOUBT, SLOT_IN_DOUBT, 2, 1, 1, MESSAGE_WAITING } },
	{ "16, 18: sent, not reported", SLOT_SENT, 2, false,
	    { SLOT_SENT, SLOT_SENT, 2, 0, 0, MESSAGE_SENT },
	    { SLOT_SENT, SLOT_SENT, 2, 0, 0, MESSAGE_SENT } },
	{ "16, 18: refused, not reported", SLOT_FAILED, 2, false,
	    { SLOT_FAILED, SLOT_FAILED, 2, 0, 0, MESSAGE_FAILED },
	    { SLOT_FAILED, SLOT_FAILED, 2, 0, 0, MESSAGE_FAILED } },
	{ "16, 18: deferred, not reported", SLOT_DEFERRED, 2, false,
	    { SLOT_DEFERRED, SLOT_DEFERRED, 2, 1, 0, MESSAGE_WAITING },
	    { SLOT_DEFERRED, SLOT_DEFERRED, 2, 1, 0, MESSAGE_WAITING } },
	{ "14: in doubt, not reported", SLOT_IN_DOUBT, 2, false,
	    { SLOT_IN_DOUBT, SLOT_IN_DOUBT, 2, 1, 1, MESSAGE_WAITING },
	    { SLOT_IN_DOUBT, SLOT_IN_DOUBT, 2, 1, 1, MESSAGE_WAITING } },
	{ "a damaged cell is in doubt", SLOT_WAITING, 0, true,
	    { SLOT_IN_DOUBT, SLOT_IN_DOUBT, 2, 1, 1, MESSAGE_WAITING },
	    { SLOT_IN_DOUBT, SLOT_IN_DOUBT, 2, 1, 1, MESSAGE_WAITING } },
};

static off_t
slot_at(struct queue_fixture *q, const struct queue_id *id, uint32_t n)
{
	struct message_file f;
	bool in_done;
	off_t at;

	assert_int_equal(MUST(spool_find(&q->spool, id, false, &f, &in_done,
	                     &q->err)),
	    1);
	at = f.slots_at + (off_t)n * CELL_BYTES;
	file_close(&f);
	return at;
}

static void
write_slot(struct queue_fixture *q, const struct queue_id *id, uint32_t n,
    enum slot_state state, uint32_t attempt)
{
	struct message_file f;
	struct slot s = { .generation = 1, .state = state, .attempt = attempt };
	bool in_done;

	s.time = NOW - 10;
	assert_int_equal(MUST(spool_find(&q->spool, id, true, &f, &in_done,
	                     &q->err)),
	    1);
	MUST(file_write_slot(&f, n, &s, &q->err));
	file_close(&f);
}

/* What the index knows before the crash: attempt 1 of recipient 0 deferred. */
static struct index_message
claimed_before(struct queue_fixture *q, uint32_t number, enum slot_state state,
    uint32_t attempt)
{
	struct sample s = sample_of(number);
	struct index_message m;
	struct index_recipient r;

	s.env.n_recipients = 1;
	s.head.attempts = 1;
	m = put_claimed(q, &s, 2);
	r = get_recipient(q, &m.id, 0);
	r.state = attempt == 0 ? SLOT_WAITING : SLOT_DEFERRED;
	r.attempt = attempt == 0 ? 0 : 1;
	MUST(index_recipient_put(q->t.tx, &m.id, 0, &r, &q->err));
	write_slot(q, &m.id, 0, state, attempt);
	return m;
}

static void
check(struct queue_fixture *q, const struct queue_id *id,
    const struct expected *e)
{
	struct index_message m = get_message(q, id);

	assert_int_equal(get_slot(q, id, 0).state, e->slot);
	assert_int_equal(get_recipient(q, id, 0).state, e->row);
	assert_int_equal(m.attempts, e->attempts);
	assert_int_equal(m.n_open, e->n_open);
	assert_int_equal(m.n_in_doubt, e->n_in_doubt);
	assert_int_equal(m.state, e->state);
	if (e->row == SLOT_IN_DOUBT)
		assert_true(m.due >= NOW + 900);
}

static void
a_claim_is_settled_by_its_slots(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m;
	uint32_t i, number = 0;
	int other;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (other = 0; other < 2; other++) {
			print_message("%s, %s boot\n", rows[i].name,
			    other ? "other" : "same");
			m = claimed_before(q, ++number, rows[i].slot,
			    rows[i].attempt);
			if (rows[i].bad_cell)
				damage(q, &m.id, slot_at(q, &m.id, 0), 20);
			MUST(recover_claim(&q->t,
			    &(struct index_claim){ .id = m.id, .attempt = 2 },
			    other ? FROM_BOOT : FROM_CRASH, &q->err));
			check(q, &m.id, other ? &rows[i].other : &rows[i].same);
			assert_false(has_claim(q));
		}
	}
}

static void
an_untouched_message_is_ready_at_once(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m = claimed_before(q, 1, SLOT_WAITING, 0);

	MUST(recover_claim(&q->t,
	    &(struct index_claim){ .id = m.id, .attempt = 2 }, FROM_CRASH,
	    &q->err));
	assert_int_equal(get_message(q, &m.id).place, PLACE_READY);
	assert_int_equal(get_head(q, &m.id).generation, 1);
}

static void
what_workers_die_of_counts_as_tried(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m = claimed_before(q, 1, SLOT_WAITING, 0);

	MUST(recover_suspect(&q->t,
	    &(struct index_claim){ .id = m.id, .attempt = 2 }, &q->err));
	m = get_message(q, &m.id);
	assert_int_equal(m.attempts, 2);
	assert_int_equal(m.place, PLACE_DUE);
	assert_true(m.due >= NOW + 300);
	assert_int_equal(get_recipient(q, &m.id, 0).state, SLOT_WAITING);
}

static void
a_claim_without_a_file_is_told_of_and_forgotten(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m = claimed_before(q, 1, SLOT_WAITING, 0);
	char path[QUEUE_ID_LEN + 4];

	queue_id_folder(&m.id, path);
	path[2] = '/';
	memcpy(path + 3, m.id.text, QUEUE_ID_LEN + 1);
	assert_int_equal(unlinkat(q->spool.queue, path, 0), 0);
	MUST(recover_claim(&q->t,
	    &(struct index_claim){ .id = m.id, .attempt = 2 }, FROM_CRASH,
	    &q->err));
	assert_false(is_known(q, &m.id));
	assert_false(has_claim(q));
}

static void
a_claim_of_nothing_is_removed(void **state)
{
	struct queue_fixture *q = *state;
	struct queue_id id = id_of(77);

	MUST(index_claim_put(q->t.tx,
	    &(struct index_claim){ .id = id, .attempt = 1 }, &q->err));
	MUST(recover_claim(&q->t,
	    &(struct index_claim){ .id = id, .attempt = 1 }, FROM_BOOT,
	    &q->err));
	assert_false(has_claim(q));
}

/* A worker told of the first of two recipients, that was committed, and died;
 * the second recipient's slot has its result. */
static void
a_result_that_was_committed_is_not_counted_again(void **state)
{
	struct queue_fixture *q = *state;
	struct sample s = sample_of(1);
	struct index_message m = put_claimed(q, &s, 1);
	struct wire_result r = result_of(&m.id, 0, DELIVERY_IN_DOUBT);

	write_slot(q, &m.id, 0, SLOT_IN_DOUBT, 1);
	write_slot(q, &m.id, 1, SLOT_SENT, 1);
	MUST(settle_recipient(&q->t, &m, &r, &q->err));
	MUST(index_message_put(q->t.tx, &m, &q->err));
	MUST(recover_claim(&q->t,
	    &(struct index_claim){ .id = m.id, .attempt = 1 }, FROM_CRASH,
	    &q->err));
	m = get_message(q, &m.id);
	assert_int_equal(m.n_in_doubt, 1);
	assert_int_equal(m.n_open, 1);
	assert_int_equal(m.attempts, 1);
	assert_string_equal(get_recipient(q, &m.id, 0).text, "a reply");
}

/* Row 19, and what it means for a claim: the power failed when the index had
 * the result and the slot had not. */
static const struct {
	const char *name;
	enum slot_state slot; /* as the disk has it */
	uint32_t attempt;
	bool claimed;
} lost[] = {
	{ "the slot is older", SLOT_WAITING, 0, false },
	{ "the slot is older, still claimed", SLOT_WAITING, 0, true },
	{ "\"sending\" reached the disk", SLOT_SENDING, 1, false },
	{ "\"sending\" reached the disk, still claimed", SLOT_SENDING, 1,
	    true },
};

static void
a_slot_that_the_power_cut_lost_is_written_again(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m;
	struct wire_result r;
	struct sample s;
	size_t claims;
	uint32_t i;

	for (i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
		print_message("%s\n", lost[i].name);
		s = sample_of(i);
		m = put_claimed(q, &s, 1);
		r = result_of(&m.id, 0, DELIVERY_SENT);
		MUST(settle_recipient(&q->t, &m, &r, &q->err));
		if (lost[i].claimed)
			MUST(index_message_put(q->t.tx, &m, &q->err));
		else
			MUST(settle_end(&q->t, &m, &touched, &q->err));
		write_slot(q, &m.id, 0, lost[i].slot, lost[i].attempt);
		MUST(recover_all(&q->t, FROM_BOOT, &claims, &q->err));
		assert_int_equal(claims, lost[i].claimed);
		assert_int_equal(get_slot(q, &m.id, 0).state, SLOT_SENT);
		assert_int_equal(get_slot(q, &m.id, 0).attempt, 1);
		assert_int_equal(get_recipient(q, &m.id, 0).state, SLOT_SENT);
		assert_int_equal(get_message(q, &m.id).n_open, 1);
	}
}

static void
the_same_boot_writes_no_slot_of_unclaimed_mail(void **state)
{
	struct queue_fixture *q = *state;
	struct sample s = sample_of(1);
	struct index_message m = put_claimed(q, &s, 1);
	struct wire_result r = result_of(&m.id, 0, DELIVERY_SENT);
	size_t claims;

	MUST(settle_recipient(&q->t, &m, &r, &q->err));
	MUST(settle_end(&q->t, &m, &touched, &q->err));
	MUST(recover_all(&q->t, FROM_CRASH, &claims, &q->err));
	assert_int_equal(claims, 0);
	assert_int_equal(get_slot(q, &m.id, 0).state, SLOT_WAITING);
}

/* Rows 22 and 23. */
static void
a_move_is_done_at_the_start_and_its_row_goes_after(void **state)
{
	struct queue_fixture *q = *state;
	struct sample s = sample_of(1);
	struct message_file f;
	const struct queue_id *moved;
	size_t claims, n;
	bool in_done;
	int again;

	put_sample(q, &s);
	MUST(index_move_put(q->t.tx, &s.env.id, &q->err));
	for (again = 0; again < 2; again++) {
		MUST(recover_all(&q->t, FROM_CRASH, &claims, &q->err));
		next_tick(q);
		assert_int_equal(MUST(spool_find(&q->spool, &s.env.id, false,
		                     &f, &in_done, &q->err)),
		    1);
		file_close(&f);
		assert_true(in_done);
		moved = after_moved(q->t.after, &n);
		assert_int_equal(n, 1);
		assert_string_equal(moved[0].text, s.env.id.text);
		after_forget_moved(q->t.after);
	}
}

int
main(void)
{
#define CASE(name)                                                             \
	cmocka_unit_test_setup_teardown(name, queue_setup, queue_teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_claim_is_settled_by_its_slots),
		CASE(an_untouched_message_is_ready_at_once),
		CASE(what_workers_die_of_counts_as_tried),
		CASE(a_claim_without_a_file_is_told_of_and_forgotten),
		CASE(a_claim_of_nothing_is_removed),
		CASE(a_result_that_was_committed_is_not_counted_again),
		CASE(a_slot_that_the_power_cut_lost_is_written_again),
		CASE(the_same_boot_writes_no_slot_of_unclaimed_mail),
		CASE(a_move_is_done_at_the_start_and_its_row_goes_after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
