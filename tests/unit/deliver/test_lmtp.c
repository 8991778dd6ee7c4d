/* SPDX-License-Identifier: ISC */
/* LMTP (RFC 2033): behind the last dot each accepted recipient has a reply of
 * its own. */
#include "client.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BODY "Subject: x\n\nhello\n"
#define WIRE_BODY "Subject: x\r\n\r\nhello\r\n.\r\n"
#define HELLO                                                                  \
	ACCEPT, SAY("220 boxes LMTP\r\n"), HEAR("LHLO client.example.org"),    \
	    SAY("250-boxes\r\n250-PIPELINING\r\n250 CHUNKING\r\n")
#define MAIL HEAR("MAIL FROM:<s@example.net>")
#define TO(n) HEAR("RCPT TO:<r" n "@example.org>")
#define GROUP3 MAIL, TO("1"), TO("2"), TO("3"), HEAR("DATA")
#define GO3 SAY("250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n")
#define BYE HEAR("QUIT"), SAY("221 bye\r\n"), END

static const struct one {
	const char *name;
	struct script_step script[32];
	struct {
		enum delivery_state state;
		int code;
	} want[3];
	bool hop_down;
} cases[] = {
	{ "one is taken, one deferred, one refused",
	    { HELLO, GROUP3, GO3, CONTENT(WIRE_BODY),
	        SAY("250 2.0.0 one\r\n452 4.2.2 full\r\n550 5.7.1 no\r\n"),
	        BYE },
	    { { DELIVERY_SENT, 250 }, { DELIVERY_DEFERRED, 452 },
	        { DELIVERY_FAILED, 550 } },
	    false },
	{ "who was refused at RCPT has no reply behind the dot",
	    { HELLO, GROUP3,
	        SAY("250 ok\r\n250 ok\r\n550 who?\r\n250 ok\r\n354 go\r\n"),
	        CONTENT(WIRE_BODY), SAY("250 first\r\n451 third\r\n"), BYE },
	    { { DELIVERY_SENT, 250 }, { DELIVERY_FAILED, 550 },
	        { DELIVERY_DEFERRED, 451 } },
	    false },
	{ "the end between replies: the answered are settled, the rest in "
	  "doubt",
	    { HELLO, GROUP3, GO3, CONTENT(WIRE_BODY), SAY("250 one\r\n"),
	        HANG_UP },
	    { { DELIVERY_SENT, 250 }, { DELIVERY_IN_DOUBT, 0 },
	        { DELIVERY_IN_DOUBT, 0 } },
	    false },
	{ "half a reply is none",
	    { HELLO, GROUP3, GO3, CONTENT(WIRE_BODY), SAY("550 one\r\n250 tw"),
	        HANG_UP },
	    { { DELIVERY_FAILED, 550 }, { DELIVERY_IN_DOUBT, 0 },
	        { DELIVERY_IN_DOUBT, 0 } },
	    false },
	{ "421 between replies: likewise, and the hop is down",
	    { HELLO, GROUP3, GO3, CONTENT(WIRE_BODY),
	        SAY("250 one\r\n421 4.3.2 closing\r\n"), HANG_UP },
	    { { DELIVERY_SENT, 250 }, { DELIVERY_IN_DOUBT, 421 },
	        { DELIVERY_IN_DOUBT, 421 } },
	    true },
	{ "one reply, as by SMTP, settles one",
	    { HELLO, GROUP3, GO3, CONTENT(WIRE_BODY), SAY("250 all\r\n99\r\n"),
	        END },
	    { { DELIVERY_SENT, 250 }, { DELIVERY_IN_DOUBT, 0 },
	        { DELIVERY_IN_DOUBT, 0 } },
	    false },
	{ "354 though nobody was accepted: no dot, nobody would be answered",
	    { HELLO, GROUP3,
	        SAY("250 ok\r\n550 a\r\n450 b\r\n550 c\r\n354 go\r\n"), END },
	    { { DELIVERY_FAILED, 550 }, { DELIVERY_DEFERRED, 450 },
	        { DELIVERY_FAILED, 550 } },
	    false },
	{ "503 to DATA where nobody was accepted",
	    { HELLO, GROUP3,
	        SAY("250 ok\r\n550 a\r\n450 b\r\n550 c\r\n503 no\r\n"), BYE },
	    { { DELIVERY_FAILED, 550 }, { DELIVERY_DEFERRED, 450 },
	        { DELIVERY_FAILED, 550 } },
	    false },
	{ "no HELO follows a refused LHLO",
	    { ACCEPT, SAY("220 sink ESMTP\r\n"),
	        HEAR("LHLO client.example.org"), SAY("500 what?\r\n"), BYE },
	    { { DELIVERY_DEFERRED, 500 }, { DELIVERY_DEFERRED, 500 },
	        { DELIVERY_DEFERRED, 500 } },
	    true },
};

static void
each_recipient_has_an_answer_of_its_own(void **state)
{
	static struct mail mail;
	struct client c;
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct one *t = &cases[i];

		print_message("# %s\n", t->name);
		client_init(&c);
		c.conf.transport = TRANSPORT_LMTP;
		/* Not used: BDAT would have many replies too. */
		c.conf.relay.window = 8;
		client_start(&c, t->script);
		mail_init(&mail, BODY, 3);
		mail_send(&c, &mail, NULL);
		for (k = 0; k < 3; k++) {
			const struct delivery *d = &mail.results[k];

			if (d->state != t->want[k].state ||
			    d->reply_code != t->want[k].code)
				fail_msg("%s: recipient %zu: state %d, code "
				         "%d, text %s",
				    t->name, k, (int)d->state, d->reply_code,
				    d->text);
			if (d->state == DELIVERY_SENT)
				assert_int_equal(d->handover,
				    HANDOVER_DELIVERED);
		}
		if (transport_lmtp.hop_down(c.smtp) != t->hop_down)
			fail_msg("%s: hop_down", t->name);
		client_finish(&c);
		mail_clear(&mail);
	}
}

/* All replies to the first dot come before those to the second's commands. */
static void
the_next_group_waits_for_all_replies(void **state)
{
	static const struct script_step script[] = { HELLO, MAIL, TO("1"),
		TO("2"), HEAR("DATA"),
		SAY("250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n"),
		CONTENT(WIRE_BODY), MAIL, TO("1"), HEAR("DATA"),
		SAY("451 first, one\r\n250 first, two\r\n250 ok\r\n250 "
		    "ok\r\n354 "
		    "go\r\n"),
		CONTENT(WIRE_BODY), SAY("250 second\r\n"), BYE,
		{ SCRIPT_DONE, NULL } };
	static struct mail first, second;
	struct client c;

	(void)state;
	client_init(&c);
	c.conf.transport = TRANSPORT_LMTP;
	client_start(&c, script);
	mail_init(&first, BODY, 2);
	mail_init(&second, BODY, 1);
	mail_send(&c, &first, &second);
	mail_send(&c, &second, NULL);
	assert_int_equal(first.results[0].state, DELIVERY_DEFERRED);
	assert_int_equal(first.results[1].state, DELIVERY_SENT);
	assert_int_equal(second.results[0].state, DELIVERY_SENT);
	client_finish(&c);
	mail_clear(&first);
	mail_clear(&second);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_recipient_has_an_answer_of_its_own),
		cmocka_unit_test(the_next_group_waits_for_all_replies),
	};

	return cmocka_run_group_tests_name("lmtp", tests, NULL, NULL);
}
