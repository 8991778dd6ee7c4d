/* SPDX-License-Identifier: ISC */
/* Configuration files as text, one row each, against a table of every type. */
#include "conf/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/fd.h"

struct sample {
	bool verify;
	int64_t workers, limit, retry_s, port, any;
	char *hostname, *host;
	int tls;
};

#define AT(field) offsetof(struct sample, field)

static const char *const tls_words[] = { "none", "may", "verify", NULL };

static const struct conf_option sample_options[] = {
	{ "workers", CONF_INT, AT(workers), "4", 1, 64, "parallel", NULL },
	{ "message_size_limit", CONF_SIZE, AT(limit), "10M", 1024, INT64_MAX,
	    "largest", NULL },
	{ "retry_first", CONF_DURATION, AT(retry_s), "5m", 10, 86400, "wait",
	    NULL },
	{ "verify", CONF_BOOL, AT(verify), "true", 0, 0, "check", NULL },
	{ "hostname", CONF_STRING, AT(hostname), NULL, 0, 0, "name", NULL },
	{ "any", CONF_INT, AT(any), NULL, 0, 0, "any number", NULL },
	{ NULL, CONF_INT, 0, NULL, 0, 0, NULL, NULL },
};

static const struct conf_option relay_options[] = {
	{ "relay.host", CONF_STRING, AT(host), "localhost", 0, 0, "host",
	    NULL },
	{ "relay.port", CONF_INT, AT(port), "587", 1, 65535, "port", NULL },
	{ "relay.tls", CONF_WORD, AT(tls), "verify", 0, 0, "level", tls_words },
	{ NULL, CONF_INT, 0, NULL, 0, 0, NULL, NULL },
};

static char folder[] = "/tmp/po-conf-XXXXXX";
static char path[64], included[64];

static void
write_file(const char *name, const void *text, size_t len)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static int
load(const char *text, struct sample *s, struct conf **c, struct po_err *err)
{
	const struct conf_table tables[] = { { sample_options, s },
		{ relay_options, s } };

	write_file(path, text, strlen(text));
	return conf_load(path, tables, 2, c, err);
}

static void
fallbacks_are_what_the_tables_say(void **state)
{
	struct sample s;
	struct conf *c = NULL;
	struct po_err err;

	(void)state;
	memset(&s, 0xa5, sizeof(s));
	assert_int_equal(load("", &s, &c, &err), 0);
	assert_int_equal(s.workers, 4);
	assert_int_equal(s.limit, 10485760);
	assert_int_equal(s.retry_s, 300);
	assert_true(s.verify);
	assert_string_equal(s.hostname, "");
	assert_string_equal(s.host, "localhost");
	assert_int_equal(s.port, 587);
	assert_int_equal(s.tls, 2);
	assert_int_equal(s.any, 0);
	conf_free(c);
	assert_null(s.hostname);
}

static void
a_file_sets_every_type(void **state)
{
	struct sample s;
	struct conf *c = NULL;
	struct po_err err;

	(void)state;
	assert_int_equal(load("# comment\nworkers = 0x10;\n"
	                      "message_size_limit = \"2G\"\n"
	                      "retry_first = \"1h30m\"; verify = \"no\"\n"
	                      "hostname = \"a\" \"\\\"b\"\n"
	                      "any = 9000000000L\n"
	                      "relay : { host = \"mx.example\"; port = 25;\n"
	                      " tls = \"May\" }",
	                     &s, &c, &err),
	    0);
	assert_int_equal(s.workers, 16);
	assert_int_equal(s.limit, INT64_C(2) << 30);
	assert_int_equal(s.retry_s, 5400);
	assert_false(s.verify);
	assert_string_equal(s.hostname, "a\"b");
	assert_int_equal(s.any, INT64_C(9000000000));
	assert_string_equal(s.host, "mx.example");
	assert_int_equal(s.port, 25);
	assert_int_equal(s.tls, 1);
	conf_free(c);
}

/* Everything that is refused, and a part of what is said about it. */
static const struct {
	const char *text, *said;
} refusals[] = {
	{ "worker = 3;", ":1: unknown setting \"worker\" (did you mean "
	                 "\"workers\"?)" },
	{ "\n\nretry-first = \"5m\";", ":3: unknown setting \"retry-first\" "
	                               "(did you mean \"retry_first\"?)" },
	{ "wrokers = 3;", "did you mean \"workers\"?" },
	{ "host = \"a\";", "did you mean \"relay.host\"?" },
	{ "rely = { host = \"a\"; };", "did you mean \"relay\"?" },
	{ "relay = { hots = \"a\"; };",
	    "unknown setting \"relay.hots\" (did you mean \"relay.host\"?)" },
	{ "zebra_crossing = 3;", "unknown setting \"zebra_crossing\"" },
	{ "relay = \"a\";", "relay: must be a group { ... }, not a string" },
	{ "relay = ( );", "must be a group { ... }, not a list" },
	{ "workers = \"3\";", "workers: must be an integer, not a string" },
	{ "workers = 3.5;", "must be an integer, not a fraction" },
	{ "workers = [ 1 ];", "must be an integer, not an array" },
	{ "workers = { };", "must be an integer, not a group" },
	{ "workers = true;", "must be an integer, not a boolean" },
	{ "hostname = 3;", "must be a string in quotes, not an integer" },
	{ "verify = 1;", "must be true or false, not an integer" },
	{ "verify = \"perhaps\";", "\"perhaps\" is not true or false" },
	{ "workers = 0;", "\"0\" is not in the range 1 to 64" },
	{ "workers = 65;", "\"65\" is not in the range 1 to 64" },
	{ "any = -1;", "\"-1\" is not in the range 0 or more" },
	{ "any = 2147483648;", ":1: 2147483648: not an integer of 32 bits" },
	{ "any = 4294967297;", "not an integer of 32 bits" },
	{ "any = 0xFFFFFFFF;", "not an integer of 32 bits" },
	{ "any = 9223372036854775808L;", "not an integer of 64 bits" },
	{ "/* \n */ any = 0644;", ":2: 0644: an integer with a leading zero" },
	{ "message_size_limit = \"ten\";",
	    "\"ten\" is not a size such as \"10M\"" },
	{ "message_size_limit = \"1k\\n\";", "is not a size" },
	{ "message_size_limit = 10;", "is not in the range 1k or more" },
	{ "retry_first = \"5 minutes\";", "is not a time such as" },
	{ "retry_first = \"9s\";", "is not in the range 10s to 1d" },
	{ "relay = { tls = \"always\"; };",
	    "\"always\" is not one of none, may, verify" },
	{ "hostname = \"a\\nb\";", "has a control character" },
	{ "hostname = \"a\\x00b\";", "\\x00 would end the string" },
	{ "workers = 3; workers = 4;", "duplicate setting name" },
	{ "hostname = \"a", ":1: syntax error" },
	{ "workers 3", ":1: syntax error" },
	{ "@include \"missing.conf\"", "cannot open include file" },
};

static void
bad_files_are_refused_with_place_and_cause(void **state)
{
	struct sample s;
	struct conf *c;
	struct po_err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		c = NULL;
		err = (struct po_err){ PO_OK, 0, "" };
		print_message("# %s\n", refusals[i].said);
		assert_int_equal(load(refusals[i].text, &s, &c, &err), -1);
		assert_null(c);
		assert_null(s.host);
		assert_int_equal(err.code, PO_ECONFIG);
		if (strstr(err.text, refusals[i].said) == NULL)
			fail_msg("said: %s", err.text);
		assert_ptr_equal(strstr(err.text, path), err.text);
	}
}

static void
a_nul_byte_and_a_huge_file_are_refused(void **state)
{
	static const char with_nul[] = "workers = 3;\n\0 any = 1;";
	static char huge[1024 * 1024 + 1];
	struct sample s;
	const struct conf_table table = { sample_options, &s };
	struct conf *c = NULL;
	struct po_err err;

	(void)state;
	write_file(path, with_nul, sizeof(with_nul));
	assert_int_equal(conf_load(path, &table, 1, &c, &err), -1);
	assert_non_null(strstr(err.text, ":2: NUL byte"));
	memset(huge, '\n', sizeof(huge));
	write_file(path, huge, sizeof(huge));
	assert_int_equal(conf_load(path, &table, 1, &c, &err), -1);
	assert_non_null(strstr(err.text, "larger than"));
}

static void
only_the_built_in_file_may_be_missing(void **state)
{
	struct sample s;
	const struct conf_table table = { sample_options, &s };
	struct conf *c = NULL;
	struct po_err err;

	(void)state;
	assert_int_equal(conf_load("/nonexistent/po.conf", &table, 1, &c, &err),
	    -1);
	assert_non_null(strstr(err.text, "/nonexistent/po.conf"));
	assert_int_equal(setenv("PO_CONFIG", "/nonexistent/env.conf", 1), 0);
	assert_int_equal(conf_load(NULL, &table, 1, &c, &err), -1);
	assert_non_null(strstr(err.text, "/nonexistent/env.conf"));
	write_file(path, "workers = 7;", 12);
	assert_int_equal(setenv("PO_CONFIG", path, 1), 0);
	assert_int_equal(conf_load(NULL, &table, 1, &c, &err), 0);
	assert_int_equal(s.workers, 7);
	conf_free(c);
	assert_int_equal(unsetenv("PO_CONFIG"), 0);
}

static void
some_tables_pass_over_the_names_of_others(void **state)
{
	struct sample s = { .tls = 77 };
	const struct conf_table table = { sample_options, &s };
	static const char text[] =
	    "relay = { host = \"a\"; unheard = ( 1 ); };\nworkers = 5;";
	static const char bad[] = "relay = { };\nworkers = 500;";
	struct conf *c = NULL;
	struct po_err err;

	(void)state;
	write_file(path, text, sizeof(text) - 1);
	assert_int_equal(conf_load(path, &table, 1, &c, &err), -1);
	assert_int_equal(conf_load_some(path, &table, 1, &c, &err), 0);
	assert_int_equal(s.workers, 5);
	assert_int_equal(s.tls, 77);
	conf_free(c);
	write_file(path, bad, sizeof(bad) - 1);
	assert_int_equal(conf_load_some(path, &table, 1, &c, &err), -1);
}

static void
included_files_are_found_beside_the_file_and_checked_alike(void **state)
{
	static const char good[] = "\nworkers = 9;\n",
	                  wraps[] = "any = 4294967297;";
	struct sample s;
	struct conf *c = NULL;
	struct po_err err;

	(void)state;
	write_file(included, good, sizeof(good) - 1);
	assert_int_equal(load("@include \"more.conf\"\n", &s, &c, &err), 0);
	assert_int_equal(s.workers, 9);
	assert_non_null(strstr(conf_where(c, "workers"), "more.conf:2"));
	conf_free(c);
	write_file(included, wraps, sizeof(wraps) - 1);
	assert_int_equal(load("@include \"more.conf\"\n", &s, &c, &err), -1);
	assert_non_null(strstr(err.text, "more.conf:1: 4294967297"));
}

static void
a_name_in_two_tables_sets_both_fields(void **state)
{
	struct sample a, b;
	const struct conf_table tables[] = { { sample_options, &a },
		{ relay_options, &a }, { sample_options, &b } };
	struct conf *c = NULL;
	struct po_err err;
	char *text = NULL;
	size_t len = 0;
	FILE *f;

	(void)state;
	write_file(path, "hostname = \"h\";", 15);
	assert_int_equal(conf_load(path, tables, 3, &c, &err), 0);
	assert_string_equal(a.hostname, "h");
	assert_string_equal(b.hostname, "h");
	assert_int_equal(conf_set(c, "workers=3", &err), 0);
	assert_int_equal(a.workers, 3);
	assert_int_equal(b.workers, 3);
	f = open_memstream(&text, &len);
	assert_non_null(f);
	conf_dump(c, f);
	assert_int_equal(fclose(f), 0);
	assert_non_null(strstr(text, "workers = 3  # command line\n"));
	assert_null(strstr(strstr(text, "workers = ") + 1, "workers = "));
	free(text);
	conf_free(c);
}

static void
an_assignment_overrides_the_file_and_a_bad_one_changes_nothing(void **state)
{
	struct sample s;
	struct conf *c = NULL;
	struct po_err err;

	(void)state;
	assert_int_equal(load("relay = { host = \"a\"; };", &s, &c, &err), 0);
	assert_int_equal(conf_set(c, "relay.host=b = c", &err), 0);
	assert_string_equal(s.host, "b = c");
	assert_string_equal(conf_where(c, "relay.host"), "command line");
	assert_int_equal(conf_set(c, "workers = 12", &err), 0);
	assert_int_equal(s.workers, 12);
	assert_int_equal(conf_set(c, "workers=99", &err), -1);
	assert_string_equal(err.text, "command line: workers: \"99\" is not in "
	                              "the range 1 to 64");
	assert_int_equal(s.workers, 12);
	assert_int_equal(conf_set(c, "wrkers=9", &err), -1);
	assert_non_null(strstr(err.text, "did you mean \"workers\"?"));
	assert_int_equal(conf_set(c, "workers", &err), -1);
	assert_non_null(strstr(err.text, "is not name=value"));
	assert_string_equal(conf_where(c, "relay.port"), "default");
	assert_string_equal(conf_where(c, "nothing"), "unknown");
	conf_free(c);
}

static void
what_was_left_empty_can_be_filled_and_what_was_set_stays(void **state)
{
	struct sample s;
	struct conf *c = NULL;
	struct po_err err;

	(void)state;
	assert_int_equal(load("hostname = \"\"; relay = { host = \"a\"; };", &s,
	                     &c, &err),
	    0);
	assert_int_equal(conf_fill(c, "hostname", "found.example", &err), 0);
	assert_string_equal(s.hostname, "found.example");
	assert_string_equal(conf_where(c, "hostname"), "found");
	assert_int_equal(conf_fill(c, "relay.host", "b", &err), 0);
	assert_string_equal(s.host, "a");
	assert_int_equal(conf_fill(c, "hostnam", "b", &err), -1);
	conf_free(c);
}

static void
the_dump_tells_every_value_and_its_place(void **state)
{
	struct sample s;
	struct conf *c = NULL;
	struct po_err err;
	char *text = NULL, expected[512];
	size_t len = 0;
	FILE *f;

	(void)state;
	assert_int_equal(load("\nhostname = \"a\\\"b\\\\\";\n"
	                      "message_size_limit = 1025;",
	                     &s, &c, &err),
	    0);
	assert_int_equal(conf_set(c, "retry_first=90", &err), 0);
	f = open_memstream(&text, &len);
	assert_non_null(f);
	conf_dump(c, f);
	assert_int_equal(fclose(f), 0);
	snprintf(expected, sizeof(expected),
	    "workers = 4  # default\n"
	    "message_size_limit = \"1025\"  # %s:3\n"
	    "retry_first = \"90s\"  # command line\n"
	    "verify = true  # default\n"
	    "hostname = \"a\\\"b\\\\\"  # %s:2\n"
	    "any = 0  # default\n"
	    "relay.host = \"localhost\"  # default\n"
	    "relay.port = 587  # default\n"
	    "relay.tls = \"verify\"  # default\n",
	    path, path);
	assert_string_equal(text, expected);
	free(text);
	conf_free(c);
}

static int
make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/po.conf", folder);
	snprintf(included, sizeof(included), "%s/more.conf", folder);
	return 0;
}

static int
remove_folder(void **state)
{
	(void)state;
	unlink(path);
	unlink(included);
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fallbacks_are_what_the_tables_say),
		cmocka_unit_test(a_file_sets_every_type),
		cmocka_unit_test(bad_files_are_refused_with_place_and_cause),
		cmocka_unit_test(a_nul_byte_and_a_huge_file_are_refused),
		cmocka_unit_test(only_the_built_in_file_may_be_missing),
		cmocka_unit_test(some_tables_pass_over_the_names_of_others),
		cmocka_unit_test(
		    included_files_are_found_beside_the_file_and_checked_alike),
		cmocka_unit_test(a_name_in_two_tables_sets_both_fields),
		cmocka_unit_test(
		    an_assignment_overrides_the_file_and_a_bad_one_changes_nothing),
		cmocka_unit_test(
		    what_was_left_empty_can_be_filled_and_what_was_set_stays),
		cmocka_unit_test(the_dump_tells_every_value_and_its_place),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
