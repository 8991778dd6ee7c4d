/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "queue/pace.h"

#define NOW INT64_C(1764010000)

static const struct wire_result too_many = { .state = DELIVERY_DEFERRED,
	.phase = PHASE_GREETING,
	.reply_code = 421,
	.slow = true,
	.hop_down = true };
static const struct wire_result too_fast = { .state = DELIVERY_DEFERRED,
	.phase = PHASE_MAIL,
	.reply_code = 450,
	.slow = true };

static void
a_word_halves_what_the_relay_gets(void **state)
{
	static const struct {
		const char *name;
		const struct wire_result *res;
		struct index_host before;
		struct pace_seen seen;
		bool alive;
		uint32_t connections, a_minute;
	} cases[] = {
		{ "too many connections: half of them", &too_many, { .hop = 1 },
		    { 8, 0, 0 }, true, 4, 0 },
		{ "one is left at least", &too_many, { .hop = 1 }, { 2, 0, 0 },
		    true, 1, 0 },
		{ "the only one, and it is turned away", &too_many,
		    { .hop = 1 }, { 1, 0, 900 }, false, 0, 0 },
		{ "too many messages: half of the second's", &too_fast,
		    { .hop = 1 }, { 4, 20, 20 }, true, 2, 600 },
		{ "half of the minute's, where that is little", &too_fast,
		    { .hop = 1 }, { 4, 1, 20 }, true, 2, 10 },
		{ "one a minute is left at least", &too_fast, { .hop = 1 },
		    { 4, 0, 1 }, true, 2, 1 },
		{ "it takes nothing at all", &too_fast, { .hop = 1 },
		    { 1, 0, 0 }, false, 0, 0 },
		{ "its probe is turned away", &too_fast,
		    { .hop = 1, .failures = 1 }, { 2, 0, 9 }, false, 0, 0 },
		{ "never more than before", &too_fast,
		    { .hop = 1, .most_connections = 1, .most_a_minute = 3 },
		    { 8, 60, 60 }, true, 1, 3 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct index_host h = cases[i].before;

		print_message("# %s\n", cases[i].name);
		assert_int_equal(pace_lower(&h, cases[i].res, &cases[i].seen,
		                     NOW),
		    cases[i].alive);
		assert_int_equal(h.most_connections, cases[i].connections);
		assert_int_equal(h.most_a_minute, cases[i].a_minute);
	}
}

/* Twenty connections hear one word. */
static void
those_on_their_way_count_once_and_nobody_new_knocks(void **state)
{
	const struct pace_seen seen = { 20, 0, 0 };
	struct index_host h = { .hop = 1 };
	int i;

	(void)state;
	for (i = 0; i < 20; i++)
		assert_true(pace_lower(&h, &too_many, &seen, NOW + i / 10));
	assert_int_equal(h.most_connections, 10);
	assert_int_equal(pace_holds_until(&h, NOW + 1), NOW + PACE_HOLD_S);
	assert_int_equal(pace_holds_until(&h, NOW + PACE_HOLD_S), 0);
	assert_int_equal(pace_holds_until(&h, NOW - 86400), 0);
	assert_true(pace_lower(&h, &too_many, &seen, NOW + PACE_HOLD_S));
	assert_int_equal(h.slowed_at, NOW + PACE_HOLD_S);
}

static void
success_raises_it_by_steps_and_an_hour_ends_it(void **state)
{
	struct index_host h = { .hop = 1,
		.most_connections = 1,
		.most_a_minute = 50,
		.slowed_at = NOW,
		.raised_at = NOW };

	(void)state;
	assert_false(pace_raise(&h, 4, NOW + PACE_RAISE_S - 1));
	assert_true(pace_raise(&h, 4, NOW + PACE_RAISE_S));
	assert_false(pace_raise(&h, 4, NOW + PACE_RAISE_S + 1));
	assert_int_equal(h.most_connections, 2);
	assert_int_equal(h.most_a_minute, 56);
	assert_true(pace_raise(&h, 4, NOW + 2 * PACE_RAISE_S));
	assert_true(pace_raise(&h, 4, NOW + 3 * PACE_RAISE_S));
	assert_int_equal(h.most_connections, 0); /* all of four workers */
	assert_int_equal(h.most_a_minute, 62 + 60);
	assert_true(pace_raise(&h, 4, NOW + PACE_FORGET_S));
	assert_int_equal(h.most_a_minute, 0);
	assert_false(pace_raise(&h, 4, NOW + 2 * PACE_FORGET_S));
}

static void
the_narrower_limit_holds(void **state)
{
	static const struct {
		uint32_t a_minute;
		int64_t second, minute, then_second, then_minute;
	} cases[] = {
		{ 0, 5, 0, 5, 0 },
		{ 600, 0, 0, 10, 0 },
		{ 600, 5, 0, 5, 0 },
		{ 119, 5, 0, 1, 0 },
		{ 59, 5, 0, 5, 59 },
		{ 59, 5, 30, 5, 30 },
	};
	struct index_host h = { .most_connections = 3 };
	size_t i;

	(void)state;
	assert_int_equal(pace_connections(&h, 0), 3);
	assert_int_equal(pace_connections(&h, 2), 2);
	assert_int_equal(pace_connections(&h, 9), 3);
	h.most_connections = 0;
	assert_int_equal(pace_connections(&h, 9), 9);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rate_limits most = { { cases[i].second, cases[i].minute,
			0, 0 } };

		h.most_a_minute = cases[i].a_minute;
		pace_narrow(&h, &most);
		assert_int_equal(most.most[WINDOW_SECOND],
		    cases[i].then_second);
		assert_int_equal(most.most[WINDOW_MINUTE],
		    cases[i].then_minute);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_halves_what_the_relay_gets),
		cmocka_unit_test(
		    those_on_their_way_count_once_and_nobody_new_knocks),
		cmocka_unit_test(
		    success_raises_it_by_steps_and_an_hour_ends_it),
		cmocka_unit_test(the_narrower_limit_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
