/* SPDX-License-Identifier: ISC */
/* The host's own name comes from wrapped gethostname(2) and open(2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "submit/options.h"

#include <cmocka.h>

static const char *own_name, *mailname;

int __wrap_gethostname(char *to, size_t len);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);

int
__wrap_gethostname(char *to, size_t len)
{
	if (own_name == NULL)
		return -1;
	(void)snprintf(to, len, "%s", own_name);
	return 0;
}

int
__wrap_open(const char *path, int flags, ...)
{
	int fd;

	(void)flags;
	assert_string_equal(path, "/etc/mailname");
	if (mailname == NULL)
		return -1;
	fd = memfd_create("mailname", 0);
	assert_int_equal(write(fd, mailname, strlen(mailname)),
	    strlen(mailname));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

int
__wrap_open64(const char *path, int flags, ...)
{
	return __wrap_open(path, flags);
}

static const struct {
	const char *name, *hostname, *domain, *own, *mailname;
	const char *host_expected, *domain_expected;
} rows[] = {
	{ "configured", "h.test", "d.test", "own.test", "m.test", "h.test",
	    "d.test" },
	{ "a name with a dot", "", "", "own.test", NULL, "own.test",
	    "own.test" },
	{ "mailname is the domain", "", "", "own.test", "m.test\n", "own.test",
	    "m.test" },
	{ "a name without a dot gives way", "", "", "own", "m.test\n", "m.test",
	    "m.test" },
	{ "but is better than nothing", "", "", "own", NULL, "own", "own" },
	{ "no name at all", "", "", NULL, NULL, "localhost", "localhost" },
	{ "names that are none", "", "", "a b", "x@y\n", "localhost",
	    "localhost" },
	{ "a second field of mailname does not count", "", "", "own.test",
	    "m.test\r\nevil.test\n", "own.test", "m.test" },
	{ "a hostname is the domain too", "h.test", "", "own.test", NULL,
	    "h.test", "h.test" },
	{ "a domain alone", "", "d.test", "own", NULL, "own", "d.test" },
};

static struct submit_conf
conf_of(const char *hostname, const char *domain)
{
	struct submit_conf conf = { 0 };

	conf.hostname = strdup(hostname);
	conf.domain = strdup(domain);
	conf.not_queued_exit = 75;
	assert_non_null(conf.hostname);
	assert_non_null(conf.domain);
	return conf;
}

static void
free_conf(struct submit_conf *conf)
{
	free(conf->hostname);
	free(conf->domain);
}

static void
names_are_found_in_order(void **state)
{
	struct submit_conf conf;
	struct submit_host host;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		own_name = rows[i].own;
		mailname = rows[i].mailname;
		conf = conf_of(rows[i].hostname, rows[i].domain);
		assert_int_equal(submit_host_find(&conf, &host, NULL), 0);
		if (strcmp(host.hostname, rows[i].host_expected) != 0 ||
		    strcmp(host.domain, rows[i].domain_expected) != 0)
			fail_msg("%s: %s, %s", rows[i].name, host.hostname,
			    host.domain);
		free_conf(&conf);
	}
}

static void
what_is_wrong_in_the_configuration_is_told(void **state)
{
	static const char *const bad[][2] = { { "a b", "" }, { "", "x@y" },
		{ "", "a..b" } };
	struct submit_conf conf;
	struct submit_host host;
	struct po_err err;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		conf = conf_of(bad[i][0], bad[i][1]);
		assert_int_equal(submit_host_find(&conf, &host, &err), -1);
		assert_int_equal(err.code, PO_ECONFIG);
		free_conf(&conf);
	}
	conf = conf_of("h.test", "d.test");
	for (conf.not_queued_exit = 71; conf.not_queued_exit <= 75;
	     conf.not_queued_exit++)
		assert_int_equal(submit_host_find(&conf, &host, &err),
		    conf.not_queued_exit == 72 || conf.not_queued_exit == 73
		        ? -1
		        : 0);
	free_conf(&conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found_in_order),
		cmocka_unit_test(what_is_wrong_in_the_configuration_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
