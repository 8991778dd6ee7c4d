/* SPDX-License-Identifier: ISC */
/* Next hops: known by name and number, resting, and what of it is kept. */
#include "queue/health.h"
#include "queue/hops.h"
#include "queue_fixture.h"

static bool
rests(struct hop *hop, int64_t now)
{
	return health_rests(&hop->host, now, &hop->dirty);
}

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
a_hundred_thousand_do_not_stay_in_memory(void **state)
{
	struct queue_fixture *q = *state;
	char name[32];
	struct hop *hop;
	size_t i, found = 0;

	for (i = 0; i < 3 * HOPS_KEPT; i++) {
		(void)snprintf(name, sizeof(name), "mx:%zu.example", i);
		hop = hops_by_name(q->t.hops, q->t.tx, name, &q->err);
		assert_non_null(hop);
		assert_true(hop->untried);
		hop->untried = false;
		if (i == 7)
			hop->in_flight = 1;
		if (i == 8)
			hop->host.backoff_until = NOW + 60;
		if (i == 9)
			hop->host.failures = 1;
		if (i == 10)
			hop->dirty = true;
	}
	hops_trim(q->t.hops, NOW);
	assert_int_equal(hops_next_wake(q->t.hops, NOW), NOW + 60);
	for (i = 0; i < 3 * HOPS_KEPT; i++) {
		(void)snprintf(name, sizeof(name), "mx:%zu.example", i);
		hop = hops_by_name(q->t.hops, q->t.tx, name, &q->err);
		assert_non_null(hop); /* the index has it */
		assert_string_equal(hop->host.name, name);
		found += !hop->untried;
	}
	assert_int_equal(found, 4); /* those that are of use were kept */
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
	assert_true(rests(hop, NOW));
	assert_true(rests(hop, NOW + 59));
	assert_false(rests(hop, NOW + 60));
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
	assert_false(rests(hop, NOW));
}

/* The relay that a job of the hop goes to: its place, 8 for none. */
static unsigned
chosen(struct queue_fixture *q, uint32_t hop, int64_t now, bool *alternatives)
{
	struct hop_relay relay;
	int rc = MUST(hops_choose_relay(q->t.hops, q->t.tx, hop, now, false,
	    &relay, &q->err));

	*alternatives = rc == 1 && relay.alternatives;
	return rc == 1 ? relay.which : DELIVER_HOP_RELAYS;
}

static struct hop *
relay_of(struct queue_fixture *q, uint32_t hop, unsigned which)
{
	const struct hop *h = hops_by_number(q->t.hops, q->t.tx, hop, &q->err);

	assert_true(which < h->n_relays);
	return hops_by_number(q->t.hops, q->t.tx, h->relays[which], &q->err);
}

static void
a_relay_that_rests_is_passed_over(void **state)
{
	struct queue_fixture *q = *state;
	uint32_t hop =
	    hops_by_name(q->t.hops, q->t.tx, "smtp:a,b", &q->err)->host.hop;
	bool more;

	assert_string_equal(relay_of(q, hop, 0)->host.name, "relay:a");
	assert_string_equal(relay_of(q, hop, 1)->host.name, "relay:b");
	assert_int_equal(chosen(q, hop, NOW, &more), 0);
	assert_true(more);
	relay_of(q, hop, 0)->host.backoff_until = NOW + 30;
	assert_int_equal(chosen(q, hop, NOW, &more), 1);
	assert_false(more);
	relay_of(q, hop, 1)->host.backoff_until = NOW + 60;
	assert_int_equal(chosen(q, hop, NOW, &more), DELIVER_HOP_RELAYS);
	assert_int_equal(chosen(q, hop, NOW + 30, &more), 0);
}

/* One message goes to the relay whose rest is over, the others meanwhile to the
 * next; when it has answered, all of them to it. */
static void
a_relay_is_probed_by_one_message(void **state)
{
	struct queue_fixture *q = *state;
	uint32_t hop =
	    hops_by_name(q->t.hops, q->t.tx, "smtp:a,b", &q->err)->host.hop;
	uint32_t a = relay_of(q, hop, 0)->host.hop;
	bool more;

	relay_of(q, hop, 0)->host.failures = 2;
	assert_int_equal(chosen(q, hop, NOW, &more), 0);
	assert_true(more);
	hops_take(q->t.hops, hop, a);
	assert_int_equal(chosen(q, hop, NOW, &more), 1);
	assert_false(more);
	relay_of(q, hop, 0)->host.failures = 0;
	assert_int_equal(chosen(q, hop, NOW, &more), 0);
	hops_give_back(q->t.hops, hop, a);
	assert_int_equal(relay_of(q, hop, 0)->in_flight, 0);
}

static void
hops_share_what_is_known_of_a_relay(void **state)
{
	struct queue_fixture *q = *state;
	uint32_t one =
	    hops_by_name(q->t.hops, q->t.tx, "smtp:a,b", &q->err)->host.hop;
	uint32_t other =
	    hops_by_name(q->t.hops, q->t.tx, "smtp:b,a", &q->err)->host.hop;
	uint32_t none =
	    hops_by_name(q->t.hops, q->t.tx, "capture", &q->err)->host.hop;
	bool more;

	relay_of(q, one, 1)->host.backoff_until = NOW + 30;
	assert_int_equal(chosen(q, other, NOW, &more), 1);
	assert_int_equal(relay_of(q, none, 0)->host.hop, none);
}

int
main(void)
{
#define CASE(name)                                                             \
	cmocka_unit_test_setup_teardown(name, queue_setup, queue_teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_hop_is_the_same_by_name_and_by_number),
		CASE(a_hundred_thousand_do_not_stay_in_memory),
		CASE(a_rest_outlives_the_run),
		CASE(the_next_wake_is_the_first_rest_s_end),
		CASE(a_flush_wakes_what_has_ready_mail),
		CASE(a_relay_that_rests_is_passed_over),
		CASE(a_relay_is_probed_by_one_message),
		CASE(hops_share_what_is_known_of_a_relay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
