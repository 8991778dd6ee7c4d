/* SPDX-License-Identifier: ISC */
#include "deliver/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct {
	const char *name;
	const char *lines[5];
	enum reply_step last;
	int code;
	const char *status;
	const char *shown;
} cases[] = {
	{ "one line", { "250 OK" }, REPLY_DONE, 250, "", "250 OK" },
	{ "a code alone", { "250" }, REPLY_DONE, 250, "", "250" },
	{ "a code and a blank", { "354 " }, REPLY_DONE, 354, "", "354" },
	/* RFC 5321, 4.2.1 */
	{ "many lines",
	    { "250-First line", "250-Second line",
	        "250-234 Text beginning with numbers", "250 The last line" },
	    REPLY_DONE, 250, "",
	    "250 First line Second line 234 Text beginning with numbers "
	    "The last line" },
	/* RFC 2034, section 6 */
	{ "an enhanced status", { "250 2.1.0 Originator <a@b> ok" }, REPLY_DONE,
	    250, "2.1.0", "250 2.1.0 Originator <a@b> ok" },
	{ "an enhanced status on each line",
	    { "551-5.7.1 Forwarding is disabled", "551 5.7.1 Select another" },
	    REPLY_DONE, 551, "5.7.1",
	    "551 5.7.1 Forwarding is disabled Select another" },
	{ "an enhanced status alone", { "550 5.1.1" }, REPLY_DONE, 550, "5.1.1",
	    "550 5.1.1" },
	{ "three digits a part", { "450 4.123.456 x" }, REPLY_DONE, 450,
	    "4.123.456", "450 4.123.456 x" },
	{ "four digits are none", { "450 4.1234.1 x" }, REPLY_DONE, 450, "",
	    "450 4.1234.1 x" },
	{ "a version is none", { "250 2.0.0beta ready" }, REPLY_DONE, 250, "",
	    "250 2.0.0beta ready" },
	{ "a status of another class is none", { "450 5.1.1 x" }, REPLY_DONE,
	    450, "", "450 5.1.1 x" },
	{ "more is to come", { "250-x" }, REPLY_MORE, 250, "", NULL },
	{ "another code within one reply", { "250-x", "251 y" }, REPLY_BAD, 0,
	    NULL, NULL },
	{ "no code", { "hello" }, REPLY_BAD, 0, NULL, NULL },
	{ "an empty line", { "" }, REPLY_BAD, 0, NULL, NULL },
	{ "two digits", { "25 x" }, REPLY_BAD, 0, NULL, NULL },
	{ "four digits", { "2500 x" }, REPLY_BAD, 0, NULL, NULL },
	{ "a code of class 1", { "150 x" }, REPLY_BAD, 0, NULL, NULL },
	{ "a code of class 6", { "600 x" }, REPLY_BAD, 0, NULL, NULL },
	{ "something else behind the code", { "250+x" }, REPLY_BAD, 0, NULL,
	    NULL },
};

static void
replies_are_read_line_by_line(void **state)
{
	enum reply_step step = REPLY_BAD;
	struct reply r;
	char shown[256];
	size_t i, k;

	(void)state;
	reply_init(&r);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("# %s\n", cases[i].name);
		reply_reset(&r);
		for (k = 0; k < 5 && cases[i].lines[k] != NULL; k++)
			step = reply_feed(&r, span_of(cases[i].lines[k]),
			    strlen(cases[i].lines[k]) + 2);
		assert_int_equal(step, cases[i].last);
		if (step == REPLY_BAD)
			continue;
		assert_int_equal(r.code, cases[i].code);
		assert_string_equal(r.status, cases[i].status);
		if (cases[i].shown == NULL)
			continue;
		reply_print(&r, shown, sizeof(shown));
		assert_string_equal(shown, cases[i].shown);
	}
	reply_clear(&r);
}

static void
a_reply_past_64_kib_is_none(void **state)
{
	enum reply_step step = REPLY_MORE;
	struct reply r;
	size_t fed = 0;

	(void)state;
	reply_init(&r);
	while (step == REPLY_MORE) {
		step = reply_feed(&r, SPAN_LIT("250-x"), 7);
		fed += 7;
		assert_true(fed < 70000);
	}
	assert_int_equal(step, REPLY_BAD);
	assert_true(fed > 65536);
	reply_clear(&r);
}

static void
a_long_line_is_cut_and_shown_cut(void **state)
{
	static char line[5000];
	struct reply r;
	char shown[40];

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "250 ", 4);
	reply_init(&r);
	assert_int_equal(reply_feed(&r, (struct span){ line, sizeof(line) },
	                     sizeof(line) + 2),
	    REPLY_DONE);
	assert_int_equal(r.text.len, 508);
	reply_print(&r, shown, sizeof(shown));
	assert_string_equal(shown, "250 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...");
	reply_clear(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_are_read_line_by_line),
		cmocka_unit_test(a_reply_past_64_kib_is_none),
		cmocka_unit_test(a_long_line_is_cut_and_shown_cut),
	};

	return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}
