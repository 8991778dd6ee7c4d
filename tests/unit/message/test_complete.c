/* SPDX-License-Identifier: ISC */
/* RFC 5322, 3.6 and 3.6.6; RFC 5321, 4.4 for Return-Path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "message/complete.h"

#include <cmocka.h>

#define ADDED "From: F\nDate: D\nMessage-ID: M\n"

static const struct {
	const char *name, *in, *out;
} rows[] = {
	{ "what is missing is added at the end", "To: a@x.test\n",
	    "Received: R\nTo: a@x.test\n" ADDED },
	{ "an empty block", "", "Received: R\n" ADDED },
	{ "what is there stays",
	    "date: d\nFROM: a@x.test\nMessage-Id: <m>\nSubject:  two\n\tx\n",
	    "Received: R\ndate: d\nFROM: a@x.test\nMessage-Id: <m>\n"
	    "Subject:  two\n\tx\n" },
	{ "what is empty is as good as missing",
	    "From:\nDate: \nMessage-ID:\n \nCc: \n\t\nTo:\nSubject:\n",
	    "Received: R\nSubject:\n" ADDED },
	{ "Bcc, Return-Path and orders to po go",
	    "Bcc: a@x.test,\n b@x.test\nReturn-Path: <c@x.test>\n"
	    "X-PO-Priority: high\nX-PO-Number: 12\n",
	    "Received: R\nX-PO-Number: 12\n" ADDED },
	{ "Resent-Bcc goes and counts",
	    "Resent-Bcc: d@x.test\nResent-From: r@x.test\n",
	    "Received: R\nResent-Message-ID: M\nResent-Date: D\n"
	    "Resent-From: r@x.test\n" ADDED },
	{ "an empty Resent-From is as good as missing",
	    "Resent-To: a@x.test\nResent-From:\n",
	    "Received: R\nResent-Message-ID: M\nResent-Date: D\n"
	    "Resent-From: F\nResent-To: a@x.test\n" ADDED },
	{ "a message with nothing but empty Resent fields is no resent one",
	    "Resent-To:\nResent-From: \n", "Received: R\n" ADDED },
	{ "addresses are qualified where they stand",
	    "To: root, \"Doe, J\" <joe> (x),\n  a@x.test, g:b;\n"
	    "Cc: root(comment)\nSubject: root\nReply-To: c\n",
	    "Received: R\nTo: root@d.test, \"Doe, J\" <joe@d.test> (x),\n"
	    "  a@x.test, g:b@d.test;\nCc: root@d.test(comment)\n"
	    "Subject: root\nReply-To: c@d.test\n" ADDED },
	{ "a route and the null address stay",
	    "To: <@a.test:b@c.test>\nSender: <>\n",
	    "Received: R\nTo: <@a.test:b@c.test>\nSender: <>\n" ADDED },
	{ "a quoted string is what its folding leaves of it",
	    "To:\"\n\t\n \"\nCc: \"a\n\tb\"\n",
	    "Received: R\nTo:\"\n \"@d.test\nCc: \"a\n\tb\"@d.test\n" ADDED },
	{ "what is no list stays", "To: see below, (\nCc: a b, root\n",
	    "Received: R\nTo: see below, (\nCc: a b, root\n" ADDED },
	{ "a resent message gets Resent fields in front of its own",
	    "X: y\nResent-To: a@x.test\nFrom: b@x.test\nDate: d\n"
	    "Message-ID: <m>\n",
	    "Received: R\nX: y\nResent-Message-ID: M\nResent-Date: D\n"
	    "Resent-From: F\nResent-To: a@x.test\nFrom: b@x.test\nDate: d\n"
	    "Message-ID: <m>\n" },
	{ "a complete set of Resent fields stays",
	    "Resent-From: r\nResent-To: a@x.test\nResent-Date: d\n"
	    "Resent-Message-ID: <r>\nFrom: b@x.test\nDate: d\n"
	    "Message-ID: <m>\n",
	    "Received: R\nResent-From: r@d.test\nResent-To: a@x.test\n"
	    "Resent-Date: d\nResent-Message-ID: <r>\nFrom: b@x.test\n"
	    "Date: d\nMessage-ID: <m>\n" },
	{ "fields of an older set do not count for the newer",
	    "Resent-To: a@x.test\nReceived: r\nResent-From: o@x.test\n"
	    "Resent-Date: o\nResent-To: o@x.test\nFrom: b@x.test\nDate: d\n"
	    "Message-ID: <m>\n",
	    "Received: R\nResent-Message-ID: M\nResent-Date: D\n"
	    "Resent-From: F\nResent-To: a@x.test\nReceived: r\n"
	    "Resent-From: o@x.test\nResent-Date: o\nResent-To: o@x.test\n"
	    "From: b@x.test\nDate: d\nMessage-ID: <m>\n" },
};

static const struct completion completion = {
	.received = "R",
	.date = "D",
	.message_id = "M",
	.from = "F",
	.domain = "d.test",
};

static void
read_block(struct header *h, const char *in)
{
	struct span text;
	size_t used;

	header_init(h, 1 << 20);
	assert_int_equal(header_write(h, in, strlen(in), &used, &text, NULL),
	    0);
	assert_int_equal(header_end(h, &text, NULL), 0);
	assert_int_equal(text.len, 0);
}

static void
blocks_are_completed(void **state)
{
	struct header h;
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_init(&out, 1 << 20);
		read_block(&h, rows[i].in);
		assert_int_equal(header_complete(&h, &completion, &out, NULL),
		    0);
		if (strcmp(buf_str(&out), rows[i].out) != 0)
			fail_msg("%s: \"%s\"", rows[i].name, buf_str(&out));
		header_clear(&h);
		buf_clear(&out);
	}
}

static void
smtp_clients_keep_their_bcc(void **state)
{
	struct completion c = completion;
	struct header h;
	struct buf out;

	(void)state;
	c.keep_bcc = true;
	buf_init(&out, 1000);
	read_block(&h, "Bcc: a@x.test\nReturn-Path: <b@x.test>\n");
	assert_int_equal(header_complete(&h, &c, &out, NULL), 0);
	assert_string_equal(out.p, "Received: R\nBcc: a@x.test\n" ADDED);
	header_clear(&h);
	buf_clear(&out);
}

static void
from_is_wanted_only_where_it_is_missing(void **state)
{
	static const struct {
		const char *in;
		bool wants;
	} wants[] = {
		{ "From: a@x.test\n", false },
		{ "From:\n", true },
		{ "To: a@x.test\n", true },
		{ "From: a@x.test\nResent-To: b@x.test\n", true },
		{ "From: a@x.test\nResent-From: b@x.test\n", false },
	};
	struct header h;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
		read_block(&h, wants[i].in);
		assert_int_equal(header_wants_from(&h), wants[i].wants);
		header_clear(&h);
	}
}

static void
set_ends_at_a_repeated_field(void **state)
{
	struct resent_set set;
	struct header h;

	(void)state;
	read_block(&h, "X: y\nResent-From: a\nResent-To: b\nX: y\n"
	               "Resent-From: c\nResent-To: d\n");
	set = header_resent(&h);
	assert_int_equal(set.first, 1);
	assert_int_equal(set.end, 4);
	header_clear(&h);
	read_block(&h, "X: y\n");
	set = header_resent(&h);
	assert_int_equal(set.first, set.end);
	assert_int_equal(set.has, 0);
	header_clear(&h);
}

static void
long_list_is_qualified_and_folded(void **state)
{
	struct span rest;
	struct header h;
	struct buf in, out;
	size_t n = 0;

	(void)state;
	buf_init(&in, 1 << 20);
	buf_init(&out, 1 << 20);
	assert_true(buf_puts(&in, "To: root"));
	while (in.len < 100000)
		assert_true(buf_puts(&in, ",root"));
	assert_true(buf_putc(&in, '\n'));
	read_block(&h, in.p);
	assert_int_equal(header_complete(&h, &completion, &out, NULL), 0);
	rest = buf_span(&out);
	while (rest.len > 0)
		assert_in_range(span_cut(&rest, '\n').len, 0, 998);
	for (rest = buf_span(&out); rest.len > 0;) {
		struct span word = span_cut(&rest, ',');

		n += word.len >= 11 &&
		     memcmp(word.p + word.len - 11, "root@d.test", 11) == 0;
	}
	assert_in_range(n, 19990, 20000);
	header_clear(&h);
	buf_clear(&in);
	buf_clear(&out);
}

static void
growing_over_the_ceiling_is_told(void **state)
{
	struct po_err err;
	struct header h;
	struct buf out;

	(void)state;
	buf_init(&out, 40);
	read_block(&h, "To: root\n");
	assert_int_equal(header_complete(&h, &completion, &out, &err), -1);
	assert_int_equal(err.code, PO_EDATA);
	header_clear(&h);
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_completed),
		cmocka_unit_test(smtp_clients_keep_their_bcc),
		cmocka_unit_test(from_is_wanted_only_where_it_is_missing),
		cmocka_unit_test(set_ends_at_a_repeated_field),
		cmocka_unit_test(long_list_is_qualified_and_folded),
		cmocka_unit_test(growing_over_the_ceiling_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
