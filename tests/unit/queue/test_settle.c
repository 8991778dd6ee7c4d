/* SPDX-License-Identifier: ISC */
/* What becomes of a message after an attempt, in its file and in the index. */
#include "queue_fixture.h"

#define SENT DELIVERY_SENT
#define DEFERRED DELIVERY_DEFERRED
#define FAILED DELIVERY_FAILED
#define DOUBT DELIVERY_IN_DOUBT
#define UNTOUCHED DELIVERY_UNTOUCHED

/* Two recipients and what the server said of each: spool-layout.md, "States".
 */
static const struct {
	const char *name;
	enum delivery_state results[2];
	enum message_state state;
	uint32_t n_open, attempts;
	enum slot_state slots[2];
	int64_t earliest, latest; /* due, seconds from now; 0, 0: not waiting */
} outcomes[] = {
	{ "both reached", { SENT, SENT }, MESSAGE_SENT, 0, 1,
	    { SLOT_SENT, SLOT_SENT }, 0, 0 },
	{ "one refused: failed", { SENT, FAILED }, MESSAGE_FAILED, 0, 1,
	    { SLOT_SENT, SLOT_FAILED }, 0, 0 },
	{ "both refused", { FAILED, FAILED }, MESSAGE_FAILED, 0, 1,
	    { SLOT_FAILED, SLOT_FAILED }, 0, 0 },
	{ "both deferred", { DEFERRED, DEFERRED }, MESSAGE_WAITING, 2, 1,
	    { SLOT_DEFERRED, SLOT_DEFERRED }, 300, 375 },
	{ "one of two goes on", { SENT, DEFERRED }, MESSAGE_WAITING, 1, 1,
	    { SLOT_SENT, SLOT_DEFERRED }, 300, 375 },
	{ "in doubt waits a quarter of an hour", { DOUBT, DEFERRED },
	    MESSAGE_WAITING, 2, 1, { SLOT_IN_DOUBT, SLOT_DEFERRED }, 900, 900 },
	{ "untouched is no attempt", { UNTOUCHED, UNTOUCHED }, MESSAGE_WAITING,
	    2, 0, { SLOT_WAITING, SLOT_WAITING }, 0, 0 },
	{ "one untouched, one refused", { UNTOUCHED, FAILED }, MESSAGE_WAITING,
	    1, 1, { SLOT_WAITING, SLOT_FAILED }, 300, 375 },
};

static void
settle_both(struct queue_fixture *q, struct index_message *m,
    const enum delivery_state results[2])
{
	struct attempt_end end = { .attempt = 1 };
	struct wire_result r;
	uint32_t n;
	int rc;

	for (n = 0; n < 2; n++) {
		r = result_of(&m->id, n, results[n]);
		rc = MUST(settle_recipient(&q->t, m, &r, &q->err));
		assert_int_equal(rc, results[n] != UNTOUCHED);
		end.touched = end.touched || rc == 1;
		end.in_doubt = end.in_doubt || results[n] == DOUBT;
	}
	MUST(settle_end(&q->t, m, &end, &q->err));
}

static void
the_results_of_its_recipients_decide_a_message(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m;
	struct sample s;
	uint32_t i, n;

	for (i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		print_message("%s\n", outcomes[i].name);
		s = sample_of(i);
		m = put_claimed(q, &s, 1);
		settle_both(q, &m, outcomes[i].results);
		m = get_message(q, &m.id);
		assert_int_equal(m.state, outcomes[i].state);
		assert_int_equal(m.n_open, outcomes[i].n_open);
		assert_int_equal(m.attempts, outcomes[i].attempts);
		for (n = 0; n < 2; n++)
			assert_int_equal(get_recipient(q, &m.id, n).state,
			    outcomes[i].slots[n]);
		assert_int_equal(m.place != PLACE_NONE,
		    outcomes[i].state == MESSAGE_WAITING);
		if (outcomes[i].latest != 0)
			assert_in_range(m.due, NOW + outcomes[i].earliest,
			    NOW + outcomes[i].latest);
		assert_int_equal(m.finished,
		    outcomes[i].state == MESSAGE_WAITING ? 0 : NOW);
	}
	assert_false(has_claim(q));
}

static void
a_message_that_goes_on_has_it_in_its_head(void **state)
{
	static const enum delivery_state results[] = { SENT, DEFERRED };
	struct queue_fixture *q = *state;
	struct sample s = sample_of(1);
	struct index_message m = put_claimed(q, &s, 1);
	struct head h;

	settle_both(q, &m, results);
	h = get_head(q, &m.id);
	assert_int_equal(h.generation, 2);
	assert_int_equal(h.attempts, 1);
	assert_int_equal(h.due, m.due);
	assert_int_equal(h.changed, NOW);
}

static void
a_success_costs_no_write_of_a_head(void **state)
{
	static const enum delivery_state results[] = { SENT, SENT };
	struct queue_fixture *q = *state;
	struct sample s = sample_of(1);
	struct index_message m = put_claimed(q, &s, 1);

	settle_both(q, &m, results);
	assert_int_equal(get_head(q, &m.id).generation, 1);
}

static void
in_doubt_can_be_held(void **state)
{
	static const enum delivery_state results[] = { SENT, DOUBT };
	struct queue_fixture *q = *state;
	struct sample s = sample_of(1);
	struct index_message m = put_claimed(q, &s, 1);

	q->conf.in_doubt = IN_DOUBT_HOLD;
	settle_both(q, &m, results);
	m = get_message(q, &m.id);
	assert_int_equal(m.state, MESSAGE_HELD);
	assert_int_equal(m.place, PLACE_NONE);
	assert_int_equal(m.n_in_doubt, 1);
	assert_int_equal(get_head(q, &m.id).state, MESSAGE_HELD);
}

static void
the_last_attempt_is_followed_by_expiry(void **state)
{
	static const enum delivery_state results[] = { SENT, DEFERRED };
	struct queue_fixture *q = *state;
	struct sample early = sample_of(1), late = sample_of(2);
	struct index_message m;

	/* Too young to be given up: due at its expiry, not after it. */
	early.head.expires = NOW + 100;
	m = put_claimed(q, &early, 1);
	settle_both(q, &m, results);
	assert_int_equal(m.state, MESSAGE_WAITING);
	assert_int_equal(m.due, NOW + 100);

	late.head.expires = NOW;
	m = put_claimed(q, &late, 1);
	settle_both(q, &m, results);
	m = get_message(q, &m.id);
	assert_int_equal(m.state, MESSAGE_EXPIRED);
	assert_int_equal(get_head(q, &m.id).state, MESSAGE_EXPIRED);
	assert_int_equal(get_recipient(q, &m.id, 1).state, SLOT_EXPIRED);
	assert_int_equal(get_slot(q, &m.id, 1).state, SLOT_EXPIRED);
	assert_int_equal(m.n_open, 0);
	assert_int_equal(m.finished, NOW);
}

static void
a_result_counts_once(void **state)
{
	struct queue_fixture *q = *state;
	struct sample s = sample_of(1);
	struct index_message m = put_claimed(q, &s, 1);
	struct wire_result r = result_of(&m.id, 0, DOUBT);

	assert_int_equal(MUST(settle_recipient(&q->t, &m, &r, &q->err)), 1);
	assert_int_equal(MUST(settle_recipient(&q->t, &m, &r, &q->err)), 0);
	assert_int_equal(m.n_in_doubt, 1);
	r = result_of(&m.id, 0, SENT);
	assert_int_equal(MUST(settle_recipient(&q->t, &m, &r, &q->err)), 0);
	assert_int_equal(get_recipient(q, &m.id, 0).state, SLOT_IN_DOUBT);
	/* The next attempt is another one. */
	r.attempt = 2;
	assert_int_equal(MUST(settle_recipient(&q->t, &m, &r, &q->err)), 1);
	assert_int_equal(m.n_open, 1);
	assert_int_equal(MUST(settle_recipient(&q->t, &m, &r, &q->err)), 0);
	assert_int_equal(m.n_open, 1);
}

static void
a_recipient_that_does_not_exist_has_no_result(void **state)
{
	static const uint32_t numbers[] = { 2, 3, 1000000, UINT32_MAX };
	struct queue_fixture *q = *state;
	struct sample s = sample_of(1);
	struct index_message m = put_claimed(q, &s, 1);
	struct wire_result r;
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		r = result_of(&m.id, numbers[i], SENT);
		assert_int_equal(MUST(settle_recipient(&q->t, &m, &r, &q->err)),
		    0);
	}
	assert_int_equal(m.n_open, 2);
}

/* One file's damage must not end the run: the next one would meet it again. */
static void
a_message_without_a_readable_head_goes_to_bad(void **state)
{
	static const enum delivery_state results[] = { DEFERRED, DEFERRED };
	struct queue_fixture *q = *state;
	struct sample s = sample_of(1);
	struct index_message m = put_claimed(q, &s, 1);

	damage(q, &m.id, FILE_HEAD_AT, 2 * CELL_BYTES);
	settle_both(q, &m, results);
	assert_false(is_known(q, &m.id));
	assert_false(has_claim(q));
	next_tick(q);
	assert_int_equal(faccessat(q->spool.bad, m.id.text, F_OK, 0), 0);
}

static void
expiry_of_a_damaged_file_does_not_stop_the_others(void **state)
{
	struct queue_fixture *q = *state;
	struct sample s = sample_of(1), other = sample_of(2);
	struct index_message m, sound;

	s.head.expires = s.head.due = NOW - 100;
	s.head.attempts = 3;
	m = put_sample(q, &s);
	m.place = PLACE_DUE;
	MUST(index_message_put(q->t.tx, &m, &q->err));
	sound = put_sample(q, &other);
	sound.place = PLACE_DUE;
	MUST(index_message_put(q->t.tx, &sound, &q->err));
	damage(q, &m.id, FILE_HEAD_AT, 2 * CELL_BYTES);
	assert_int_equal(MUST(place_due(&q->t, 10, &q->err)), 2);
	assert_false(is_known(q, &m.id));
	assert_int_equal(get_message(q, &sound.id).place, PLACE_READY);
}

static void
a_retry_from_a_wrong_clock_is_pulled_nearer(void **state)
{
	struct queue_fixture *q = *state;
	struct sample tried = sample_of(1), planned = sample_of(2);
	struct index_message a, b;

	/* Ten days ahead: one by a retry under a clock that was wrong, one
	 * because its sender asked for it. */
	tried.head.due = planned.head.due = NOW + 10 * 86400;
	tried.head.expires = planned.head.expires = NOW + 20 * 86400;
	tried.head.attempts = 1;
	a = put_sample(q, &tried);
	b = put_sample(q, &planned);
	a.place = b.place = PLACE_DUE;
	MUST(index_message_put(q->t.tx, &a, &q->err));
	MUST(index_message_put(q->t.tx, &b, &q->err));
	MUST(place_after_clock_jump(&q->t, &q->err));
	assert_int_equal(get_message(q, &a.id).due, NOW + 14400 + 3600);
	assert_int_equal(get_message(q, &b.id).due, NOW + 10 * 86400);
}

int
main(void)
{
#define CASE(name)                                                             \
	cmocka_unit_test_setup_teardown(name, queue_setup, queue_teardown)
	const struct CMUnitTest tests[] = {
		CASE(the_results_of_its_recipients_decide_a_message),
		CASE(a_message_that_goes_on_has_it_in_its_head),
		CASE(a_success_costs_no_write_of_a_head),
		CASE(in_doubt_can_be_held),
		CASE(the_last_attempt_is_followed_by_expiry),
		CASE(a_result_counts_once),
		CASE(a_recipient_that_does_not_exist_has_no_result),
		CASE(a_message_without_a_readable_head_goes_to_bad),
		CASE(expiry_of_a_damaged_file_does_not_stop_the_others),
		CASE(a_retry_from_a_wrong_clock_is_pulled_nearer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
