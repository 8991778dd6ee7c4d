/* SPDX-License-Identifier: ISC */
/* What Sendmail, Postfix and Exim make of the same bytes; each row is also fed
 * byte by byte and cut at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "message/clean.h"
#include "util/buf.h"

#include <cmocka.h>

#define ROW(name, dots, in, out, ended)                                        \
	{                                                                      \
		name, dots, in, sizeof(in) - 1, out, ended                     \
	}

static const struct {
	const char *name;
	enum clean_dots dots;
	const char *in;
	size_t len;
	const char *out;
	bool ended;
} rows[] = {
	ROW("nothing", DOTS_DATA, "", "", false),
	ROW("LF stays", DOTS_DATA, "a\nb\n\n", "a\nb\n\n", false),
	ROW("CRLF is LF", DOTS_DATA, "a\r\nb\r\n", "a\nb\n", false),
	ROW("line ends are mixed line by line", DOTS_DATA, "a\r\nb\nc\r\n",
	    "a\nb\nc\n", false),
	ROW("all CRs before LF go", DOTS_DATA, "a\r\r\r\nb\n", "a\nb\n", false),
	ROW("a lone CR is a space", DOTS_DATA, "a\rb\r\rc\n", "a b  c\n",
	    false),
	ROW("a lone CR at the beginning of a line", DOTS_DATA, "\ra\n", " a\n",
	    false),
	ROW("NUL is removed", DOTS_DATA, "a\0b\r\0\nc\n", "ab\nc\n", false),
	ROW("a last line gets its end", DOTS_DATA, "a", "a\n", false),
	ROW("a last CR is a line end", DOTS_DATA, "a\r", "a\n", false),
	ROW("nothing but NUL is nothing", DOTS_DATA, "\0\0", "", false),
	ROW("dots are text", DOTS_DATA, ".\n..\n.a\n", ".\n..\n.a\n", false),
	ROW("a lone dot ends", DOTS_SENDMAIL, "a\n.\nb\n", "a\n", true),
	ROW("a lone dot with CR ends", DOTS_SENDMAIL, "a\n.\r\nb\n", "a\n",
	    true),
	ROW("a lone dot without line end ends", DOTS_SENDMAIL, "a\n.", "a\n",
	    true),
	ROW("a first dot ends", DOTS_SENDMAIL, ".\na\n", "", true),
	ROW("two dots lose one", DOTS_SENDMAIL, "..\n..a\n", ".\n.a\n", false),
	ROW("one dot and text stays", DOTS_SENDMAIL, ".a\n. \n", ".a\n. \n",
	    false),
	ROW("a dot behind a lone CR is no first dot", DOTS_SENDMAIL,
	    "a\r.\rb\n\r.\n", "a . b\n .\n", false),
	ROW("a dot and a lone CR is text", DOTS_SENDMAIL, ".\ra\n", ". a\n",
	    false),
	ROW("dots in a line stay", DOTS_SENDMAIL, "a..\nb.\n", "a..\nb.\n",
	    false),
	ROW("NUL does not hide a dot", DOTS_SENDMAIL, "\0.\0\n", "", true),
	ROW("SMTP loses every first dot", DOTS_SMTP_CRLF, ".a\r\n..\r\n.\r\nb",
	    "a\n.\n", true),
	ROW("and with LF", DOTS_SMTP_LF, ".a\n..\n.\nb", "a\n.\n", true),
	ROW("and with both", DOTS_SMTP_LF, "a\r\n.\r\nb", "a\n", true),
	ROW("smuggling: LF dot LF", DOTS_SMTP_CRLF, "a\n.\nb\r\n.\r\n",
	    "a\n.\nb\n", true),
	ROW("smuggling: LF dot CRLF", DOTS_SMTP_CRLF, "a\n.\r\nb\r\n.\r\n",
	    "a\n.\nb\n", true),
	ROW("smuggling: CRLF dot LF", DOTS_SMTP_CRLF, "a\r\n.\nb\r\n.\r\n",
	    "a\n\nb\n", true),
	ROW("smuggling: CRLF dot CR CRLF", DOTS_SMTP_CRLF,
	    "a\r\n.\r\r\nb\r\n.\r\n", "a\n\nb\n", true),
	ROW("smuggling: CR dot CR", DOTS_SMTP_CRLF, "a\r.\rb\r\n.\r\n",
	    "a . b\n", true),
	ROW("smuggling: CR NUL LF dot CRLF", DOTS_SMTP_CRLF,
	    "a\r\0\n.\r\nb\r\n.\r\n", "a \n.\nb\n", true),
	ROW("smuggling: CRLF NUL dot CRLF", DOTS_SMTP_CRLF,
	    "a\r\n\0.\r\nb\r\n.\r\n", "a\n.\nb\n", true),
	ROW("smuggling: CRLF dot NUL CRLF", DOTS_SMTP_CRLF,
	    "a\r\n.\0\r\nb\r\n.\r\n", "a\n\nb\n", true),
	ROW("a first dot ends in SMTP", DOTS_SMTP_CRLF, ".\r\nx", "", true),
};

static int
collect(void *ctx, const void *p, size_t len, struct po_err *err)
{
	(void)err;
	return buf_put(ctx, p, len) ? 0 : -1;
}

static void
check(size_t i, size_t piece)
{
	struct buf out;
	struct clean c;
	size_t at, n;

	buf_init(&out, 1000);
	clean_init(&c, rows[i].dots, (struct sink){ collect, &out });
	for (at = 0; at < rows[i].len && !c.ended; at += n) {
		n = rows[i].len - at < piece ? rows[i].len - at : piece;
		assert_int_equal(clean_write(&c, rows[i].in + at, n, NULL), 0);
	}
	assert_int_equal(clean_end(&c, NULL), 0);
	if (strcmp(buf_str(&out), rows[i].out) != 0 ||
	    out.len != strlen(rows[i].out) || c.ended != rows[i].ended)
		fail_msg("%s, in pieces of %zu: \"%s\"", rows[i].name, piece,
		    buf_str(&out));
	buf_clear(&out);
}

static void
lines_come_out_clean_whatever_the_pieces(void **state)
{
	size_t i, piece;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (piece = 1; piece <= rows[i].len + 1; piece++)
			check(i, piece);
}

static void
what_follows_a_lone_dot_is_not_eaten(void **state)
{
	struct buf out;
	struct clean c;

	(void)state;
	buf_init(&out, 1000);
	clean_init(&c, DOTS_SMTP_CRLF, (struct sink){ collect, &out });
	assert_int_equal(clean_write(&c, "a\r\n.\r\nQUIT\r\n", 12, NULL), 0);
	assert_true(c.ended);
	assert_int_equal(c.used, 6);
	assert_string_equal(buf_str(&out), "a\n");
	buf_clear(&out);
}

static int
refuse(void *ctx, const void *p, size_t len, struct po_err *err)
{
	(void)ctx;
	(void)p;
	(void)len;
	return po_fail(err, PO_EIO, "full");
}

static void
errors_of_the_sink_come_back(void **state)
{
	static const char *const inputs[] = { "a", "\n", "\ra", ".a", "a\n" };
	struct po_err err;
	struct clean c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
		clean_init(&c, DOTS_SENDMAIL, (struct sink){ refuse, NULL });
		assert_int_equal(clean_write(&c, inputs[i], strlen(inputs[i]),
		                     &err),
		    -1);
		assert_string_equal(err.text, "full");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_come_out_clean_whatever_the_pieces),
		cmocka_unit_test(what_follows_a_lone_dot_is_not_eaten),
		cmocka_unit_test(errors_of_the_sink_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
