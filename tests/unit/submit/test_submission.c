/* SPDX-License-Identifier: ISC */
/* Messages as programs write them (PHP, cron, nodemailer, mutt, git), and what
 * Sendmail and Postfix queue of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_drop.h"
#include "submit/submission.h"
#include "util/wallclock.h"

#include <cmocka.h>

#define MAX_TO 4
#define HOUR 3600

static char conf_hostname[] = "mx.d.test", conf_domain[] = "d.test";
static const struct submit_conf default_conf = {
	.hostname = conf_hostname,
	.domain = conf_domain,
	.message_size_limit = 100000,
	.header_size_limit = 20000,
	.recipient_limit = 100,
	.stdin_timeout = 60,
	.not_queued_exit = 75,
};
static const struct submit_host host = { "mx.d.test", "d.test" };

/* Submit `in` in pieces; what came of it is in *d. */
static int
submit(const struct submit_conf *conf, const struct submit_request *request,
    struct span in, size_t piece, struct drop *d, struct po_err *err)
{
	struct submission s;
	size_t at, n;
	int rc;

	if (submission_begin(&s, conf, &host, request, err) == -1)
		return -1;
	submission_attach(&s, d);
	for (at = 0, rc = 0; rc == 0 && at < in.len && !s.clean.ended;
	     at += n) {
		n = in.len - at < piece ? in.len - at : piece;
		rc = submission_write(&s, in.p + at, n, err);
	}
	if (rc == 0)
		rc = submission_end(&s, err);
	submission_clear(&s);
	return rc;
}

static struct submit_request
request_of(const char *sender, bool header, const char *const to[MAX_TO])
{
	struct submit_request r = { .sender = sender,
		.header_recipients = header,
		.dots = DOTS_SENDMAIL,
		.priority = PRIORITY_MEDIUM,
		.recipients = to };

	while (r.n_recipients < MAX_TO && to[r.n_recipients] != NULL)
		r.n_recipients++;
	return r;
}

static void
join_recipients(const struct envelope *env, struct buf *out)
{
	size_t i;

	for (i = 0; i < env->n_recipients; i++)
		assert_true(buf_puts(out, env->recipients[i].address) &&
		            buf_putc(out, ' '));
}

/* ------------------------------------------------------------ recipients */

static const struct {
	const char *name;
	bool header;
	const char *to[MAX_TO];
	const char *in;
	const char *expected; /* NULL: refused */
	enum po_code code;
} recipient_rows[] = {
	{ "arguments", false, { "a@x.test", "b" }, "To: c@x.test\n\n",
	    "a@x.test b@d.test ", PO_OK },
	{ "a list in one argument", false, { "a@x.test,Joe <b@y.test>" }, "\n",
	    "a@x.test b@y.test ", PO_OK },
	{ "line ends around arguments", false, { "\n a@x.test\r\n" }, "\n",
	    "a@x.test ", PO_OK },
	{ "To, Cc and Bcc", true, { NULL },
	    "To: a@x.test\nCc: b@x.test\nBcc: c@x.test\nTo: d@x.test\n\n",
	    "a@x.test b@x.test c@x.test d@x.test ", PO_OK },
	{ "arguments and header together", true, { "a@x.test" },
	    "To: b@x.test, a@x.test\n\n", "a@x.test b@x.test ", PO_OK },
	{ "each once, the domain in any case", true, { "a@x.test" },
	    "To: a@X.TEST, A@x.test, a@x.test\n\n", "a@x.test A@x.test ",
	    PO_OK },
	{ "only the resent ones of a resent message", true, { NULL },
	    "Resent-To: a@x.test\nResent-Bcc: b@x.test\nTo: c@x.test\n\n",
	    "a@x.test b@x.test ", PO_OK },
	{ "only the newest set of them", true, { NULL },
	    "Resent-To: a@x.test\nReceived: x\nResent-To: b@x.test\n\n",
	    "a@x.test ", PO_OK },
	{ "a header without end", true, { NULL }, "To: a@x.test", "a@x.test ",
	    PO_OK },
	{ "an empty group beside an argument", true, { "a@x.test" },
	    "To: undisclosed-recipients:;\n\n", "a@x.test ", PO_OK },
	{ "a group as an argument", false, { "g: a@x.test, b@x.test;" }, "\n",
	    "a@x.test b@x.test ", PO_OK },
	{ "a bad To without -t does not matter", false, { "a@x.test" },
	    "To: see (below\n\n", "a@x.test ", PO_OK },
	{ "what was alias language", false, { "|cmd", "/file" }, "\n",
	    "|cmd@d.test /file@d.test ", PO_OK },
	{ "none at all", false, { NULL }, "To: a@x.test\n\n", NULL, PO_EUSAGE },
	{ "none in the header", true, { NULL }, "Subject: x\n\n", NULL,
	    PO_EUSAGE },
	{ "none but an empty group", true, { NULL },
	    "To: undisclosed-recipients:;\n\n", NULL, PO_EUSAGE },
	{ "an empty argument", false, { "" }, "\n", NULL, PO_EDATA },
	{ "the null address", false, { "<>" }, "\n", NULL, PO_EDATA },
	{ "an option in a list", false, { "a@x.test,-oQ/tmp" }, "\n", NULL,
	    PO_EDATA },
	{ "a bad argument", false, { "a@x.test", "b c@x.test" }, "\n", NULL,
	    PO_EDATA },
	{ "a bad address in To", true, { NULL }, "To: a@x.test, b c@x.test\n\n",
	    NULL, PO_EDATA },
	{ "an SMTP command in an argument", false,
	    { "a@x.test>\r\nRCPT TO:<b@x.test" }, "\n", NULL, PO_EDATA },
};

static void
recipients_come_from_arguments_and_header(void **state)
{
	struct submit_request request;
	struct po_err err;
	struct drop d;
	struct buf got;
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(recipient_rows) / sizeof(recipient_rows[0]);
	     i++) {
		fake_drop_init(&d);
		buf_init(&got, 10000);
		err = (struct po_err){ 0 };
		request = request_of("s@x.test", recipient_rows[i].header,
		    recipient_rows[i].to);
		rc = submit(&default_conf, &request,
		    span_of(recipient_rows[i].in), 7, &d, &err);
		join_recipients(&d.env, &got);
		if (recipient_rows[i].expected == NULL) {
			if (rc != -1 || err.code != recipient_rows[i].code ||
			    d.begun != 0 || d.published != 0)
				fail_msg("%s: %d %s %s", recipient_rows[i].name,
				    rc, buf_str(&got), err.text);
		} else if (rc != 0 || d.published != 1 ||
		           strcmp(buf_str(&got), recipient_rows[i].expected) !=
		               0) {
			fail_msg("%s: %d %s %s", recipient_rows[i].name, rc,
			    buf_str(&got), err.text);
		}
		buf_clear(&got);
		fake_drop_clear(&d);
	}
}

/* ------------------------------------------------------------ content */

/* The block between Received and the added fields, and the body. */
static const struct {
	const char *name;
	enum clean_dots dots;
	const char *in;
	const char *block;
	const char *body;
} content_rows[] = {
	{ "a mail of PHP 8: CRLF fields, LF in the application's own",
	    DOTS_DATA,
	    "To: a@x.test\r\nSubject: s\r\nX-A: 1\nX-B: 2\r\n\r\nhi\nho\r\n",
	    "To: a@x.test\nSubject: s\nX-A: 1\nX-B: 2\n", "hi\nho\n" },
	{ "a mail of nodemailer: Bcc although recipients are arguments",
	    DOTS_DATA, "To: a@x.test\nBcc: b@x.test,\n c@x.test\n\nhi\n",
	    "To: a@x.test\n", "hi\n" },
	{ "text without header", DOTS_SENDMAIL, "hello world\nTo: x\n", "",
	    "hello world\nTo: x\n" },
	{ "fields and no blank line", DOTS_SENDMAIL,
	    "Subject: s\nhello world\n", "Subject: s\n", "hello world\n" },
	{ "nothing", DOTS_SENDMAIL, "", "", "" },
	{ "a header alone", DOTS_SENDMAIL, "Subject: s", "Subject: s\n", "" },
	{ "a message of procmail: From_ in front", DOTS_DATA,
	    "From joe Tue Nov 24 06:00:00 2026\nSubject: s\n\nx\n",
	    "Subject: s\n", "x\n" },
	{ "SwiftMailer doubles dots", DOTS_SENDMAIL,
	    "Subject: s\n\n..\n...a\n.b\n", "Subject: s\n", ".\n..a\n.b\n" },
	{ "a lone dot ends", DOTS_SENDMAIL, "Subject: s\n\na\n.\nb\n",
	    "Subject: s\n", "a\n" },
	{ "a lone dot ends in the header", DOTS_SENDMAIL,
	    "Subject: s\n.\nTo: b\n", "Subject: s\n", "" },
	{ "with -i it does not", DOTS_DATA, "Subject: s\n\na\n.\nb\n",
	    "Subject: s\n", "a\n.\nb\n" },
	{ "a lone CR hides no field", DOTS_SENDMAIL,
	    "Subject: s\rBcc: b@x.test\n\nx\n", "Subject: s Bcc: b@x.test\n",
	    "x\n" },
	{ "no final line end", DOTS_SENDMAIL, "Subject: s\n\nx", "Subject: s\n",
	    "x\n" },
	{ "addresses are qualified", DOTS_SENDMAIL, "To: root\n\n",
	    "To: root@d.test\n", "" },
	{ "orders to po are not sent", DOTS_SENDMAIL,
	    "Subject: s\nX-PO-Tag: t\n\n", "Subject: s\n", "" },
};

/* Take the line that begins with `prefix` off *s. */
static struct span
take_line(struct span *s, const char *prefix)
{
	struct span line = span_cut(s, '\n');

	if (!span_has_prefix_nocase(line, span_of(prefix)))
		fail_msg("\"%.*s\" does not begin with %s", (int)line.len,
		    line.p, prefix);
	return line;
}

static void
check_content(size_t i, size_t piece)
{
	static const char *const to[MAX_TO] = { "a@x.test" };
	struct submit_request request = request_of("s@x.test", false, to);
	struct span rest, block;
	struct drop d;

	request.dots = content_rows[i].dots;
	fake_drop_init(&d);
	assert_int_equal(submit(&default_conf, &request,
	                     span_of(content_rows[i].in), piece, &d, NULL),
	    0);
	rest = buf_span(&d.content);
	take_line(&rest, "Received: by mx.d.test (po, from userid ");
	take_line(&rest, "\tid ");
	block = (struct span){ rest.p, strlen(content_rows[i].block) };
	assert_in_range(block.len, 0, rest.len);
	if (!span_eq(block, span_of(content_rows[i].block)))
		fail_msg("%s: %s", content_rows[i].name, d.content.p);
	rest.p += block.len;
	rest.len -= block.len;
	take_line(&rest, "From: s@x.test");
	take_line(&rest, "Date: ");
	take_line(&rest, "Message-ID: <");
	assert_int_equal(take_line(&rest, "").len, 0);
	if (!span_eq(rest, span_of(content_rows[i].body)))
		fail_msg("%s: %s", content_rows[i].name, d.content.p);
	fake_drop_clear(&d);
}

static void
messages_are_completed_and_cleaned(void **state)
{
	size_t i, piece;

	(void)state;
	for (i = 0; i < sizeof(content_rows) / sizeof(content_rows[0]); i++)
		for (piece = 1; piece <= strlen(content_rows[i].in) + 1;
		     piece++)
			check_content(i, piece);
}

static void
received_tells_uid_and_queue_id_and_message_id_is_unique(void **state)
{
	static const char *const to[MAX_TO] = { "a@x.test" };
	struct submit_request request = request_of("", false, to);
	char expected[200];
	struct drop d;

	(void)state;
	fake_drop_init(&d);
	assert_int_equal(submit(&default_conf, &request, SPAN_LIT("\n"), 1, &d,
	                     NULL),
	    0);
	(void)snprintf(expected, sizeof(expected),
	    "Received: by mx.d.test (po, from userid %lu)\n\tid %s; ",
	    (unsigned long)getuid(), d.env.id.text);
	assert_memory_equal(d.content.p, expected, strlen(expected));
	(void)snprintf(expected, sizeof(expected), "<%s@mx.d.test>",
	    d.env.id.text);
	assert_string_equal(d.env.msgid, expected);
	assert_non_null(strstr(d.content.p, expected));
	fake_drop_clear(&d);
}

/* ------------------------------------------------------------ sender */

static const struct {
	const char *name, *sender, *full_name;
	const char *envelope; /* NULL: refused */
	const char *from;
} sender_rows[] = {
	{ "an address", "a@x.test", NULL, "a@x.test", "From: a@x.test\n" },
	{ "a login", "root", NULL, "root@d.test", "From: root@d.test\n" },
	{ "a name and an address", "N <a@x.test>", NULL, "a@x.test",
	    "From: a@x.test\n" },
	{ "with -F", "a@x.test", "Cron Daemon", "a@x.test",
	    "From: Cron Daemon <a@x.test>\n" },
	{ "specials in -F", "a@x.test", "Doe, J.", "a@x.test",
	    "From: \"Doe, J.\" <a@x.test>\n" },
	{ "UTF-8 in -F", "a@x.test", "J\303\266rg", "a@x.test",
	    "From: =?UTF-8?Q?J=C3=B6rg?= <a@x.test>\n" },
	{ "a field in -F", "a@x.test", "x\nBcc: b@x.test", "a@x.test",
	    "From: \"x Bcc: b@x.test\" <a@x.test>\n" },
	{ "an empty -F", "a@x.test", "", "a@x.test", "From: a@x.test\n" },
	{ "the null sender", "<>", NULL, "",
	    "From: Mail Delivery System <MAILER-DAEMON@d.test>\n" },
	{ "the empty sender", "", NULL, "",
	    "From: Mail Delivery System <MAILER-DAEMON@d.test>\n" },
	{ "two addresses", "a@x.test, b@x.test", NULL, NULL, NULL },
	{ "an option", "-oQ/tmp", NULL, NULL, NULL },
	{ "a comment", "(nobody)", NULL, NULL, NULL },
	{ "an empty group", "g:;", NULL, NULL, NULL },
	{ "an SMTP command", "a@x.test>\r\nRCPT TO:<b@x.test", NULL, NULL,
	    NULL },
	{ "PHPMailer's old hole", "a\\\" -oQ/tmp -X/tmp/x @x.test", NULL, NULL,
	    NULL },
};

static void
sender_is_one_address_and_makes_from(void **state)
{
	static const char *const to[MAX_TO] = { "a@x.test" };
	struct submit_request request;
	struct po_err err;
	struct drop d;
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(sender_rows) / sizeof(sender_rows[0]); i++) {
		fake_drop_init(&d);
		request = request_of(sender_rows[i].sender, false, to);
		request.full_name = sender_rows[i].full_name;
		rc = submit(&default_conf, &request, SPAN_LIT("\n"), 1, &d,
		    &err);
		if (sender_rows[i].envelope == NULL) {
			if (rc != -1 || err.code != PO_EDATA || d.begun != 0)
				fail_msg("%s: taken as %s", sender_rows[i].name,
				    d.env.sender);
		} else if (rc != 0 ||
		           strcmp(d.env.sender, sender_rows[i].envelope) != 0 ||
		           strstr(d.content.p, sender_rows[i].from) == NULL) {
			fail_msg("%s: <%s>\n%s", sender_rows[i].name,
			    d.env.sender, d.content.p);
		}
		fake_drop_clear(&d);
	}
}

static void
sender_without_f_is_the_caller(void **state)
{
	static const char *const to[MAX_TO] = { "a@x.test" };
	struct submit_request request = request_of(NULL, false, to);
	struct drop d;
	const char *at;

	(void)state;
	fake_drop_init(&d);
	assert_int_equal(setenv("NAME", "Joe Doe", 1), 0);
	assert_int_equal(submit(&default_conf, &request, SPAN_LIT("\n"), 1, &d,
	                     NULL),
	    0);
	at = strchr(d.env.sender, '@');
	assert_non_null(at);
	assert_string_equal(at, "@d.test");
	assert_int_not_equal(at - d.env.sender, 0);
	assert_non_null(strstr(d.content.p, "From: Joe Doe <"));
	assert_int_equal(unsetenv("NAME"), 0);
	fake_drop_clear(&d);
}

/* ------------------------------------------------------------ envelope */

static void
what_was_asked_for_is_in_the_envelope(void **state)
{
	static const char *const to[MAX_TO] = { "a@x.test", "b@x.test" };
	struct submit_request request = request_of("s@x.test", false, to);
	struct drop d;
	int64_t before = wallclock_now(), after;

	(void)state;
	fake_drop_init(&d);
	request.notify = NOTIFY_FAILURE | NOTIFY_DELAY;
	request.ret = RET_HDRS;
	request.envid = "QQ1";
	request.mime = MIME_8BIT;
	assert_int_equal(submit(&default_conf, &request,
	                     SPAN_LIT("Message-ID: <m@x.test> "
	                              "(c)\nX-PO-Priority: High\n"
	                              "X-PO-Schedule: +2h\nx-po-expires: +1d\n"
	                              "X-PO-Key: order 17\nX-PO-Tag: news\n\n"),
	                     100, &d, NULL),
	    0);
	after = wallclock_now();
	assert_int_equal(d.env.n_recipients, 2);
	assert_int_equal(d.env.recipients[1].notify,
	    NOTIFY_FAILURE | NOTIFY_DELAY);
	assert_int_equal(d.env.ret, RET_HDRS);
	assert_string_equal(d.env.envid, "QQ1");
	assert_int_equal(d.env.mime, MIME_8BIT);
	assert_int_equal(d.env.priority, PRIORITY_HIGH);
	assert_int_equal(d.env.via, VIA_SENDMAIL);
	assert_in_range(d.env.due, before + 2 * HOUR, after + 2 * HOUR);
	assert_in_range(d.env.expires, before + 24 * HOUR, after + 24 * HOUR);
	assert_string_equal(d.env.key, "order 17");
	assert_string_equal(d.env.tag, "news");
	assert_string_equal(d.env.msgid, "<m@x.test>");
	assert_false(d.env.smtputf8);
	fake_drop_clear(&d);
}

static void
utf8_addresses_want_smtputf8(void **state)
{
	static const struct {
		const char *sender;
		const char *to[MAX_TO];
		const char *in;
	} cases[] = {
		{ "\303\274@x.test", { "a@x.test" }, "\n" },
		{ "s@x.test", { "a@\303\274.test" }, "\n" },
		{ "s@x.test", { NULL }, "To: \303\274@x.test\n\n" },
	};
	struct submit_request request;
	struct drop d;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fake_drop_init(&d);
		request = request_of(cases[i].sender, true, cases[i].to);
		assert_int_equal(submit(&default_conf, &request,
		                     span_of(cases[i].in), 9, &d, NULL),
		    0);
		assert_true(d.env.smtputf8);
		fake_drop_clear(&d);
	}
}

static void
message_id_that_is_none_is_sent_and_not_logged(void **state)
{
	static const char *const to[MAX_TO] = { "a@x.test" };
	static const char *const ids[] = { "<a b>", "a", "<a", "<\001>",
		"(x)" };
	struct submit_request request = request_of("s@x.test", false, to);
	char in[100];
	struct drop d;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		fake_drop_init(&d);
		(void)snprintf(in, sizeof(in), "Message-ID: %s\n", ids[i]);
		assert_int_equal(submit(&default_conf, &request, span_of(in), 9,
		                     &d, NULL),
		    0);
		assert_null(d.env.msgid);
		assert_non_null(strstr(d.content.p, in));
		fake_drop_clear(&d);
	}
}

static const struct {
	const char *in, *why;
} order_rows[] = {
	{ "X-PO-Priority: urgent\n", "X-PO-Priority \"urgent\"" },
	{ "X-PO-Priority:\n", "X-PO-Priority" },
	{ "X-PO-Priority: low\nX-PO-Priority: high\n", "twice" },
	{ "X-PO-Schedule: tomorrow\n", "X-PO-Schedule \"tomorrow\"" },
	{ "X-PO-Schedule: +\n", "X-PO-Schedule" },
	{ "X-PO-Schedule: +2 parsecs\n", "X-PO-Schedule" },
	{ "X-PO-Expires: 2001-01-01T00:00:00Z\n", "X-PO-Expires" },
	{ "X-PO-Schedule: +2h\nX-PO-Expires: +1h\n", "X-PO-Expires" },
	{ "X-PO-Tag:\n", "X-PO-Tag" },
	{ "X-PO-Tag: a\n b\n", "X-PO-Tag" },
	{ "X-PO-Key: \377\n", "X-PO-Key" },
};

static void
orders_that_are_not_understood_refuse_the_message(void **state)
{
	static const char *const to[MAX_TO] = { "a@x.test" };
	struct submit_request request = request_of("s@x.test", false, to);
	struct po_err err;
	struct drop d;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(order_rows) / sizeof(order_rows[0]); i++) {
		fake_drop_init(&d);
		assert_int_equal(submit(&default_conf, &request,
		                     span_of(order_rows[i].in), 100, &d, &err),
		    -1);
		assert_int_equal(err.code, PO_EDATA);
		if (strstr(err.text, order_rows[i].why) == NULL)
			fail_msg("%s: %s", order_rows[i].in, err.text);
		assert_int_equal(d.begun, 0);
		fake_drop_clear(&d);
	}
}

/* ------------------------------------------------------------ limits */

static void
limits_refuse_and_queue_nothing(void **state)
{
	static const char *const to[MAX_TO] = { "a@x.test,b@x.test" };
	struct submit_request request = request_of("s@x.test", false, to);
	struct submit_conf conf;
	struct po_err err;
	struct drop d;
	struct buf in;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		conf = default_conf;
		if (i == 0)
			conf.message_size_limit = 2000;
		else if (i == 1)
			conf.header_size_limit = 1024;
		else
			conf.recipient_limit = 1;
		fake_drop_init(&d);
		buf_init(&in, 100000);
		assert_true(buf_puts(&in, "Subject: "));
		while (in.len < 1500)
			assert_true(buf_putc(&in, 'x'));
		assert_true(buf_puts(&in, "\n\n"));
		while (in.len < 3000)
			assert_true(buf_putc(&in, 'x'));
		assert_int_equal(submit(&conf, &request, buf_span(&in), 100, &d,
		                     &err),
		    -1);
		assert_int_equal(err.code, PO_EDATA);
		assert_int_equal(d.published, 0);
		conf = default_conf;
		assert_int_equal(submit(&conf, &request, buf_span(&in), 100, &d,
		                     &err),
		    0);
		buf_clear(&in);
		fake_drop_clear(&d);
	}
}

static void
failures_of_the_spool_come_back_and_discard(void **state)
{
	static const char *const to[MAX_TO] = { "a@x.test" };
	struct submit_request request = request_of("s@x.test", false, to);
	struct po_err err;
	struct drop d;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		fake_drop_init(&d);
		d.fail_begin = i == 0;
		d.fail_after = i == 1 ? 10 : 0;
		d.fail_publish = i == 2;
		assert_int_equal(submit(&default_conf, &request,
		                     SPAN_LIT("Subject: s\n\nbody\n"), 5, &d,
		                     &err),
		    -1);
		assert_string_equal(err.text, i == 0   ? "no space"
		                              : i == 1 ? "disk gone"
		                                       : "sync failed");
		assert_int_equal(d.published, 0);
		assert_int_not_equal(d.discarded, 0);
		fake_drop_clear(&d);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recipients_come_from_arguments_and_header),
		cmocka_unit_test(messages_are_completed_and_cleaned),
		cmocka_unit_test(
		    received_tells_uid_and_queue_id_and_message_id_is_unique),
		cmocka_unit_test(sender_is_one_address_and_makes_from),
		cmocka_unit_test(sender_without_f_is_the_caller),
		cmocka_unit_test(what_was_asked_for_is_in_the_envelope),
		cmocka_unit_test(utf8_addresses_want_smtputf8),
		cmocka_unit_test(
		    message_id_that_is_none_is_sent_and_not_logged),
		cmocka_unit_test(
		    orders_that_are_not_understood_refuse_the_message),
		cmocka_unit_test(limits_refuse_and_queue_nothing),
		cmocka_unit_test(failures_of_the_spool_come_back_and_discard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
