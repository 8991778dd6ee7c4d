/* SPDX-License-Identifier: ISC */
/* UTF-8 cases from RFC 3629 (sections 3, 4 and 10) and Unicode's table 3-7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "log/log.h"

#include <cmocka.h>

#define MANY 1000

static const struct {
	const char *name, *in;
	size_t max;
	const char *out;
} rows[] = {
	{ "printable ASCII stays", "a <b@c> (250 2.0.0 Ok) ~\\", MANY,
	    "a <b@c> (250 2.0.0 Ok) ~\\" },
	{ "line ends do not", "a\r\nNov 24 po: b", MANY,
	    "a\\x0d\\x0aNov 24 po: b" },
	{ "nor do escape, tab and delete", "\033[2J\t\177", MANY,
	    "\\x1b[2J\\x09\\x7f" },
	{ "UTF-8 of 2, 3 and 4 bytes stays",
	    "\303\274 \342\202\254 \360\237\223\256", MANY,
	    "\303\274 \342\202\254 \360\237\223\256" },
	{ "C1 controls are escaped", "\302\233\302\205\302\240", MANY,
	    "\\xc2\\x9b\\xc2\\x85\302\240" },
	{ "overlong forms are no UTF-8", "\300\257\340\200\257\360\200\200\257",
	    MANY, "\\xc0\\xaf\\xe0\\x80\\xaf\\xf0\\x80\\x80\\xaf" },
	{ "surrogates are no UTF-8", "\355\240\200", MANY, "\\xed\\xa0\\x80" },
	{ "nothing is beyond U+10FFFF", "\364\217\277\277\364\220\200\200",
	    MANY, "\364\217\277\277\\xf4\\x90\\x80\\x80" },
	{ "a sequence cut short is escaped", "\342\202", MANY, "\\xe2\\x82" },
	{ "a stray continuation is escaped", "a\200b\377", MANY,
	    "a\\x80b\\xff" },
	{ "right-to-left override is escaped", "exe\342\200\256txt", MANY,
	    "exe\\xe2\\x80\\xaetxt" },
	{ "isolates and marks are escaped",
	    "\342\201\246\342\200\217\330\234\342\200\250", MANY,
	    "\\xe2\\x81\\xa6\\xe2\\x80\\x8f\\xd8\\x9c\\xe2\\x80\\xa8" },
	{ "what just fits is whole", "abcdef", 6, "abcdef" },
	{ "what does not is cut", "abcdefg", 6, "abc..." },
	{ "an escape is never cut in two", "ab\n\ncd", 10, "ab\\x0a..." },
	{ "a character is never cut in two", "a\342\202\254\342\202\254xx", 8,
	    "a\342\202\254..." },
	{ "no room for anything", "abc", 0, "" },
	{ "no room but for dots", "abc", 2, ".." },
	{ "empty stays empty", "", 0, "" },
};

static void
foreign_text_becomes_one_safe_line(void **state)
{
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# %s\n", rows[i].name);
		buf_init(&out, MANY);
		assert_true(buf_puts(&out, "="));
		assert_true(log_escape(&out, span_of(rows[i].in), rows[i].max));
		assert_string_equal(buf_str(&out) + 1, rows[i].out);
		buf_clear(&out);
	}
}

static void
a_full_buffer_is_left_as_it_was(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 5);
	assert_true(buf_puts(&out, "abc"));
	assert_false(log_escape(&out, span_of("de\n"), MANY));
	assert_string_equal(buf_str(&out), "abc");
	assert_int_equal(out.len, 3);
	assert_true(log_escape(&out, span_of("de"), MANY));
	assert_string_equal(buf_str(&out), "abcde");
	buf_clear(&out);
}

static void
a_nul_byte_is_escaped(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, MANY);
	assert_true(log_escape(&out, (struct span){ "a\0b", 3 }, MANY));
	assert_string_equal(buf_str(&out), "a\\x00b");
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(foreign_text_becomes_one_safe_line),
		cmocka_unit_test(a_full_buffer_is_left_as_it_was),
		cmocka_unit_test(a_nul_byte_is_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
