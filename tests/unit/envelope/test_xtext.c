/* SPDX-License-Identifier: ISC */
/* RFC 3461, 4 and 4.2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include "envelope/xtext.h"

#include <cmocka.h>

static const struct {
	const char *text;
	bool xtext, orcpt;
} rows[] = {
	{ "", true, false },
	{ "QQ314159", true, false },
	{ "rfc822;Bob@Example.COM", true, true },
	{ "rfc822;a+2Bb+3D@example.com", true, true },
	{ "utf-8;+5C", true, true },
	{ "rfc822;", true, false },
	{ ";a", true, false },
	{ "rfc 822;a", false, false },
	{ "rf_c;a", true, false },
	{ "a=b", false, false },
	{ "a b", false, false },
	{ "a+", false, false },
	{ "a+2", false, false },
	{ "a+2b", false, false },
	{ "a+0A", false, false },
	{ "a+7F", false, false },
	{ "a\n", false, false },
	{ "\303\274", false, false },
};

static void
text_is_judged_by_the_grammar(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (xtext_is_valid(span_of(rows[i].text)) != rows[i].xtext ||
		    xtext_is_orcpt(span_of(rows[i].text)) != rows[i].orcpt)
			fail_msg("%s", rows[i].text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_judged_by_the_grammar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
