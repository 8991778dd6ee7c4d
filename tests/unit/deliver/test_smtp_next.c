/* SPDX-License-Identifier: ISC */
/*
 * Messages in a row on one connection: the group of the second behind the last
 * dot of the first (DESIGN.md, "Pipelining"), and what becomes of both.
 */
#include "client.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define BODY "Subject: x\n\nhello\n"
#define WIRE_BODY "Subject: x\r\n\r\nhello\r\n.\r\n"
#define HELLO_WITH(words)                                                      \
	ACCEPT, SAY("220 sink ESMTP\r\n"), HEAR("EHLO client.example.org"),    \
	    SAY("250-sink\r\n" words)
#define HELLO HELLO_WITH("250 PIPELINING\r\n")
#define GROUP                                                                  \
	HEAR("MAIL FROM:<s@example.net>"), HEAR("RCPT TO:<r1@example.org>"),   \
	    HEAR("DATA")
#define GO SAY("250 ok\r\n250 ok\r\n354 go\r\n")
#define PLAIN                                                                  \
	HEAR("MAIL FROM:<s@example.net>"), ALONE, SAY("250 ok\r\n"),           \
	    HEAR("RCPT TO:<r1@example.org>"), ALONE, SAY("250 ok\r\n"),        \
	    HEAR("DATA"), ALONE, SAY("354 go\r\n")
#define BYE HEAR("QUIT"), SAY("221 bye\r\n"), END

static const struct pair {
	const char *name;
	struct script_step script[40];
	enum delivery_state first, second;
	int group_timeout_ms; /* 0: the usual */
	int max_messages;
} cases[] = {
	{ "the second group comes before the reply to the first dot",
	    { HELLO, GROUP, GO, CONTENT(WIRE_BODY), GROUP,
	        SAY("250 first\r\n250 ok\r\n250 ok\r\n354 go\r\n"),
	        CONTENT(WIRE_BODY), SAY("250 second\r\n"), BYE },
	    DELIVERY_SENT, DELIVERY_SENT, 0, 0 },
	{ "5xx to the first dot settles the first alone",
	    { HELLO, GROUP, GO, CONTENT(WIRE_BODY), GROUP,
	        SAY("554 no\r\n250 ok\r\n250 ok\r\n354 go\r\n"),
	        CONTENT(WIRE_BODY), SAY("250 second\r\n"), BYE },
	    DELIVERY_FAILED, DELIVERY_SENT, 0, 0 },
	{ "4xx to the first dot settles the first alone",
	    { HELLO, GROUP, GO, CONTENT(WIRE_BODY), GROUP,
	        SAY("451 no\r\n250 ok\r\n250 ok\r\n354 go\r\n"),
	        CONTENT(WIRE_BODY), SAY("250 second\r\n"), BYE },
	    DELIVERY_DEFERRED, DELIVERY_SENT, 0, 0 },
	{ "the end before the reply: first in doubt, second anew",
	    { HELLO, GROUP, GO, CONTENT(WIRE_BODY), GROUP, HANG_UP, HELLO,
	        GROUP, GO, CONTENT(WIRE_BODY), SAY("250 second\r\n"), BYE },
	    DELIVERY_IN_DOUBT, DELIVERY_SENT, 0, 0 },
	{ "421 before the reply: first in doubt, second anew",
	    { HELLO, GROUP, GO, CONTENT(WIRE_BODY), GROUP,
	        SAY("421 closing\r\n"), HANG_UP, HELLO, GROUP, GO,
	        CONTENT(WIRE_BODY), SAY("250 second\r\n"), BYE },
	    DELIVERY_IN_DOUBT, DELIVERY_SENT, 0, 0 },
	{ "the end after the reply: the second begins anew",
	    { HELLO, GROUP, GO, CONTENT(WIRE_BODY), GROUP, SAY("250 first\r\n"),
	        HANG_UP, HELLO, GROUP, GO, CONTENT(WIRE_BODY),
	        SAY("250 second\r\n"), BYE },
	    DELIVERY_SENT, DELIVERY_SENT, 0, 0 },
	{ "421 after the reply: the second begins anew",
	    { HELLO, GROUP, GO, CONTENT(WIRE_BODY), GROUP,
	        SAY("250 first\r\n421 closing\r\n"), HANG_UP, HELLO, GROUP, GO,
	        CONTENT(WIRE_BODY), SAY("250 second\r\n"), BYE },
	    DELIVERY_SENT, DELIVERY_SENT, 0, 0 },
	{ "a new connection that ends is an answer",
	    { HELLO, GROUP, GO, CONTENT(WIRE_BODY), GROUP, SAY("250 first\r\n"),
	        HANG_UP, HELLO, GROUP, HANG_UP },
	    DELIVERY_SENT, DELIVERY_DEFERRED, 0, 0 },
	{ "the second's only recipient refused, but 354: a lone dot",
	    { HELLO, GROUP, GO, CONTENT(WIRE_BODY), GROUP,
	        SAY("250 first\r\n250 ok\r\n550 no\r\n354 go\r\n"), HEAR("."),
	        SAY("250 thanks\r\n"), BYE },
	    DELIVERY_SENT, DELIVERY_FAILED, 0, 0 },
	{ "503 to the pipelined MAIL: lost step, served plainly",
	    { HELLO, GROUP, GO, CONTENT(WIRE_BODY), GROUP,
	        SAY("250 first\r\n503 nested\r\n503 no\r\n503 no\r\n"), SWALLOW,
	        HELLO, PLAIN, CONTENT(WIRE_BODY), SAY("250 second\r\n"), BYE },
	    DELIVERY_SENT, DELIVERY_SENT, 0, 0 },
	{ "503 to the pipelined RCPT: lost step, served plainly",
	    { HELLO, GROUP, SAY("250 ok\r\n503 slow\r\n503 slow\r\n"), SWALLOW,
	        HELLO, PLAIN, CONTENT(WIRE_BODY), SAY("250 first\r\n"), PLAIN,
	        CONTENT(WIRE_BODY), SAY("250 second\r\n"), BYE },
	    DELIVERY_SENT, DELIVERY_SENT, 0, 0 },
	{ "503 to the pipelined DATA: lost step, served plainly",
	    { HELLO, GROUP, SAY("250 ok\r\n250 ok\r\n503 slow\r\n"), SWALLOW,
	        HELLO, PLAIN, CONTENT(WIRE_BODY), SAY("250 first\r\n"), PLAIN,
	        CONTENT(WIRE_BODY), SAY("250 second\r\n"), BYE },
	    DELIVERY_SENT, DELIVERY_SENT, 0, 0 },
	{ "503 to a plain command is an answer",
	    { HELLO_WITH("250 HELP\r\n"), HEAR("MAIL FROM:<s@example.net>"),
	        SAY("503 log in first\r\n"), HEAR("MAIL FROM:<s@example.net>"),
	        SAY("503 log in first\r\n"), BYE },
	    DELIVERY_FAILED, DELIVERY_FAILED, 0, 0 },
	{ "no reply to the group behind the dot: lost step, served plainly",
	    { HELLO, GROUP, GO, CONTENT(WIRE_BODY), GROUP, SAY("250 first\r\n"),
	        SWALLOW, HELLO, PLAIN, CONTENT(WIRE_BODY),
	        SAY("250 second\r\n"), BYE },
	    DELIVERY_SENT, DELIVERY_SENT, 100, 0 },
	{ "DATA refused: RSET heads the next group",
	    { HELLO, GROUP, SAY("250 ok\r\n250 ok\r\n451 no\r\n"), HEAR("RSET"),
	        GROUP, SAY("250 flushed\r\n"), GO, CONTENT(WIRE_BODY),
	        SAY("250 second\r\n"), BYE },
	    DELIVERY_DEFERRED, DELIVERY_SENT, 0, 0 },
	{ "DATA refused, no PIPELINING: RSET, and its reply, come first",
	    { HELLO_WITH("250 HELP\r\n"), HEAR("MAIL FROM:<s@example.net>"),
	        SAY("250 ok\r\n"), HEAR("RCPT TO:<r1@example.org>"),
	        SAY("250 ok\r\n"), HEAR("DATA"), SAY("451 no\r\n"),
	        HEAR("RSET"), SAY("250 ok\r\n"), PLAIN, CONTENT(WIRE_BODY),
	        SAY("250 second\r\n"), BYE },
	    DELIVERY_DEFERRED, DELIVERY_SENT, 0, 0 },
	{ "nobody accepted, no PIPELINING: no DATA, but RSET",
	    { HELLO_WITH("250 HELP\r\n"), HEAR("MAIL FROM:<s@example.net>"),
	        SAY("250 ok\r\n"), HEAR("RCPT TO:<r1@example.org>"),
	        SAY("550 no\r\n"), HEAR("RSET"), SAY("250 ok\r\n"), PLAIN,
	        CONTENT(WIRE_BODY), SAY("250 second\r\n"), BYE },
	    DELIVERY_FAILED, DELIVERY_SENT, 0, 0 },
	{ "after so many messages the connection is left",
	    { HELLO, GROUP, GO, CONTENT(WIRE_BODY), SAY("250 first\r\n"),
	        HEAR("QUIT"), SAY("221 bye\r\n"), HELLO, GROUP, GO,
	        CONTENT(WIRE_BODY), SAY("250 second\r\n"), BYE },
	    DELIVERY_SENT, DELIVERY_SENT, 0, 1 },
};

static void
the_second_message_follows_the_table(void **state)
{
	static struct mail first, second;
	struct client c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct pair *t = &cases[i];

		print_message("# %s\n", t->name);
		client_init(&c);
		c.conf.relay.max_messages = t->max_messages;
		client_start(&c, t->script);
		if (t->group_timeout_ms != 0)
			c.smtp->timeout_ms[WAIT_GROUP] = t->group_timeout_ms;
		mail_init(&first, BODY, 1);
		mail_init(&second, BODY, 1);
		mail_send(&c, &first, &second);
		mail_send(&c, &second, NULL);
		if (first.results[0].state != t->first ||
		    second.results[0].state != t->second)
			fail_msg("%s: %d (%s), %d (%s)", t->name,
			    (int)first.results[0].state, first.results[0].text,
			    (int)second.results[0].state,
			    second.results[0].text);
		client_finish(&c);
		mail_clear(&first);
		mail_clear(&second);
	}
}

/* An idle connection that the server has closed is no failure. */
static void
a_stale_connection_is_replaced(void **state)
{
	static const struct script_step script[] = { HELLO, GROUP, GO,
		CONTENT(WIRE_BODY), SAY("250 first\r\n421 idle too long\r\n"),
		HANG_UP, HELLO, GROUP, GO, CONTENT(WIRE_BODY),
		SAY("250 second\r\n"), BYE, { SCRIPT_DONE, NULL } };
	static struct mail first, second;
	struct client c;

	(void)state;
	client_init(&c);
	client_start(&c, script);
	mail_init(&first, BODY, 1);
	mail_init(&second, BODY, 1);
	mail_send(&c, &first, NULL);
	mail_send(&c, &second, NULL);
	assert_int_equal(first.results[0].state, DELIVERY_SENT);
	assert_int_equal(second.results[0].state, DELIVERY_SENT);
	assert_false(transport_smtp.hop_down(c.smtp));
	client_finish(&c);
	mail_clear(&first);
	mail_clear(&second);
}

/* The announced message is not the one that comes: nothing of it may go on,
 * least of all a dot. */
static void
another_message_than_announced_begins_anew(void **state)
{
	static const struct script_step script[] = { HELLO, GROUP, GO,
		CONTENT(WIRE_BODY), GROUP,
		SAY("250 first\r\n250 ok\r\n250 ok\r\n354 go\r\n"), END, HELLO,
		HEAR("MAIL FROM:<other@example.net>"),
		HEAR("RCPT TO:<r1@example.org>"), HEAR("DATA"), GO,
		CONTENT("Other: y\r\n\r\n.\r\n"), SAY("250 third\r\n"), BYE,
		{ SCRIPT_DONE, NULL } };
	static struct mail first, second, third;
	struct client c;

	(void)state;
	client_init(&c);
	client_start(&c, script);
	mail_init(&first, BODY, 1);
	mail_init(&second, BODY, 1);
	mail_init(&third, "Other: y\n\n", 1);
	third.env.sender = "other@example.net";
	mail_send(&c, &first, &second);
	mail_send(&c, &third, NULL);
	assert_int_equal(first.results[0].state, DELIVERY_SENT);
	assert_int_equal(second.results[0].state, DELIVERY_UNTOUCHED);
	assert_int_equal(third.results[0].state, DELIVERY_SENT);
	client_finish(&c);
	mail_clear(&first);
	mail_clear(&second);
	mail_clear(&third);
}

/* The same memory, another recipient: as when the announced message was given
 * back and its place used again. */
static void
replies_are_not_taken_for_another_recipient(void **state)
{
	static const struct script_step script[] = { HELLO, GROUP, GO,
		CONTENT(WIRE_BODY), GROUP,
		SAY("250 first\r\n250 ok\r\n250 ok\r\n354 go\r\n"), END, HELLO,
		HEAR("MAIL FROM:<s@example.net>"),
		HEAR("RCPT TO:<other@example.org>"), HEAR("DATA"), GO,
		CONTENT(WIRE_BODY), SAY("250 second\r\n"), BYE,
		{ SCRIPT_DONE, NULL } };
	static struct mail first, second;
	struct client c;

	(void)state;
	client_init(&c);
	client_start(&c, script);
	mail_init(&first, BODY, 1);
	mail_init(&second, BODY, 1);
	mail_send(&c, &first, &second);
	snprintf(second.address[0], sizeof(second.address[0]),
	    "other@example.org");
	mail_send(&c, &second, NULL);
	assert_int_equal(first.results[0].state, DELIVERY_SENT);
	assert_int_equal(second.results[0].state, DELIVERY_SENT);
	client_finish(&c);
	mail_clear(&first);
	mail_clear(&second);
}

/* 100 recipients a transaction: the rest goes into another one. */
static void
a_long_list_goes_in_transactions(void **state)
{
	static struct script_step script[1000];
	static char lines[100][40];
	static struct mail mail;
	const struct script_step hello[] = { HELLO,
		HEAR("MAIL FROM:<s@example.net>") };
	const struct script_step end[] = { HEAR("DATA"), SAY("354 go\r\n"),
		CONTENT(WIRE_BODY), SAY("250 done\r\n"), BYE };
	struct client c;
	size_t n = 0, i, k;

	(void)state;
	for (i = 0; i < sizeof(hello) / sizeof(hello[0]); i++)
		script[n++] = hello[i];
	for (i = 0; i < 100; i++) {
		snprintf(lines[i], sizeof(lines[i]),
		    "RCPT TO:<r%zu@example.org>", i + 1);
		script[n++] = (struct script_step)HEAR(lines[i]);
		if (i == 99)
			script[n++] = end[0];
		if (i == 99)
			for (k = 0; k <= i; k++) {
				if (k == 0)
					script[n++] = (struct script_step)SAY(
					    "250 sender ok\r\n");
				script[n++] = (struct script_step)SAY(
				    k == 7 ? "550 no\r\n" : "250 ok\r\n");
			}
	}
	for (i = 1; i < sizeof(end) / sizeof(end[0]); i++)
		script[n++] = end[i];
	client_init(&c);
	client_start(&c, script);
	mail_init(&mail, BODY, 250);
	mail_send(&c, &mail, NULL);
	for (i = 0; i < 250; i++)
		assert_int_equal(mail.results[i].state, i == 7 ? DELIVERY_FAILED
		                                        : i >= 100
		                                            ? DELIVERY_NEXT
		                                            : DELIVERY_SENT);
	client_finish(&c);
	mail_clear(&mail);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_second_message_follows_the_table),
		cmocka_unit_test(a_stale_connection_is_replaced),
		cmocka_unit_test(another_message_than_announced_begins_anew),
		cmocka_unit_test(replies_are_not_taken_for_another_recipient),
		cmocka_unit_test(a_long_list_goes_in_transactions),
	};

	return cmocka_run_group_tests_name("smtp_next", tests, NULL, NULL);
}
