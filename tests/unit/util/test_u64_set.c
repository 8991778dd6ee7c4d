/* SPDX-License-Identifier: ISC */
#include "util/u64_set.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NUMBERS 512u

static void
a_number_is_in_it_from_add_to_remove(void **state)
{
	struct u64_set s;

	(void)state;
	u64_set_init(&s, 10);
	assert_false(u64_set_has(&s, 7));
	u64_set_remove(&s, 7);
	assert_true(u64_set_add(&s, 7));
	assert_false(u64_set_add(&s, 7));
	assert_true(u64_set_has(&s, 7));
	assert_false(u64_set_has(&s, 8));
	u64_set_remove(&s, 7);
	assert_false(u64_set_has(&s, 7));
	assert_true(u64_set_add(&s, 0));
	assert_true(u64_set_has(&s, 0));
	u64_set_clear(&s);
	assert_false(u64_set_has(&s, 0));
}

static void
it_takes_no_more_than_its_ceiling(void **state)
{
	struct u64_set s;
	uint64_t i;

	(void)state;
	u64_set_init(&s, 100);
	for (i = 1; i <= 100; i++)
		assert_true(u64_set_add(&s, i));
	assert_false(u64_set_add(&s, 101));
	u64_set_remove(&s, 50);
	assert_true(u64_set_add(&s, 101));
	u64_set_clear(&s);
}

/* Against an array of flags, over a long fixed series of random acts. */
static void
it_agrees_with_a_table_after_any_series_of_acts(void **state)
{
	bool table[NUMBERS] = { false };
	struct u64_set s;
	uint64_t random = 1;
	unsigned i, k, which;

	(void)state;
	u64_set_init(&s, NUMBERS);
	for (i = 0; i < 20000; i++) {
		random = random * UINT64_C(6364136223846793005) + 1;
		which = (unsigned)(random >> 33) % NUMBERS;
		if ((random >> 63) == 0) {
			assert_int_equal(u64_set_add(&s, which + 1),
			    !table[which]);
			table[which] = true;
		} else {
			u64_set_remove(&s, which + 1);
			table[which] = false;
		}
		if (i % 100 == 0)
			for (k = 0; k < NUMBERS; k++)
				assert_int_equal(u64_set_has(&s, k + 1),
				    table[k]);
	}
	u64_set_clear(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_in_it_from_add_to_remove),
		cmocka_unit_test(it_takes_no_more_than_its_ceiling),
		cmocka_unit_test(
		    it_agrees_with_a_table_after_any_series_of_acts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
