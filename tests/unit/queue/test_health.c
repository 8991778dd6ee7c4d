/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "queue/health.h"

#define NOW INT64_C(1764010000)

static const struct wire_result dead = { .state = DELIVERY_DEFERRED,
	.phase = PHASE_CONNECT,
	.hop_down = true,
	.text = "connect to [192.0.2.1]:25: Connection refused" };
static const struct wire_result sent = { .state = DELIVERY_SENT,
	.phase = PHASE_DOT,
	.reply_code = 250,
	.text = "250 2.0.0 Ok" };

static enum health_change
note(struct index_host *h, const struct wire_result *res, int64_t now)
{
	bool changed;

	return health_note(h, res, now, 0, &changed);
}

static bool
rests(struct index_host *h, int64_t now)
{
	bool changed = false;

	return health_rests(h, now, &changed);
}

/* 30 s, doubled each time its probe fails, to a quarter of an hour. */
static void
a_dead_relay_is_left_alone_longer_each_time(void **state)
{
	static const int64_t waits[] = { 30, 60, 120, 240, 480, 900, 900 };
	struct index_host h = { .hop = 1 };
	int64_t now = NOW;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		assert_int_equal(note(&h, &dead, now), HEALTH_DOWN);
		assert_int_equal(h.failures, i + 1);
		assert_true(rests(&h, now + waits[i] - 1));
		assert_false(rests(&h, now + waits[i]));
		now += waits[i];
	}
	assert_string_equal(h.cause, dead.text);
}

/* Twenty connections see one death. */
static void
those_on_their_way_count_as_one_failure(void **state)
{
	struct index_host h = { .hop = 1 };
	int i;

	(void)state;
	for (i = 0; i < 20; i++)
		(void)note(&h, &dead, NOW + i);
	assert_int_equal(h.failures, 1);
	assert_int_equal(h.backoff_until, NOW + 30);
}

static void
its_probe_is_one_message(void **state)
{
	struct index_host h = { .hop = 1 };

	(void)state;
	assert_true(health_takes(&h, 20));
	(void)note(&h, &dead, NOW);
	assert_true(health_takes(&h, 0));
	assert_false(health_takes(&h, 1));
	assert_int_equal(note(&h, &sent, NOW + 30), HEALTH_UP);
	assert_true(health_takes(&h, 20));
	assert_string_equal(h.cause, "");
	assert_int_equal(note(&h, &sent, NOW + 31), HEALTH_SAME);
}

/* What the server says of a message, it says because it lives. */
static void
any_answer_to_a_message_is_a_sign_of_life(void **state)
{
	static const struct {
		const char *name;
		struct wire_result res;
		bool alive;
	} cases[] = {
		{ "sent", { .state = DELIVERY_SENT }, true },
		{ "refused", { .state = DELIVERY_FAILED, .reply_code = 550 },
		    true },
		{ "put off", { .state = DELIVERY_DEFERRED, .reply_code = 450 },
		    true },
		{ "lost in the midst", { .state = DELIVERY_DEFERRED }, false },
		{ "in doubt", { .state = DELIVERY_IN_DOUBT }, false },
		{ "handed back", { .state = DELIVERY_UNTOUCHED }, false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct index_host h = { .hop = 1, .failures = 3 };

		print_message("# %s\n", cases[i].name);
		(void)note(&h, &cases[i].res, NOW);
		assert_int_equal(h.failures, cases[i].alive ? 0 : 3);
	}
}

static void
a_rest_from_a_wrong_clock_ends(void **state)
{
	struct index_host h = { .backoff_until = NOW + INT64_C(31536000) };
	bool changed = false;

	(void)state;
	assert_true(health_rests(&h, NOW, &changed));
	assert_true(changed);
	assert_true(rests(&h, NOW + 1124));
	assert_false(rests(&h, NOW + 1125));
}

static void
traits_are_remembered_for_a_day(void **state)
{
	struct wire_result res = sent;
	struct index_host h = { .hop = 1 };
	bool changed;

	(void)state;
	res.traits = RELAY_PLAIN;
	(void)health_note(&h, &res, NOW, 0, &changed);
	assert_true(changed);
	res.traits = RELAY_NO_CHUNKING;
	(void)health_note(&h, &res, NOW + 100, 0, &changed);
	assert_int_equal(health_traits(&h, NOW + 100),
	    RELAY_PLAIN | RELAY_NO_CHUNKING);
	(void)health_note(&h, &res, NOW + 200, 0, &changed);
	assert_false(changed); /* known: nothing is written for it */
	assert_int_not_equal(health_traits(&h, NOW + 100 + 86399), 0);
	assert_int_equal(health_traits(&h, NOW + 100 + 86400), 0);
	assert_int_equal(health_traits(&h, NOW - 1), 0);
	res.traits = RELAY_ONE_AT_A_TIME;
	(void)health_note(&h, &res, NOW + 100000, 0, &changed);
	assert_int_equal(health_traits(&h, NOW + 100000), RELAY_ONE_AT_A_TIME);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dead_relay_is_left_alone_longer_each_time),
		cmocka_unit_test(those_on_their_way_count_as_one_failure),
		cmocka_unit_test(its_probe_is_one_message),
		cmocka_unit_test(any_answer_to_a_message_is_a_sign_of_life),
		cmocka_unit_test(a_rest_from_a_wrong_clock_ends),
		cmocka_unit_test(traits_are_remembered_for_a_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
