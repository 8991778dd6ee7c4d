/* SPDX-License-Identifier: ISC */
#include "conf/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* The first rows are the examples of Damerau (1964) and Levenshtein's
 * textbook pair. */
static const struct {
	const char *a, *b;
	unsigned distance;
} rows[] = {
	{ "", "", 0 },
	{ "", "abc", 3 },
	{ "abc", "", 3 },
	{ "kitten", "sitting", 3 },
	{ "ca", "ac", 1 },
	{ "ca", "abc", 3 },
	{ "flaw", "lawn", 2 },
	{ "retry-first", "Retry_First", 0 },
	{ "hots", "host", 1 },
};

static void
distance_counts_the_fewest_slips(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# %s %s\n", rows[i].a, rows[i].b);
		assert_int_equal(conf_distance(span_of(rows[i].a),
		                     span_of(rows[i].b)),
		    rows[i].distance);
		assert_int_equal(conf_distance(span_of(rows[i].b),
		                     span_of(rows[i].a)),
		    rows[i].distance);
	}
}

static void
a_very_long_name_is_near_to_nothing(void **state)
{
	char name[200];

	(void)state;
	memset(name, 'a', sizeof(name));
	assert_false(
	    conf_is_slip(conf_distance((struct span){ name, 64 }, span_of("a")),
	        64));
	assert_int_equal(conf_distance((struct span){ name, 63 },
	                     (struct span){ name, 63 }),
	    0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distance_counts_the_fewest_slips),
		cmocka_unit_test(a_very_long_name_is_near_to_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
