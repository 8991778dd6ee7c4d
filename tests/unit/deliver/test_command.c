/* SPDX-License-Identifier: ISC */
/* What is offered, and the commands that are made of it. */
#include "deliver/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "deliver/mechanism.h"

static void
what_a_server_offers_is_read(void **state)
{
	/* RFC 5321, appendix D.1, and the RFCs of the others. */
	static const char text[] =
	    "foo.com greets bar.com\n8BITMIME\nsize 10240000\nDSN\nHELP\n"
	    "PipeLining\nSMTPUTF8\nSTARTTLS\nAUTH PLAIN GSSAPI\tLOGIN";
	static const char less[] = "PIPELINING STARTTLS\nX8BITMIME\nSIZE\n"
	                           "SIZE=7\nAUTHPLAIN\nSTARTTLSX\n\n \nAUTH";
	struct ehlo e;

	(void)state;
	ehlo_parse(span_of(text), &e);
	assert_true(e.eightbit && e.size && e.dsn && e.pipelining);
	assert_true(e.smtputf8 && e.starttls);
	assert_int_equal(e.size_limit, 10240000);
	assert_int_equal(e.auth,
	    MECHANISM_BIT(MECHANISM_PLAIN) | MECHANISM_BIT(MECHANISM_LOGIN));
	/* The first line is a name, whatever it looks like. */
	ehlo_parse(span_of(less), &e);
	assert_false(e.eightbit || e.dsn || e.pipelining || e.smtputf8);
	assert_false(e.starttls);
	assert_true(e.size);
	assert_int_equal(e.size_limit, 0);
	assert_int_equal(e.auth, 0);
	ehlo_parse(span_of("x\nSIZE 99999999999999999999999"), &e);
	assert_int_equal(e.size_limit, 0);
	ehlo_parse(span_of(""), &e);
	assert_false(e.size);
	ehlo_parse(span_of(
	               "x\nLIMITS MAILMAX=5 RCPTMAX=20\tX=1 rcptdomainmax=2\n"
	               "DELIVERBY 240\nMT-PRIORITY MIXER\nREQUIRETLS"),
	    &e);
	assert_int_equal(e.mail_max, 5);
	assert_int_equal(e.rcpt_max, 20);
	assert_int_equal(e.by_min_s, 240);
	assert_true(e.deliverby && e.mt_priority && e.requiretls);
	ehlo_parse(span_of("x\nLIMITS RCPTMAX=0 MAILMAX=-1 RCPTMAX MAILMAX=1x\n"
	                   "DELIVERBY -3"),
	    &e);
	assert_true(e.deliverby);
	assert_int_equal(e.mail_max, 0);
	assert_int_equal(e.rcpt_max, 0);
	assert_int_equal(e.by_min_s, 0);
}

#define NOW 1800000000

static const struct {
	const char *name;
	const char *offer;
	struct envelope env;
	bool has_8bit;
	const char *want;
} mails[] = {
	{ "nothing offered, nothing said", "x",
	    { .sender = "a@b", .ret = RET_FULL, .envid = "QQ" }, true,
	    "MAIL FROM:<a@b>\r\n" },
	{ "the null sender", "x\nSIZE", { .sender = "" }, false,
	    "MAIL FROM:<> SIZE=1234\r\n" },
	{ "8-bit text", "x\n8BITMIME", { .sender = "a@b" }, true,
	    "MAIL FROM:<a@b> BODY=8BITMIME\r\n" },
	{ "8-bit text by the word of the submitter", "x\n8BITMIME",
	    { .sender = "a@b", .mime = MIME_8BIT }, false,
	    "MAIL FROM:<a@b> BODY=8BITMIME\r\n" },
	{ "7-bit text", "x\n8BITMIME\nSMTPUTF8", { .sender = "a@b" }, false,
	    "MAIL FROM:<a@b>\r\n" },
	{ "UTF-8 in the address", "x\n8BITMIME\nSMTPUTF8",
	    { .sender = "\xc3\xa9@b" }, true,
	    "MAIL FROM:<\xc3\xa9@b> BODY=8BITMIME SMTPUTF8\r\n" },
	{ "priority (RFC 6710)", "x\nMT-PRIORITY STANAG4406",
	    { .sender = "a@b", .priority = PRIORITY_LOW }, false,
	    "MAIL FROM:<a@b> MT-PRIORITY=-4\r\n" },
	{ "the usual priority", "x\nMT-PRIORITY",
	    { .sender = "a@b", .priority = PRIORITY_MEDIUM }, false,
	    "MAIL FROM:<a@b>\r\n" },
	{ "urgent", "x\nMT-PRIORITY",
	    { .sender = "a@b", .priority = PRIORITY_NOW }, false,
	    "MAIL FROM:<a@b> MT-PRIORITY=6\r\n" },
	{ "return when late (RFC 2852)", "x\nDELIVERBY 240",
	    { .sender = "a@b",
	        .by = BY_RETURN,
	        .expires = NOW + 300,
	        .late = NOW + 5 },
	    false, "MAIL FROM:<a@b> BY=300;R\r\n" },
	{ "tell when late, which is over, and trace", "x\nDELIVERBY",
	    { .sender = "a@b", .by = BY_NOTIFY_TRACE, .late = NOW - 7 }, false,
	    "MAIL FROM:<a@b> BY=-7;NT\r\n" },
	{ "tell when late, not offered", "x",
	    { .sender = "a@b", .by = BY_NOTIFY, .late = NOW + 7 }, false,
	    "MAIL FROM:<a@b>\r\n" },
	{ "an end that nobody asked the server for", "x\nDELIVERBY",
	    { .sender = "a@b", .expires = NOW + 300 }, false,
	    "MAIL FROM:<a@b>\r\n" },
	{ "TLS all the way (RFC 8689)", "x\nREQUIRETLS",
	    { .sender = "a@b", .requiretls = true }, false,
	    "MAIL FROM:<a@b> REQUIRETLS\r\n" },
	{ "FUTURERELEASE: po holds mail itself", "x\nFUTURERELEASE 1000 x",
	    { .sender = "a@b", .due = NOW + 100 }, false,
	    "MAIL FROM:<a@b>\r\n" },
	{ "delivery status notifications", "x\nDSN",
	    { .sender = "a@b", .ret = RET_HDRS, .envid = "QQ314159" }, false,
	    "MAIL FROM:<a@b> RET=HDRS ENVID=QQ314159\r\n" },
};

static void
mail_says_what_was_offered_and_is_needed(void **state)
{
	struct recipient rcpt = { .address = "c@d" };
	static const size_t which[] = { 0 };
	struct deliver_message m;
	struct envelope env;
	struct ehlo e;
	struct buf out;
	size_t i;

	(void)state;
	buf_init(&out, 10000);
	for (i = 0; i < sizeof(mails) / sizeof(mails[0]); i++) {
		print_message("# %s\n", mails[i].name);
		env = mails[i].env;
		env.recipients = &rcpt;
		env.n_recipients = 1;
		m = (struct deliver_message){ .env = &env,
			.which = which,
			.n = 1,
			.length = 1234,
			.now = NOW,
			.has_8bit = mails[i].has_8bit };
		ehlo_parse(span_of(mails[i].offer), &e);
		buf_reset(&out);
		assert_true(command_mail(&out, &m, &e));
		assert_string_equal(out.p, mails[i].want);
	}
	buf_clear(&out);
}

static void
rcpt_carries_notify_and_orcpt(void **state)
{
	struct recipient rcpt = { "c@d", NOTIFY_SUCCESS | NOTIFY_DELAY,
		"rfc822;c+2Bx@d" };
	struct ehlo with = { .dsn = true }, without = { .dsn = false };
	struct buf out;

	(void)state;
	buf_init(&out, 10000);
	assert_true(command_rcpt(&out, &rcpt, &with));
	assert_string_equal(out.p,
	    "RCPT TO:<c@d> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;c+2Bx@d\r\n");
	buf_reset(&out);
	assert_true(command_rcpt(&out, &rcpt, &without));
	assert_string_equal(out.p, "RCPT TO:<c@d>\r\n");
	rcpt = (struct recipient){ "c@d", NOTIFY_NEVER, NULL };
	buf_reset(&out);
	assert_true(command_rcpt(&out, &rcpt, &with));
	assert_string_equal(out.p, "RCPT TO:<c@d> NOTIFY=NEVER\r\n");
	buf_clear(&out);
}

static const struct {
	const char *name, *offer, *sender, *rcpt;
	bool smtputf8;
	const char *status; /* NULL: can be sent */
	struct envelope env;
} fits[] = {
	{ "as large as allowed", "x\nSIZE 1234", "a@b", "c@d", false, NULL,
	    { .sender = NULL } },
	{ "one byte too large", "x\nSIZE 1233", "a@b", "c@d", false, "5.3.4",
	    { .sender = NULL } },
	{ "SIZE 0 is no limit", "x\nSIZE 0", "a@b", "c@d", false, NULL,
	    { .sender = NULL } },
	{ "the header needs SMTPUTF8", "x", "a@b", "c@d", true, "5.6.7",
	    { .sender = NULL } },
	{ "a recipient needs SMTPUTF8", "x", "a@b", "\xc3\xa9@d", false,
	    "5.6.7", { .sender = NULL } },
	{ "the sender needs SMTPUTF8", "x", "\xc3\xa9@b", "c@d", false, "5.6.7",
	    { .sender = NULL } },
	{ "SMTPUTF8 is there", "x\nSMTPUTF8", "\xc3\xa9@b", "\xc3\xa9@d", true,
	    NULL, { .sender = NULL } },
	{ "TLS all the way is not offered", "x", "a@b", "c@d", 0, "5.7.30",
	    { .requiretls = true } },
	{ "TLS all the way", "x\nREQUIRETLS", "a@b", "c@d", 0, NULL,
	    { .requiretls = true } },
	{ "nobody promises to return it", "x", "a@b", "c@d", 0, "5.3.3",
	    { .by = BY_RETURN, .expires = NOW + 100 } },
	{ "too little time is left for it", "x\nDELIVERBY 101", "a@b", "c@d", 0,
	    "5.4.7", { .by = BY_RETURN, .expires = NOW + 100 } },
	{ "no time is left for it", "x\nDELIVERBY", "a@b", "c@d", 0, "5.4.7",
	    { .by = BY_RETURN_TRACE, .expires = NOW } },
	{ "time enough", "x\nDELIVERBY 100", "a@b", "c@d", 0, NULL,
	    { .by = BY_RETURN, .expires = NOW + 100 } },
	{ "telling is our own affair", "x", "a@b", "c@d", 0, NULL,
	    { .by = BY_NOTIFY, .late = NOW + 100 } },
	{ "a line end in the sender", "x", "a@b>\r\nRCPT TO:<evil@e", "c@d",
	    false, "5.1.7", { .sender = NULL } },
};

static void
what_the_server_cannot_take_fails_before_it_is_sent(void **state)
{
	static const size_t which[] = { 0 };
	struct recipient rcpt = { .address = "" };
	struct envelope env = { .recipients = &rcpt, .n_recipients = 1 };
	struct deliver_message m = { .env = &env,
		.which = which,
		.n = 1,
		.length = 1234,
		.now = NOW };
	struct delivery why;
	struct ehlo e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(fits) / sizeof(fits[0]); i++) {
		print_message("# %s\n", fits[i].name);
		rcpt.address = fits[i].rcpt;
		env = fits[i].env;
		env.recipients = &rcpt;
		env.n_recipients = 1;
		env.sender = fits[i].sender;
		env.smtputf8 = fits[i].smtputf8;
		ehlo_parse(span_of(fits[i].offer), &e);
		assert_int_equal(command_can_send(&m, &e, &why),
		    fits[i].status == NULL);
		if (fits[i].status == NULL)
			continue;
		assert_int_equal(why.state, DELIVERY_FAILED);
		assert_string_equal(why.status, fits[i].status);
	}
}

static void
addresses_cannot_leave_their_brackets(void **state)
{
	static const struct {
		const char *address;
		bool ok;
	} rows[] = {
		{ "a@b", true },
		{ "", true },
		{ "\"a b\"@c", true },
		{ "\"a>b\"@c", true },
		{ "\"a\\\"b\"@c", true },
		{ "a@[IPv6:::1]", true },
		{ "\xc3\xa9@b", true },
		{ "a b@c", false },
		{ "a>b@c", false },
		{ "a<b@c", false },
		{ "a@b\r\nDATA", false },
		{ "a\nb@c", false },
		{ "\"a\r\n\"@b", false },
		{ "\"a\\\n\"@b", false },
		{ "\"open@b", false },
		{ "a\x7f@b", false },
		{ "a\t@b", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# row %zu\n", i);
		assert_int_equal(command_address_ok(rows[i].address),
		    rows[i].ok);
	}
	assert_true(command_word_ok("mail.example.org"));
	assert_true(command_word_ok("[192.0.2.1]"));
	assert_false(command_word_ok(""));
	assert_false(command_word_ok("a b"));
	assert_false(command_word_ok("a\r\nb"));
	assert_false(command_word_ok("\xc3\xa9.example"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_server_offers_is_read),
		cmocka_unit_test(mail_says_what_was_offered_and_is_needed),
		cmocka_unit_test(rcpt_carries_notify_and_orcpt),
		cmocka_unit_test(
		    what_the_server_cannot_take_fails_before_it_is_sent),
		cmocka_unit_test(addresses_cannot_leave_their_brackets),
	};

	return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
