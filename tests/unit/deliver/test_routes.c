/* SPDX-License-Identifier: ISC */
#include "deliver/routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "envelope/pattern.h"

static void
a_star_stands_for_any_bytes(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool fold, want;
	} rows[] = {
		{ "", "", false, true },
		{ "", "a", false, false },
		{ "*", "", false, true },
		{ "*", "abc", false, true },
		{ "a*c", "abc", false, true },
		{ "a*c", "ac", false, true },
		{ "a*c", "abcd", false, false },
		{ "a*b*c", "axbxbxc", false, true },
		{ "a*b*c", "axcxb", false, false },
		{ "*ab", "aab", false, true },
		{ "*aab", "aaaab", false, true },
		{ "ab**", "ab", false, true },
		{ "Ab", "aB", false, false },
		{ "Ab", "aB", true, true },
		{ "ab", "abc", true, false },
		{ "abc", "ab", true, false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# %s ~ %s\n", rows[i].pattern, rows[i].text);
		assert_int_equal(pattern_match(span_of(rows[i].pattern),
		                     span_of(rows[i].text), rows[i].fold),
		    rows[i].want);
	}
}

static void
many_stars_take_no_more_than_their_product(void **state)
{
	char pattern[2001], text[20001];
	size_t i;

	(void)state;
	for (i = 0; i < 2000; i += 2) {
		pattern[i] = '*';
		pattern[i + 1] = 'a';
	}
	pattern[2000] = '\0';
	memset(text, 'a', 20000);
	text[19999] = 'b';
	text[20000] = '\0';
	assert_false(pattern_match(span_of(pattern), span_of(text), true));
}

static void
a_pattern_knows_its_addresses(void **state)
{
	static const struct {
		const char *pattern, *address;
		bool want;
	} rows[] = {
		{ "<>", "", true },
		{ "<>", "a@b", false },
		{ "*", "", true },
		{ "*", "a@b", true },
		{ "bob@example.org", "BOB@Example.ORG", true },
		{ "bob@example.org", "abob@example.org", false },
		{ "bob@example.org", "bob@example.org.evil", false },
		{ "@example.org", "bob@example.org", true },
		{ "@example.org", "bob@sub.example.org", false },
		{ "example.org", "bob@example.org", true },
		{ "example.org", "bob@notexample.org", false },
		{ "example.org", "example.org@other", false },
		{ "example.org", "", false },
		{ ".example.org", "bob@a.b.example.org", true },
		{ ".example.org", "bob@example.org", false },
		{ ".example.org", "bob@badexample.org", false },
		{ "*.org", "bob@example.org", true },
		{ "bounce-*@example.org", "bounce-17@example.org", true },
		{ "bounce-*@example.org", "bounce-@other", false },
		{ "example.org", "\"a@b\"@example.org", true },
		{ "b\"", "\"a@b\"@example.org", false },
		{ "", "a@b", false },
		{ "@", "a@b", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# %s ~ %s\n", rows[i].pattern, rows[i].address);
		assert_int_equal(pattern_match_address(span_of(rows[i].pattern),
		                     span_of(rows[i].address)),
		    rows[i].want);
	}
}

/* ------------------------------------------------------------------ routes */

struct made {
	struct conf *conf;
	struct deliver_conf deliver;
	struct deliver_routes *routes;
};

static int
make(struct made *m, const char *text, struct po_err *err)
{
	struct conf_table table = { deliver_options, &m->deliver };
	char path[] = "/tmp/po-routes-XXXXXX";
	int rc, fd = mkstemp(path);

	assert_true(fd != -1);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
	m->routes = NULL;
	rc = conf_load(path, &table, 1, &m->conf, err);
	(void)unlink(path);
	assert_int_equal(rc, 0);
	return deliver_routes_new(&m->deliver, &m->routes, err);
}

static void
drop(struct made *m)
{
	deliver_routes_free(m->routes);
	conf_free(m->conf);
}

static void
the_first_route_that_matches_counts(void **state)
{
	static const char text[] =
	    "transport = \"smtp\"; relay = { host = \"main.example\"; };\n"
	    "relays = ( { name = \"news\"; host = \"news.example\"; },\n"
	    "  { name = \"spare\"; host = \"spare.example\"; } );\n"
	    "routes = ( { tag = \"news-*\"; relays = \"news, spare\"; },\n"
	    "  { recipient = [ \"example.net\", \".example.net\" ];\n"
	    "    sender = \"<>\"; relays = \"spare\"; },\n"
	    "  { login = \"www-data\"; relays = \"spare, relay\"; },\n"
	    "  { uid = \"1000-1999, 33\"; transport = \"capture\"; },\n"
	    "  { recipient = \"example.com\"; } );\n";
	static const struct {
		const char *to, *from, *tag, *login;
		uint32_t uid;
		const char *hop;
	} rows[] = {
		{ "a@b", "s@b", NULL, "", 5, "smtp:main.example:587" },
		{ "a@b", "s@b", "news-1", "", 5, "smtp:news,spare" },
		{ "a@b", "s@b", "News-1", "", 5, "smtp:main.example:587" },
		{ "a@example.net", "", NULL, "", 5, "smtp:spare" },
		{ "a@x.example.net", "", NULL, "", 5, "smtp:spare" },
		{ "a@example.net", "s@b", NULL, "", 5,
		    "smtp:main.example:587" },
		{ "a@b", "s@b", NULL, "www-data", 33,
		    "smtp:spare,main.example:587" },
		{ "a@b", "s@b", NULL, "www", 33, "capture" },
		{ "a@b", "s@b", NULL, "x", 1999, "capture" },
		{ "a@b", "s@b", NULL, "x", 2000, "smtp:main.example:587" },
		{ "a@example.com", "s@b", NULL, "x", 7,
		    "smtp:main.example:587" },
	};
	char hop[DELIVER_HOP_MAX];
	struct po_err err;
	struct made m;
	size_t i;

	(void)state;
	if (make(&m, text, &err) == -1)
		fail_msg("%s", err.text);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct deliver_query q = { rows[i].to, rows[i].from,
			rows[i].tag, rows[i].login, rows[i].uid };
		struct deliver_choice c;

		print_message("# row %zu\n", i);
		deliver_route(m.routes, &q, hop);
		assert_string_equal(hop, rows[i].hop);
		deliver_choose(m.routes, &q, &c);
		assert_string_equal(c.hop, rows[i].hop);
		assert_int_equal(c.transport == TRANSPORT_CAPTURE,
		    c.n_relays == 0);
		assert_int_equal(c.place == NULL,
		    strcmp(hop, "smtp:main."
		                "example:587") == 0 &&
		        rows[i].uid != 7);
	}
	drop(&m);
}

static void
without_the_group_all_relays_are_the_default(void **state)
{
	struct deliver_query q = { "a@b", "", NULL, "", 0 };
	char hop[DELIVER_HOP_MAX];
	struct po_err err;
	struct made m;

	(void)state;
	assert_int_equal(make(&m,
	                     "transport = \"smtp\"; relays = (\n"
	                     " { name = \"b\"; host = \"h\"; },\n"
	                     " { name = \"a\"; host = \"h\"; } );\n",
	                     &err),
	    0);
	deliver_route(m.routes, &q, hop);
	assert_string_equal(hop, "smtp:b,a");
	drop(&m);
}

static void
direct_mail_has_a_hop_for_each_domain(void **state)
{
	static const char text[] =
	    "transport = \"mx\"; mx = { helo = \"h.example\"; };\n"
	    "relays = ( { name = \"mx\"; host = \"relay.example\"; } );\n"
	    "mx_profiles = ( { name = \"bulk\"; tls = \"encrypt\"; } );\n"
	    "routes = ( { tag = \"bulk\"; transport = \"mx\"; "
	    "profile = \"bulk\"; },\n"
	    "  { tag = \"relay\"; relays = \"mx\"; } );\n";
	char longest[2 + 255 + 1] = "a@", too_long[2 + 256 + 1] = "a@";
	char want[DELIVER_HOP_MAX], hop[DELIVER_HOP_MAX];
	const struct {
		const char *to, *tag, *hop;
	} rows[] = {
		{ "a@b", NULL, "mx:b" },
		{ "a@EXAMPLE.Org", NULL, "mx:example.org" },
		{ "\"x@y\"@z", NULL, "mx:z" },
		{ "a@[IPv6:2001:DB8::1]", NULL, "mx:[ipv6:2001:db8::1]" },
		{ "a@b", "bulk", "mx/bulk:b" },
		{ "a@b", "relay", "smtp:mx" },
		{ "a", NULL, "mx:" },
		{ longest, NULL, want },
		{ too_long, NULL, "mx:" },
	};
	struct po_err err;
	struct made m;
	size_t i;

	(void)state;
	memset(longest + 2, 'd', 255);
	memset(too_long + 2, 'd', 256);
	(void)snprintf(want, sizeof(want), "mx:%s", longest + 2);
	if (make(&m, text, &err) == -1)
		fail_msg("%s", err.text);
	assert_false(deliver_routes_are_one(m.routes));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct deliver_query q = { rows[i].to, "s@b", rows[i].tag, "",
			5 };
		struct deliver_choice c;

		print_message("# row %zu\n", i);
		deliver_route(m.routes, &q, hop);
		assert_string_equal(hop, rows[i].hop);
		deliver_choose(m.routes, &q, &c);
		assert_string_equal(c.hop, rows[i].hop);
		assert_int_equal(c.n_relays, 1);
	}
	drop(&m);
}

static void
a_wrong_entry_is_refused_with_its_line(void **state)
{
#define NINE                                                                   \
	"relays = ({name=\"1\";host=\"h\";},{name=\"2\";host=\"h\";},"         \
	"{name=\"3\";host=\"h\";},{name=\"4\";host=\"h\";},"                   \
	"{name=\"5\";host=\"h\";},{name=\"6\";host=\"h\";},"                   \
	"{name=\"7\";host=\"h\";},{name=\"8\";host=\"h\";},"                   \
	"{name=\"9\";host=\"h\";});\n"
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "\nroutes = ( { relays = \"x\"; } );", ":2: routes: there is "
		                                         "no relay \"x\"" },
		{ "routes = ( { relays = \"relay\"; } );", "no relay" },
		{ "routes = ( { sender = \"a\"; } );", "needs relays" },
		{ "routes = ( { uid = \"root\"; transport = \"capture\"; } );",
		    "uid \"root\" is neither" },
		{ "routes = ( { uid = \"9-3\"; transport = \"capture\"; } );",
		    "uid \"9-3\"" },
		{ "routes = ( { transport = \"capture\"; relays = \"x\"; } );",
		    "capture has no relays" },
		{ "\n\nrelays = ( { host = \"h\"; } );", ":3: relays: an entry "
		                                         "needs a name" },
		{ "relays = ( { name = \"a,b\"; host = \"h\"; } );",
		    "cannot be a name" },
		{ "relays = ( { name = \"relay\"; host = \"h\"; } );",
		    "cannot be a name" },
		{ "relays = ( { name = \"a\"; } );", "needs a host" },
		{ "relays = ( { name = \"a\"; host = \"h\"; },\n"
		  "{ name = \"a\"; host = \"i\"; } );",
		    ":2: relays: \"a\" is there twice" },
		{ "relay = { host = \"a,b\"; };", "no name of a host" },
		{ NINE "routes = ( { relays = \"1 2 3 4 5 6 7 8 9\"; } );",
		    "more than 8" },
		{ NINE "routes = ( { relays = \"1 2 1\"; } );", "twice" },
	};
	struct po_err err;
	struct made m;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# %s\n", rows[i].text);
		memset(&m, 0, sizeof(m));
		assert_int_equal(make(&m, rows[i].text, &err), -1);
		assert_int_equal(err.code, PO_ECONFIG);
		if (strstr(err.text, rows[i].error) == NULL)
			fail_msg("%s", err.text);
		drop(&m);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_star_stands_for_any_bytes),
		cmocka_unit_test(many_stars_take_no_more_than_their_product),
		cmocka_unit_test(a_pattern_knows_its_addresses),
		cmocka_unit_test(the_first_route_that_matches_counts),
		cmocka_unit_test(without_the_group_all_relays_are_the_default),
		cmocka_unit_test(direct_mail_has_a_hop_for_each_domain),
		cmocka_unit_test(a_wrong_entry_is_refused_with_its_line),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
