/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "message/fold.h"
#include "util/utf8.h"

#include <cmocka.h>

static int
collect(void *ctx, const void *p, size_t len, struct po_err *err)
{
	(void)err;
	return buf_put(ctx, p, len) ? 0 : -1;
}

static void
repeat(struct buf *b, const char *what, size_t bytes)
{
	while (bytes >= strlen(what)) {
		assert_true(buf_puts(b, what));
		bytes -= strlen(what);
	}
}

/* RFC 5322, 2.1.1. */
static void
assert_short_lines(struct span s)
{
	while (s.len > 0)
		assert_in_range(span_cut(&s, '\n').len, 0, 998);
}

static void
fold_all(const struct buf *in, size_t piece, struct buf *out)
{
	struct fold f;
	size_t at, n;

	fold_init(&f, (struct sink){ collect, out });
	for (at = 0; at < in->len; at += n) {
		n = in->len - at < piece ? in->len - at : piece;
		assert_int_equal(fold_write(&f, in->p + at, n, NULL), 0);
	}
}

static void
body_lines_of_998_stay_and_999_goes_on_behind_a_blank(void **state)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 996, 997, 998, 999, 5000 };
	struct buf in, out;
	size_t i, len;

	(void)state;
	for (len = 990; len < 1006; len++) {
		for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
			buf_init(&in, 10000);
			buf_init(&out, 10000);
			repeat(&in, "x", len);
			assert_true(buf_puts(&in, "\nshort\n"));
			fold_all(&in, pieces[i], &out);
			if (len <= 998) {
				assert_string_equal(out.p, in.p);
			} else {
				assert_int_equal(out.len, in.len + 2);
				assert_memory_equal(out.p + 998, "\n x", 3);
			}
			buf_clear(&in);
			buf_clear(&out);
		}
	}
}

static void
utf8_is_never_cut(void **state)
{
	static const char *const units[] = { "\303\274", "\342\202\254",
		"\360\237\223\256" };
	struct buf in, out;
	struct span rest;
	size_t i, lead, piece;

	(void)state;
	for (i = 0; i < 3; i++)
		for (lead = 0; lead < 4; lead++)
			for (piece = 1; piece < 5000; piece += 331) {
				buf_init(&in, 10000);
				buf_init(&out, 10000);
				repeat(&in, "x", lead);
				repeat(&in, units[i], 4000);
				fold_all(&in, piece, &out);
				assert_short_lines(buf_span(&out));
				rest = buf_span(&out);
				while (rest.len > 0)
					assert_true(utf8_is_valid(
					    span_cut(&rest, '\n')));
				buf_clear(&in);
				buf_clear(&out);
			}
}

static void
bytes_that_are_no_utf8_are_cut_at_the_limit(void **state)
{
	struct buf in, out;

	(void)state;
	buf_init(&in, 10000);
	buf_init(&out, 10000);
	repeat(&in, "\200", 3000);
	fold_all(&in, 5000, &out);
	assert_short_lines(buf_span(&out));
	assert_int_equal(out.len, 3000 + 2 * 3);
	buf_clear(&in);
	buf_clear(&out);
}

/* What comes out, without the folds, is what went in. */
static void
check_field(const struct buf *in, struct buf *out)
{
	buf_init(out, 1 << 20);
	assert_true(fold_field(buf_span(in), out));
	assert_short_lines(buf_span(out));
}

static void
field_is_folded_at_its_white_space(void **state)
{
	struct buf in, out;
	size_t i, blanks = 0;

	(void)state;
	buf_init(&in, 1 << 20);
	assert_true(buf_puts(&in, "References:"));
	repeat(&in, " <12345@example.org>", 100000);
	assert_true(buf_putc(&in, '\n'));
	check_field(&in, &out);
	for (i = 0; i < out.len; i++) {
		if (out.p[i] != '\n') {
			assert_int_equal(out.p[i], in.p[i - blanks]);
			continue;
		}
		if (i + 1 < out.len) {
			blanks++;
			assert_int_equal(out.p[i + 1], ' ');
		}
	}
	assert_int_equal(out.len - blanks, in.len);
	buf_clear(&in);
	buf_clear(&out);
}

static void
quoted_blank_is_no_place_to_fold(void **state)
{
	struct buf in, out;

	(void)state;
	buf_init(&in, 1 << 20);
	assert_true(buf_puts(&in, "To: x"));
	while (in.len < LINE_MAX_BYTES - 6)
		assert_true(buf_putc(&in, 'x'));
	assert_true(buf_puts(&in, " \"a\\ bcd\"@example.org\n"));
	check_field(&in, &out);
	assert_non_null(strstr(out.p, "x\n \"a\\ bcd\"@"));
	buf_clear(&in);
	buf_clear(&out);
}

static void
list_without_blanks_is_folded_behind_commas(void **state)
{
	struct span rest, line;
	struct buf in, out;

	(void)state;
	buf_init(&in, 1 << 20);
	assert_true(buf_puts(&in, "To:"));
	repeat(&in, "somebody@example.org,", 100000);
	assert_true(buf_puts(&in, "a@example.org\n"));
	check_field(&in, &out);
	rest = buf_span(&out);
	while (rest.len > 0) {
		line = span_cut(&rest, '\n');
		if (rest.len > 0) {
			assert_int_equal(line.p[line.len - 1], ',');
			assert_int_equal(rest.p[0], ' ');
		}
	}
	buf_clear(&in);
	buf_clear(&out);
}

static void
field_without_any_place_is_cut_hard(void **state)
{
	struct buf in, out;

	(void)state;
	buf_init(&in, 1 << 20);
	assert_true(buf_puts(&in, "X-Blob:"));
	repeat(&in, "x", 100000);
	assert_true(buf_putc(&in, '\n'));
	check_field(&in, &out);
	assert_memory_equal(out.p + 998, "\n x", 3);
	buf_clear(&in);
	buf_clear(&out);
}

static void
name_is_never_cut(void **state)
{
	static const char *const names[] = { "A-b :", "A,b:", "A\t :" };
	struct buf in, out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		buf_init(&in, 1 << 20);
		assert_true(buf_puts(&in, names[i]));
		repeat(&in, "x", 2000);
		assert_true(buf_putc(&in, '\n'));
		check_field(&in, &out);
		assert_memory_equal(out.p, names[i], strlen(names[i]));
		buf_clear(&in);
		buf_clear(&out);
	}
}

static void
lines_of_blanks_alone_are_left_out(void **state)
{
	struct span rest;
	struct buf in, out;

	(void)state;
	buf_init(&in, 1 << 20);
	assert_true(buf_puts(&in, "Subject: a\n \t\n b"));
	repeat(&in, " ", 5000);
	assert_true(buf_puts(&in, "c\n"));
	check_field(&in, &out);
	rest = buf_span(&out);
	while (rest.len > 0)
		assert_int_not_equal(span_trim(span_cut(&rest, '\n')).len, 0);
	buf_clear(&in);
	buf_clear(&out);
}

static void
ceiling_is_told(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 5);
	assert_false(fold_field(SPAN_LIT("A: bcdef\n"), &out));
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    body_lines_of_998_stay_and_999_goes_on_behind_a_blank),
		cmocka_unit_test(utf8_is_never_cut),
		cmocka_unit_test(bytes_that_are_no_utf8_are_cut_at_the_limit),
		cmocka_unit_test(field_is_folded_at_its_white_space),
		cmocka_unit_test(quoted_blank_is_no_place_to_fold),
		cmocka_unit_test(list_without_blanks_is_folded_behind_commas),
		cmocka_unit_test(field_without_any_place_is_cut_hard),
		cmocka_unit_test(name_is_never_cut),
		cmocka_unit_test(lines_of_blanks_alone_are_left_out),
		cmocka_unit_test(ceiling_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
