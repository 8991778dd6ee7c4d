/* SPDX-License-Identifier: ISC */
/* The password file and the name service are made here; GECOS as finger(1) and
 * Sendmail read it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "submit/caller.h"

#include <cmocka.h>

static const char *passwd_file; /* NULL: there is none */
static struct passwd *service;  /* what getpwuid() knows */
static uid_t uid;
static unsigned asked; /* how often the name service was */

FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);
struct passwd *__wrap_getpwuid(uid_t id);
uid_t __wrap_getuid(void);

FILE *
__wrap_fopen(const char *path, const char *mode)
{
	FILE *f;

	assert_string_equal(path, "/etc/passwd");
	(void)mode;
	if (passwd_file == NULL)
		return NULL;
	f = fmemopen(NULL, strlen(passwd_file) + 1, "w+");
	assert_non_null(f);
	assert_true(fputs(passwd_file, f) >= 0);
	rewind(f);
	return f;
}

FILE *
__wrap_fopen64(const char *path, const char *mode)
{
	return __wrap_fopen(path, mode);
}

struct passwd *
__wrap_getpwuid(uid_t id)
{
	asked++;
	return service != NULL && service->pw_uid == id ? service : NULL;
}

uid_t
__wrap_getuid(void)
{
	return uid;
}

static const char file[] =
    "root:x:0:0:root:/root:/bin/sh\n"
    "joe:x:1000:1000:Joe Doe,Room 1,555,:/home/joe:/bin/sh\n"
    "jim:x:1001:1001:& Smith:/home/jim:/bin/sh\n"
    "a b:x:1002:1002::/:/bin/sh\n"
    "-x:x:1003:1003:X:/:/bin/sh\n"
    "no.dot.:x:1004:1004:X:/:/bin/sh\n"
    "www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n";

static const struct {
	const char *name;
	uid_t uid;
	const char *login, *full_name;
	unsigned asked;
} rows[] = {
	{ "who is in the file", 33, "www-data", "www-data", 0 },
	{ "GECOS ends at the comma", 1000, "joe", "Joe Doe", 0 },
	{ "& is the login", 1001, "jim", "Jim Smith", 0 },
	{ "a login that is no local part", 1002, "1002", "", 0 },
	{ "a login that looks like an option", 1003, "1003", "X", 0 },
	{ "a login that ends with a dot", 1004, "1004", "X", 0 },
	{ "who is in another service", 2000, "ldap", "L. Dap", 1 },
	{ "who has no name", 3000, "3000", "", 1 },
};

static void
names_are_found_in_file_and_service(void **state)
{
	static char login[] = "ldap", gecos[] = "L. Dap";
	static struct passwd entry = { .pw_name = login,
		.pw_uid = 2000,
		.pw_gecos = gecos };
	struct arena arena;
	struct caller c;
	size_t i;

	(void)state;
	passwd_file = file;
	service = &entry;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uid = rows[i].uid;
		asked = 0;
		arena_init(&arena, 10000);
		assert_int_equal(caller_find(&c, &arena, NULL), 0);
		if (c.uid != uid || strcmp(c.login, rows[i].login) != 0 ||
		    strcmp(c.full_name, rows[i].full_name) != 0 ||
		    asked != rows[i].asked)
			fail_msg("%s: %s (%s)", rows[i].name, c.login,
			    c.full_name);
		arena_clear(&arena);
	}
}

static void
without_a_file_the_service_is_asked(void **state)
{
	struct arena arena;
	struct caller c;

	(void)state;
	passwd_file = NULL;
	service = NULL;
	uid = 7;
	asked = 0;
	arena_init(&arena, 10000);
	assert_int_equal(caller_find(&c, &arena, NULL), 0);
	assert_string_equal(c.login, "7");
	assert_int_equal(asked, 1);
	arena_clear(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found_in_file_and_service),
		cmocka_unit_test(without_a_file_the_service_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
