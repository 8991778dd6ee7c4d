/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "queue/rate.h"

#define NOW INT64_C(1764010000123)
#define S INT64_C(1000)

static int64_t
allows_at(struct index_limit *l, const struct rate_limits *most,
    uint64_t in_flight, int64_t now)
{
	enum index_window which;

	return rate_allows_at(l, most, in_flight, now, &which);
}

/* The judge is a list of all passages: no span of a second has more than five,
 * in no place, whatever the gaps between the attempts. */
static void
no_second_holds_more_than_the_limit(void **state)
{
	const struct rate_limits five = { { 5 } };
	struct index_limit l = { 0 };
	static int64_t passed[20000];
	int64_t now = NOW, most_wait = 0;
	size_t n = 0, i;
	uint32_t random = 1;

	(void)state;
	while (n < sizeof(passed) / sizeof(passed[0])) {
		random = random * 1664525u + 1013904223u;
		now += random >> 24;
		while (allows_at(&l, &five, 0, now) == 0 &&
		       n < sizeof(passed) / sizeof(passed[0])) {
			rate_count(&l, now, 1);
			passed[n++] = now;
		}
		if (allows_at(&l, &five, 0, now) - now > most_wait)
			most_wait = allows_at(&l, &five, 0, now) - now;
	}
	for (i = 5; i < n; i++)
		assert_true(passed[i] - passed[i - 5] >= S);
	assert_true(most_wait <= S + 50);
	/* and it is nearly used up: five in a second and a twentieth, and the
	 * gaps of a quarter of a second at most */
	assert_true(
	    passed[n - 1] - passed[0] <= (int64_t)(n / 5) * (S + 50 + 256));
}

static void
it_says_when(void **state)
{
	const struct rate_limits limits = { { 0, 10, 15 } };
	enum index_window which = WINDOW_SECOND;
	struct index_limit l = { 0 };
	int64_t at;

	(void)state;
	assert_int_equal(allows_at(&l, &limits, 9, NOW), 0);
	rate_count(&l, NOW, 10);
	at = rate_allows_at(&l, &limits, 0, NOW, &which);
	assert_int_equal(which, WINDOW_MINUTE);
	assert_true(at >= NOW + 60 * S && at <= NOW + 63 * S);
	assert_int_not_equal(allows_at(&l, &limits, 0, at - 1), 0);
	assert_int_equal(allows_at(&l, &limits, 0, at), 0);
	rate_count(&l, at, 5);
	at = rate_allows_at(&l, &limits, 0, at, &which);
	assert_int_equal(which, WINDOW_HOUR);
	assert_true(at >= NOW + 3600 * S && at <= NOW + 3780 * S);
	assert_int_equal(allows_at(&l, &limits, 0, at), 0);
	assert_true(rate_is_unlimited(&(struct rate_limits){ { 0 } }));
	assert_false(rate_is_unlimited(&limits));
}

/* What may arrive at any moment takes its place. */
static void
what_is_on_its_way_counts(void **state)
{
	const struct rate_limits five = { { 5 } };
	struct index_limit l = { 0 };

	(void)state;
	assert_int_equal(allows_at(&l, &five, 4, NOW), 0);
	assert_int_equal(allows_at(&l, &five, 5, NOW), RATE_IN_FLIGHT);
	rate_count(&l, NOW, 2);
	assert_int_equal(allows_at(&l, &five, 2, NOW), 0);
	assert_true(allows_at(&l, &five, 3, NOW) <= NOW + S + 50);
}

static void
a_clock_that_goes_back_forgets_nothing(void **state)
{
	const struct rate_limits five = { { 0, 5 } };
	struct index_limit l = { 0 };

	(void)state;
	rate_count(&l, NOW, 5);
	assert_int_not_equal(allows_at(&l, &five, 0, NOW - 3600 * S), 0);
	rate_count(&l, NOW - 3600 * S, 1);
	assert_int_equal(rate_sum(&l, WINDOW_MINUTE, NOW - 3600 * S), 6);
	assert_int_equal(allows_at(&l, &five, 0, NOW - 3600 * S + 63 * S), 0);
	/* a long time forward everything is over, whatever the numbers */
	assert_int_equal(rate_sum(&l, WINDOW_DAY, NOW + INT64_MAX / 4), 0);
}

static void
what_did_not_pass_is_taken_back(void **state)
{
	struct index_limit l = { 0 };
	int w;

	(void)state;
	rate_count(&l, NOW, 3);
	rate_count(&l, NOW + 100, 1);
	rate_uncount(&l, NOW + 100, 2);
	for (w = 0; w < WINDOWS; w++)
		assert_int_equal(rate_sum(&l, (enum index_window)w, NOW + 100),
		    2);
	rate_uncount(&l, NOW + 100, 100);
	assert_int_equal(rate_sum(&l, WINDOW_DAY, NOW + 100), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_second_holds_more_than_the_limit),
		cmocka_unit_test(it_says_when),
		cmocka_unit_test(what_is_on_its_way_counts),
		cmocka_unit_test(a_clock_that_goes_back_forgets_nothing),
		cmocka_unit_test(what_did_not_pass_is_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
