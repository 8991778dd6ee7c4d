/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "message/header.h"

#include <cmocka.h>

static const struct {
	const char *name, *in;
	const char *fields; /* "name|value;" of each, as written */
	const char *body;
} rows[] = {
	{ "a header and a body", "A: b\nC: d\n\ntext\n\n", "A| b\n;C| d\n;",
	    "text\n\n" },
	{ "nothing", "", "", "" },
	{ "an empty line alone", "\n", "", "" },
	{ "a body alone", "\ntext\n", "", "text\n" },
	{ "a header alone", "A: b\n", "A| b\n;", "" },
	{ "a header without its last line end", "A: b", "A| b\n;", "" },
	{ "folded values", "A: b\n c\n\td: e\nF:\n g\n\n",
	    "A| b\n c\n\td: e\n;F|\n g\n;", "" },
	{ "a line of blanks does not end it", "A: b\n \nC: d\n\nx",
	    "A| b\n \n;C| d\n;", "x" },
	{ "blanks before the colon", "A : b\nC\t: d\n\n", "A| b\n;C| d\n;",
	    "" },
	{ "text without header", "hello world\nmore\n", "",
	    "hello world\nmore\n" },
	{ "one word of text", "hello", "", "hello" },
	{ "one word of text and a line end", "hello\nA: b\n", "",
	    "hello\nA: b\n" },
	{ "text that begins with a blank", " hello\nA: b\n", "",
	    " hello\nA: b\n" },
	{ "text behind fields", "A: b\nhello world: x\nmore\n", "A| b\n;",
	    "hello world: x\nmore\n" },
	{ "a colon alone", ": b\n", "", ": b\n" },
	{ "8-bit in a name", "\303\274: b\n", "", "\303\274: b\n" },
	{ "8-bit in a value", "A: \303\274\n\n", "A| \303\274\n;", "" },
	{ "a From_ line", "From joe Tue Nov 24 06:00:00 2026\nA: b\n\nx",
	    "A| b\n;", "x" },
	{ "From_ lines of both kinds", "From joe 1\n>From jim 2\nA: b\n\n",
	    "A| b\n;", "" },
	{ "a From_ line of nothing", "From \nA: b\n\n", "A| b\n;", "" },
	{ "a From_ line behind a field", "A: b\nFrom joe\nC: d\n", "A| b\n;",
	    "From joe\nC: d\n" },
	{ "a From field with a blank", "From : joe@x.test\n\nx",
	    "From| joe@x.test\n;", "x" },
	{ "a From_ line and no more", "From joe", "", "" },
	{ "From alone is text", "From\nx", "", "From\nx" },
};

static size_t
feed(struct header *h, struct span in, size_t piece, struct buf *body)
{
	struct span text;
	size_t at, n, used;
	int rc = 0;

	for (at = 0; at < in.len && rc == 0; at += used) {
		n = in.len - at < piece ? in.len - at : piece;
		rc = header_write(h, in.p + at, n, &used, &text, NULL);
		assert_int_not_equal(rc, -1);
		assert_true(rc == 1 || used == n);
	}
	if (rc == 0)
		assert_int_equal(header_end(h, &text, NULL), 0);
	assert_true(buf_put_span(body, text));
	assert_true(buf_put(body, in.p + at, in.len - at));
	return at;
}

static void
check(size_t i, size_t piece)
{
	struct buf fields, body;
	struct header h;
	size_t k;

	buf_init(&fields, 1000);
	buf_init(&body, 1000);
	header_init(&h, 1000);
	(void)feed(&h, span_of(rows[i].in), piece, &body);
	for (k = 0; k < h.n; k++)
		assert_true(
		    buf_put_span(&fields, header_name(&h, &h.fields[k])) &&
		    buf_putc(&fields, '|') &&
		    buf_put_span(&fields, header_value(&h, &h.fields[k])) &&
		    buf_putc(&fields, ';'));
	if (strcmp(buf_str(&fields), rows[i].fields) != 0 ||
	    strcmp(buf_str(&body), rows[i].body) != 0)
		fail_msg("%s, in pieces of %zu: \"%s\", \"%s\"", rows[i].name,
		    piece, buf_str(&fields), buf_str(&body));
	header_clear(&h);
	buf_clear(&fields);
	buf_clear(&body);
}

static void
block_is_split_whatever_the_pieces(void **state)
{
	size_t i, piece;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (piece = 1; piece <= strlen(rows[i].in) + 1; piece++)
			check(i, piece);
}

static void
names_are_known_in_any_case(void **state)
{
	struct buf body;
	struct header h;

	(void)state;
	buf_init(&body, 100);
	header_init(&h, 1000);
	(void)feed(&h,
	    SPAN_LIT("tO: a\nReSeNt-BCC : b\nTot: c\nx-po-TAG:d\n"
	             "message-id:\nMessage-Id: <x>\n\n"),
	    7, &body);
	assert_int_equal(h.n, 6);
	assert_int_equal(h.fields[0].id, FIELD_TO);
	assert_int_equal(h.fields[1].id, FIELD_RESENT_BCC);
	assert_int_equal(h.fields[2].id, FIELD_OTHER);
	assert_int_equal(h.fields[3].id, FIELD_X_PO_TAG);
	assert_ptr_equal(header_find(&h, FIELD_MESSAGE_ID), &h.fields[5]);
	assert_null(header_find(&h, FIELD_CC));
	header_clear(&h);
	buf_clear(&body);
}

static void
block_over_the_ceiling_is_refused(void **state)
{
	struct po_err err;
	struct header h;
	struct span text;
	size_t used;

	(void)state;
	header_init(&h, 10);
	assert_int_equal(header_write(&h, "Abc: 6789\n", 10, &used, &text,
	                     &err),
	    0);
	assert_int_equal(header_write(&h, "D", 1, &used, &text, &err), -1);
	assert_int_equal(err.code, PO_EDATA);
	assert_non_null(strstr(err.text, "larger than 10 bytes"));
	header_clear(&h);
}

static void
too_many_fields_are_refused(void **state)
{
	struct po_err err;
	struct header h;
	struct span text;
	size_t used, i;
	int rc = 0;

	(void)state;
	header_init(&h, 1 << 20);
	for (i = 0; i <= HEADER_MAX_FIELDS && rc == 0; i++)
		rc = header_write(&h, "a:\n", 3, &used, &text, &err);
	assert_int_equal(rc, -1);
	assert_int_equal(i, HEADER_MAX_FIELDS + 1);
	assert_int_equal(err.code, PO_EDATA);
	header_clear(&h);
}

static void
endless_first_word_is_text(void **state)
{
	struct buf in, body;
	struct header h;

	(void)state;
	buf_init(&in, 10000);
	buf_init(&body, 10000);
	while (in.len < 5000)
		assert_true(buf_putc(&in, 'x'));
	header_init(&h, 1000);
	assert_true(feed(&h, buf_span(&in), 100, &body) < 300);
	assert_string_equal(body.p, in.p);
	header_clear(&h);
	buf_clear(&in);
	buf_clear(&body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(block_is_split_whatever_the_pieces),
		cmocka_unit_test(names_are_known_in_any_case),
		cmocka_unit_test(block_over_the_ceiling_is_refused),
		cmocka_unit_test(too_many_fields_are_refused),
		cmocka_unit_test(endless_first_word_is_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
