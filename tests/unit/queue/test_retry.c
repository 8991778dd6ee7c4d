/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "queue/retry.h"

#define MINUTE INT64_C(60)
#define HOUR (60 * MINUTE)

static const struct retry_policy policy = { 5 * MINUTE, 4 * HOUR, 0 };

static void
waits_double_up_to_the_longest(void **state)
{
	static const struct {
		const char *name;
		uint32_t attempts;
		int64_t wait_s;
	} cases[] = {
		{ "after the first attempt the first wait", 1, 5 * MINUTE },
		{ "then twice that", 2, 10 * MINUTE },
		{ "and so on", 5, 80 * MINUTE },
		{ "never more than the longest", 7, 4 * HOUR },
		{ "however many attempts there were", 4000000000u, 4 * HOUR },
		{ "no attempt counts as one", 0, 5 * MINUTE },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("# %s\n", cases[i].name);
		assert_int_equal(retry_wait_s(&policy, cases[i].attempts, 0),
		    cases[i].wait_s);
	}
}

static void
jitter_adds_at_most_a_quarter(void **state)
{
	uint32_t random;
	int64_t wait, least = INT64_MAX, most = 0;

	(void)state;
	for (random = 0; random < 1000; random++) {
		wait = retry_wait_s(&policy, 1, random);
		least = wait < least ? wait : least;
		most = wait > most ? wait : most;
	}
	assert_int_equal(least, 300);
	assert_int_equal(most, 375);
}

static void
a_dead_hop_is_left_alone_for_a_quarter_of_an_hour_at_most(void **state)
{
	(void)state;
	assert_int_equal(retry_hop_wait_s(1, 0), 30);
	assert_int_equal(retry_hop_wait_s(2, 0), 60);
	assert_int_equal(retry_hop_wait_s(100, 0), 900);
}

static void
a_clock_jump_cannot_put_a_retry_off_for_ever(void **state)
{
	(void)state;
	assert_int_equal(retry_clamp_due(&policy, 1000, 900), 1000);
	assert_int_equal(retry_clamp_due(&policy, 900 + 5 * HOUR, 900),
	    900 + 5 * HOUR);
	assert_int_equal(retry_clamp_due(&policy, INT64_C(31536000), 900),
	    900 + 5 * HOUR);
}

static void
the_attempts_that_there_may_be_are_counted(void **state)
{
	const struct retry_policy three = { 5 * MINUTE, 4 * HOUR, 3 };

	(void)state;
	assert_false(retry_is_spent(&three, 2));
	assert_true(retry_is_spent(&three, 3));
	assert_true(retry_is_spent(&three, UINT32_MAX));
	assert_false(retry_is_spent(&policy, UINT32_MAX));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_double_up_to_the_longest),
		cmocka_unit_test(jitter_adds_at_most_a_quarter),
		cmocka_unit_test(
		    a_dead_hop_is_left_alone_for_a_quarter_of_an_hour_at_most),
		cmocka_unit_test(the_attempts_that_there_may_be_are_counted),
		cmocka_unit_test(a_clock_jump_cannot_put_a_retry_off_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
