/* SPDX-License-Identifier: ISC */
/* AUTH PLAIN and LOGIN; base64 of the expected lines by coreutils' base64. */
#include "client.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define BODY "Subject: x\n\nhello\n"
#define WIRE_BODY "Subject: x\r\n\r\nhello\r\n.\r\n"
#define EHLO_LINE HEAR("EHLO client.example.org")
#define GREET ACCEPT, SAY("220 sink ESMTP\r\n"), EHLO_LINE
#define MAIL_AND_BYE                                                           \
	HEAR("MAIL FROM:<s@example.net>"), SAY("250 ok\r\n"),                  \
	    HEAR("RCPT TO:<r1@example.org>"), SAY("250 ok\r\n"), HEAR("DATA"), \
	    SAY("354 go\r\n"), CONTENT(WIRE_BODY), SAY("250 done\r\n"),        \
	    HEAR("QUIT"), SAY("221 bye\r\n"), END
#define QUITS HEAR("QUIT"), SAY("221 bye\r\n"), END

#define NOTHING                                                                \
	"authentication failed: the server offers no mechanism that po "       \
	"knows, and SCRAM-SHA-256, SCRAM-SHA-1, PLAIN, LOGIN is allowed"

static char password_file[64];

static const struct auth_case {
	const char *name;
	struct script_step script[32];
	const char *text; /* NULL: sent */
} cases[] = {
	{ "PLAIN is preferred and takes one step",
	    { GREET, SAY("250-sink\r\n250 AUTH LOGIN PLAIN CRAM-MD5\r\n"),
	        HEAR("AUTH PLAIN AHVzZXIAc2VjcmV0"), SAY("235 2.7.0 hi\r\n"),
	        MAIL_AND_BYE },
	    NULL },
	{ "LOGIN takes three",
	    { GREET, SAY("250-sink\r\n250 AUTH LOGIN\r\n"), HEAR("AUTH LOGIN"),
	        SAY("334 VXNlcm5hbWU6\r\n"), HEAR("dXNlcg=="),
	        SAY("334 UGFzc3dvcmQ6\r\n"), HEAR("c2VjcmV0"),
	        SAY("235 2.7.0 hi\r\n"), MAIL_AND_BYE },
	    NULL },
	{ "the offer of old servers, with an equals sign",
	    { GREET, SAY("250-sink\r\n250 AUTH=LOGIN\r\n"), HEAR("AUTH LOGIN"),
	        SAY("334 VXNlcm5hbWU6\r\n"), HEAR("dXNlcg=="),
	        SAY("334 UGFzc3dvcmQ6\r\n"), HEAR("c2VjcmV0"),
	        SAY("235 2.7.0 hi\r\n"), MAIL_AND_BYE },
	    NULL },
	{ "a wrong password defers, 535 or not",
	    { GREET, SAY("250-sink\r\n250 AUTH PLAIN\r\n"),
	        HEAR("AUTH PLAIN AHVzZXIAc2VjcmV0"), SAY("535 5.7.8 wrong\r\n"),
	        QUITS },
	    "authentication failed: PLAIN: 535 5.7.8 wrong" },
	{ "LOGIN refused at its second step",
	    { GREET, SAY("250-sink\r\n250 AUTH LOGIN\r\n"), HEAR("AUTH LOGIN"),
	        SAY("334 VXNlcm5hbWU6\r\n"), HEAR("dXNlcg=="),
	        SAY("535 5.7.8 who?\r\n"), QUITS },
	    "authentication failed: LOGIN: 535 5.7.8 who?" },
	{ "a challenge where PLAIN was said is no success",
	    { GREET, SAY("250-sink\r\n250 AUTH PLAIN\r\n"),
	        HEAR("AUTH PLAIN AHVzZXIAc2VjcmV0"), SAY("334 \r\n"), HEAR("*"),
	        SAY("501 5.7.0 as you like\r\n"), QUITS },
	    "authentication failed: PLAIN: the server asks for more than PLAIN "
	    "has" },
	{ "no mechanism that we know",
	    { GREET, SAY("250-sink\r\n250 AUTH PLAIN-CLIENTTOKEN GSSAPI\r\n"),
	        END },
	    NOTHING },
	{ "no AUTH at all", { GREET, SAY("250 sink\r\n"), END }, NOTHING },
	{ "CRAM-MD5 is not used where it is not asked for",
	    { GREET, SAY("250-sink\r\n250 AUTH CRAM-MD5\r\n"), END },
	    "authentication failed: the server offers CRAM-MD5, and "
	    "SCRAM-SHA-256, SCRAM-SHA-1, PLAIN, LOGIN is allowed" },
	{ "AUTH with a tab, over which others loop",
	    { GREET, SAY("250-sink\r\n250-AUTH \tLOGIN\r\n250 AUTH\t\r\n"),
	        HEAR("AUTH LOGIN"), SAY("334 VXNlcm5hbWU6\r\n"),
	        HEAR("dXNlcg=="), SAY("334 UGFzc3dvcmQ6\r\n"), HEAR("c2VjcmV0"),
	        SAY("235 2.7.0 hi\r\n"), MAIL_AND_BYE },
	    NULL },
	{ "the end in the midst",
	    { GREET, SAY("250-sink\r\n250 AUTH LOGIN\r\n"), HEAR("AUTH LOGIN"),
	        HANG_UP },
	    "lost connection with 127.0.0.1[127.0.0.1]:%d in AUTH" },
};

static void
write_password(const char *text, mode_t mode)
{
	FILE *f = fopen(password_file, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(password_file, mode), 0);
}

static void
with_user(struct client *c)
{
	static char user[] = "user";

	client_init(c);
	c->conf.relay.user = user;
	c->conf.relay.password_file = password_file;
}

static void
authentication_takes_its_steps(void **state)
{
	static struct mail mail;
	char want[256];
	struct client c;
	size_t i;

	(void)state;
	write_password("secret\n", 0600);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct auth_case *t = &cases[i];
		const struct delivery *d = &mail.results[0];

		print_message("# %s\n", t->name);
		with_user(&c);
		client_start(&c, t->script);
		mail_init(&mail, BODY, 1);
		mail_send(&c, &mail, NULL);
		if (t->text == NULL && d->state != DELIVERY_SENT)
			fail_msg("%s: %s", t->name, d->text);
		if (t->text != NULL) {
			const char *port = strstr(t->text, "%d");

			if (port == NULL)
				snprintf(want, sizeof(want), "%s", t->text);
			else
				snprintf(want, sizeof(want), "%.*s%d%s",
				    (int)(port - t->text), t->text,
				    c.server.port, port + 2);
			assert_string_equal(d->text, want);
			assert_int_equal(d->state, DELIVERY_DEFERRED);
			assert_int_equal(d->phase, PHASE_AUTH);
			assert_int_equal(d->status[0], '4');
			assert_true(transport_smtp.hop_down(c.smtp));
		}
		client_finish(&c);
		mail_clear(&mail);
	}
}

/* The list allows what is weak, and forbids what would be tried first; the
 * digest by Python's hmac. */
static void
the_list_decides_what_may_be_used(void **state)
{
	static const struct script_step script[] = { GREET,
		SAY("250-sink\r\n250 AUTH PLAIN SCRAM-SHA-256 CRAM-MD5\r\n"),
		HEAR("AUTH CRAM-MD5"),
		SAY("334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UuZXhhbXBsZT4=\r\n"),
		HEAR("dXNlciBmZTU2MTcwZGU0MDY3NjNlZjNjMTc4YjU1MjRmMTM3Ng=="),
		SAY("235 2.7.0 hi\r\n"), MAIL_AND_BYE, { SCRIPT_DONE, NULL } };
	static char cram[] = "cram-md5", *names[] = { cram };
	static struct mail mail;
	struct client c;

	(void)state;
	write_password("secret\n", 0600);
	with_user(&c);
	c.conf.relay.auth = (struct conf_names){ names, 1 };
	client_start(&c, script);
	mail_init(&mail, BODY, 1);
	mail_send(&c, &mail, NULL);
	assert_string_equal(mail.results[0].text, "250 done");
	client_finish(&c);
	mail_clear(&mail);
}

static void
a_mechanism_that_nobody_knows_is_found_before_any_connection(void **state)
{
	static char name[] = "SCRAM-MD5", *names[] = { name };
	struct po_err err;
	struct client c;

	(void)state;
	with_user(&c);
	c.conf.relay.auth = (struct conf_names){ names, 1 };
	assert_int_equal(client_prepare(&c, &err), -1);
	assert_int_equal(err.code, PO_ECONFIG);
	assert_string_equal(err.text,
	    "relay.auth: \"SCRAM-MD5\" is no mechanism that po knows");
}

/* RFC 4954, section 4: the line is too long, the response follows 334. */
static void
a_long_password_follows_the_challenge(void **state)
{
	static char password[502], response[1024], end[64];
	static const char first[] = "AUTH PLAIN";
	static struct mail mail;
	struct script_step script[] = { GREET,
		SAY("250-sink\r\n250 AUTH PLAIN\r\n"), HEAR(first),
		SAY("334 \r\n"), HEAR(response), SAY("235 ok\r\n"),
		MAIL_AND_BYE, { SCRIPT_DONE, NULL } };
	struct client c;
	size_t i;

	(void)state;
	memset(password, 'a', 500);
	write_password(password, 0600);
	/* base64 of "\0user\0" and 500 times "a". */
	snprintf(response, sizeof(response), "AHVzZXIA");
	for (i = 0; i < 166; i++)
		memcpy(response + 8 + 4 * i, "YWFh", 4);
	snprintf(end, sizeof(end), "YWE=");
	memcpy(response + 8 + 4 * 166, end, 5);
	with_user(&c);
	client_start(&c, script);
	mail_init(&mail, BODY, 1);
	mail_send(&c, &mail, NULL);
	assert_int_equal(mail.results[0].state, DELIVERY_SENT);
	client_finish(&c);
	mail_clear(&mail);
}

/* An IPv4 address of this host that is not of the loopback net. */
static bool
own_address(char *out, size_t max)
{
	struct ifaddrs *list, *i;
	bool found = false;

	if (getifaddrs(&list) == -1)
		return false;
	for (i = list; i != NULL && !found; i = i->ifa_next)
		found = i->ifa_addr != NULL &&
		        i->ifa_addr->sa_family == AF_INET &&
		        (i->ifa_flags & IFF_LOOPBACK) == 0 &&
		        getnameinfo(i->ifa_addr, sizeof(struct sockaddr_in),
		            out, (socklen_t)max, NULL, 0, NI_NUMERICHOST) == 0;
	freeifaddrs(list);
	return found;
}

static void
no_password_goes_in_clear_text_over_a_network(void **state)
{
	static const struct script_step script[] = { GREET,
		SAY("250-sink\r\n250 AUTH PLAIN\r\n"), END,
		{ SCRIPT_DONE, NULL } };
	static struct mail mail;
	char address[64];
	struct client c;

	(void)state;
	if (!own_address(address, sizeof(address))) {
		print_message("# no network interface here\n");
		skip();
	}
	write_password("secret\n", 0600);
	with_user(&c);
	c.listen = c.conf.relay.host = address;
	client_start(&c, script);
	mail_init(&mail, BODY, 1);
	mail_send(&c, &mail, NULL);
	assert_int_equal(mail.results[0].state, DELIVERY_DEFERRED);
	assert_int_equal(mail.results[0].phase, PHASE_AUTH);
	assert_string_equal(mail.results[0].text,
	    "authentication: refused by us, the connection is not encrypted");
	client_finish(&c);
	mail_clear(&mail);
}

static int
make_file(void **state)
{
	int fd;

	(void)state;
	snprintf(password_file, sizeof(password_file),
	    "/tmp/po-test-password.XXXXXX");
	fd = mkstemp(password_file);
	return fd == -1 ? -1 : close(fd);
}

static int
remove_file(void **state)
{
	(void)state;
	return unlink(password_file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(authentication_takes_its_steps),
		cmocka_unit_test(the_list_decides_what_may_be_used),
		cmocka_unit_test(
		    a_mechanism_that_nobody_knows_is_found_before_any_connection),
		cmocka_unit_test(a_long_password_follows_the_challenge),
		cmocka_unit_test(no_password_goes_in_clear_text_over_a_network),
	};

	return cmocka_run_group_tests_name("auth", tests, make_file,
	    remove_file);
}
