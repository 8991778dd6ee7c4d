/* SPDX-License-Identifier: ISC */
/*
 * Lists from RFC 5322, appendix A, and RFC 6532; what other mail programs do
 * with them is the measure for the rest (quoting: Postfix's quote_821_local).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "envelope/address.h"

#include <cmocka.h>

static const struct {
	const char *name, *in;
	const char *out; /* addresses, each with a blank behind */
} rows[] = {
	{ "RFC 5322 A.1.1", "John Doe <jdoe@machine.example>",
	    "jdoe@machine.example " },
	{ "RFC 5322 A.1.2",
	    "\"Joe Q. Public\" <john.q.public@example.com>, "
	    "Mary Smith <mary@x.test>, jdoe@example.org, Who? "
	    "<one@y.test>, <boss@nil.test>, "
	    "\"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
	    "john.q.public@example.com mary@x.test jdoe@example.org "
	    "one@y.test boss@nil.test sysservices@example.net " },
	{ "RFC 5322 A.1.3",
	    "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
	    "c@a.test joe@where.test jdoe@one.test " },
	{ "RFC 5322 A.1.3, empty group", "Undisclosed recipients:;", "" },
	{ "RFC 5322 A.5",
	    "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
	    "pete@silly.test " },
	{ "RFC 5322 A.5, group",
	    "A Group(Some people)\n     :Chris Jones <c@(Chris's host.)"
	    "public.example>,\n         joe@example.org,\n  John "
	    "<jdoe@one.test> (my dear friend); (the end of the group)",
	    "c@public.example joe@example.org jdoe@one.test " },
	{ "RFC 5322 A.5, empty group",
	    "(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;",
	    "" },
	{ "RFC 5322 A.6.1",
	    "Joe Q. Public <john.q.public@example.com>, Mary Smith "
	    "<@node.test:mary@example.net>, , jdoe@test   . example",
	    "john.q.public@example.com mary@example.net jdoe@test.example " },
	{ "RFC 5322 A.6.3, white space around dots",
	    "Mary Smith\n          <mary@example.net>", "mary@example.net " },
	{ "a domain is added where there is none", "root, Joe <joe>",
	    "root@d.test joe@d.test " },
	{ "the null address", "<>", " " },
	{ "the null address with a comment", "< (nobody) >", " " },
	{ "nothing", " ", "" },
	{ "nothing but commas", " , ,, ", "" },
	{ "nothing but a comment", "(nobody)", "" },
	{ "an address as a display name", "a@x.test <b@y.test>", "b@y.test " },
	{ "dots and brackets in a display name", "Dr. X. [Sales] <b@y.test>",
	    "b@y.test " },
	{ "8-bit display name", "J\366rg <b@y.test>", "b@y.test " },
	{ "semicolons between addresses", "a@x.test; b@y.test;",
	    "a@x.test b@y.test " },
	{ "a group that does not end", "g: a@x.test, b@y.test",
	    "a@x.test b@y.test " },
	{ "two groups", "g: a@x.test; h: b@y.test;", "a@x.test b@y.test " },
	{ "a comma in an encoded word",
	    "=?utf-8?Q?Doe,_Joe?= <a@x.test>, b@y.test", "a@x.test b@y.test " },
	{ "needless quotes go", "\"joe\"@x.test", "joe@x.test " },
	{ "needed quotes stay", "\"john doe\"@x.test", "\"john doe\"@x.test " },
	{ "quotes and backslashes in quotes", "\"a\\\"b\\\\c\\d\"@x.test",
	    "\"a\\\"b\\\\cd\"@x.test " },
	{ "an at-sign in quotes", "\"a@b\"@x.test", "\"a@b\"@x.test " },
	{ "an empty local part", "\"\"@x.test", "\"\"@x.test " },
	{ "quotes in one word of two", "\"a b\".c@x.test",
	    "\"a b.c\"@x.test " },
	{ "two dots get quotes", "a..b@x.test", "\"a..b\"@x.test " },
	{ "a last dot gets quotes", "a.@x.test", "\"a.\"@x.test " },
	{ "a folded quoted string", "\"a\n b\"@x.test", "\"a b\"@x.test " },
	{ "a quoted string folded with tabs", "\"a\n\t\tb\n \n\tc\"@x.test",
	    "\"a  b  c\"@x.test " },
	{ "a domain literal", "a@[192.0.2.1], b@[IPv6:2001:db8::1]",
	    "a@[192.0.2.1] b@[IPv6:2001:db8::1] " },
	{ "the root's dot goes", "a@x.test.", "a@x.test " },
	{ "what shells and mailers once obeyed is a name",
	    "|cmd, /file, a%b@x.test, h!u",
	    "|cmd@d.test /file@d.test "
	    "a%b@x.test h!u@d.test " },
	{ "RFC 6531", "\316\264\316\277\316\272@\317\200\316\261.gr",
	    "\316\264\316\277\316\272@\317\200\316\261.gr " },
	{ "line ends between addresses", "a@x.test,\r\n b@y.test\n",
	    "a@x.test b@y.test " },
};

static const struct {
	const char *name, *in, *why;
} bad_rows[] = {
	{ "two words", "john doe@x.test", "two words" },
	{ "two words in the domain", "a@x.test b", "two words" },
	{ "a line end inside of an address", "a@x.test\nRCPT TO:<b@y.test>",
	    "wants quotes" },
	{ "a line end and a second address", "a@x.test\n<b@y.test>, \n c d",
	    "two words" },
	{ "a control character", "a\001b@x.test", "control" },
	{ "a control character in quotes", "\"a\001b\"@x.test", "control" },
	{ "an escaped line end in quotes", "\"a\\\nb\"@x.test", "control" },
	{ "a bare line end in quotes", "\"a\nb\"@x.test", "control" },
	{ "a tab in quotes, which SMTP has not", "\"a\tb\"@x.test", "control" },
	{ "an escaped tab in quotes", "\"a\n\\\tb\"@x.test", "control" },
	{ "a tab behind a folded word", "\"a\n b\tc\"@x.test", "control" },
	{ "delete", "a\177@x.test", "control" },
	{ "a C1 control in UTF-8", "a\302\205@x.test", "control" },
	{ "not UTF-8", "j\366rg@x.test", "not UTF-8" },
	{ "not UTF-8 in the domain", "a@j\366rg.test", "not UTF-8" },
	{ "no domain behind the at-sign", "a@", "no domain" },
	{ "no local part", "@x.test", "nothing before" },
	{ "two at-signs", "a@b@x.test", "second '@'" },
	{ "an empty label", "a@x..test", "empty label" },
	{ "a label of 64",
	    "a@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    ".test",
	    "63 bytes" },
	{ "a space as an entity", "a@x&nbsp", "bad character in the domain" },
	{ "an open angle", "Joe <a@x.test", "without '>'" },
	{ "a closed angle alone", "a@x.test>", "wants quotes" },
	{ "text behind the angle", "<a@x.test> b", "behind the '>'" },
	{ "an open comment", "a@x.test (b", "comment" },
	{ "a closed comment alone", "a@x.test)", "without '('" },
	{ "an open quoted string", "\"a@x.test", "does not end" },
	{ "an open literal", "a@[192.0.2.1", "without ']'" },
	{ "an empty literal", "a@[]", "empty domain literal" },
	{ "a group in a group", "a: b: c@x.test;;", "inside a group" },
	{ "a file to include, as aliases have it", ":include:/etc/x",
	    "without a name" },
	{ "a backslash outside of quotes", "a\\b@x.test", "wants quotes" },
	{ "a route to nowhere", "<@a.test,@b.test>", "route" },
	{ "a special character in the local part", "a[b]@x.test",
	    "wants quotes" },
};

static bool
read_all(struct span in, struct buf *out, struct po_err *err)
{
	struct address_list list;
	struct address a;
	int rc;

	address_list_init(&list, in, "d.test");
	while ((rc = address_next(&list, &a, err)) == 1) {
		assert_int_equal(strlen(a.text), a.len);
		assert_true(buf_puts(out, a.text) && buf_putc(out, ' '));
	}
	address_list_clear(&list);
	return rc == 0;
}

static void
lists_are_taken_apart(void **state)
{
	struct po_err err = { 0 };
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_init(&out, 10000);
		if (!read_all(span_of(rows[i].in), &out, &err) ||
		    strcmp(buf_str(&out), rows[i].out) != 0)
			fail_msg("%s: \"%s\" %s", rows[i].name, buf_str(&out),
			    err.text);
		buf_clear(&out);
	}
}

static void
bad_addresses_are_refused_with_the_reason(void **state)
{
	struct po_err err;
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad_rows) / sizeof(bad_rows[0]); i++) {
		err = (struct po_err){ 0 };
		buf_init(&out, 10000);
		if (read_all(span_of(bad_rows[i].in), &out, &err))
			fail_msg("%s: taken as \"%s\"", bad_rows[i].name,
			    buf_str(&out));
		assert_int_equal(err.code, PO_EDATA);
		if (strstr(err.text, bad_rows[i].why) == NULL)
			fail_msg("%s: %s", bad_rows[i].name, err.text);
		buf_clear(&out);
	}
}

static void
error_text_names_the_address_on_one_line(void **state)
{
	struct po_err err;
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	assert_false(read_all(span_of("ok@x.test, b\033[2Jad@x.test, c@x.test"),
	    &out, &err));
	assert_string_equal(err.text,
	    "bad address \"b\\x1b[2Jad@x.test, c@x.test\": a control "
	    "character");
	buf_clear(&out);
}

static void
qualified_and_utf8_are_told(void **state)
{
	struct address_list list;
	struct address a;
	const char in[] = "Joe <joe (x)>, \303\274@x.test";

	(void)state;
	address_list_init(&list, SPAN_LIT(in), NULL);
	assert_int_equal(address_next(&list, &a, NULL), 1);
	assert_string_equal(a.text, "joe");
	assert_false(a.qualified);
	assert_false(a.utf8);
	assert_ptr_equal(a.spec.p, in + 5);
	assert_int_equal(a.spec.len, 3);
	assert_int_equal(address_next(&list, &a, NULL), 1);
	assert_true(a.qualified);
	assert_true(a.utf8);
	assert_int_equal(address_next(&list, &a, NULL), 0);
	address_list_clear(&list);
}

static void
groups_are_counted(void **state)
{
	struct address_list list;
	struct address a;

	(void)state;
	address_list_init(&list, SPAN_LIT("undisclosed-recipients:;"), NULL);
	assert_int_equal(address_next(&list, &a, NULL), 0);
	assert_int_equal(list.groups, 1);
	address_list_clear(&list);
}

static void
address_over_the_limit_is_refused(void **state)
{
	struct buf in, out;
	struct po_err err;
	size_t n;

	(void)state;
	for (n = 999; n <= 1001; n++) {
		buf_init(&in, 5000);
		buf_init(&out, 5000);
		while (in.len < n - 7)
			assert_true(buf_putc(&in, 'a'));
		assert_true(buf_puts(&in, "@x.test"));
		assert_int_equal(read_all(buf_span(&in), &out, &err),
		    n <= 1000);
		buf_clear(&in);
		buf_clear(&out);
	}
}

/* libetpan's parser overflows the stack on these (docs of the design). */
static void
nesting_and_repetition_need_neither_stack_nor_time(void **state)
{
	static const char *const units[] = { "(", "<", "\"", "[", "a:", ",",
		"a@", "=?", "<@", "\\", "a,", "()", ";" };
	struct buf in, out;
	struct po_err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		buf_init(&in, 4 << 20);
		buf_init(&out, 16 << 20);
		while (in.len < 1 << 20)
			assert_true(buf_puts(&in, units[i]));
		(void)read_all(buf_span(&in), &out, &err);
		buf_clear(&in);
		buf_clear(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_taken_apart),
		cmocka_unit_test(bad_addresses_are_refused_with_the_reason),
		cmocka_unit_test(error_text_names_the_address_on_one_line),
		cmocka_unit_test(qualified_and_utf8_are_told),
		cmocka_unit_test(groups_are_counted),
		cmocka_unit_test(address_over_the_limit_is_refused),
		cmocka_unit_test(
		    nesting_and_repetition_need_neither_stack_nor_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
