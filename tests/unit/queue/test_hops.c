/* SPDX-License-Identifier: ISC */
/* Next hops: known by name and number, resting, and what of it is kept. */
#include "queue/hops.h"
#include "queue_fixture.h"

static void
a_hop_is_the_same_by_name_and_by_number(void **state)
{
	struct queue_fixture *q = *state;
	struct hops *later;
	uint32_t number;
	int i;

	number =
	    hops_by_name(q->t.hops, q->t.tx, "mx:a.example", &q->err)->host.hop;
	for (i = 0; i < 300; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "mx:%d.example", i);
		assert_non_null(
		    hops_by_name(q->t.hops, q->t.tx, name, &q->err));
	}
	assert_string_equal(hops_by_number(q->t.hops, q->t.tx, number, &q->err)
	                        ->host.name,
	    "mx:a.example");
	later = hops_new(); /* another run */
	assert_int_equal(hops_by_name(later, q->t.tx, "mx:a.example", &q->err)
	                     ->host.hop,
	    number);
	assert_null(hops_by_number(later, q->t.tx, 100000, &q->err));
	hops_free(later);
}

static void
a_rest_outlives_the_run(void **state)
{
	struct queue_fixture *q = *state;
	struct hop *hop =
	    hops_by_name(q->t.hops, q->t.tx, "mx:a.example", &q->err);
	struct hops *later = hops_new();

	hop->host.backoff_until = NOW + 60;
	hop->dirty = true;
	MUST(hops_write(q->t.hops, q->t.tx, &q->err));
	hop = hops_by_name(later, q->t.tx, "mx:a.example", &q->err);
	assert_true(hop_rests(hop, NOW));
	assert_true(hop_rests(hop, NOW + 59));
	assert_false(hop_rests(hop, NOW + 60));
	hops_free(later);
}

static void
the_next_wake_is_the_first_rest_s_end(void **state)
{
	static const int64_t until[] = { 0, NOW + 90, NOW + 60, NOW - 10 };
	struct queue_fixture *q = *state;
	char name[] = "mx:0.example";
	size_t i;

	assert_int_equal(hops_next_wake(q->t.hops, NOW), 0);
	for (i = 0; i < 4; i++) {
		name[3] = (char)('0' + i);
		hops_by_name(q->t.hops, q->t.tx, name, &q->err)
		    ->host.backoff_until = until[i];
	}
	assert_int_equal(hops_next_wake(q->t.hops, NOW), NOW + 60);
	assert_int_equal(hops_next_wake(q->t.hops, NOW + 60), NOW + 90);
	assert_int_equal(hops_next_wake(q->t.hops, NOW + 90), 0);
}

/* A rest is a quarter of an hour and a quarter of that at most. */
static void
a_rest_from_a_wrong_clock_ends(void **state)
{
	struct queue_fixture *q = *state;
	struct hop *hop =
	    hops_by_name(q->t.hops, q->t.tx, "mx:a.example", &q->err);

	hop->host.backoff_until = NOW + INT64_C(31536000);
	assert_true(hop_rests(hop, NOW));
	assert_true(hop->dirty);
	assert_true(hop_rests(hop, NOW + 1124));
	assert_false(hop_rests(hop, NOW + 1125));
}

static void
a_flush_wakes_what_has_ready_mail(void **state)
{
	struct queue_fixture *q = *state;
	struct sample s = sample_of(1);
	struct index_message m = put_sample(q, &s);
	struct hop *hop;

	MUST(place_message(&q->t, &m, &q->err));
	hop = hops_by_number(q->t.hops, q->t.tx, m.hop, &q->err);
	hop->host.backoff_until = NOW + 60;
	MUST(hops_wake_all(q->t.hops, q->t.tx, &q->err));
	hop = hops_by_number(q->t.hops, q->t.tx, m.hop, &q->err);
	assert_false(hop_rests(hop, NOW));
}

int
main(void)
{
#define CASE(name)                                                             \
	cmocka_unit_test_setup_teardown(name, queue_setup, queue_teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_hop_is_the_same_by_name_and_by_number),
		CASE(a_rest_outlives_the_run),
		CASE(the_next_wake_is_the_first_rest_s_end),
		CASE(a_rest_from_a_wrong_clock_ends),
		CASE(a_flush_wakes_what_has_ready_mail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
