/* SPDX-License-Identifier: ISC */
/* RFC 5322, 3.2.5; RFC 2047, 2, 4.2 and 5 (3). Encoded words were checked with
 * Python's email.header.decode_header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "message/phrase.h"

#include <cmocka.h>

static const struct {
	const char *name, *in, *out;
} rows[] = {
	{ "atoms", "Cron Daemon", "Cron Daemon" },
	{ "blanks around it", "  root ", "root" },
	{ "a dot", "J. Doe", "\"J. Doe\"" },
	{ "a comma", "Doe, J", "\"Doe, J\"" },
	{ "quotes and backslashes", "a\"b\\c", "\"a\\\"b\\\\c\"" },
	{ "an address", "a@x.test", "\"a@x.test\"" },
	{ "an encoded word stays",
	    "=?UTF-8?Q?J=C3=B6rg?=", "=?UTF-8?Q?J=C3=B6rg?=" },
	{ "a line end cannot begin a field", "x\r\nBcc: a@x.test",
	    "\"x  Bcc: a@x.test\"" },
	{ "UTF-8", "J\303\266rg M\303\274ller",
	    "=?UTF-8?Q?J=C3=B6rg_M=C3=BCller?=" },
	{ "specials in a word", "\303\244 (x) \"y\" _=?",
	    "=?UTF-8?Q?=C3=A4_=28x=29_=22y=22_=5F=3D=3F?=" },
	{ "not UTF-8", "J\366rg", "J?rg" },
	{ "nothing", "", "\"\"" },
};

static void
names_get_the_form_they_need(void **state)
{
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_init(&out, 1000);
		assert_true(phrase_put(&out, span_of(rows[i].in)));
		if (strcmp(buf_str(&out), rows[i].out) != 0)
			fail_msg("%s: %s", rows[i].name, buf_str(&out));
		buf_clear(&out);
	}
}

static void
long_names_become_words_of_75_with_whole_characters(void **state)
{
	struct span rest, word;
	struct buf in, out;
	size_t i, k;

	(void)state;
	for (k = 0; k < 12; k++) {
		buf_init(&in, 10000);
		buf_init(&out, 10000);
		for (i = 0; i < k; i++)
			assert_true(buf_putc(&in, 'x'));
		for (i = 0; i < 200; i++)
			assert_true(buf_puts(&in, "\342\202\254"));
		assert_true(phrase_put(&out, buf_span(&in)));
		rest = buf_span(&out);
		while (rest.len > 0) {
			word = span_trim(span_cut(&rest, '\n'));
			assert_in_range(word.len, 12, 75);
			assert_memory_equal(word.p, "=?UTF-8?Q?", 10);
			assert_memory_equal(word.p + word.len - 2, "?=", 2);
			/* whole characters: 9 bytes of Q each, behind the x */
			word.len -= 12;
			assert_int_equal((word.len -
			                     (word.p[10] == 'x' ? k : 0)) %
			                     9,
			    0);
		}
		buf_clear(&in);
		buf_clear(&out);
	}
}

static void
ceiling_is_told(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 5);
	assert_false(phrase_put(&out, SPAN_LIT("too long")));
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_get_the_form_they_need),
		cmocka_unit_test(
		    long_names_become_words_of_75_with_whole_characters),
		cmocka_unit_test(ceiling_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
