/* SPDX-License-Identifier: ISC */
/* Deadlines, the stop flag, blocked writes, and relays that are not there. */
#include "client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/wallclock.h"

#define BODY "Subject: x\n\nhello\n"
#define WIRE_BODY "Subject: x\r\n\r\nhello\r\n.\r\n"
#define HELLO                                                                  \
	ACCEPT, SAY("220 sink\r\n"), HEAR("EHLO client.example.org"),          \
	    SAY("250-sink\r\n250 PIPELINING\r\n")
#define GROUP                                                                  \
	HEAR("MAIL FROM:<s@example.net>"), HEAR("RCPT TO:<r1@example.org>"),   \
	    HEAR("DATA")
#define GO SAY("250 ok\r\n250 ok\r\n354 go\r\n")
#define SLOW_MS 10000 /* far more than any wait here, far less than a phase */

static volatile sig_atomic_t *flag;

static void
on_signal(int sig)
{
	(void)sig;
	*flag = 1;
}

static void
take_signals(struct client *c)
{
	struct sigaction sa = { .sa_handler = on_signal };

	flag = &c->stop;
	assert_int_equal(sigaction(SIGUSR1, &sa, NULL), 0);
}

static void
a_server_that_drips_cannot_stretch_a_phase(void **state)
{
	static const struct script_step script[] = { ACCEPT,
		TRICKLE("220-a\r\n"), { SCRIPT_DONE, NULL } };
	static struct mail mail;
	struct client c;
	int64_t begun = monotonic_ms();

	(void)state;
	client_init(&c);
	client_start(&c, script);
	c.smtp->timeout_ms[WAIT_GREETING] = 900;
	mail_init(&mail, BODY, 1);
	mail_send(&c, &mail, NULL);
	assert_int_equal(mail.results[0].state, DELIVERY_DEFERRED);
	assert_int_equal(mail.results[0].phase, PHASE_GREETING);
	assert_non_null(strstr(mail.results[0].text, "timed out in greeting"));
	assert_true(transport_smtp.hop_down(c.smtp));
	assert_true(monotonic_ms() - begun < SLOW_MS);
	client_finish(&c);
	mail_clear(&mail);
}

static void
a_stop_while_waiting_leaves_the_message_untouched(void **state)
{
	static const struct script_step greeting[] = { ACCEPT, SIGNAL, END,
		{ SCRIPT_DONE, NULL } };
	static const struct script_step rcpt[] = { HELLO, GROUP,
		SAY("250 ok\r\n"), SIGNAL, END, { SCRIPT_DONE, NULL } };
	static const struct script_step *const scripts[] = { greeting, rcpt };
	static struct mail mail;
	struct client c;
	int64_t begun = monotonic_ms();
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		client_init(&c);
		take_signals(&c);
		client_start(&c, scripts[i]);
		mail_init(&mail, BODY, 1);
		mail_send(&c, &mail, NULL);
		assert_int_equal(mail.results[0].state, DELIVERY_UNTOUCHED);
		assert_false(transport_smtp.hop_down(c.smtp));
		client_finish(&c);
		mail_clear(&mail);
	}
	assert_true(monotonic_ms() - begun < SLOW_MS);
}

static void
a_stop_before_the_dot_sends_none(void **state)
{
	static const struct script_step script[] = { HELLO, GROUP, GO, END,
		{ SCRIPT_DONE, NULL } };
	static struct mail mail;
	struct client c;

	(void)state;
	client_init(&c);
	client_start(&c, script);
	mail_init(&mail, BODY, 1);
	assert_int_equal(transport_smtp.begin(c.smtp, &mail.m, mail.results),
	    1);
	c.stop = 1;
	transport_smtp.send(c.smtp, &mail.m, mail.results, NULL);
	assert_int_equal(mail.results[0].state, DELIVERY_UNTOUCHED);
	/* And nothing new is begun. */
	assert_int_equal(transport_smtp.begin(c.smtp, &mail.m, mail.results),
	    0);
	assert_int_equal(mail.results[0].state, DELIVERY_UNTOUCHED);
	client_finish(&c);
	mail_clear(&mail);
}

/* The server waits for content: QUIT would be some. */
/* Known before the dot leaves: no doubt. */
static void
a_server_that_left_behind_354_has_not_taken_the_message(void **state)
{
	static const struct script_step script[] = { HELLO, GROUP, GO, LEAVE,
		{ SCRIPT_DONE, NULL } };
	static struct mail mail;
	struct client c;

	(void)state;
	client_init(&c);
	client_start(&c, script);
	mail_init(&mail, BODY, 1);
	assert_int_equal(transport_smtp.begin(c.smtp, &mail.m, mail.results),
	    1);
	script_finish(&c.server);
	transport_smtp.send(c.smtp, &mail.m, mail.results, NULL);
	assert_int_equal(mail.results[0].state, DELIVERY_DEFERRED);
	assert_int_equal(mail.results[0].phase, PHASE_CONTENT);
	transport_smtp.close(c.smtp);
	client_unprepare(&c);
	mail_clear(&mail);
}

static void
a_stop_behind_the_dot_waits_for_the_reply(void **state)
{
	static const struct script_step answers[] = { HELLO, GROUP, GO,
		CONTENT(WIRE_BODY), SIGNAL, DRIP("250 done\r\n"), SWALLOW,
		{ SCRIPT_DONE, NULL } };
	static const struct script_step silent[] = { HELLO, GROUP, GO,
		CONTENT(WIRE_BODY), SIGNAL, SWALLOW, { SCRIPT_DONE, NULL } };
	static struct mail mail;
	struct client c;
	int64_t begun = monotonic_ms();

	(void)state;
	client_init(&c);
	take_signals(&c);
	client_start(&c, answers);
	mail_init(&mail, BODY, 1);
	mail_send(&c, &mail, NULL);
	assert_int_equal(mail.results[0].state, DELIVERY_SENT);
	client_finish(&c);

	client_init(&c);
	take_signals(&c);
	client_start(&c, silent);
	c.smtp->stop_grace_ms = 300;
	mail_send(&c, &mail, NULL);
	assert_int_equal(mail.results[0].state, DELIVERY_IN_DOUBT);
	client_finish(&c);
	mail_clear(&mail);
	assert_true(monotonic_ms() - begun < SLOW_MS);
}

/* The server refuses large content early, closes, and reads no further. */
static void
a_refusal_in_the_midst_of_content_is_heard(void **state)
{
	enum { BYTES = 8 << 20 };
	static const struct script_step script[] = { HELLO, GROUP, GO,
		HEAR("Subject: x"), SAY("552 5.3.4 too big\r\n"), RESET,
		{ SCRIPT_DONE, NULL } };
	static struct mail mail;
	struct client c;
	char *content = malloc(BYTES + 1);

	(void)state;
	assert_non_null(content);
	memset(content, '\n', BYTES);
	memcpy(content, "Subject: x", 10);
	content[BYTES] = '\0';
	client_init(&c);
	client_start(&c, script);
	mail_init(&mail, content, 1);
	mail_send(&c, &mail, NULL);
	/* A reset may overtake the reply: then it is a lost connection, never
	 * a doubt. */
	assert_int_equal(mail.results[0].phase, PHASE_CONTENT);
	if (mail.results[0].reply_code == 552)
		assert_int_equal(mail.results[0].state, DELIVERY_FAILED);
	else
		assert_int_equal(mail.results[0].state, DELIVERY_DEFERRED);
	client_finish(&c);
	mail_clear(&mail);
	free(content);
}

/* Both sides write more than the socket holds before they read. */
static void
a_blocked_write_reads_meanwhile(void **state)
{
	enum { OURS = 4 << 20, THEIRS = 200000 };
	static char block[65536];
	struct stream *st;
	struct span line;
	size_t bytes, got = 0;
	ssize_t n;
	int pair[2], status, small = 4096;
	pid_t pid;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	                     pair),
	    0);
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small,
	                     sizeof(small)),
	    0);
	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &small,
	                     sizeof(small)),
	    0);
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		alarm(20);
		memset(block, 'x', sizeof(block));
		for (got = 0; got < THEIRS; got += 1000) {
			block[999] = '\n';
			if (write(pair[1], block, 1000) != 1000)
				_exit(1);
		}
		for (got = 0; got < OURS; got += (size_t)n) {
			n = read(pair[1], block, sizeof(block));
			if (n <= 0)
				_exit(2);
		}
		_exit(0);
	}
	close(pair[1]);
	assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
	st = stream_new(pair[0], NULL);
	stream_set_deadline(st, SLOW_MS);
	for (got = 0; got < OURS; got += sizeof(block))
		assert_true(stream_put(st, block, sizeof(block)));
	assert_true(stream_flush(st));
	assert_int_equal(st->written, OURS);
	st->budget = THEIRS;
	for (got = 0; got < THEIRS; got += bytes) {
		assert_true(stream_get_line(st, &line, &bytes));
		assert_int_equal(bytes, 1000);
		assert_int_equal(line.len, 999);
	}
	stream_free(st);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* A port that nobody listens on: bound, then closed. */
static int
free_port(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	close(fd);
	return ntohs(sa.sin_port);
}

static void
send_to(const char *host, int port, struct delivery *result, bool *down)
{
	static struct mail mail;
	char relay[256];
	struct deliver_session *s = NULL;
	struct po_err err;
	struct client c;

	snprintf(relay, sizeof(relay), "%s", host);
	client_init(&c);
	c.conf.relay.host = relay;
	c.conf.relay.port = port;
	c.conf.relay.connect_timeout_s = 5;
	assert_int_equal(client_prepare(&c, &err), 0);
	assert_int_equal(session_new(c.setup, c.routes->rules[0].hop, NULL, 1,
	                     &s, &err),
	    0);
	mail_init(&mail, BODY, 1);
	assert_int_equal(session_begin(s, &mail.m, mail.results), 0);
	*result = mail.results[0];
	*down = session_hop_down(s);
	assert_string_equal(session_relay(s), "none");
	session_free(s);
	client_unprepare(&c);
	mail_clear(&mail);
}

static void
a_relay_that_is_not_there_defers_and_says_so(void **state)
{
	struct delivery d;
	char want[128];
	bool down;
	int port = free_port();

	(void)state;
	send_to("127.0.0.1", port, &d, &down);
	snprintf(want, sizeof(want),
	    "connect to 127.0.0.1[127.0.0.1]:%d: Connection refused", port);
	assert_string_equal(d.text, want);
	assert_string_equal(d.status, "4.4.1");
	assert_int_equal(d.state, DELIVERY_DEFERRED);
	assert_int_equal(d.phase, PHASE_CONNECT);
	assert_true(down);
	send_to("[127.0.0.1]", port, &d, &down);
	assert_string_equal(d.text, want);
	/* RFC 6761: a name that never exists. */
	send_to("nowhere.invalid", 25, &d, &down);
	assert_ptr_equal(strstr(d.text, "look up nowhere.invalid: "), d.text);
	assert_string_equal(d.status, "4.4.3");
	assert_int_equal(d.state, DELIVERY_DEFERRED);
	assert_true(down);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_that_drips_cannot_stretch_a_phase),
		cmocka_unit_test(
		    a_stop_while_waiting_leaves_the_message_untouched),
		cmocka_unit_test(a_stop_before_the_dot_sends_none),
		cmocka_unit_test(
		    a_server_that_left_behind_354_has_not_taken_the_message),
		cmocka_unit_test(a_stop_behind_the_dot_waits_for_the_reply),
		cmocka_unit_test(a_refusal_in_the_midst_of_content_is_heard),
		cmocka_unit_test(a_blocked_write_reads_meanwhile),
		cmocka_unit_test(a_relay_that_is_not_there_defers_and_says_so),
	};

	return cmocka_run_group_tests_name("smtp_time", tests, NULL, NULL);
}
