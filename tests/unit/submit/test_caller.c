/* SPDX-License-Identifier: ISC */
/* GECOS as finger(1) and Sendmail read it; the host's accounts are made here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "submit/account.h"
#include "submit/caller.h"

#include <cmocka.h>

static const char *login, *gecos; /* of the account; NULL: there is none */
static uid_t uid;

bool __wrap_account_find(const char *file, const char *getent, uid_t id,
    struct buf *line, struct account *a);
uid_t __wrap_getuid(void);

bool
__wrap_account_find(const char *file, const char *getent, uid_t id,
    struct buf *line, struct account *a)
{
	assert_string_equal(file, "/etc/passwd");
	assert_string_equal(getent, "/usr/bin/getent");
	assert_int_equal(id, uid);
	(void)line;
	if (login == NULL)
		return false;
	*a = (struct account){ span_of(login), span_of(gecos) };
	return true;
}

uid_t
__wrap_getuid(void)
{
	return uid;
}

static const struct {
	const char *name;
	uid_t uid;
	const char *given_login, *gecos, *login, *full_name;
} rows[] = {
	{ "GECOS is the login", 33, "www-data", "www-data", "www-data",
	    "www-data" },
	{ "GECOS ends at the comma", 1000, "joe", "Joe Doe,Room 1,555,", "joe",
	    "Joe Doe" },
	{ "& is the login", 1001, "jim", "& Smith", "jim", "Jim Smith" },
	{ "a login that is no local part", 1002, "a b", "", "1002", "" },
	{ "a login that looks like an option", 1003, "-x", "X", "1003", "X" },
	{ "a login that ends with a dot", 1004, "no.dot.", "X", "1004", "X" },
	{ "a login with two dots", 1005, "a..b", "X", "1005", "X" },
	{ "a login that begins with a dot", 1006, ".a", "X", "1006", "X" },
	{ "a login with a dot", 1007, "a.b", "X", "a.b", "X" },
	{ "who has no name", 3000, NULL, NULL, "3000", "" },
};

static void
names_are_those_of_the_account(void **state)
{
	struct arena arena;
	struct caller c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uid = rows[i].uid;
		login = rows[i].given_login;
		gecos = rows[i].gecos;
		arena_init(&arena, 10000);
		assert_int_equal(caller_find(&c, &arena, NULL), 0);
		if (c.uid != uid || strcmp(c.login, rows[i].login) != 0 ||
		    strcmp(c.full_name, rows[i].full_name) != 0)
			fail_msg("%s: %s (%s)", rows[i].name, c.login,
			    c.full_name);
		arena_clear(&arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_those_of_the_account),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
