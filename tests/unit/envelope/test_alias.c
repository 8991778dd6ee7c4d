/* SPDX-License-Identifier: ISC */
/* Aliases files as they stand on hosts of Sendmail, Postfix, msmtp and dma. */
#include "envelope/alias.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* All of a file as one line: "LINE name=target target; ..."; a target that is
 * none as "!kind", an entry that is none as "LINE !fault". */
static void
flatten(const char *in, struct buf *out)
{
	static const char *const kinds[] = { "", "!command", "!file",
		"!include", "!bad" };
	struct alias_reader r;
	struct alias_entry e;
	struct alias_targets ts;
	struct alias_target t;
	size_t len = strlen(in);
	char *text = malloc(len + 1);

	assert_non_null(text);
	memcpy(text, in, len + 1);
	buf_init(out, 10000);
	alias_reader_init(&r, text, len);
	while (alias_next(&r, &e)) {
		assert_true(buf_printf(out, "%u ", e.line));
		if (e.fault != NULL) {
			assert_true(buf_printf(out, "!%s; ", e.fault));
			continue;
		}
		assert_true(buf_put_span(out, e.name) && buf_putc(out, '='));
		alias_targets_init(&ts, &e);
		while (alias_target_next(&ts, &t)) {
			if (t.line != e.line)
				assert_true(buf_printf(out, "%u:", t.line));
			assert_true(buf_puts(out, t.literal ? "\\" : "") &&
			            buf_puts(out, t.kind == ALIAS_ADDRESS
			                              ? t.address.text
			                              : kinds[t.kind]) &&
			            buf_putc(out, ' '));
			if (t.kind != ALIAS_ADDRESS)
				assert_int_equal(t.fault.code, PO_EDATA);
		}
		alias_targets_clear(&ts);
		assert_true(buf_puts(out, "; "));
	}
	free(text);
}

static const struct {
	const char *name, *in, *out;
} files[] = {
	{ "an empty file", "", "" },
	{ "comments and empty lines", "# a\n\n  \n\t# b\n", "" },
	{ "one entry", "root: ops@x.test\n", "1 root=ops@x.test ; " },
	{ "no final line end", "root:ops@x.test", "1 root=ops@x.test ; " },
	{ "blanks everywhere", "root \t:\t ops@x.test ,joe \n",
	    "1 root=ops@x.test joe ; " },
	{ "CRLF", "root: joe\r\n ,bob\r\nx: y\r\n",
	    "1 root=joe 2:bob ; 3 x=y ; " },
	{ "continued, with comments between",
	    "root: joe,\n  bob,\n# no\n\n\tann\nx: y\n",
	    "1 root=joe 2:bob 5:ann ; 6 x=y ; " },
	{ "continued in the first line", "root:\n ops@x.test\n",
	    "1 root=2:ops@x.test ; " },
	{ "two entries, one without targets", "a:\nb: c\n", "1 a=; 2 b=c ; " },
	{ "names and brackets",
	    "root: Joe <joe@x.test>, \"A, B\" <ab@x.test>, c (x, y)\n",
	    "1 root=joe@x.test ab@x.test c ; " },
	{ "quoted names", "\"john doe\": x\n\"a:b\" : \"c d\"@x.test\n",
	    "1 \"john doe\"=x ; 2 \"a:b\"=\"c d\"@x.test ; " },
	{ "no alias for this one", "root: \\root, ops@x.test\n",
	    "1 root=\\root ops@x.test ; " },
	{ "a comment behind a target, as msmtp has it",
	    "root: ops@x.test # the team\nx: a#b@x.test, (# c) d\n",
	    "1 root=ops@x.test ; 2 x=a#b@x.test d ; " },
	{ "a comment line within quotes stays a comment of its own line",
	    "x: a,\n # \"b\n c\n", "1 x=a 3:c ; " },
	{ "commands",
	    "a: |cmd\nb: \"|cmd -x, y\", c\nd: | cmd\ne: \" | cmd\"@x.test\n",
	    "1 a=!command ; 2 b=!command c ; 3 d=!command ; 4 e=!command ; " },
	{ "files", "a: /dev/null\nb: \"/var/mail/a b\"\n",
	    "1 a=!file ; 2 b=!file ; " },
	{ "an address that begins with a slash", "a: /c=de/s=joe/@gw.test\n",
	    "1 a=/c=de/s=joe/@gw.test ; " },
	{ "includes",
	    "a: :include:/etc/list\nb: \":include:/a b\"\nc: :Include:x, d\n",
	    "1 a=!include ; 2 b=!include ; 3 c=!include d ; " },
	{ "what a backslash hides is seen", "a: \\|cmd\nb: \\/file\n",
	    "1 a=\\!command ; 2 b=\\!file ; " },
	{ "bad addresses beside good ones",
	    "a: b c, d@x.test, e@@x, <>, f@, \"g\n",
	    "1 a=!bad d@x.test !bad !bad !bad !bad ; " },
	{ "groups", "a: g: b, c;\n", "1 a=!bad c ; " },
	{ "a ';' between addresses", "a: b; c\n", "1 a=!bad ; " },
	{ "no ':'", "root ops@x.test\nx: y\n",
	    "1 !no ':' behind the name; 2 x=y ; " },
	{ "no name", ": y\n", "1 !no name before the ':'; " },
	{ "a quote that does not end", "\"root: y\nx: y\n",
	    "1 !no ':' behind the name; 2 x=y ; " },
	{ "a first line that goes on", "  root: y\nx: y\n",
	    "1 !the line goes on, but nothing stands before it: begin a name "
	    "in the first column; 2 x=y ; " },
	{ "empty targets", "a: ,, b,\n", "1 a=b ; " },
	{ "UTF-8", "j\303\266rg: j\303\266rg@x.test\n",
	    "1 j\303\266rg=j\303\266rg@x.test ; " },
};

static void
files_are_read_as_their_authors_meant_them(void **state)
{
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		print_message("# %s\n", files[i].name);
		flatten(files[i].in, &out);
		assert_string_equal(buf_str(&out), files[i].out);
		buf_clear(&out);
	}
}

static const struct {
	const char *name, *folded; /* NULL: refused */
} names[] = {
	{ "Root", "root" },
	{ "\"Root\"", "root" },
	{ "\"John Doe\"", "\"john doe\"" },
	{ "a.B", "a.b" },
	{ "a+b", "a+b" },
	{ "*", "*" },
	{ "J\303\226RG", "j\303\226rg" },
	{ "a@x.test", NULL },
	{ "a b", NULL },
	{ "a,b", NULL },
	{ "<>", NULL },
	{ "\"\"", "\"\"" },
	{ "(c)", NULL },
	{ "a\001", NULL },
	{ "a\377", NULL },
};

static void
names_are_compared_without_case_and_needless_quotes(void **state)
{
	struct buf out;
	size_t i;

	(void)state;
	buf_init(&out, 2000);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		print_message("# %s\n", names[i].name);
		if (names[i].folded == NULL) {
			assert_non_null(
			    alias_name_fold(span_of(names[i].name), &out));
			continue;
		}
		assert_null(alias_name_fold(span_of(names[i].name), &out));
		assert_string_equal(buf_str(&out), names[i].folded);
	}
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_read_as_their_authors_meant_them),
		cmocka_unit_test(
		    names_are_compared_without_case_and_needless_quotes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
