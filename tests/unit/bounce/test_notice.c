/* SPDX-License-Identifier: ISC */
/* The text of notices, field by field; that they can be read as mail is shown
 * by tests/e2e/test_bounce.py with another program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "bounce/parts.h"

#define NOW INT64_C(1764000000)

struct fixture {
	struct notice n;
	struct notice_recipient r;
	struct buf out;
};

static int
to_buf(void *ctx, const void *p, size_t len, struct po_err *err)
{
	(void)err;
	return buf_put(ctx, p, len) ? 0 : -1;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	buf_init(&f->out, 1u << 24);
	f->r = (struct notice_recipient){ .address = "bob@example.net",
		.action = ACTION_FAILED,
		.status = "5.1.1",
		.reply_code = 550,
		.text = "550 5.1.1 no such user",
		.relay = "mx.example.net[192.0.2.1]:25",
		.phase = "RCPT",
		.last_attempt = NOW };
	f->n = (struct notice){ .kind = NOTICE_FAILED,
		.hostname = "host.example",
		.domain = "example.org",
		.to = "me@here.example",
		.id = "0",
		.message_id = "<0@host.example>",
		.boundary = "b0undary",
		.now = NOW,
		.max_bytes = 51200,
		.original_id = "1",
		.sender = "me@here.example",
		.arrival = NOW - 60,
		.expires = NOW + 432000,
		.original = { .fd = -1 },
		.recipients = &f->r,
		.n_recipients = 1 };
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	if (f->n.original.fd != -1)
		(void)close(f->n.original.fd);
	buf_clear(&f->out);
	free(f);
	return 0;
}

static void
attach(struct fixture *f, const char *content, size_t len)
{
	char path[] = "/tmp/po-notice-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd != -1);
	(void)unlink(path);
	assert_int_equal(write(fd, content, len), (ssize_t)len);
	f->n.original = (struct notice_original){ .fd = fd, .length = len };
}

static const char *
compose(struct fixture *f)
{
	struct po_err err;

	buf_reset(&f->out);
	assert_int_equal(notice_compose(&f->n, (struct sink){ to_buf, &f->out },
	                     &err),
	    0);
	return buf_str(&f->out);
}

static void
has(const char *text, const char *what)
{
	if (strstr(text, what) == NULL)
		print_message("# no \"%s\" in:\n%s\n", what, text);
	assert_non_null(strstr(text, what));
}

static void
each_action_has_its_fields(void **state)
{
	static const struct {
		enum notice_kind kind;
		enum notice_action action;
		const char *status, *fields, *text;
	} cases[] = {
		{ NOTICE_FAILED, ACTION_FAILED, "5.1.1",
		    "Action: failed\nStatus: 5.1.1\n", "There is no such" },
		{ NOTICE_FAILED, ACTION_FAILED, "",
		    "Action: failed\nStatus: 5.0.0\n", "could not be" },
		{ NOTICE_EXPIRED, ACTION_EXPIRED, "4.2.2",
		    "Action: failed\nStatus: 4.2.2\n", "given up" },
		{ NOTICE_EXPIRED, ACTION_EXPIRED, "",
		    "Action: failed\nStatus: 4.4.7\n", "in time" },
		{ NOTICE_DELAYED, ACTION_DELAYED, "4.4.1",
		    "Action: delayed\nStatus: 4.4.1\n", "WARNING ONLY" },
		{ NOTICE_SUCCESS, ACTION_RELAYED, "2.0.0",
		    "Action: relayed\nStatus: 2.0.0\n", "does not tell" },
		{ NOTICE_SUCCESS, ACTION_DELIVERED, "2.1.5",
		    "Action: delivered\nStatus: 2.1.5\n", "mailbox" },
		{ NOTICE_REFUSED, ACTION_FAILED, "5.5.4",
		    "Action: failed\nStatus: 5.5.4\n", "not accepted" },
		{ NOTICE_DOUBLE, ACTION_FAILED, "5.1.1",
		    "Action: failed\nStatus: 5.1.1\n", "cannot be delivered" },
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f->n.kind = cases[i].kind;
		f->r.action = cases[i].action;
		(void)snprintf(f->r.status, sizeof(f->r.status), "%s",
		    cases[i].status);
		has(compose(f), cases[i].fields);
		has(buf_str(&f->out), cases[i].text);
	}
}

static void
original_recipient_and_envelope_id_are_decoded(void **state)
{
	struct fixture *f = *state;

	f->r.orcpt = "rfc822;b+2Bx@example.net";
	f->n.envid = "a+3Db";
	has(compose(f), "\nOriginal-Recipient: rfc822; b+x@example.net\n");
	has(buf_str(&f->out), "\nOriginal-Envelope-Id: a=b\n");
}

static void
utf8_addresses_make_a_global_report(void **state)
{
	struct fixture *f = *state;

	f->r.address = "j\xc3\xbcrgen@example.net";
	has(compose(f), "message/global-delivery-status\n"
	                "Content-Transfer-Encoding: 8bit\n");
	has(buf_str(&f->out),
	    "\nFinal-Recipient: utf-8; j\xc3\xbcrgen@example.net\n");
	assert_false(notice_wants_utf8(&f->n));
	f->n.to = "j\xc3\xbcrgen@example.net";
	assert_true(notice_wants_utf8(&f->n));
}

static void
hostile_text_makes_no_lines(void **state)
{
	struct fixture *f = *state;
	char text[3000];

	memset(text, 'x', sizeof(text));
	memcpy(text, "550 a\r\nStatus: 2.0.0\n\n--b0undary--\n\x1b[2J\xff ",
	    41);
	text[sizeof(text) - 1] = '\0';
	f->r.text = text;
	compose(f);
	assert_null(strstr(buf_str(&f->out), "\nStatus: 2.0.0"));
	assert_null(strchr(buf_str(&f->out), '\x1b'));
	assert_null(strchr(buf_str(&f->out), '\r'));
	assert_ptr_equal(strstr(buf_str(&f->out), "\n--b0undary--"),
	    f->out.p + f->out.len - 14);
}

static void
what_is_attached_follows_size_and_ret(void **state)
{
	static const char mail[] = "Subject: Hi\nTo: x\n\nbody\n";
	struct fixture *f = *state;

	attach(f, mail, sizeof(mail) - 1);
	has(compose(f), "Content-Type: message/rfc822\n\nSubject: Hi\n");
	f->n.ret = RET_HDRS;
	has(compose(f), "text/rfc822-headers\n\nSubject: Hi\nTo: x\n\n--b");
	assert_null(strstr(buf_str(&f->out), "body\n\n--"));
	f->n.ret = RET_FULL;
	f->n.max_bytes = 15;
	has(compose(f), "text/rfc822-headers\n\nSubject: Hi\n\n--b");
	f->n.kind = NOTICE_SUCCESS;
	f->n.max_bytes = 51200;
	has(compose(f), "text/rfc822-headers");
}

static void
bytes_that_content_never_has_do_no_harm(void **state)
{
	static const char mail[] = "Subject: a\0b\r\n\nx\r\n\0";
	struct fixture *f = *state;

	attach(f, mail, sizeof(mail) - 1);
	compose(f);
	assert_null(memchr(f->out.p, '\0', f->out.len));
	assert_null(memchr(f->out.p, '\r', f->out.len));
}

static void
no_line_is_too_long(void **state)
{
	struct fixture *f = *state;
	char address[1001];
	struct span rest;

	memset(address, 'a', sizeof(address));
	address[500] = '@';
	address[1000] = '\0';
	f->r.address = f->n.to = f->n.sender = address;
	compose(f);
	for (rest = buf_span(&f->out); rest.len > 0;)
		assert_true(span_cut(&rest, '\n').len <= 1004);
}

static void
machines_are_not_answered(void **state)
{
	static const struct {
		const char *mail;
		int may;
	} cases[] = {
		{ "Subject: x\n\nAuto-Submitted: auto-replied\n", 1 },
		{ "Auto-Submitted: auto-generated\n\n", 1 },
		{ "Auto-Submitted: no\n\n", 1 },
		{ "auto-submitted:\n Auto-Replied; x=y\n\n", 0 },
		{ "Content-Type: multipart/report;\n report-type=x\n\n", 0 },
		{ "Content-Type: multipart/mixed\n\n", 1 },
		{ "", 1 },
	};
	struct fixture *f = *state;
	struct po_err err;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (f->n.original.fd != -1)
			(void)close(f->n.original.fd);
		attach(f, cases[i].mail, strlen(cases[i].mail));
		assert_int_equal(notice_may_answer(&f->n.original, &err),
		    cases[i].may);
	}
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_action_has_its_fields),
		CASE(original_recipient_and_envelope_id_are_decoded),
		CASE(utf8_addresses_make_a_global_report),
		CASE(hostile_text_makes_no_lines),
		CASE(what_is_attached_follows_size_and_ret),
		CASE(bytes_that_content_never_has_do_no_harm),
		CASE(no_line_is_too_long),
		CASE(machines_are_not_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
