/* SPDX-License-Identifier: ISC */
/* What --cleanup removes: finished mail past its retention, nothing else. */
#include "queue/cleanup.h"
#include "queue_fixture.h"

#define HOUR INT64_C(3600)
#define DAY (24 * HOUR)

static const struct {
	const char *name;
	enum message_state state;
	int64_t age_s; /* since it was finished, or since its arrival */
	int64_t days;
	bool removed;
} cases[] = {
	{ "sent, within 7 days", MESSAGE_SENT, 7 * DAY - 1, -1, false },
	{ "sent, past 7 days", MESSAGE_SENT, 7 * DAY, -1, true },
	{ "a duplicate is kept as sent mail is", MESSAGE_DUPLICATE, 7 * DAY, -1,
	    true },
	{ "failed, within 30 days", MESSAGE_FAILED, 30 * DAY - 1, -1, false },
	{ "failed, past 30 days", MESSAGE_FAILED, 30 * DAY, -1, true },
	{ "cancelled, past 7 days", MESSAGE_CANCELLED, 8 * DAY, -1, false },
	{ "expired, past 30 days", MESSAGE_EXPIRED, 31 * DAY, -1, true },
	{ "days=1: sent", MESSAGE_SENT, DAY, 1, true },
	{ "days=1: failed", MESSAGE_FAILED, DAY, 1, true },
	{ "days=1: younger", MESSAGE_FAILED, DAY - 1, 1, false },
	{ "days=0 leaves the last hour, or an id could come twice",
	    MESSAGE_SENT, HOUR - 1, 0, false },
	{ "days=0: an hour old", MESSAGE_SENT, HOUR, 0, true },
	{ "waiting for years", MESSAGE_WAITING, 3650 * DAY, 0, false },
	{ "held for years", MESSAGE_HELD, 3650 * DAY, 0, false },
};

static struct index_message
put_aged(struct queue_fixture *q, uint32_t number, enum message_state state,
    int64_t age_s)
{
	struct sample s = sample_of(number);
	struct index_message m = put_sample(q, &s);

	m.state = state;
	m.arrival = NOW - age_s;
	m.place = state == MESSAGE_WAITING ? PLACE_DUE : PLACE_NONE;
	m.finished = message_is_final(state) ? NOW - age_s : 0;
	MUST(index_message_put(q->t.tx, &m, &q->err));
	return m;
}

static void
clean(struct queue_fixture *q, int64_t days)
{
	struct cleanup c = { .wanted = true, .days = days };

	while (c.wanted)
		MUST(cleanup_step(&q->t, &c, &q->err));
}

static void
retention_decides_and_unsent_mail_is_never_touched(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m;
	struct message_file f;
	uint32_t i;
	bool in_done;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].name);
		m = put_aged(q, i, cases[i].state, cases[i].age_s);
		clean(q, cases[i].days);
		assert_int_equal(is_known(q, &m.id), !cases[i].removed);
		next_tick(q);
		assert_int_equal(MUST(spool_find(&q->spool, &m.id, false, &f,
		                     &in_done, &q->err)),
		    !cases[i].removed);
		if (!cases[i].removed)
			file_close(&f);
		assert_int_equal(faccessat(q->spool.trash, m.id.text, F_OK, 0),
		    cases[i].removed ? 0 : -1);
		if (!cases[i].removed)
			MUST(index_message_delete(q->t.tx, &m.id, &q->err));
	}
}

static void
a_step_is_bounded_and_the_next_one_goes_on(void **state)
{
	struct queue_fixture *q = *state;
	struct cleanup c = { .wanted = true, .days = 0 };
	struct index_message m = message_of(0);
	struct index_totals totals;
	uint32_t i;
	int steps = 0;

	m.state = MESSAGE_SENT;
	m.place = PLACE_NONE;
	m.finished = NOW - DAY;
	for (i = 0; i < 1200; i++) {
		m.id = id_of(i);
		MUST(index_message_put(q->t.tx, &m, &q->err));
	}
	for (; c.wanted; steps++) {
		assert_true(steps < 10);
		MUST(cleanup_step(&q->t, &c, &q->err));
		MUST(index_totals_get(q->t.tx, &totals, &q->err));
		assert_true(totals.messages[MESSAGE_SENT] +
		                500u * (unsigned)(steps + 1) >=
		            1200);
	}
	assert_true(steps >= 3);
	assert_int_equal(totals.messages[MESSAGE_SENT], 0);
	assert_int_equal(c.removed[MESSAGE_SENT], 1200);
}

static void
a_message_in_the_hands_of_a_worker_stays(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m = put_aged(q, 1, MESSAGE_SENT, 100 * DAY);

	m.place = PLACE_CLAIM;
	MUST(index_message_put(q->t.tx, &m, &q->err));
	clean(q, 0);
	assert_true(is_known(q, &m.id));
}

int
main(void)
{
#define CASE(name)                                                             \
	cmocka_unit_test_setup_teardown(name, queue_setup, queue_teardown)
	const struct CMUnitTest tests[] = {
		CASE(retention_decides_and_unsent_mail_is_never_touched),
		CASE(a_step_is_bounded_and_the_next_one_goes_on),
		CASE(a_message_in_the_hands_of_a_worker_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
