/* SPDX-License-Identifier: ISC */
#include "client.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char top[64];

static void
open_box(struct client *c, char *dir)
{
	struct po_err err;

	client_init(c);
	c->conf.transport = 0;
	c->conf.capture_dir = dir;
	assert_int_equal(client_prepare(c, &err), 0);
}

static struct deliver_session *
new_session(struct client *c)
{
	struct deliver_session *s = NULL;
	struct po_err err;

	assert_int_equal(session_new(c->setup, "capture", &c->stop, 1, &s,
	                     &err),
	    0);
	return s;
}

/* Reads every file of new/ into `text`; returns how many there were. */
static size_t
read_new(const char *dir, char text[][512], size_t max)
{
	char path[512];
	struct dirent *e;
	size_t n = 0, got;
	DIR *d;
	FILE *f;

	snprintf(path, sizeof(path), "%s/new", dir);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		assert_true(n < max);
		snprintf(path, sizeof(path), "%s/new/%s", dir, e->d_name);
		f = fopen(path, "r");
		assert_non_null(f);
		got = fread(text[n], 1, 511, f);
		text[n++][got] = '\0';
		fclose(f);
		assert_int_equal(unlink(path), 0);
	}
	closedir(d);
	return n;
}

static void
each_recipient_gets_a_copy(void **state)
{
	static struct mail mail;
	struct client c;
	struct deliver_session *s;
	char text[4][512];
	bool seen[2] = { false, false };
	size_t i;

	(void)state;
	open_box(&c, top);
	s = new_session(&c);
	mail_init(&mail, "Subject: x\n\n.\nhello\n", 2);
	assert_int_equal(session_begin(s, &mail.m, mail.results), 1);
	session_send(s, &mail.m, mail.results, NULL);
	assert_string_equal(session_relay(s), "capture");
	assert_int_equal(read_new(top, text, 4), 2);
	for (i = 0; i < 2; i++) {
		assert_int_equal(mail.results[i].state, DELIVERY_SENT);
		assert_string_equal(mail.results[i].status, "2.0.0");
		seen[0] |= strcmp(text[i], "Return-Path: <s@example.net>\n"
		                           "Delivered-To: r1@example.org\n"
		                           "X-Original-To: r1@example.org\n"
		                           "Subject: x\n\n.\nhello\n") == 0;
		seen[1] |= strcmp(text[i], "Return-Path: <s@example.net>\n"
		                           "Delivered-To: r2@example.org\n"
		                           "X-Original-To: r2@example.org\n"
		                           "Subject: x\n\n.\nhello\n") == 0;
	}
	assert_true(seen[0] && seen[1]);
	session_free(s);
	client_unprepare(&c);
	mail_clear(&mail);
}

static void
a_box_that_cannot_be_made_defers(void **state)
{
	static struct mail mail;
	static char nowhere[] = "/proc/self/nothing/box";
	struct client c;
	struct deliver_session *s;

	(void)state;
	open_box(&c, nowhere);
	s = new_session(&c);
	mail_init(&mail, "x\n", 1);
	assert_int_equal(session_begin(s, &mail.m, mail.results), 0);
	assert_int_equal(mail.results[0].state, DELIVERY_DEFERRED);
	assert_int_equal(mail.results[0].phase, PHASE_LOCAL);
	assert_string_equal(mail.results[0].text,
	    "maildir: mkdir /proc/self/nothing/box: No such file or directory");
	assert_true(session_hop_down(s));
	session_free(s);
	client_unprepare(&c);
	mail_clear(&mail);
}

static void
a_linked_box_is_not_followed(void **state)
{
	static struct mail mail;
	static char box[96];
	struct client c;
	struct deliver_session *s;

	(void)state;
	snprintf(box, sizeof(box), "%s/link", top);
	assert_int_equal(symlink(top, box), 0);
	open_box(&c, box);
	s = new_session(&c);
	mail_init(&mail, "x\n", 1);
	assert_int_equal(session_begin(s, &mail.m, mail.results), 0);
	assert_int_equal(mail.results[0].state, DELIVERY_DEFERRED);
	session_free(s);
	client_unprepare(&c);
	mail_clear(&mail);
	assert_int_equal(unlink(box), 0);
}

static void
a_message_shorter_than_its_length_leaves_no_copy(void **state)
{
	static struct mail mail;
	struct client c;
	struct deliver_session *s;
	char text[4][512];

	(void)state;
	open_box(&c, top);
	s = new_session(&c);
	mail_init(&mail, "x\n", 1);
	mail.m.length = 100;
	assert_int_equal(session_begin(s, &mail.m, mail.results), 1);
	session_send(s, &mail.m, mail.results, NULL);
	assert_int_equal(mail.results[0].state, DELIVERY_DEFERRED);
	assert_int_equal(mail.results[0].phase, PHASE_LOCAL);
	assert_int_equal(read_new(top, text, 4), 0);
	session_free(s);
	client_unprepare(&c);
	mail_clear(&mail);
}

static int
make_top(void **state)
{
	(void)state;
	snprintf(top, sizeof(top), "/tmp/po-test-capture.XXXXXX");
	return mkdtemp(top) == NULL ? -1 : 0;
}

static int
remove_top(void **state)
{
	static const char *const folders[] = { "tmp", "new", "cur" };
	char path[96];
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", top, folders[i]);
		/* An empty folder: nothing is left in tmp/. */
		if (rmdir(path) == -1)
			return -1;
	}
	return rmdir(top);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_recipient_gets_a_copy),
		cmocka_unit_test(a_box_that_cannot_be_made_defers),
		cmocka_unit_test(a_linked_box_is_not_followed),
		cmocka_unit_test(
		    a_message_shorter_than_its_length_leaves_no_copy),
	};

	return cmocka_run_group_tests_name("capture", tests, make_top,
	    remove_top);
}
