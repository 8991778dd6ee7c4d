/* SPDX-License-Identifier: ISC */
/* RFC 3629, sections 3, 4 and 10; Unicode's table 3-7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include "util/utf8.h"

#include <cmocka.h>

static const struct {
	const char *text;
	bool valid;
} rows[] = {
	{ "", true },
	{ "ASCII", true },
	{ "\303\274 \342\202\254 \360\237\223\256", true },
	{ "\302\200\337\277\340\240\200\355\237\277\356\200\200\357\277\277",
	    true },
	{ "\360\220\200\200\364\217\277\277", true },
	{ "\200", false },
	{ "\300\200", false },
	{ "\301\277", false },
	{ "\303", false },
	{ "\340\237\277", false },
	{ "\342\202", false },
	{ "\355\240\200", false },
	{ "\360\217\277\277", false },
	{ "\364\220\200\200", false },
	{ "\365\200\200\200", false },
	{ "\377", false },
	{ "\342\202x", false },
};

static void
sequences_are_judged_by_the_table(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(utf8_is_valid(span_of(rows[i].text)),
		    rows[i].valid);
	assert_true(utf8_is_ascii(SPAN_LIT("ASCII\177")));
	assert_false(utf8_is_ascii(SPAN_LIT("x\200")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequences_are_judged_by_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
