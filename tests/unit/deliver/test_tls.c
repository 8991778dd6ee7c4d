/* SPDX-License-Identifier: ISC */
/* TLS levels, certificates, STARTTLS, and what is said about each failure. */
#include "client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#define BODY "Subject: x\n\nhello\n"
#define WIRE_BODY "Subject: x\r\n\r\nhello\r\n.\r\n"
#define EHLO_LINE HEAR("EHLO client.example.org")
#define GREET ACCEPT, SAY("220 sink ESMTP\r\n"), EHLO_LINE
#define OFFER GREET, SAY("250-sink\r\n250-PIPELINING\r\n250 STARTTLS\r\n")
#define UPGRADE OFFER, HEAR("STARTTLS"), SAY("220 go\r\n")
#define MAIL_OVER_IT                                                           \
	SAY("250-sink\r\n250 PIPELINING\r\n"),                                 \
	    HEAR("MAIL FROM:<s@example.net>"),                                 \
	    HEAR("RCPT TO:<r1@example.org>"), HEAR("DATA"),                    \
	    SAY("250 ok\r\n250 ok\r\n354 go\r\n"), CONTENT(WIRE_BODY),         \
	    SAY("250 done\r\n"), HEAR("QUIT"), SAY("221 bye\r\n"), END

static const struct tls_case {
	const char *name;
	int level;
	const char *host;
	int implicit;
	bool no_ca;
	struct script_step script[32];
	const char *text; /* NULL: sent */
} cases[] = {
	{ "STARTTLS to a server of the right name", TLS_VERIFY, "localhost",
	    TLS_IMPLICIT_AUTO, false,
	    { UPGRADE, START_TLS("localhost"), EHLO_LINE, MAIL_OVER_IT },
	    NULL },
	{ "an address is verified as an address", TLS_VERIFY, "127.0.0.1",
	    TLS_IMPLICIT_AUTO, false,
	    { UPGRADE, START_TLS("127.0.0.1"), EHLO_LINE, MAIL_OVER_IT },
	    NULL },
	{ "TLS from the first byte", TLS_VERIFY, "localhost", TLS_IMPLICIT_YES,
	    false,
	    { ACCEPT, START_TLS("localhost"), SAY("220 sink\r\n"), EHLO_LINE,
	        MAIL_OVER_IT },
	    NULL },
	{ "a certificate for another host", TLS_VERIFY, "localhost",
	    TLS_IMPLICIT_AUTO, false, { UPGRADE, TLS_FAILS("other") },
	    "TLS: certificate of localhost: hostname mismatch; it is for "
	    "mail.example.net" },
	{ "a certificate for a name, but an address was meant", TLS_VERIFY,
	    "127.0.0.1", TLS_IMPLICIT_AUTO, false,
	    { UPGRADE, TLS_FAILS("localhost") },
	    "TLS: certificate of 127.0.0.1: IP address mismatch; it is for "
	    "localhost" },
	{ "an authority that nobody here knows", TLS_VERIFY, "localhost",
	    TLS_IMPLICIT_AUTO, true, { UPGRADE, TLS_FAILS("localhost") },
	    "TLS: certificate of localhost: unable to get local issuer "
	    "certificate" },
	{ "a certificate that signed itself", TLS_VERIFY, "localhost",
	    TLS_IMPLICIT_AUTO, false, { UPGRADE, TLS_FAILS("self") },
	    "TLS: certificate of localhost: self-signed certificate" },
	{ "an expired certificate", TLS_VERIFY, "localhost", TLS_IMPLICIT_AUTO,
	    false, { UPGRADE, TLS_FAILS("expired") },
	    "TLS: certificate of localhost: certificate has expired" },
	{ "level encrypt takes any certificate", TLS_ENCRYPT, "localhost",
	    TLS_IMPLICIT_AUTO, true,
	    { UPGRADE, START_TLS("self"), EHLO_LINE, MAIL_OVER_IT }, NULL },
	{ "level may takes any certificate", TLS_MAY, "localhost",
	    TLS_IMPLICIT_AUTO, true,
	    { UPGRADE, START_TLS("other"), EHLO_LINE, MAIL_OVER_IT }, NULL },
	{ "level may goes without, if it is not offered", TLS_MAY, "localhost",
	    TLS_IMPLICIT_AUTO, false, { GREET, MAIL_OVER_IT }, NULL },
	{ "level may goes without, if it is refused", TLS_MAY, "localhost",
	    TLS_IMPLICIT_AUTO, false,
	    { OFFER, HEAR("STARTTLS"), SAY("454 4.7.0 no TLS now\r\n"),
	        HEAR("MAIL FROM:<s@example.net>"),
	        HEAR("RCPT TO:<r1@example.org>"), HEAR("DATA"),
	        SAY("250 ok\r\n250 ok\r\n354 go\r\n"), CONTENT(WIRE_BODY),
	        SAY("250 done\r\n"), HEAR("QUIT"), SAY("221 bye\r\n"), END },
	    NULL },
	{ "level may goes without after a failed handshake", TLS_MAY,
	    "localhost", TLS_IMPLICIT_AUTO, false,
	    { UPGRADE, HANG_UP, OFFER, HEAR("MAIL FROM:<s@example.net>"),
	        HEAR("RCPT TO:<r1@example.org>"), HEAR("DATA"),
	        SAY("250 ok\r\n250 ok\r\n354 go\r\n"), CONTENT(WIRE_BODY),
	        SAY("250 done\r\n"), HEAR("QUIT"), SAY("221 bye\r\n"), END },
	    NULL },
	{ "level encrypt does not go without after a failed handshake",
	    TLS_ENCRYPT, "localhost", TLS_IMPLICIT_AUTO, false,
	    { UPGRADE, HANG_UP },
	    "TLS: handshake with localhost: connection closed" },
	{ "level may from the first byte does not go without", TLS_MAY,
	    "localhost", TLS_IMPLICIT_YES, false, { ACCEPT, HANG_UP },
	    "TLS: handshake with localhost: connection closed" },
	{ "level none does not ask", TLS_NONE, "localhost", TLS_IMPLICIT_AUTO,
	    false,
	    { OFFER, HEAR("MAIL FROM:<s@example.net>"),
	        HEAR("RCPT TO:<r1@example.org>"), HEAR("DATA"),
	        SAY("250 ok\r\n250 ok\r\n354 go\r\n"), CONTENT(WIRE_BODY),
	        SAY("250 done\r\n"), HEAR("QUIT"), SAY("221 bye\r\n"), END },
	    NULL },
	{ "STARTTLS stripped: level encrypt does not go without", TLS_ENCRYPT,
	    "localhost", TLS_IMPLICIT_AUTO, false,
	    { GREET, SAY("250-sink\r\n250 PIPELINING\r\n"), END },
	    "TLS: required, but the server does not offer STARTTLS" },
	{ "HELO only: level verify does not go without", TLS_VERIFY,
	    "localhost", TLS_IMPLICIT_AUTO, false,
	    { GREET, SAY("500 what?\r\n"), HEAR("HELO client.example.org"),
	        SAY("250 sink\r\n"), END },
	    "TLS: required, but the server does not offer STARTTLS" },
	{ "STARTTLS refused", TLS_ENCRYPT, "localhost", TLS_IMPLICIT_AUTO,
	    false,
	    { OFFER, HEAR("STARTTLS"), SAY("454 4.7.0 no TLS now\r\n"),
	        HEAR("QUIT"), SAY("221 bye\r\n"), END },
	    "TLS: STARTTLS refused: 454 4.7.0 no TLS now" },
	{ "clear text behind the reply to STARTTLS", TLS_ENCRYPT, "localhost",
	    TLS_IMPLICIT_AUTO, false,
	    { OFFER, HEAR("STARTTLS"), SAY("220 go\r\n250 injected\r\n"), END },
	    "TLS: the server, or somebody before it, sent data between "
	    "STARTTLS and the handshake" },
	{ "what was offered before TLS is forgotten", TLS_ENCRYPT, "localhost",
	    TLS_IMPLICIT_AUTO, false,
	    { UPGRADE, START_TLS("localhost"), EHLO_LINE, SAY("250 sink\r\n"),
	        HEAR("MAIL FROM:<s@example.net>"), SAY("250 ok\r\n"),
	        HEAR("RCPT TO:<r1@example.org>"), SAY("250 ok\r\n"),
	        HEAR("DATA"), SAY("354 go\r\n"), CONTENT(WIRE_BODY),
	        SAY("250 done\r\n"), HEAR("QUIT"), SAY("221 bye\r\n"), END },
	    NULL },
	{ "no TLS 1.2", TLS_ENCRYPT, "localhost", TLS_IMPLICIT_AUTO, false,
	    { UPGRADE, TLS_FAILS("old") },
	    "TLS: handshake with localhost: tlsv1 alert protocol version" },
	{ "clear text where TLS was to be", TLS_ENCRYPT, "localhost",
	    TLS_IMPLICIT_YES, false, { ACCEPT, SAY("220 sink\r\n"), SWALLOW },
	    "TLS: handshake with localhost: wrong version number" },
	{ "a server that never shakes hands", TLS_ENCRYPT, "localhost",
	    TLS_IMPLICIT_AUTO, false, { UPGRADE, SWALLOW },
	    "TLS: handshake with localhost: timed out" },
};

static void
run_case(const struct tls_case *t)
{
	static struct mail mail;
	char host[64], ca[64];
	struct client c;
	const struct delivery *d = &mail.results[0];

	snprintf(host, sizeof(host), "%s", t->host);
	snprintf(ca, sizeof(ca), "%s", t->no_ca ? "" : script_ca_file());
	client_init(&c);
	c.conf.relay.host = host;
	c.conf.relay.tls = t->level;
	c.conf.relay.implicit_tls = t->implicit;
	c.conf.relay.ca_file = ca;
	client_start(&c, t->script);
	c.smtp->timeout_ms[WAIT_TLS] = 1500;
	mail_init(&mail, BODY, 1);
	mail_send(&c, &mail, NULL);
	if (t->text == NULL && d->state != DELIVERY_SENT)
		fail_msg("%s: %s", t->name, d->text);
	if (t->text != NULL &&
	    (d->state != DELIVERY_DEFERRED || d->phase != PHASE_TLS ||
	        d->status[0] != '4' || strcmp(d->text, t->text) != 0))
		fail_msg("%s: state %d, %s", t->name, (int)d->state, d->text);
	if (transport_smtp.hop_down(c.smtp) != (t->text != NULL))
		fail_msg("%s: hop_down", t->name);
	client_finish(&c);
	mail_clear(&mail);
}

/* What the log is told once of each connection. */
static void
assert_note(const char *script_of, struct client *c, const char *begins,
    const char *ends)
{
	const char *note = transport_smtp.note(c->smtp);
	size_t len = note == NULL ? 0 : strlen(note);

	if (note == NULL || strncmp(note, begins, strlen(begins)) != 0 ||
	    len < strlen(ends) || strcmp(note + len - strlen(ends), ends) != 0)
		fail_msg("%s: %s", script_of, note == NULL ? "none" : note);
	assert_null(transport_smtp.note(c->smtp));
}

static void
the_log_is_told_of_each_tls_connection_and_of_going_without(void **state)
{
	static const struct script_step secure[] = { UPGRADE,
		START_TLS("localhost"), EHLO_LINE, MAIL_OVER_IT,
		{ SCRIPT_DONE, NULL } };
	static const struct script_step broken[] = { UPGRADE, HANG_UP, GREET,
		MAIL_OVER_IT, { SCRIPT_DONE, NULL } };
	static char host[] = "localhost";
	static struct mail mail;
	struct client c;
	char ca[64];
	int i;

	(void)state;
	snprintf(ca, sizeof(ca), "%s", script_ca_file());
	for (i = 0; i < 2; i++) {
		client_init(&c);
		c.conf.relay.host = host;
		c.conf.relay.tls = i == 0 ? TLS_VERIFY : TLS_MAY;
		c.conf.relay.ca_file = ca;
		client_start(&c, i == 0 ? secure : broken);
		mail_init(&mail, BODY, 1);
		mail_send(&c, &mail, NULL);
		assert_int_equal(mail.results[0].state, DELIVERY_SENT);
		if (i == 0)
			assert_note("secure", &c,
			    "Verified TLS connection established to localhost[",
			    ": TLSv1.3 with cipher TLS_AES_256_GCM_SHA384");
		else
			assert_note("broken", &c,
			    "TLS: handshake with localhost: connection closed",
			    "going on without TLS");
		client_finish(&c);
		mail_clear(&mail);
	}
}

static void
each_level_keeps_its_promise(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("# %s\n", cases[i].name);
		run_case(&cases[i]);
	}
}

/* Two messages in a group, and a large one, over TLS. */
static void
groups_and_large_content_go_over_tls(void **state)
{
	enum { LINES = 20000 };
	static char body[LINES * 65 + 1];
	static const struct script_step script[] = { UPGRADE,
		START_TLS("localhost"), EHLO_LINE,
		SAY("250-sink\r\n250 PIPELINING\r\n"),
		HEAR("MAIL FROM:<s@example.net>"),
		HEAR("RCPT TO:<r1@example.org>"), HEAR("DATA"),
		SAY("250 ok\r\n250 ok\r\n354 go\r\n"), CONTENT(WIRE_BODY),
		HEAR("MAIL FROM:<s@example.net>"),
		HEAR("RCPT TO:<r1@example.org>"), HEAR("DATA"),
		SAY("250 one\r\n250 ok\r\n250 ok\r\n354 go\r\n"), SWALLOW,
		{ SCRIPT_DONE, NULL } };
	static struct mail first, second;
	static char host[] = "localhost";
	char ca[64];
	struct client c;
	size_t i;

	(void)state;
	for (i = 0; i < LINES; i++)
		memcpy(body + i * 65,
		    "0123456789012345678901234567890123456789"
		    "012345678901234567890123\n",
		    65);
	snprintf(ca, sizeof(ca), "%s", script_ca_file());
	client_init(&c);
	c.conf.relay.host = host;
	c.conf.relay.tls = TLS_VERIFY;
	c.conf.relay.ca_file = ca;
	client_start(&c, script);
	mail_init(&first, BODY, 1);
	mail_init(&second, body, 1);
	mail_send(&c, &first, &second);
	assert_int_equal(first.results[0].state, DELIVERY_SENT);
	/* The server reads it all and never answers. */
	c.smtp->timeout_ms[WAIT_DOT] = 300;
	mail_send(&c, &second, NULL);
	assert_int_equal(second.results[0].state, DELIVERY_IN_DOUBT);
	client_finish(&c);
	mail_clear(&first);
	mail_clear(&second);
}

static void
a_missing_ca_file_is_found_before_any_connection(void **state)
{
	static char nothing[] = "/nonexistent/ca.pem";
	struct client c;
	struct po_err err;

	(void)state;
	client_init(&c);
	c.conf.relay.tls = TLS_VERIFY;
	c.conf.relay.ca_file = nothing;
	assert_int_equal(client_prepare(&c, &err), -1);
	assert_int_equal(err.code, PO_ECONFIG);
	assert_non_null(strstr(err.text, nothing));
}

static int
forget(void **state)
{
	(void)state;
	script_forget_ca();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_level_keeps_its_promise),
		cmocka_unit_test(groups_and_large_content_go_over_tls),
		cmocka_unit_test(
		    the_log_is_told_of_each_tls_connection_and_of_going_without),
		cmocka_unit_test(
		    a_missing_ca_file_is_found_before_any_connection),
	};

	return cmocka_run_group_tests_name("tls", tests, NULL, forget);
}
