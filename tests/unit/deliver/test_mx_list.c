/* SPDX-License-Identifier: ISC */
#include "deliver/mx_list.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "deliver/mx_domain.h"

static struct mx_address
address(const char *text)
{
	struct mx_address a = {
		.family = strchr(text, ':') == NULL ? AF_INET : AF_INET6
	};

	assert_int_equal(inet_pton(a.family, text, a.bytes), 1);
	return a;
}

/* "10 a, 20 b" into a list; each host X gets the address 192.0.2.N, N being
 * its place in the text. */
static void
fill(struct mx_list *l, const char *text)
{
	char copy[512], name[256], ip[32], *rest = copy, *one;
	unsigned preference, n = 0;
	struct mx_address a;
	size_t i;

	*l = (struct mx_list){ .n = 0 };
	(void)snprintf(copy, sizeof(copy), "%s", text);
	while ((one = strsep(&rest, ",")) != NULL)
		if (sscanf(one, "%u %255s", &preference, name) == 2)
			mx_list_add(l, (uint16_t)preference, name);
	for (i = 0; i < l->n; i++) {
		(void)snprintf(ip, sizeof(ip), "192.0.2.%u", ++n);
		a = address(ip);
		mx_list_add_address(l, i, &a);
	}
}

/* The names in their order. */
static const char *
names(const struct mx_list *l)
{
	static char out[512];
	size_t i, len = 0;

	out[0] = '\0';
	for (i = 0; i < l->n; i++)
		len += (size_t)snprintf(out + len, sizeof(out) - len, "%s%s",
		    i == 0 ? "" : " ", l->hosts[i].name);
	return out;
}

static void
hosts_come_by_preference(void **state)
{
	static const struct {
		const char *records, *want;
		bool null;
	} rows[] = {
		{ "10 a", "a", false },
		{ "20 b, 10 a, 15 c", "a c b", false },
		{ "10 a, 10 b, 5 c", "c a b", false },
		{ "65535 z, 0 a", "a z", false },
		{ "10 a., 20 A", "a", false },
		{ "0 .", "", true },
		{ "10 .", "", true },
		{ "0 ., 10 a", "a", false },
		{ "0 a_b.c-d.e", "a_b.c-d.e", false },
		{ "0 a\\.b, 1 b/c, 2 -x, 3 a..b, 4 .a", "-x", false },
		{ "", "", false },
	};
	struct mx_list l;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# %s\n", rows[i].records);
		fill(&l, rows[i].records);
		assert_string_equal(names(&l), rows[i].want);
		assert_int_equal(mx_list_is_null(&l), rows[i].null);
	}
}

static void
of_too_many_hosts_the_best_are_kept(void **state)
{
	struct mx_list l = { .n = 0 };
	char name[32];
	unsigned i;

	(void)state;
	for (i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "h%u", 5000 - i);
		mx_list_add(&l, (uint16_t)(5000 - i), name);
	}
	assert_int_equal(l.n, MX_HOSTS);
	for (i = 0; i < MX_HOSTS; i++)
		assert_int_equal(l.hosts[i].preference, i + 1);
}

static void
we_and_what_is_not_better_are_cut(void **state)
{
	static const struct {
		const char *records, *self, *ip, *want;
		bool cut;
	} rows[] = {
		{ "10 a, 20 b", "c", NULL, "a b", false },
		{ "10 a, 20 b", "b", NULL, "a", true },
		{ "10 a, 20 B, 20 c, 30 d", "b", NULL, "a", true },
		{ "10 a, 20 c, 20 b, 30 d", "b", NULL, "a", true },
		{ "10 a, 20 b", "a", NULL, "", true },
		{ "10 a, 10 b", "b", NULL, "", true },
		{ "10 a, 20 b, 30 c", NULL, "192.0.2.2", "a", true },
		{ "10 a, 20 b, 30 c", NULL, "192.0.2.9", "a b c", false },
	};
	struct mx_list l;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mx_address own =
		    address(rows[i].ip == NULL ? "192.0.2.200" : rows[i].ip);
		const struct mx_self self = { .names = { rows[i].self, "" },
			.addresses = &own,
			.n_addresses = 1 };

		print_message("# %s without %s\n", rows[i].records,
		    rows[i].self == NULL ? rows[i].ip : rows[i].self);
		fill(&l, rows[i].records);
		assert_int_equal(mx_list_cut_self(&l, &self), rows[i].cut);
		assert_string_equal(names(&l), rows[i].want);
	}
}

static void
what_never_leaves_this_host_is_ours(void **state)
{
	static const struct {
		const char *ip;
		bool own;
	} rows[] = {
		{ "127.0.0.1", true },
		{ "127.9.9.9", true },
		{ "0.0.0.0", true },
		{ "::1", true },
		{ "::", true },
		{ "::ffff:127.0.0.1", true },
		{ "192.0.2.1", false },
		{ "::2", false },
		{ "::ffff:192.0.2.1", false },
		{ "2001:db8::1", false },
	};
	struct mx_self self = { .names = { NULL, NULL } };
	struct mx_address a;
	struct mx_list l;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# %s\n", rows[i].ip);
		a = address(rows[i].ip);
		l = (struct mx_list){ .n = 0 };
		mx_list_add(&l, 10, "a");
		mx_list_add_address(&l, 0, &a);
		self.loopback = false;
		assert_false(mx_list_cut_self(&l, &self));
		self.loopback = true;
		assert_int_equal(mx_list_cut_self(&l, &self), rows[i].own);
	}
}

static uint32_t
always_first(uint32_t below)
{
	assert_true(below >= 2);
	return 0;
}

static uint32_t
always_last(uint32_t below)
{
	return below - 1;
}

static void
chance_orders_equals_and_nothing_else(void **state)
{
	struct mx_list l;

	(void)state;
	fill(&l, "10 a, 20 b, 20 c, 20 d, 30 e");
	mx_list_shuffle(&l, always_last);
	assert_string_equal(names(&l), "a b c d e");
	mx_list_shuffle(&l, always_first);
	assert_string_equal(names(&l), "a c d b e");
}

static void
both_families_of_a_host_come_in_turn_and_each_address_once(void **state)
{
	static const char *const first[] = { "192.0.2.1", "192.0.2.2",
		"2001:db8::1", "192.0.2.3", "192.0.2.4" };
	static const char *const want[] = { "2001:db8::1", "192.0.2.1",
		"192.0.2.2", "192.0.2.3", "192.0.2.77" };
	struct mx_target targets[MX_TARGETS];
	struct mx_address a;
	struct mx_list l = { .n = 0 };
	size_t i;

	(void)state;
	mx_list_add(&l, 10, "a");
	mx_list_add(&l, 20, "b");
	for (i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		a = address(first[i]); /* one more of IPv4 than are kept */
		mx_list_add_address(&l, 0, &a);
	}
	a = address("192.0.2.2");
	mx_list_add_address(&l, 1, &a);
	a = address("192.0.2.77");
	mx_list_add_address(&l, 1, &a);
	assert_int_equal(mx_list_targets(&l, targets), 5);
	for (i = 0; i < 5; i++) {
		a = address(want[i]);
		assert_true(mx_address_eq(&targets[i].address, &a));
		assert_string_equal(targets[i].host, i < 4 ? "a" : "b");
	}
}

static void
a_domain_is_a_name_or_an_address(void **state)
{
	static const struct {
		const char *domain;
		enum mx_domain want;
		const char *as;
	} rows[] = {
		{ "example.org", MX_DOMAIN_NAME, "example.org" },
		{ "example.org.", MX_DOMAIN_NAME, "example.org" },
		{ "b\xc3\xbc"
		  "cher.example",
		    MX_DOMAIN_NAME, "xn--bcher-kva.example" },
		{ "fa\xc3\x9f.example", MX_DOMAIN_NAME, "xn--fa-hia.example" },
		{ "[192.0.2.1]", MX_DOMAIN_LITERAL, "192.0.2.1" },
		{ "[IPv6:2001:db8::1]", MX_DOMAIN_LITERAL, "2001:db8::1" },
		{ "[ipv6:::1]", MX_DOMAIN_LITERAL, "::1" },
		{ "[2001:db8::1]", MX_DOMAIN_BAD, NULL },
		{ "[IPv6:192.0.2.1]", MX_DOMAIN_BAD, NULL },
		{ "[192.0.2.1", MX_DOMAIN_BAD, NULL },
		{ "[]", MX_DOMAIN_BAD, NULL },
		{ "[x400:abc]", MX_DOMAIN_BAD, NULL },
		{ "", MX_DOMAIN_BAD, NULL },
		{ ".", MX_DOMAIN_BAD, NULL },
		{ "a..b", MX_DOMAIN_BAD, NULL },
		{ "a\\.b", MX_DOMAIN_BAD, NULL },
		{ "a b", MX_DOMAIN_BAD, NULL },
		{ "\xff\xfe.example", MX_DOMAIN_BAD, NULL },
		{ "\xe2\x80\xae.example", MX_DOMAIN_BAD, NULL },
		{ "a.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		  "bbbbbb",
		    MX_DOMAIN_BAD, NULL },
	};
	struct mx_address a, want;
	char name[MX_NAME_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# row %zu\n", i);
		assert_int_equal(mx_domain_parse(rows[i].domain, name, &a),
		    rows[i].want);
		if (rows[i].want == MX_DOMAIN_NAME) {
			assert_string_equal(name, rows[i].as);
		} else if (rows[i].want == MX_DOMAIN_LITERAL) {
			want = address(rows[i].as);
			assert_true(mx_address_eq(&a, &want));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_come_by_preference),
		cmocka_unit_test(of_too_many_hosts_the_best_are_kept),
		cmocka_unit_test(we_and_what_is_not_better_are_cut),
		cmocka_unit_test(what_never_leaves_this_host_is_ours),
		cmocka_unit_test(chance_orders_equals_and_nothing_else),
		cmocka_unit_test(
		    both_families_of_a_host_come_in_turn_and_each_address_once),
		cmocka_unit_test(a_domain_is_a_name_or_an_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
