/* SPDX-License-Identifier: ISC */
/*
 * Whole dialogues, written at once and read in pieces of several lengths.
 * Expected codes are those of RFC 5321 (4.2, 4.3.2), 3030 and 3463.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_drop.h"
#include "submit/smtp.h"
#include "util/wallclock.h"

#include <cmocka.h>

static char conf_name[] = "d.test", conf_spool[] = "/spool";
static const struct submit_conf default_conf = {
	.hostname = conf_name,
	.domain = conf_name,
	.message_size_limit = 2000,
	.header_size_limit = 1500,
	.recipient_limit = 3,
	.stdin_timeout = 1,
	.not_queued_exit = 75,
};
static const struct submit_host host = { "mx.d.test", "d.test" };
static const struct drop_conf drop_conf = { conf_spool, 0 };
static const struct smtp_service service = { &default_conf, &host, &drop_conf,
	NULL, NULL };
static size_t read_at_most;

ssize_t __real_read(int fd, void *p, size_t len);
ssize_t __wrap_read(int fd, void *p, size_t len);
ssize_t __real___read_chk(int fd, void *p, size_t len, size_t room);
ssize_t __wrap___read_chk(int fd, void *p, size_t len, size_t room);

ssize_t
__wrap_read(int fd, void *p, size_t len)
{
	return __real_read(fd, p,
	    read_at_most > 0 && len > read_at_most ? read_at_most : len);
}

ssize_t
__wrap___read_chk(int fd, void *p, size_t len, size_t room)
{
	return __real___read_chk(fd, p,
	    read_at_most > 0 && len > read_at_most ? read_at_most : len, room);
}

/* What the client is told, whole. */
static void
serve(const char *in, size_t len, size_t piece, struct buf *out)
{
	int from = memfd_create("in", 0), to = memfd_create("out", 0);
	struct po_err err;
	char text[1 << 16];
	ssize_t n;

	assert_int_not_equal(from, -1);
	assert_int_not_equal(to, -1);
	assert_int_equal(write(from, in, len), len);
	assert_int_equal(lseek(from, 0, SEEK_SET), 0);
	read_at_most = piece;
	assert_int_equal(smtp_serve(from, to, &service, &err), 0);
	read_at_most = 0;
	assert_int_equal(lseek(to, 0, SEEK_SET), 0);
	while ((n = read(to, text, sizeof(text))) > 0)
		assert_true(buf_put(out, text, (size_t)n));
	close(from);
	close(to);
}

/* The codes of all replies but the greeting: "250 501 221 ". */
static void
codes_of(const struct buf *out, struct buf *codes)
{
	struct span rest = buf_span(out), line;
	size_t i;

	line = span_cut(&rest, '\n');
	assert_memory_equal(line.p, "220 mx.d.test ESMTP", 19);
	while (rest.len > 0) {
		line = span_cut(&rest, '\n');
		assert_true(line.len > 4);
		assert_int_equal(line.p[line.len - 1], '\r');
		for (i = 0; i < line.len - 1; i++)
			assert_in_range(line.p[i], ' ', '~');
		if (line.p[3] == '-')
			continue;
		assert_int_equal(line.p[3], ' ');
		assert_true(buf_put(codes, line.p, 4));
	}
}

/* What stands for much in the rows: blanks, and text that would be commands. */
#define BLANKS_4096 "\005"
#define QUITS_4194 "\006" /* "QUIT\r\n", 699 times */
#define HELLO "EHLO x\r\n"
#define ENVELOPE "MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\n"

static const struct {
	const char *name, *in, *codes;
	unsigned published;
	const char *content; /* its end; NULL: not looked at */
} rows[] = {
	{ "nothing", "", "", 0, NULL },
	{ "QUIT", "QUIT\r\n", "221 ", 0, NULL },
	{ "a message",
	    HELLO ENVELOPE "DATA\r\nSubject: s\r\n\r\nhi\r\n.\r\nQUIT\r\n",
	    "250 250 250 354 250 221 ", 1, "\n\nhi\n" },
	{ "without EHLO", ENVELOPE "DATA\r\nhi\r\n.\r\n", "250 250 354 250 ", 1,
	    "\n\nhi\n" },
	{ "lines that end with LF",
	    "helo x\nmail from:<a@x.test>\nrcpt to:<b>\ndata\nA: b\n\nhi\n."
	    "\nquit\n",
	    "250 250 250 354 250 221 ", 1, "\n\nhi\n" },
	{ "two messages, and what is behind QUIT",
	    ENVELOPE "DATA\r\n1\r\n.\r\n" ENVELOPE
	             "DATA\r\n2\r\n.\r\nQUIT\r\nNOOP\r\n",
	    "250 250 354 250 250 250 354 250 221 ", 2, "\n\n2\n" },
	{ "dots", ENVELOPE "DATA\r\n\r\n..\r\n.a\r\n.\r\n", "250 250 354 250 ",
	    1, "\n\n.\na\n" },
	{ "no smuggling",
	    ENVELOPE "DATA\r\n\r\nx\n.\r\nMAIL FROM:<e@x.test>\r\n.\r\n",
	    "250 250 354 250 ", 1, "\n\nx\n.\nMAIL FROM:<e@x.test>\n" },
	{ "an empty message", ENVELOPE "DATA\r\n.\r\n", "250 250 354 250 ", 1,
	    NULL },
	{ "Bcc stays", ENVELOPE "DATA\r\nBcc: c\r\n\r\nx\r\n.\r\n",
	    "250 250 354 250 ", 1, NULL },
	{ "chunks",
	    ENVELOPE "BDAT 12\r\nSubject: s\r\n"
	             "BDAT 5\r\n\r\n.\r\nBDAT 2 LAST\r\nyzQUIT\r\n",
	    "250 250 250 250 250 221 ", 1, "\n\n.\nyz\n" },
	{ "an empty last chunk", ENVELOPE "BDAT 1\r\nxBDAT 0 last\r\n",
	    "250 250 250 250 ", 1, "\n\nx\n" },
	{ "chunks out of order are eaten",
	    "BDAT 6\r\nQUIT\r\nMAIL FROM:<a@x.test>\r\nBDAT 6 LAST\r\nQUIT\r\n"
	    "NOOP\r\n",
	    "503 250 554 250 ", 0, NULL },
	{ "DATA in chunks",
	    ENVELOPE "BDAT 1\r\nxDATA\r\nRCPT TO:<c@x.test>\r\nRSET\r\n",
	    "250 250 250 503 503 250 ", 0, NULL },
	{ "a chunk of no size", ENVELOPE "BDAT x\r\nQUIT\r\n", "250 250 501 ",
	    0, NULL },
	{ "a chunk of no size in a line that is too long",
	    ENVELOPE "BDAT 6" BLANKS_4096 "\r\nQUIT\r\n", "250 250 500 ", 0,
	    NULL },
	{ "a chunk with a word that is none is eaten, and what follows it too",
	    ENVELOPE "BDAT 2\r\nhiBDAT 6 FIRST\r\nQUIT\r\nBDAT 6 LAST\r\n"
	             "QUIT\r\nNOOP\r\n",
	    "250 250 250 501 503 250 ", 0, NULL },
	{ "a first chunk with a word that is none",
	    ENVELOPE "BDAT 6 LAST X\r\nQUIT\r\nBDAT 2 LAST\r\nhi",
	    "250 250 501 250 ", 1, "\n\nhi\n" },
	{ "a chunk over the size limit is refused at once",
	    ENVELOPE "BDAT 12\r\nSubject: s\r\nBDAT 4196\r\n\r\n" QUITS_4194
	             "BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n" ENVELOPE
	             "BDAT 2 LAST\r\nhiQUIT\r\n",
	    "250 250 250 552 503 503 250 250 250 221 ", 1, "\n\nhi\n" },
	{ "a header over its limit is refused with its chunk",
	    ENVELOPE "BDAT 4098\r\nA:" BLANKS_4096 "BDAT 0 LAST\r\n",
	    "250 250 554 503 ", 0, NULL },
	{ "orders that are not understood are refused with their chunk",
	    ENVELOPE "BDAT 20\r\nX-PO-Priority: x\r\n\r\nBDAT 1 LAST\r\nx"
	             "NOOP\r\n",
	    "250 250 554 503 250 ", 0, NULL },
	{ "a chunk that is not there", ENVELOPE "BDAT 10 LAST\r\nabc",
	    "250 250 ", 0, NULL },
	{ "the wrong order",
	    "RCPT TO:<b@x.test>\r\nDATA\r\nMAIL FROM:<a@x.test>\r\nDATA\r\n"
	    "MAIL FROM:<a@x.test>\r\n",
	    "503 503 250 554 503 ", 0, NULL },
	{ "RSET and EHLO begin anew",
	    "MAIL FROM:<a@x.test>\r\nRSET\r\nMAIL FROM:<a@x.test>\r\nEHLO x\r\n"
	    "MAIL FROM:<a@x.test>\r\n",
	    "250 250 250 250 250 ", 0, NULL },
	{ "addresses that are none",
	    "MAIL FROM:<a b@x.test>\r\nMAIL FROM:<a@x.test>\r\n"
	    "RCPT TO:<>\r\nRCPT TO:<a@x..test>\r\nRCPT TO:<a,b>\r\n"
	    "RCPT TO:g:a;\r\nRCPT TO:<a\001@x.test>\r\nRCPT TO:<a>\r\n",
	    "553 250 553 553 553 553 500 250 ", 0, NULL },
	{ "UTF-8 wants SMTPUTF8",
	    "MAIL FROM:<\303\274@x.test>\r\nMAIL FROM:<a@x.test>\r\n"
	    "RCPT TO:<\303\274@x.test>\r\nRSET\r\n"
	    "MAIL FROM:<\303\274@x.test> SMTPUTF8\r\n"
	    "RCPT TO:<\303\274@x.test>\r\n",
	    "553 250 553 250 250 250 ", 0, NULL },
	{ "too many recipients",
	    ENVELOPE "RCPT TO:<c>\r\nRCPT TO:<d>\r\nRCPT TO:<e>\r\n",
	    "250 250 250 250 452 ", 0, NULL },
	{ "too large, said before", "MAIL FROM:<a@x.test> SIZE=2001\r\n",
	    "552 ", 0, NULL },
	{ "orders in the header that are not understood",
	    ENVELOPE "DATA\r\nX-PO-Priority: x\r\n\r\nhi\r\n.\r\nNOOP\r\n",
	    "250 250 354 554 250 ", 0, NULL },
	{ "the others",
	    "NOOP\r\nHELP\r\nVRFY x\r\nnoop x y\r\nVRFY\r\n"
	    "HELP MAIL\r\nRSET x\r\n",
	    "250 214 252 250 252 214 250 ", 0, NULL },
	{ "commands that are not served",
	    "STARTTLS\r\nAUTH PLAIN x\r\nEXPN x\r\nETRN x\r\nVERB\r\n"
	    "TURN\r\nSEND FROM:<a>\r\nSOML FROM:<a>\r\nsaml from:<a>\r\n",
	    "502 502 502 502 502 502 502 502 502 ", 0, NULL },
	{ "unknown commands", "\r\nMAILX\r\n8\303\274\r\nNOOP\377\r\n",
	    "500 500 500 500 ", 0, NULL },
	{ "EHLO and HELO want a name, and change nothing without one",
	    "EHLO\r\nHELO \r\n" ENVELOPE "EHLO\r\nDATA\r\n.\r\nHELO x\r\n",
	    "501 501 250 250 501 354 250 250 ", 1, NULL },
	{ "commands behind DATA are text",
	    ENVELOPE "DATA\r\nRSET\r\nMAIL FROM:<a>\r\n.\r\nRSET\r\n",
	    "250 250 354 250 250 ", 1, "\n\nRSET\nMAIL FROM:<a>\n" },
	{ "DATA without a recipient is not read",
	    "MAIL FROM:<a>\r\nDATA\r\nRCPT TO:<b>\r\nDATA\r\n.\r\n",
	    "250 554 250 354 250 ", 1, NULL },
	{ "8-bit in addresses that are shown",
	    "MAIL FROM:<\304\335\236 \303\274@@x.test>\r\n", "553 ", 0, NULL },
	{ "8-bit in addresses",
	    "MAIL FROM:<\377@x.test> SMTPUTF8\r\nMAIL FROM:<a@\377.test>\r\n"
	    "MAIL FROM:<a@x.test> ENVID=\303\274\r\n",
	    "553 553 501 ", 0, NULL },
	{ "CR, and other control characters, are of no command",
	    "MAIL FROM:<a\r@x.test>\r\nMAIL FROM:<a>\rRCPT TO:<b>\r\n"
	    "NOOP\033\r\nNOOP\r\r\nNOOP\tx\r\nNOOP\177\r\n"
	    "BDAT 6\r LAST\r\nQUIT\r\n",
	    "500 500 500 500 500 500 500 ", 0, NULL },
	{ "a line of 4096 bytes and one more",
	    "NOOP" BLANKS_4096 "\r\nNOOP\r\n", "500 250 ", 0, NULL },
	{ "a browser", "POST / HTTP/1.1\r\nHost: x\r\n\r\n" ENVELOPE, "421 ", 0,
	    NULL },
	{ "input ends in the data", ENVELOPE "DATA\r\nhi\r\n", "250 250 354 ",
	    0, NULL },
	{ "input ends in the last line", ENVELOPE "DATA\r\nhi\r\n.",
	    "250 250 354 ", 0, NULL },
	{ "input ends in a command", ENVELOPE "DATA", "250 250 ", 0, NULL },
	{ "DATA with an argument", ENVELOPE "DATA now\r\n", "250 250 501 ", 0,
	    NULL },
};

static void
expand(const char *row, struct buf *in)
{
	size_t i, n;

	for (i = 0; row[i] != '\0'; i++) {
		n = row[i] == '\005' ? 4096 : row[i] == '\006' ? 699 : 0;
		if (n == 0)
			assert_true(buf_putc(in, row[i]));
		for (; n > 0; n--)
			assert_true(
			    buf_puts(in, row[i] == '\005' ? " " : "QUIT\r\n"));
	}
}

static void
run(size_t i, size_t piece)
{
	struct buf in, out, codes;
	struct drop d;
	const char *end;
	size_t len;

	fake_drop_init(&d);
	fake_drop_to_open = &d;
	buf_init(&in, 1 << 20);
	buf_init(&out, 1 << 20);
	buf_init(&codes, 10000);
	expand(rows[i].in, &in);
	serve(buf_str(&in), in.len, piece, &out);
	codes_of(&out, &codes);
	if (strcmp(buf_str(&codes), rows[i].codes) != 0 ||
	    d.published != rows[i].published || d.open)
		fail_msg("%s, in pieces of %zu: %u published, %s", rows[i].name,
		    piece, d.published, out.p);
	if (rows[i].content != NULL) {
		len = strlen(rows[i].content);
		assert_true(d.content.len >= len);
		end = d.content.p + d.content.len - len;
		if (strcmp(end, rows[i].content) != 0)
			fail_msg("%s: %s", rows[i].name, d.content.p);
	}
	buf_clear(&in);
	buf_clear(&out);
	buf_clear(&codes);
	fake_drop_clear(&d);
}

static void
dialogues_get_their_replies(void **state)
{
	size_t i, piece;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (piece = 1; piece < 40; piece += 1 + piece / 4)
			run(i, piece);
}

static void
end_of_input_anywhere_queues_only_what_was_answered(void **state)
{
	static const char in[] = HELLO ENVELOPE
	    "DATA\r\nSubject: s\r\n\r\nhi\r\n..\r\n.\r\n" ENVELOPE
	    "BDAT 10\r\n0123456789BDAT 3 LAST\r\nabcMAIL FROM:<>\r\n";
	struct buf out;
	struct drop d;
	const char *at;
	unsigned told;
	size_t len;

	(void)state;
	for (len = 0; len < sizeof(in); len++) {
		fake_drop_init(&d);
		fake_drop_to_open = &d;
		buf_init(&out, 1 << 20);
		serve(in, len, 0, &out);
		told = 0;
		for (at = out.p; (at = strstr(at, "queued as")) != NULL; at++)
			told++;
		assert_int_equal(told, d.published);
		assert_false(d.open);
		buf_clear(&out);
		fake_drop_clear(&d);
	}
	assert_int_equal(told, 2);
}

static void
envelope_is_as_it_was_said(void **state)
{
	static const char in[] =
	    HELLO "MAIL FROM:<a@x.test> RET=HDRS ENVID=q1 BODY=8BITMIME "
	          "MT-PRIORITY=-1 BY=+99999;NT\r\n"
	          "RCPT TO:<b@x.test> NOTIFY=SUCCESS ORCPT=rfc822;c@x.test\r\n"
	          "RCPT TO:<d>\r\nRCPT TO:<b@X.test>\r\n"
	          "DATA\r\nBcc: e\r\nX-PO-Tag: t\r\n\r\nhi\r\n.\r\n";
	int64_t before = wallclock_now();
	struct buf out;
	struct drop d;

	(void)state;
	fake_drop_init(&d);
	fake_drop_to_open = &d;
	buf_init(&out, 1 << 20);
	serve(in, sizeof(in) - 1, 0, &out);
	assert_int_equal(d.published, 1);
	assert_string_equal(d.env.sender, "a@x.test");
	assert_int_equal(d.env.ret, RET_HDRS);
	assert_string_equal(d.env.envid, "q1");
	assert_int_equal(d.env.mime, MIME_8BIT);
	assert_int_equal(d.env.priority, PRIORITY_LOW);
	assert_int_equal(d.env.via, VIA_SMTP);
	assert_int_equal(d.env.n_recipients, 2);
	assert_string_equal(d.env.recipients[0].address, "b@x.test");
	assert_int_equal(d.env.recipients[0].notify, NOTIFY_SUCCESS);
	assert_string_equal(d.env.recipients[0].orcpt, "rfc822;c@x.test");
	assert_string_equal(d.env.recipients[1].address, "d@d.test");
	assert_int_equal(d.env.recipients[1].notify,
	    NOTIFY_FAILURE | NOTIFY_DELAY);
	assert_in_range(d.env.late, before + 99999, wallclock_now() + 99999);
	assert_int_equal(d.env.expires, 0);
	assert_string_equal(d.env.tag, "t");
	assert_non_null(strstr(d.content.p, "\nBcc: e@d.test\n"));
	assert_non_null(strstr(d.content.p, ") with ESMTP\n\tid "));
	buf_clear(&out);
	fake_drop_clear(&d);
}

static void
failures_of_the_spool_are_answers_of_their_kind(void **state)
{
	static const char *const in[] = {
		ENVELOPE "DATA\r\nhi\r\n.\r\nNOOP\r\n",
		ENVELOPE "BDAT 4\r\n\r\nhiBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n",
	};
	static const char *const codes_expected[] = {
		"451 503 503 500 500 250 ", "250 250 354 452 250 ",
		"250 250 354 451 250 ", "250 250 354 451 250 ",
		"451 503 503 503 250 ", "250 250 452 503 250 ",
		"250 250 451 503 250 ", "250 250 250 451 250 "
	};
	struct buf out, codes;
	struct drop d;
	size_t i;

	(void)state;
	for (i = 0; i < 8; i++) {
		fake_drop_init(&d);
		fake_drop_to_open = i % 4 == 0 ? NULL : &d;
		d.fail_begin = i % 4 == 1;
		d.fail_after = i % 4 == 2 ? 5 : 0;
		d.fail_publish = i % 4 == 3;
		buf_init(&out, 1 << 20);
		buf_init(&codes, 10000);
		serve(in[i / 4], strlen(in[i / 4]), 0, &out);
		codes_of(&out, &codes);
		assert_string_equal(buf_str(&codes), codes_expected[i]);
		assert_int_equal(d.published, 0);
		buf_clear(&out);
		buf_clear(&codes);
		fake_drop_clear(&d);
	}
}

static void
large_message_is_read_to_its_end_and_refused(void **state)
{
	struct buf in, out, codes;
	struct drop d;

	(void)state;
	fake_drop_init(&d);
	fake_drop_to_open = &d;
	buf_init(&in, 1 << 20);
	buf_init(&out, 1 << 20);
	buf_init(&codes, 10000);
	assert_true(buf_puts(&in, ENVELOPE "DATA\r\n\r\n"));
	while (in.len < 200000)
		assert_true(buf_puts(&in, "RSET\r\n"));
	assert_true(buf_puts(&in, ".\r\nNOOP\r\n"));
	serve(in.p, in.len, 0, &out);
	codes_of(&out, &codes);
	assert_string_equal(buf_str(&codes), "250 250 354 552 250 ");
	assert_int_equal(d.published, 0);
	buf_clear(&in);
	buf_clear(&out);
	buf_clear(&codes);
	fake_drop_clear(&d);
}

static void
long_lines_and_many_errors_end_it(void **state)
{
	struct buf in, out, codes;

	(void)state;
	buf_init(&in, 1 << 24);
	buf_init(&out, 1 << 24);
	buf_init(&codes, 1 << 20);
	while (in.len < 1 << 20)
		assert_true(buf_putc(&in, 'x'));
	assert_true(buf_puts(&in, "\r\nNOOP\r\n"));
	while (in.len < 2 << 20)
		assert_true(buf_puts(&in, "x\r\n"));
	serve(in.p, in.len, 0, &out);
	codes_of(&out, &codes);
	assert_memory_equal(codes.p, "500 250 500 500 ", 16);
	assert_int_equal(codes.len, 4 * 103);
	assert_string_equal(codes.p + codes.len - 8, "500 421 ");
	buf_clear(&in);
	buf_clear(&out);
	buf_clear(&codes);
}

/* A list may have many addresses that are none; that is no broken client. */
static void
many_refused_recipients_end_nothing(void **state)
{
	struct drop d;
	struct buf in, out, codes;
	int i;

	(void)state;
	fake_drop_init(&d);
	fake_drop_to_open = &d;
	buf_init(&in, 1 << 20);
	buf_init(&out, 1 << 20);
	buf_init(&codes, 10000);
	assert_true(buf_puts(&in, ENVELOPE));
	for (i = 0; i < 300; i++)
		assert_true(buf_puts(&in, "RCPT TO:<a@@b>\r\n"));
	assert_true(buf_puts(&in, "DATA\r\nx\r\n.\r\n"));
	serve(in.p, in.len, 0, &out);
	codes_of(&out, &codes);
	assert_memory_equal(codes.p, "250 250 553 553 ", 16);
	assert_string_equal(codes.p + codes.len - 8, "354 250 ");
	assert_int_equal(d.published, 1);
	buf_clear(&in);
	buf_clear(&out);
	buf_clear(&codes);
	fake_drop_clear(&d);
}

static void
silence_is_ended(void **state)
{
	int in[2], out[2];
	struct po_err err;
	char text[200];
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	assert_int_equal(smtp_serve(in[0], out[1], &service, &err), 0);
	n = read(out[0], text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, "\r\n421 4.4.2 "));
	close(in[0]);
	close(in[1]);
	close(out[0]);
	close(out[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dialogues_get_their_replies),
		cmocka_unit_test(
		    end_of_input_anywhere_queues_only_what_was_answered),
		cmocka_unit_test(envelope_is_as_it_was_said),
		cmocka_unit_test(
		    failures_of_the_spool_are_answers_of_their_kind),
		cmocka_unit_test(large_message_is_read_to_its_end_and_refused),
		cmocka_unit_test(long_lines_and_many_errors_end_it),
		cmocka_unit_test(many_refused_recipients_end_nothing),
		cmocka_unit_test(silence_is_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
