/* SPDX-License-Identifier: ISC */
/* A passwd file in memory, and a shell in the place of getent(1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "submit/account.h"
#include "util/fd.h"

#include <cmocka.h>

static char folder[] = "/tmp/po-account-XXXXXX";
static char getent[sizeof(folder) + 10];

/* A file in memory, and its name. */
static int
make_file(const void *bytes, size_t len, char path[40])
{
	int fd = memfd_create("passwd", 0);

	assert_int_equal(fd_write_all(fd, bytes, len, "passwd", NULL), 0);
	(void)snprintf(path, 40, "/proc/self/fd/%d", fd);
	return fd;
}

static const char file[] =
    "# x:x:1006:1006:a comment:/:/bin/sh\n"
    "root:x:0:0:root:/root:/bin/sh\n"
    "+::::::\n"
    "\n"
    "joe:x:1000:1000:Joe Doe,Room 1,555,:/home/joe:/bin/sh\n"
    "joe2:x:1000:1000:Second:/home/joe:/bin/sh\n"
    "short:x:1001\n"
    ":x:1002:1002:no name:/:/bin/sh\n"
    "big:x:4294967297:1:wraps:/:/bin/sh\n"
    "last:x:1004:1004:no LF:/:/bin/sh";

static const struct {
	const char *name;
	uid_t uid;
	const char *login, *gecos; /* NULL: not found */
} rows[] = {
	{ "the first lines", 0, "root", "root" },
	{ "the first of two with one uid", 1000, "joe", "Joe Doe,Room 1,555," },
	{ "a line that ends early", 1001, "short", "" },
	{ "a line without a login", 1002, NULL, NULL },
	{ "a number that is too large", 1, NULL, NULL },
	{ "a line without an end", 1004, "last", "no LF" },
	{ "a comment", 1006, NULL, NULL },
	{ "nobody", 1005, NULL, NULL },
};

static void
assert_found(const char *name, bool found, const struct account *a,
    const char *login, const char *gecos)
{
	if (found != (login != NULL))
		fail_msg("%s: %sfound", name, found ? "" : "not ");
	if (found && (!span_eq(a->login, span_of(login)) ||
	                 !span_eq(a->gecos, span_of(gecos))))
		fail_msg("%s: %.*s, %.*s", name, (int)a->login.len, a->login.p,
		    (int)a->gecos.len, a->gecos.p);
}

static void
lines_of_the_file_are_read(void **state)
{
	struct account a;
	struct buf line;
	char path[40];
	size_t i;
	int fd = make_file(file, sizeof(file) - 1, path);
	bool found;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_init(&line, ACCOUNT_LINE_BYTES);
		found = account_find(path, NULL, rows[i].uid, &line, &a);
		assert_found(rows[i].name, found, &a, rows[i].login,
		    rows[i].gecos);
		buf_clear(&line);
	}
	fd_close(&fd);
}

/* Whatever of a line falls together with the end of a block. */
static void
a_line_is_found_wherever_it_lies(void **state)
{
	static const char wanted[] = "me:x:7:7:My Self:/:/bin/sh\n";
	struct account a;
	struct buf text, line;
	char path[40];
	size_t before;
	bool found;
	int fd;

	(void)state;
	for (before = 950; before < 1100; before++) {
		buf_init(&text, 10000);
		while (text.len < before)
			(void)buf_putc(&text, 'x');
		(void)buf_putc(&text, '\n');
		(void)buf_puts(&text, wanted);
		fd = make_file(text.p, text.len, path);
		buf_init(&line, ACCOUNT_LINE_BYTES);
		found = account_find(path, NULL, 7, &line, &a);
		assert_found("behind a long line", found, &a, "me", "My Self");
		buf_clear(&line);
		buf_clear(&text);
		fd_close(&fd);
	}
}

static void
a_line_that_is_too_long_is_passed_over(void **state)
{
	static char long_line[3 * ACCOUNT_LINE_BYTES];
	struct account a;
	struct buf text, line;
	char path[40];
	bool found;
	int fd;

	(void)state;
	memset(long_line, 'x', sizeof(long_line));
	memcpy(long_line, "long:x:7:7:", 11);
	buf_init(&text, 100000);
	(void)buf_put(&text, long_line, sizeof(long_line));
	(void)buf_puts(&text, "\nme:x:7:7:second:/:/bin/sh\n");
	fd = make_file(text.p, text.len, path);
	buf_init(&line, ACCOUNT_LINE_BYTES);
	found = account_find(path, NULL, 7, &line, &a);
	assert_found("behind a line that is too long", found, &a, "me",
	    "second");
	buf_clear(&line);
	buf_clear(&text);
	fd_close(&fd);
}

static const struct {
	const char *name, *script;
	const char *login, *gecos;
} answers[] = {
	{ "it is asked for the uid", "echo \"l$2:x:61234:1:$1:/:/bin/sh\"",
	    "l61234", "passwd" },
	{ "another's line is no answer", "echo x:x:61235:1::/:/bin/sh", NULL,
	    NULL },
	{ "it knows nobody", "exit 2", NULL, NULL },
	{ "it says nothing", "exit 0", NULL, NULL },
	{ "it says too much", "while echo x:x:61235:1::/:/bin/sh; do :; done",
	    NULL, NULL },
	{ "its environment is empty",
	    "[ -z \"$EVIL\" ] && echo clean:x:61234:1::/:/bin/sh", "clean",
	    "" },
};

static void
getent_is_asked_for_others(void **state)
{
	struct account a;
	struct buf line;
	FILE *f;
	size_t i;
	bool found;

	(void)state;
	(void)setenv("EVIL", "yes", 1);
	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		f = fopen(getent, "we");
		assert_non_null(f);
		(void)fprintf(f, "#!/bin/sh\n%s\n", answers[i].script);
		assert_int_equal(fclose(f), 0);
		assert_int_equal(chmod(getent, 0700), 0);
		buf_init(&line, ACCOUNT_LINE_BYTES);
		found = account_find("/nonexistent/passwd", getent, 61234,
		    &line, &a);
		assert_found(answers[i].name, found, &a, answers[i].login,
		    answers[i].gecos);
		buf_clear(&line);
	}
}

static void
without_getent_nobody_is_found(void **state)
{
	struct account a;
	struct buf line;

	(void)state;
	buf_init(&line, ACCOUNT_LINE_BYTES);
	assert_false(account_find("/nonexistent/passwd", "/nonexistent/getent",
	    61234, &line, &a));
	buf_clear(&line);
}

static int
make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	(void)snprintf(getent, sizeof(getent), "%s/getent", folder);
	return 0;
}

static int
remove_folder(void **state)
{
	(void)state;
	(void)unlink(getent);
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_the_file_are_read),
		cmocka_unit_test(a_line_is_found_wherever_it_lies),
		cmocka_unit_test(a_line_that_is_too_long_is_passed_over),
		cmocka_unit_test(getent_is_asked_for_others),
		cmocka_unit_test(without_getent_nobody_is_found),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
