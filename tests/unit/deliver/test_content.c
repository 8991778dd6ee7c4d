/* SPDX-License-Identifier: ISC */
/*
 * Content on the wire, through a real session: dots, line ends, blocks. The
 * server compares byte for byte; that it hears one message and then QUIT means
 * that nothing was smuggled.
 */
#include "client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "deliver/content.h"
#include "util/fd.h"

#define BEFORE                                                                 \
	ACCEPT, SAY("220 sink\r\n"), HEAR("EHLO client.example.org"),          \
	    SAY("250-sink\r\n250 PIPELINING\r\n"),                             \
	    HEAR("MAIL FROM:<s@example.net>"),                                 \
	    HEAR("RCPT TO:<r1@example.org>"), HEAR("DATA"),                    \
	    SAY("250 ok\r\n250 ok\r\n354 go\r\n")
#define AFTER                                                                  \
	SAY("250 done\r\n"), HEAR("QUIT"), SAY("221 bye\r\n"), END,            \
	{                                                                      \
		SCRIPT_DONE, NULL                                              \
	}

static void
send_one(const char *content, size_t len, const char *wire)
{
	const struct script_step script[] = { BEFORE, CONTENT(wire), AFTER };
	static struct mail mail;
	struct client c;

	client_init(&c);
	client_start(&c, script);
	mail_init(&mail, "", 1);
	assert_int_equal(fd_pwrite_all(mail.m.fd, content, len, mail.m.at,
	                     "test", NULL),
	    0);
	mail.m.length = len;
	mail_send(&c, &mail, NULL);
	assert_int_equal(mail.results[0].state, DELIVERY_SENT);
	client_finish(&c);
	mail_clear(&mail);
}

static void
dots_are_doubled_and_line_ends_made_whole(void **state)
{
	static const struct {
		const char *name, *content, *wire;
	} rows[] = {
		{ "no final line end", "a", "a\r\n.\r\n" },
		{ "a lone dot", ".\n", "..\r\n.\r\n" },
		{ "a dot and no line end", ".", "..\r\n.\r\n" },
		{ "dots", "..a\nb.\n.\n", "...a\r\nb.\r\n..\r\n.\r\n" },
		{ "empty lines", "\n\n", "\r\n\r\n.\r\n" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# %s\n", rows[i].name);
		send_one(rows[i].content, strlen(rows[i].content),
		    rows[i].wire);
	}
}

/* More than a block, so that the second part begins at the right place; less
 * than a socket holds. */
static void
content_in_memory_needs_no_file(void **state)
{
	static char content[CONTENT_BLOCK_BYTES + 100];
	static char heard[2 * sizeof(content)];
	struct deliver_message m = { .fd = -1,
		.at = 4711,
		.bytes = content,
		.length = sizeof(content) };
	char *block = malloc(CONTENT_BLOCK_BYTES);
	struct stream *st;
	struct po_err err;
	size_t got = 0;
	ssize_t n;
	int pair[2];

	(void)state;
	memset(content, 'x', sizeof(content));
	memcpy(content + CONTENT_BLOCK_BYTES, "y\n.", 3);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	st = stream_new(pair[0], NULL);
	assert_int_equal(content_put(st, &m, 5000, block, &err), 0);
	assert_true(stream_flush(st));
	stream_free(st);
	while ((n = read(pair[1], heard + got, sizeof(heard) - got)) > 0)
		got += (size_t)n;
	/* A CR, a second dot, and CR LF at the end. */
	assert_int_equal(got, sizeof(content) + 4);
	assert_memory_equal(heard, content, CONTENT_BLOCK_BYTES);
	assert_memory_equal(heard + CONTENT_BLOCK_BYTES, "y\r\n..x", 6);
	assert_memory_equal(heard + got - 3, "x\r\n", 3);
	close(pair[1]);
	free(block);
}

/* Each of CR, LF, CR LF before a dot, and behind it: one message always. */
static void
no_line_end_smuggles_a_message(void **state)
{
	static const char *const ends[] = { "\r", "\n", "\r\n" };
	char content[64];
	size_t i, k, n;

	(void)state;
	for (i = 0; i < 9; i++)
		for (k = 0; k < 3; k++) {
			n = (size_t)snprintf(content, sizeof(content),
			    "a%s.%sMAIL FROM:<x@y>%s", ends[i / 3], ends[i % 3],
			    ends[k]);
			send_one(content, n,
			    "a\r\n..\r\nMAIL FROM:<x@y>\r\n.\r\n");
		}
}

static void
nul_is_dropped(void **state)
{
	(void)state;
	send_one("a\n\0.\n\0b\n", 8, "a\r\n..\r\nb\r\n.\r\n");
}

/* A CR or a dot that stands at the end of a block, and at its beginning. */
static void
blocks_join_without_a_seam(void **state)
{
	static char content[CONTENT_BLOCK_BYTES + 16];
	static char clean[CONTENT_BLOCK_BYTES + 16];
	bool after_cr = false;
	size_t n;

	(void)state;
	memset(content, 'x', sizeof(content));
	content[CONTENT_BLOCK_BYTES - 1] = '\r';
	content[CONTENT_BLOCK_BYTES] = '\n';
	memcpy(clean, content, sizeof(clean));
	n = content_clean(clean, CONTENT_BLOCK_BYTES, &after_cr);
	assert_int_equal(n, CONTENT_BLOCK_BYTES);
	assert_int_equal(clean[n - 1], '\n');
	assert_true(after_cr);
	n = content_clean(clean + CONTENT_BLOCK_BYTES, 16, &after_cr);
	assert_int_equal(n, 15);
	assert_int_equal(clean[CONTENT_BLOCK_BYTES], 'x');
	assert_false(after_cr);
}

/* 1 MB over a block's border at every offset would be long: one that has a
 * dot first in the second block is enough. */
static void
a_dot_first_in_a_block_is_doubled(void **state)
{
	static char content[CONTENT_BLOCK_BYTES + 3];
	static char heard[CONTENT_BLOCK_BYTES * 2];
	struct stream *st;
	struct po_err err;
	char *block = malloc(CONTENT_BLOCK_BYTES);
	size_t got = 0, n;
	ssize_t r;
	FILE *f = tmpfile();
	int pair[2];
	pid_t pid;

	(void)state;
	memset(content, 'x', sizeof(content));
	content[CONTENT_BLOCK_BYTES - 1] = '\n';
	memcpy(content + CONTENT_BLOCK_BYTES, ".y\n", 3);
	assert_int_equal(fwrite(content, 1, sizeof(content), f),
	    sizeof(content));
	assert_int_equal(fflush(f), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	pid = fork();
	if (pid == 0) {
		struct deliver_message m = { .fd = fileno(f),
			.length = sizeof(content) };

		st = stream_new(pair[0], NULL);
		n = 0;
		if (content_put(st, &m, 5000, block, &err) == 0 &&
		    stream_flush(st))
			n = 1;
		stream_free(st);
		_exit(n == 1 ? 0 : 1);
	}
	close(pair[0]);
	while ((r = read(pair[1], heard + got, sizeof(heard) - got)) > 0)
		got += (size_t)r;
	/* One CR for each of two lines, one dot. */
	assert_int_equal(got, sizeof(content) + 3);
	assert_memory_equal(heard + got - 8, "x\r\n..y\r\n", 8);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(pair[1]);
	fclose(f);
	free(block);
}

static void
a_file_that_ends_too_early_defers_without_a_dot(void **state)
{
	static const struct script_step script[] = { BEFORE, END,
		{ SCRIPT_DONE, NULL } };
	static struct mail mail;
	struct client c;

	(void)state;
	client_init(&c);
	client_start(&c, script);
	mail_init(&mail, "Subject: x\n", 1);
	mail.m.length += 1;
	mail_send(&c, &mail, NULL);
	assert_int_equal(mail.results[0].state, DELIVERY_DEFERRED);
	assert_int_equal(mail.results[0].phase, PHASE_LOCAL);
	assert_false(transport_smtp.hop_down(c.smtp));
	client_finish(&c);
	mail_clear(&mail);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dots_are_doubled_and_line_ends_made_whole),
		cmocka_unit_test(content_in_memory_needs_no_file),
		cmocka_unit_test(no_line_end_smuggles_a_message),
		cmocka_unit_test(nul_is_dropped),
		cmocka_unit_test(blocks_join_without_a_seam),
		cmocka_unit_test(a_dot_first_in_a_block_is_doubled),
		cmocka_unit_test(
		    a_file_that_ends_too_early_defers_without_a_dot),
	};

	return cmocka_run_group_tests_name("content", tests, NULL, NULL);
}
