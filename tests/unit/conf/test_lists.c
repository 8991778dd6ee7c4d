/* SPDX-License-Identifier: ISC */
/* Settings of several parts: names, and lists of groups. */
#include "conf/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct rule {
	char *login;
	int64_t uid;
	bool keep;
	struct conf_names also;
};

struct sample {
	struct conf_names domains;
	struct conf_list rules;
	int64_t behind;
};

#define AT(field) offsetof(struct sample, field)
#define IN(field) offsetof(struct rule, field)

static const struct conf_option options[] = {
	{ "domains", CONF_NAMES, AT(domains), NULL, 0, 0, "names", NULL },
	{ "sender", CONF_LIST, AT(rules), NULL, sizeof(struct rule), 3, "rules",
	    NULL },
	{ "sender[].login", CONF_STRING, IN(login), "*", 0, 0, "who", NULL },
	{ "sender[].uid", CONF_INT, IN(uid), "-1", -1, 1000, "who", NULL },
	{ "sender[].keep", CONF_BOOL, IN(keep), "true", 0, 0, "what", NULL },
	{ "sender[].also", CONF_NAMES, IN(also), NULL, 0, 0, "what", NULL },
	{ "behind", CONF_INT, AT(behind), "7", 0, 9, "the next", NULL },
	{ NULL, CONF_INT, 0, NULL, 0, 0, NULL, NULL },
};

static char path[] = "/tmp/po-lists-XXXXXX";

static int
load(const char *text, struct sample *s, struct conf **c, struct po_err *err)
{
	const struct conf_table table = { options, s };
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	*c = NULL;
	return conf_load(path, &table, 1, c, err);
}

static const struct {
	const char *text;
	size_t n;
	const char *joined;
} names[] = {
	{ "", 0, "" },
	{ "domains = [ ];", 0, "" },
	{ "domains = ( );", 0, "" },
	{ "domains = \"\";", 0, "" },
	{ "domains = \"a\";", 1, "a" },
	{ "domains = [ \"a.test\", \"b.test\" ];", 2, "a.test b.test" },
	{ "domains = ( \"a.test\", \"b.test\" );", 2, "a.test b.test" },
	{ "domains = \"a.test, b.test\";", 2, "a.test b.test" },
	{ "domains = \" a.test,,b.test c \";", 3, "a.test b.test c" },
	{ "domains = 33;", 1, "33" },
	{ "domains = 4294967295L;", 1, "4294967295" },
	{ "domains = [ 0, 33 ];", 2, "0 33" },
	{ "domains = ( 1, \"a\" );", 2, "1 a" },
};

static void
names_are_an_array_or_one_string(void **state)
{
	struct sample s;
	struct po_err err;
	struct conf *c;
	char joined[100];
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		print_message("# %s\n", names[i].text);
		memset(&s, 0xa5, sizeof(s));
		assert_int_equal(load(names[i].text, &s, &c, &err), 0);
		assert_int_equal(s.domains.n, names[i].n);
		joined[0] = '\0';
		for (k = 0; k < s.domains.n; k++)
			(void)snprintf(joined + strlen(joined), 50, "%s%s",
			    k == 0 ? "" : " ", s.domains.v[k]);
		assert_string_equal(joined, names[i].joined);
		assert_int_equal(conf_set(c, "domains=x y", &err), 0);
		assert_int_equal(s.domains.n, 2);
		assert_string_equal(s.domains.v[1], "y");
		conf_free(c);
		assert_null(s.domains.v);
	}
}

static void
entries_have_their_members_their_fallbacks_and_their_places(void **state)
{
	struct sample s;
	const struct rule *r;
	struct po_err err;
	struct conf *c;
	char place[60];

	(void)state;
	memset(&s, 0xa5, sizeof(s));
	assert_int_equal(load("sender = ( { login = \"a\"; uid = 3; },\n"
	                      "{ keep = false; also = [ \"x\", \"y\" ]; } "
	                      ");\nbehind = 8;",
	                     &s, &c, &err),
	    0);
	assert_int_equal(s.rules.n, 2);
	r = s.rules.v;
	assert_string_equal(r[0].login, "a");
	assert_int_equal(r[0].uid, 3);
	assert_true(r[0].keep);
	assert_int_equal(r[0].also.n, 0);
	assert_string_equal(r[1].login, "*");
	assert_int_equal(r[1].uid, -1);
	assert_false(r[1].keep);
	assert_int_equal(r[1].also.n, 2);
	assert_int_equal(s.behind, 8);
	(void)snprintf(place, sizeof(place), "%s:2", path);
	assert_string_equal(s.rules.places[1], place);
	conf_free(c);
	assert_null(s.rules.v);
}

static const struct {
	const char *text, *said;
} refusals[] = {
	{ "domains = [ true, false ];",
	    "domains: must be strings in quotes, [ \"a\", "
	    "\"b\" ], not an array" },
	{ "domains = ( { } );", "domains: must be strings in quotes" },
	{ "domains = 3.5;", "domains: must be strings in quotes" },
	{ "domains = [ \"a\\nb\" ];", "domains: has a control character" },
	{ "sender = { };", "sender: must be a list of groups, ( { ... }, "
	                   "{ ... } ), not a group" },
	{ "sender = \"a\";", "must be a list of groups" },
	{ "sender = [ \"a\" ];", "must be a list of groups" },
	{ "\nsender = ( { }, \"b\" );",
	    ":2: sender: must be a list of groups, "
	    "( { ... }, { ... } ); in it is a string" },
	{ "sender = ( { },\n{ logn = \"a\"; } );",
	    ":2: unknown setting \"sender[].logn\" (did you mean "
	    "\"sender[].login\"?)" },
	{ "sender = ( { login = 1; } );",
	    "sender[].login: must be a string in quotes, not an integer" },
	{ "sender = ( { uid = 1001; } );",
	    "sender[].uid: \"1001\" is not in the range -1 to 1000" },
	{ "sender = ( { uid = 1; uid = 2; } );", "duplicate setting name" },
	{ "sender = ( { also = ( { } ); } );", "sender[].also: must be" },
	{ "sender = ( {}, {}, {}, {} );", "sender: more than 3 entries" },
	{ "login = \"a\";", "did you mean \"sender[].login\"?" },
	{ "sendr = ( );", "did you mean \"sender\"?" },
};

static void
bad_lists_are_refused_with_place_and_cause(void **state)
{
	struct sample s;
	struct po_err err;
	struct conf *c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		print_message("# %s\n", refusals[i].said);
		assert_int_equal(load(refusals[i].text, &s, &c, &err), -1);
		assert_null(c);
		assert_null(s.rules.v);
		assert_int_equal(err.code, PO_ECONFIG);
		if (strstr(err.text, refusals[i].said) == NULL)
			fail_msg("said: %s", err.text);
	}
}

static void
the_command_line_sets_no_list_and_no_member(void **state)
{
	struct sample s;
	struct po_err err;
	struct conf *c;

	(void)state;
	assert_int_equal(load("sender = ( { uid = 3; } );", &s, &c, &err), 0);
	assert_int_equal(conf_set(c, "sender=x", &err), -1);
	assert_non_null(strstr(err.text, "set in the file only"));
	assert_int_equal(conf_set(c, "sender[].uid=4", &err), -1);
	assert_non_null(strstr(err.text, "set in the file only"));
	assert_int_equal(s.rules.n, 1);
	conf_free(c);
}

static void
the_dump_can_be_read_again(void **state)
{
	struct sample s;
	struct po_err err;
	struct conf *c;
	char *text = NULL, expected[512];
	size_t len = 0;
	FILE *f;

	(void)state;
	assert_int_equal(load("sender = ( { login = \"a\"; }, { uid = 3; } );"
	                      "domains = \"a, b\";",
	                     &s, &c, &err),
	    0);
	f = open_memstream(&text, &len);
	assert_non_null(f);
	conf_dump(c, f);
	assert_int_equal(fclose(f), 0);
	(void)snprintf(expected, sizeof(expected),
	    "domains = [ \"a\", \"b\" ]  # %s:1\n"
	    "sender = ( { login = \"a\"; uid = -1; keep = true; also = [ ]; }, "
	    "{ login = \"*\"; uid = 3; keep = true; also = [ ]; } )  # %s:1\n"
	    "behind = 7  # default\n",
	    path, path);
	assert_string_equal(text, expected);
	conf_free(c);
	assert_int_equal(load(text, &s, &c, &err), 0);
	assert_int_equal(s.rules.n, 2);
	conf_free(c);
	free(text);
}

static int
make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd == -1 ? -1 : close(fd);
}

static int
remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_an_array_or_one_string),
		cmocka_unit_test(
		    entries_have_their_members_their_fallbacks_and_their_places),
		cmocka_unit_test(bad_lists_are_refused_with_place_and_cause),
		cmocka_unit_test(the_command_line_sets_no_list_and_no_member),
		cmocka_unit_test(the_dump_can_be_read_again),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
