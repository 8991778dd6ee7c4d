/* SPDX-License-Identifier: ISC */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "util/line_diff.h"

/* Expected values are those of diff -u. */
static const struct {
	const char *name, *a, *b, *diff;
} cases[] = {
	{ "equal texts have none", "a\nb\n", "a\nb\n", "" },
	{ "a line is changed", "a\nb\nc\n", "a\nx\nc\n",
	    "--- A\n+++ B\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n" },
	{ "all is new", "", "a\nb\n",
	    "--- A\n+++ B\n@@ -0,0 +1,2 @@\n+a\n+b\n" },
	{ "all is gone", "a\n", "", "--- A\n+++ B\n@@ -1,1 +0,0 @@\n-a\n" },
	{ "the last line has no end", "a\nb", "a\nb\n",
	    "--- A\n+++ B\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of "
	    "file\n+b\n" },
	{ "two changes far apart are two pieces",
	    "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n", "x\n2\n3\n4\n5\n6\n7\n8\n9\ny\n",
	    "--- A\n+++ B\n@@ -1,4 +1,4 @@\n-1\n+x\n 2\n 3\n 4\n@@ -7,4 +7,4 "
	    "@@\n 7\n 8\n 9\n-10\n+y\n" },
	{ "two near each other are one", "1\n2\n3\n4\n5\n6\n7\n8\n",
	    "x\n2\n3\n4\n5\n6\n7\ny\n",
	    "--- A\n+++ B\n@@ -1,8 +1,8 @@\n-1\n+x\n 2\n 3\n 4\n 5\n 6\n "
	    "7\n-8\n+y\n" },
	{ "a line is put in", "a\nb\n", "a\nx\nb\n",
	    "--- A\n+++ B\n@@ -1,2 +1,3 @@\n a\n+x\n b\n" },
};

static void
differences_are_those_of_diff(void **state)
{
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_init(&out, 1 << 16);
		assert_true(line_diff(span_of(cases[i].a), span_of(cases[i].b),
		    "A", "B", &out));
		assert_true(buf_putc(&out, '\0'));
		if (strcmp(out.p, cases[i].diff) != 0)
			fail_msg("%s:\n%s\ninstead of\n%s", cases[i].name,
			    out.p, cases[i].diff);
		buf_clear(&out);
	}
}

/* Apply a difference to `a`; what it says of `a` must be there. */
static void
apply(const char *a, struct span diff, struct buf *out)
{
	struct span rest = span_of(a), line, had;
	unsigned at = 1, from = 1, n;

	while (diff.len > 0) {
		line = span_cut(&diff, '\n');
		if (line.p[0] == '@') {
			assert_int_equal(sscanf(line.p, "@@ -%u,%u", &from, &n),
			    2);
			for (; at < from + (n == 0); at++) {
				had = span_cut(&rest, '\n');
				assert_true(buf_put_span(out, had) &&
				            buf_putc(out, '\n'));
			}
			continue;
		}
		if (line.p[0] == ' ' || line.p[0] == '-') {
			had = span_cut(&rest, '\n');
			at++;
			assert_true(span_eq(had,
			    (struct span){ line.p + 1, line.len - 1 }));
		}
		if (line.p[0] == ' ' || line.p[0] == '+')
			assert_true(buf_put(out, line.p + 1, line.len - 1) &&
			            buf_putc(out, '\n'));
	}
	assert_true(buf_put_span(out, rest));
}

static void
fill(char *text, unsigned lines, unsigned letters)
{
	unsigned i;

	for (i = 0; i < lines; i++) {
		text[2 * i] = (char)('a' + rand() % (int)letters);
		text[2 * i + 1] = '\n';
	}
	text[2 * lines] = '\0';
}

/* Small alphabets have many common lines, large ones few: beyond the distance
 * that is looked at, too. */
static void
a_difference_makes_one_of_the_other(void **state)
{
	static char a[8192], b[8192];
	struct buf diff, made;
	unsigned i;

	(void)state;
	srand(7);
	for (i = 0; i < 600; i++) {
		fill(a, (unsigned)rand() % (i % 20 == 0 ? 3000 : 40),
		    1 + i % 25);
		fill(b, (unsigned)rand() % (i % 20 == 0 ? 3000 : 40),
		    1 + i % 25);
		buf_init(&diff, 1 << 20);
		buf_init(&made, 1 << 20);
		assert_true(
		    line_diff(span_of(a), span_of(b), "--", "++", &diff));
		if (diff.len > 0) {
			struct span d = buf_span(&diff);

			(void)span_cut(&d, '\n');
			(void)span_cut(&d, '\n');
			apply(a, d, &made);
			assert_true(span_eq(buf_span(&made), span_of(b)));
		} else {
			assert_string_equal(a, b);
		}
		buf_clear(&diff);
		buf_clear(&made);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(differences_are_those_of_diff),
		cmocka_unit_test(a_difference_makes_one_of_the_other),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
