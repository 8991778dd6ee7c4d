/* SPDX-License-Identifier: ISC */
#include "deliver/expand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "deliver/maildir.h"

static void
an_address_has_its_parts(void **state)
{
	static const struct {
		const char *address, *delimiters, *user, *extension, *mailbox,
		    *domain;
	} rows[] = {
		{ "Bob@Example.ORG", "+", "bob", "", "bob", "example.org" },
		{ "bob+a+b@x", "+", "bob", "a+b", "bob+a+b", "x" },
		{ "bob-a+b@x", "+-", "bob", "a+b", "bob-a+b", "x" },
		{ "+bob@x", "+", "+bob", "", "+bob", "x" },
		{ "bob+@x", "+", "bob", "", "bob+", "x" },
		{ "bob+a@x", "", "bob+a", "", "bob+a", "x" },
		{ "bob", "+", "bob", "", "bob", "" },
		{ "\"a b\\\"c\"@x", "+", "a b\"c", "", "a b\"c", "x" },
		{ "\"a@b\"@x", "+", "a@b", "", "a@b", "x" },
		{ "\"\"@x", "+", "", "", "", "x" },
	};
	struct expand_parts p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# %s\n", rows[i].address);
		assert_true(expand_split(rows[i].address, rows[i].delimiters,
		    true, true, &p));
		assert_string_equal(p.user, rows[i].user);
		assert_string_equal(p.extension, rows[i].extension);
		assert_string_equal(p.mailbox, rows[i].mailbox);
		assert_string_equal(p.domain, rows[i].domain);
	}
}

static void
placeholders_are_checked_and_replaced(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: refused */
	} rows[] = {
		{ "", "" },
		{ "a$$b", "a$b" },
		{ "${user}@$domain", "u@d" },
		{ "$user${domain}$", NULL },
		{ "$user_x", NULL },
		{ "${user", NULL },
		{ "${}", NULL },
		{ "$", NULL },
		{ "$(user)", NULL },
		{ "$sender", NULL }, /* not in the set */
		{ "${extension}", "" },
	};
	struct expand_values v = { { NULL } };
	char why[200];
	struct buf b;
	size_t i;

	(void)state;
	v.value[EXPAND_USER] = "u";
	v.value[EXPAND_DOMAIN] = "d";
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# %s\n", rows[i].text);
		assert_int_equal(expand_check(rows[i].text, EXPAND_IN_PATH, why,
		                     sizeof(why)),
		    rows[i].want != NULL);
		if (rows[i].want == NULL)
			continue;
		buf_init(&b, 100);
		assert_true(expand(rows[i].text, &v, &b));
		assert_string_equal(buf_str(&b), rows[i].want);
		buf_clear(&b);
	}
}

/* What is refused is NULL. */
static void
no_address_leads_out_of_its_folder(void **state)
{
	static const struct {
		const char *path, *address, *base, *rest;
	} rows[] = {
		{ "/srv/$domain/$user", "Bob@X.org", "/srv", "x.org/bob" },
		{ "/srv/mail/$user/Maildir/", "bob@x", "/srv/mail",
		    "bob/Maildir" },
		{ "/srv/all", "bob@x", "/srv", "all" },
		{ "/$user", "bob@x", "", "bob" },
		{ "/a/$$b/x$user", "bob@x", "/a/$b", "xbob" },
		{ "/a/$user/.$extension", "bob+e@x", "/a", "bob/.e" },
		{ "/a/$user/.$extension", "bob@x", "/a", "bob" },
		{ "/a/$user/$extension", "bob@x", "/a", "bob" },
		{ "/a/$user", "..@x", "", NULL },
		{ "/a/$user", ".@x", "", NULL },
		{ "/a/$user", "\"../b\"@x", "", NULL },
		{ "/a/$user", "a/b@x", "", NULL },
		{ "/a/$domain/b", "a@..", "", NULL },
		{ "/a/$user", "\".ssh\"@x", "", NULL },
		{ "/a/.$extension", "bob+.@x", "", NULL },
		{ "/a/$user", "\"\"@x", "", NULL },
		{ "/a/b.$user", "..@x", "/a", "b..." },
	};
	struct deliver_conf conf = { .hostname = NULL };
	struct maildir_conf box = { .name = NULL };
	struct buf base, rest;
	char plus[] = "+", path[100];
	size_t i;
	int rc;

	(void)state;
	conf.recipient_delimiter = plus;
	box.path = path;
	buf_init(&base, MAILDIR_PATH_MAX);
	buf_init(&rest, MAILDIR_PATH_MAX);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# %s %s\n", rows[i].path, rows[i].address);
		memcpy(path, rows[i].path, strlen(rows[i].path) + 1);
		rc = maildir_path(&conf, &box, rows[i].address, &base, &rest,
		    NULL);
		assert_int_equal(rc, rows[i].rest != NULL);
		if (rc != 1)
			continue;
		assert_string_equal(buf_str(&base), rows[i].base);
		assert_string_equal(buf_str(&rest), rows[i].rest);
	}
	buf_clear(&base);
	buf_clear(&rest);
}

static void
a_name_that_is_too_long_is_refused(void **state)
{
	struct deliver_conf conf = { .hostname = NULL };
	char none[] = "", path[] = "/a/$user", address[300];
	struct maildir_conf box = { .path = path };
	struct buf base, rest;

	(void)state;
	conf.recipient_delimiter = none;
	memset(address, 'a', 256);
	memcpy(address + 256, "@x", 3);
	buf_init(&base, MAILDIR_PATH_MAX);
	buf_init(&rest, MAILDIR_PATH_MAX);
	assert_int_equal(maildir_path(&conf, &box, address, &base, &rest, NULL),
	    0);
	assert_int_equal(maildir_path(&conf, &box, address + 1, &base, &rest,
	                     NULL),
	    1);
	buf_clear(&base);
	buf_clear(&rest);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_has_its_parts),
		cmocka_unit_test(placeholders_are_checked_and_replaced),
		cmocka_unit_test(no_address_leads_out_of_its_folder),
		cmocka_unit_test(a_name_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests_name("expand", tests, NULL, NULL);
}
