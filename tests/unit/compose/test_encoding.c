/* SPDX-License-Identifier: ISC */
/* Content-Transfer-Encoding: RFC 4648's own examples, RFC 2045's rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compose/encoding.h"
#include "gather.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *bytes, *text; /* RFC 4648, 10 */
} base64_cases[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
	{ "\377\376\373", "//77" },
};

static void
base64_is_that_of_rfc_4648(void **state)
{
	struct base64 b;
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(base64_cases); i++) {
		b = (struct base64){ .out = gather_into(&out) };
		assert_int_equal(base64_write(&b, base64_cases[i].bytes,
		                     strlen(base64_cases[i].bytes), NULL),
		    0);
		assert_int_equal(base64_end(&b, NULL), 0);
		if (out.len > 0) {
			assert_int_equal(out.p[out.len - 1], '\n');
			out.len--;
			out.p[out.len] = '\0';
		}
		assert_string_equal(buf_str(&out), base64_cases[i].text);
		buf_reset(&out);
		assert_true(base64_decode(span_of(base64_cases[i].text), &out));
		assert_string_equal(buf_str(&out), base64_cases[i].bytes);
		buf_clear(&out);
	}
}

/* However the bytes come, lines have 76 and it is the same. */
static void
base64_does_not_depend_on_the_pieces(void **state)
{
	unsigned char bytes[1000];
	struct buf whole, pieces, back;
	struct base64 b;
	struct span rest, line;
	size_t i, step;

	(void)state;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7);
	b = (struct base64){ .out = gather_into(&whole) };
	assert_int_equal(base64_write(&b, bytes, sizeof(bytes), NULL), 0);
	assert_int_equal(base64_end(&b, NULL), 0);
	for (rest = buf_span(&whole); rest.len > 0;) {
		line = span_cut(&rest, '\n');
		assert_true(line.len == 76 || (rest.len == 0 && line.len > 0));
	}
	for (step = 1; step < 200; step += 13) {
		b = (struct base64){ .out = gather_into(&pieces) };
		for (i = 0; i < sizeof(bytes); i += step)
			assert_int_equal(base64_write(&b, bytes + i,
			                     i + step < sizeof(bytes)
			                         ? step
			                         : sizeof(bytes) - i,
			                     NULL),
			    0);
		assert_int_equal(base64_end(&b, NULL), 0);
		assert_true(span_eq(buf_span(&pieces), buf_span(&whole)));
		buf_clear(&pieces);
	}
	buf_init(&back, 2000);
	assert_true(base64_decode(buf_span(&whole), &back));
	assert_int_equal(back.len, sizeof(bytes));
	assert_memory_equal(back.p, bytes, sizeof(bytes));
	buf_clear(&back);
	buf_clear(&whole);
}

static void
what_is_no_base64_is_refused(void **state)
{
	static const char *const bad[] = { "A", "A===", "AA=A", "AA=", "Zm9*",
		"Zg==Zg==", "====", "Zm9v\303\251" };
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		buf_init(&out, 100);
		if (base64_decode(span_of(bad[i]), &out))
			fail_msg("\"%s\" is taken for base64", bad[i]);
		buf_clear(&out);
	}
	buf_init(&out, 2);
	assert_true(base64_decode(SPAN_LIT(" Z g\r\n=\t= "), &out));
	buf_reset(&out);
	assert_false(base64_decode(SPAN_LIT("Zm9v"), &out)); /* too large */
	buf_clear(&out);
}

#define X40 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct {
	const char *name, *text, *coded;
} qp_cases[] = {
	{ "ASCII stays, lines end with LF", "a b\r\nc\rd\n", "a b\nc\nd\n" },
	{ "a last line gets its end", "a", "a\n" },
	{ "nothing is nothing", "", "" },
	{ "empty lines stay", "\n\na\n", "\n\na\n" },
	{ "8-bit and the equals sign", "\303\274=", "=C3=BC=3D\n" },
	{ "blanks at a line's end", "a \nb\t\n \n", "a=20\nb=09\n=20\n" },
	{ "blanks within", "a \tb\n", "a \tb\n" },
	{ "control characters, NUL aside", "\001\177\v", "=01=7F=0B\n" },
	{ "a dot that begins a line", ".\n..a\nb.\n", "=2E\n=2E.a\nb.\n" },
	{ "From that begins a line", "From x\nF\n", "=46rom x\n=46\n" },
	{ "76 columns fit", X40 "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\n",
	    X40 "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\n" },
	{ "77 do not", X40 "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyz\n",
	    X40 "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy=\nyz\n" },
	{ "an octet is never broken",
	    X40 "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\303\274z\n",
	    X40 "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy=\n=C3=BCz\n" },
	{ "a dot that a soft break puts first",
	    X40 "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy..z\n",
	    X40 "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy=\n=2E.z\n" },
};

static void
quoted_printable_is_that_of_rfc_2045(void **state)
{
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(qp_cases); i++) {
		assert_int_equal(encoding_put_text(ENCODING_QP,
		                     span_of(qp_cases[i].text),
		                     gather_into(&out), NULL),
		    0);
		if (strcmp(buf_str(&out), qp_cases[i].coded) != 0)
			fail_msg("%s: \"%s\" instead of \"%s\"",
			    qp_cases[i].name, buf_str(&out), qp_cases[i].coded);
		buf_clear(&out);
	}
}

static void
a_text_in_base64_has_crlf(void **state)
{
	struct buf out, back;

	(void)state;
	assert_int_equal(encoding_put_text(ENCODING_BASE64,
	                     SPAN_LIT("a\nb\r\nc\rd"), gather_into(&out), NULL),
	    0);
	buf_init(&back, 100);
	assert_true(base64_decode(buf_span(&out), &back));
	assert_string_equal(buf_str(&back), "a\r\nb\r\nc\r\nd\r\n");
	buf_clear(&back);
	buf_clear(&out);
}

static void
the_encoding_suits_the_text(void **state)
{
	static const struct {
		const char *text;
		enum encoding e;
	} cases[] = {
		{ "", ENCODING_7BIT },
		{ "plain text\n\twith a tab\n", ENCODING_7BIT },
		{ "Gr\303\274\303\237e from here\n", ENCODING_QP },
		{ "\346\227\245\346\234\254\350\252\236", ENCODING_BASE64 },
		{ "========", ENCODING_7BIT },
		{ "a\033[1m", ENCODING_QP },
		{ "a\n--=_po-mixed\nb", ENCODING_QP },
		{ "a\n--=_anything", ENCODING_QP },
		{ "a --=_po-mixed", ENCODING_7BIT },
	};
	char line[1000];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		if (encoding_of_text(span_of(cases[i].text)) != cases[i].e)
			fail_msg("\"%s\" is not sent as %s", cases[i].text,
			    encoding_names[cases[i].e]);
	memset(line, 'x', sizeof(line));
	assert_int_equal(encoding_of_text((struct span){ line, 998 }),
	    ENCODING_7BIT);
	assert_int_equal(encoding_of_text((struct span){ line, 999 }),
	    ENCODING_QP);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_is_that_of_rfc_4648),
		cmocka_unit_test(base64_does_not_depend_on_the_pieces),
		cmocka_unit_test(what_is_no_base64_is_refused),
		cmocka_unit_test(quoted_printable_is_that_of_rfc_2045),
		cmocka_unit_test(a_text_in_base64_has_crlf),
		cmocka_unit_test(the_encoding_suits_the_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
