/* SPDX-License-Identifier: ISC */
/* Expected values: date -u -R -d @N of GNU coreutils; examples of RFC
 * 3339, 5.8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include "message/date.h"

#include <cmocka.h>

static const struct {
	int64_t t;
	const char *text;
} dates[] = {
	{ 0, "Thu, 01 Jan 1970 00:00:00 +0000" },
	{ 951782399, "Mon, 28 Feb 2000 23:59:59 +0000" },
	{ 951782400, "Tue, 29 Feb 2000 00:00:00 +0000" },
	{ 951868800, "Wed, 01 Mar 2000 00:00:00 +0000" },
	{ 1795501394, "Tue, 24 Nov 2026 06:23:14 +0000" },
	{ 4102444799, "Thu, 31 Dec 2099 23:59:59 +0000" },
	{ 4107542400, "Mon, 01 Mar 2100 00:00:00 +0000" },
	{ 253402300799, "Fri, 31 Dec 9999 23:59:59 +0000" },
	{ INT64_MAX, "Fri, 31 Dec 9999 23:59:59 +0000" },
	{ -1, "Thu, 01 Jan 1970 00:00:00 +0000" },
};

static const struct {
	const char *text;
	int64_t t; /* -1: refused */
} parsed[] = {
	{ "1985-04-12T23:20:50.52Z", 482196050 },
	{ "1996-12-19T16:39:57-08:00", 851042397 },
	{ "1990-12-31T23:59:60Z", 662688000 },
	{ "1990-12-31T15:59:60-08:00", 662688000 },
	{ "2026-11-24 06:00+01:00", 1795496400 },
	{ " 2026-11-24t05:00z\n", 1795496400 },
	{ "2000-02-29T00:00:00Z", 951782400 },
	{ "2100-02-29T00:00:00Z", -1 },
	{ "2026-04-31T00:00:00Z", -1 },
	{ "2026-13-01T00:00:00Z", -1 },
	{ "2026-11-24T06:00:00", -1 },
	{ "2026-11-24", -1 },
	{ "2026-11-24T24:00:00Z", -1 },
	{ "2026-11-24T06:00:00.Z", -1 },
	{ "2026-11-24T06:00:00Zx", -1 },
	{ "2026-11-24T06:00:00+0100", -1 },
	{ "1969-12-31T23:59:59Z", -1 },
	{ "1970-01-01T00:30:00+01:00", -1 },
	{ "tomorrow", -1 },
	{ "", -1 },
};

static void
dates_are_written_as_rfc_5322_says(void **state)
{
	char text[DATE_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		date_format(dates[i].t, text);
		assert_string_equal(text, dates[i].text);
	}
}

static void
rfc_3339_is_read_and_all_else_refused(void **state)
{
	int64_t t;
	size_t i;
	bool ok;

	(void)state;
	for (i = 0; i < sizeof(parsed) / sizeof(parsed[0]); i++) {
		ok = date_parse_rfc3339(span_of(parsed[i].text), &t);
		if (ok != (parsed[i].t != -1) || (ok && t != parsed[i].t))
			fail_msg("%s: %d %lld", parsed[i].text, ok,
			    (long long)t);
	}
}

static void
rfc_3339_is_written_and_read_back(void **state)
{
	char text[DATE_BYTES];
	int64_t t, back;

	(void)state;
	date_format_rfc3339(951782399, text);
	assert_string_equal(text, "2000-02-28T23:59:59Z");
	for (t = 1; t < 253402300799; t = t * 3 + 12345) {
		date_format_rfc3339(t, text);
		assert_true(date_parse_rfc3339(span_of(text), &back));
		assert_int_equal(back, t);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_are_written_as_rfc_5322_says),
		cmocka_unit_test(rfc_3339_is_written_and_read_back),
		cmocka_unit_test(rfc_3339_is_read_and_all_else_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
