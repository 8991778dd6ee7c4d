/* SPDX-License-Identifier: ISC */
/* One message on a fresh connection: what each answer of the server means. */
#include "client.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BODY "Subject: x\n\nhello\n"
#define WIRE_BODY "Subject: x\r\n\r\nhello\r\n.\r\n"
#define EHLO_LINE HEAR("EHLO client.example.org")
/* A server with PIPELINING, up to the replies of MAIL. */
#define HELLO                                                                  \
	ACCEPT, SAY("220 sink ESMTP\r\n"), EHLO_LINE,                          \
	    SAY("250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
#define GROUP                                                                  \
	HELLO, HEAR("MAIL FROM:<s@example.net>"),                              \
	    HEAR("RCPT TO:<r1@example.org>"), HEAR("DATA")
#define GROUP2                                                                 \
	HELLO, HEAR("MAIL FROM:<s@example.net>"),                              \
	    HEAR("RCPT TO:<r1@example.org>"),                                  \
	    HEAR("RCPT TO:<r2@example.org>"), HEAR("DATA")
#define BYE HEAR("QUIT"), SAY("221 bye\r\n"), END
#define MAX_STEPS 32

struct want {
	enum delivery_state state;
	enum delivery_phase phase;
	int code;
	const char *status;
	const char *text; /* NULL: not looked at */
};

static const struct one {
	const char *name;
	struct script_step script[MAX_STEPS];
	size_t n;
	struct want want[2];
	bool hop_down;
} cases[] = {
	{ "a message is sent in one group, and the reply is kept",
	    { GROUP, SAY("250 ok\r\n250 ok\r\n354 go\r\n"), CONTENT(WIRE_BODY),
	        SAY("250 2.6.0 queued as 77\r\n"), BYE },
	    1,
	    { { DELIVERY_SENT, PHASE_DOT, 250, "2.6.0",
	        "250 2.6.0 queued as 77" } },
	    false },
	{ "without PIPELINING each command waits for its reply",
	    { ACCEPT, SAY("220 sink\r\n"), EHLO_LINE, SAY("250 sink\r\n"),
	        HEAR("MAIL FROM:<s@example.net>"), ALONE, SAY("250 ok\r\n"),
	        HEAR("RCPT TO:<r1@example.org>"), ALONE, SAY("250 ok\r\n"),
	        HEAR("RCPT TO:<r2@example.org>"), ALONE, SAY("550 no\r\n"),
	        HEAR("DATA"), ALONE, SAY("354 go\r\n"), CONTENT(WIRE_BODY),
	        SAY("250 done\r\n"), BYE },
	    2,
	    { { DELIVERY_SENT, PHASE_DOT, 250, "2.0.0", "250 done" },
	        { DELIVERY_FAILED, PHASE_RCPT, 550, "5.0.0", "550 no" } },
	    false },
	{ "a server that knows no EHLO is greeted with HELO",
	    { ACCEPT, SAY("220 sink\r\n"), EHLO_LINE, SAY("502 what?\r\n"),
	        HEAR("HELO client.example.org"), SAY("250 sink\r\n"),
	        HEAR("MAIL FROM:<s@example.net>"), SAY("250 ok\r\n"),
	        HEAR("RCPT TO:<r1@example.org>"), SAY("250 ok\r\n"),
	        HEAR("DATA"), SAY("354 go\r\n"), CONTENT(WIRE_BODY),
	        SAY("250 done\r\n"), BYE },
	    1, { { DELIVERY_SENT, PHASE_DOT, 250, "2.0.0", NULL } }, false },
	{ "replies that come byte by byte are whole all the same",
	    { ACCEPT, DRIP("220-sink\r\n220 ESMTP\r\n"), EHLO_LINE,
	        DRIP("250-sink\r\n250 PIPELINING\r\n"),
	        HEAR("MAIL FROM:<s@example.net>"),
	        HEAR("RCPT TO:<r1@example.org>"), HEAR("DATA"),
	        DRIP("250 ok\r\n250 ok\r\n354 go\r\n"), CONTENT(WIRE_BODY),
	        DRIP("250-2.6.0 one\r\n250 2.6.0 two\r\n"), BYE },
	    1,
	    { { DELIVERY_SENT, PHASE_DOT, 250, "2.6.0", "250 2.6.0 one two" } },
	    false },
	{ "one recipient refused for ever, the other for now",
	    { GROUP2,
	        SAY("250 ok\r\n550 5.1.1 who?\r\n451 4.7.1 later\r\n"
	            "554 no valid recipients\r\n"),
	        HEAR("QUIT") },
	    2,
	    { { DELIVERY_FAILED, PHASE_RCPT, 550, "5.1.1", "550 5.1.1 who?" },
	        { DELIVERY_DEFERRED, PHASE_RCPT, 451, "4.7.1",
	            "451 4.7.1 later" } },
	    false },
	{ "552 to RCPT means too many recipients: the next transaction",
	    { GROUP2,
	        SAY("250 ok\r\n250 ok\r\n552 5.5.3 too many\r\n354 go\r\n"),
	        CONTENT(WIRE_BODY), SAY("250 done\r\n"), BYE },
	    2,
	    { { DELIVERY_SENT, PHASE_DOT, 250, "2.0.0", NULL },
	        { DELIVERY_NEXT, PHASE_NONE, 0, "", NULL } },
	    false },
	{ "MAIL refused settles all, whatever the rest of the group gets",
	    { GROUP2,
	        SAY("552 5.3.4 too big\r\n503 MAIL first\r\n503 MAIL first\r\n"
	            "503 RCPT first\r\n"),
	        BYE },
	    2,
	    { { DELIVERY_FAILED, PHASE_MAIL, 552, "5.3.4", NULL },
	        { DELIVERY_FAILED, PHASE_MAIL, 552, "5.3.4", NULL } },
	    false },
	{ "354 with nobody accepted gets a lone dot that settles nobody",
	    { GROUP, SAY("250 ok\r\n450 busy\r\n354 go\r\n"), HEAR("."),
	        SAY("250 thanks\r\n"), BYE },
	    1, { { DELIVERY_DEFERRED, PHASE_RCPT, 450, "4.0.0", "450 busy" } },
	    false },
	{ "DATA refused settles who was accepted",
	    { GROUP2, SAY("250 ok\r\n250 ok\r\n550 no\r\n451 4.3.0 disk\r\n"),
	        HEAR("QUIT") },
	    2,
	    { { DELIVERY_DEFERRED, PHASE_DATA, 451, "4.3.0", NULL },
	        { DELIVERY_FAILED, PHASE_RCPT, 550, "5.0.0", NULL } },
	    false },
	{ "4xx after the dot defers",
	    { GROUP, SAY("250 ok\r\n250 ok\r\n354 go\r\n"), CONTENT(WIRE_BODY),
	        SAY("451 4.3.0 try later\r\n"), BYE },
	    1, { { DELIVERY_DEFERRED, PHASE_DOT, 451, "4.3.0", NULL } },
	    false },
	{ "5xx after the dot fails",
	    { GROUP, SAY("250 ok\r\n250 ok\r\n354 go\r\n"), CONTENT(WIRE_BODY),
	        SAY("554 5.7.1 spam\r\n"), BYE },
	    1, { { DELIVERY_FAILED, PHASE_DOT, 554, "5.7.1", NULL } }, false },
	{ "no reply to the dot: in doubt",
	    { GROUP, SAY("250 ok\r\n250 ok\r\n354 go\r\n"), CONTENT(WIRE_BODY),
	        HANG_UP },
	    1, { { DELIVERY_IN_DOUBT, PHASE_DOT, 0, "4.4.2", NULL } }, false },
	{ "half a reply to the dot is none: in doubt",
	    { GROUP, SAY("250 ok\r\n250 ok\r\n354 go\r\n"), CONTENT(WIRE_BODY),
	        SAY("250 o"), HANG_UP },
	    1, { { DELIVERY_IN_DOUBT, PHASE_DOT, 0, "4.4.2", NULL } }, false },
	{ "no sense in the reply to the dot: in doubt",
	    { GROUP, SAY("250 ok\r\n250 ok\r\n354 go\r\n"), CONTENT(WIRE_BODY),
	        SAY("99 hm\r\n"), END },
	    1, { { DELIVERY_IN_DOUBT, PHASE_DOT, 0, "4.4.2", NULL } }, false },
	{ "354 to the dot: in doubt",
	    { GROUP, SAY("250 ok\r\n250 ok\r\n354 go\r\n"), CONTENT(WIRE_BODY),
	        SAY("354 more\r\n"), END },
	    1, { { DELIVERY_IN_DOUBT, PHASE_DOT, 354, "4.0.0", NULL } },
	    false },
	{ "421 to the dot: in doubt, and the hop is down",
	    { GROUP, SAY("250 ok\r\n250 ok\r\n354 go\r\n"), CONTENT(WIRE_BODY),
	        SAY("421 4.3.2 bye\r\n"), HANG_UP },
	    1, { { DELIVERY_IN_DOUBT, PHASE_DOT, 421, "4.3.2", NULL } }, true },
	{ "a reply behind 354 is no reply to the dot",
	    { GROUP, SAY("250 ok\r\n250 ok\r\n354 go\r\n250 already\r\n"),
	        END },
	    1, { { DELIVERY_DEFERRED, PHASE_CONTENT, 0, "4.5.0", NULL } },
	    false },
	{ "a refusal behind 354 is one",
	    { GROUP, SAY("250 ok\r\n250 ok\r\n354 go\r\n552 5.2.2 full\r\n"),
	        END },
	    1, { { DELIVERY_FAILED, PHASE_CONTENT, 552, "5.2.2", NULL } },
	    false },
	{ "closed in the midst of the group",
	    { GROUP2, SAY("250 ok\r\n550 5.1.1 no\r\n"), HANG_UP }, 2,
	    { { DELIVERY_FAILED, PHASE_RCPT, 550, "5.1.1", NULL },
	        { DELIVERY_DEFERRED, PHASE_RCPT, 0, "4.4.2", NULL } },
	    false },
	{ "421 to MAIL defers all, and the hop is down",
	    { GROUP, SAY("421 4.3.2 closing\r\n"), HANG_UP }, 1,
	    { { DELIVERY_DEFERRED, PHASE_MAIL, 421, "4.3.2",
	        "421 4.3.2 closing" } },
	    true },
	{ "421 to RCPT defers who is left, and the hop is down",
	    { GROUP2, SAY("250 ok\r\n550 no\r\n421 closing\r\n"), END }, 2,
	    { { DELIVERY_FAILED, PHASE_RCPT, 550, "5.0.0", NULL },
	        { DELIVERY_DEFERRED, PHASE_RCPT, 421, "4.0.0", NULL } },
	    true },
	{ "a greeting of 554 defers: the relay, not the mail, is refused",
	    { ACCEPT, SAY("554 5.3.2 no service\r\n"), BYE }, 1,
	    { { DELIVERY_DEFERRED, PHASE_GREETING, 554, "4.3.2",
	        "554 5.3.2 no service" } },
	    true },
	{ "no greeting but the end", { ACCEPT, HANG_UP }, 1,
	    { { DELIVERY_DEFERRED, PHASE_GREETING, 0, "4.4.2", NULL } }, true },
	{ "a reset connection",
	    { ACCEPT, SAY("220 sink\r\n"), EHLO_LINE, RESET }, 1,
	    { { DELIVERY_DEFERRED, PHASE_EHLO, 0, "4.4.2", NULL } }, true },
	{ "no SMTP at all", { ACCEPT, SAY("SSH-2.0-x\r\n"), END }, 1,
	    { { DELIVERY_DEFERRED, PHASE_GREETING, 0, "4.4.2", NULL } }, true },
	{ "codes that differ within one reply",
	    { ACCEPT, SAY("220 sink\r\n"), EHLO_LINE,
	        SAY("250-sink\r\n251 SIZE\r\n"), END },
	    1, { { DELIVERY_DEFERRED, PHASE_EHLO, 0, "4.4.2", NULL } }, true },
	{ "a reply without end",
	    { ACCEPT, SAY("220 sink\r\n"), EHLO_LINE,
	        FLOOD("250-and so on and so on and so on\r\n") },
	    1, { { DELIVERY_DEFERRED, PHASE_EHLO, 0, "4.4.2", NULL } }, true },
	{ "a line without end",
	    { ACCEPT, FLOOD("220 and so on and so on and so on") }, 1,
	    { { DELIVERY_DEFERRED, PHASE_GREETING, 0, "4.4.2", NULL } }, true },
	{ "control bytes in a reply are shown, not kept",
	    { GROUP,
	        SAY("250 ok\r\n550 5.1.1 \x1b]0;x\x07 \xc2\x9b\r\n554 no\r\n"),
	        HEAR("QUIT") },
	    1,
	    { { DELIVERY_FAILED, PHASE_RCPT, 550, "5.1.1",
	        "550 5.1.1 \\x1b]0;x\\x07 \\xc2\\x9b" } },
	    false },
	{ "a status of another class than the code is not believed",
	    { GROUP, SAY("250 ok\r\n450 5.1.1 hm\r\n554 no\r\n"),
	        HEAR("QUIT") },
	    1,
	    { { DELIVERY_DEFERRED, PHASE_RCPT, 450, "4.0.0", "450 5.1.1 hm" } },
	    false },
};

static void
check(const struct one *t, const struct delivery *got)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		const struct want *w = &t->want[i];

		if (got[i].state != w->state || got[i].phase != w->phase ||
		    got[i].reply_code != w->code ||
		    strcmp(got[i].status, w->status) != 0 ||
		    (w->text != NULL && strcmp(got[i].text, w->text) != 0))
			fail_msg("%s: recipient %zu: state %d, phase %s, "
			         "code %d, status %s, text %s",
			    t->name, i, (int)got[i].state,
			    delivery_phase_name(got[i].phase),
			    got[i].reply_code, got[i].status, got[i].text);
		if (got[i].text[0] == '\0' && w->state != DELIVERY_NEXT)
			fail_msg("%s: no text", t->name);
	}
}

static void
each_answer_means_what_the_standard_says(void **state)
{
	static struct mail mail;
	struct client c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("# %s\n", cases[i].name);
		client_init(&c);
		client_start(&c, cases[i].script);
		mail_init(&mail, BODY, cases[i].n);
		mail_send(&c, &mail, NULL);
		check(&cases[i], mail.results);
		if (transport_smtp.hop_down(c.smtp) != cases[i].hop_down)
			fail_msg("%s: hop_down", cases[i].name);
		client_finish(&c);
		mail_clear(&mail);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_answer_means_what_the_standard_says),
	};

	return cmocka_run_group_tests_name("smtp_one", tests, NULL, NULL);
}
