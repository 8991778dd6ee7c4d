/* SPDX-License-Identifier: ISC */
/* The last line of Postfix's mailq, which monitoring reads. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/totals.h"

#include <cmocka.h>

static const struct {
	const char *status;
	const char *out; /* NULL: damaged */
} rows[] = {
	{ "version=1\nmessages=0\nbytes=0\ndeferred=0\n",
	    "Mail queue is empty\n" },
	{ "version=1\nmessages=1\nbytes=2048\n",
	    "-- 2 Kbytes in 1 Request.\n" },
	{ "messages=12\nbytes=1048576\nheld=3\nrunner=watch\n",
	    "-- 1024 Kbytes in 12 Requests.\n" },
	{ "", NULL },
	{ "messages=1\n", NULL },
	{ "messages=x\nbytes=1\n", NULL },
	{ "messages=-1\nbytes=1\n", NULL },
};

static int
print_to(const char *spool, char *text, size_t len, FILE *notes,
    struct po_err *err)
{
	FILE *out = fmemopen(text, len, "w");
	int rc;

	assert_non_null(out);
	rc = totals_print(spool, out, notes, err);
	assert_int_equal(fclose(out), 0);
	return rc;
}

static int
print(const char *spool, char *text, size_t len, struct po_err *err)
{
	return print_to(spool, text, len, stderr, err);
}

static void
figures_are_the_last_line_of_postfix(void **state)
{
	char spool[] = "/tmp/po-totals-XXXXXX", folder[100], path[120];
	char text[200];
	struct po_err err;
	size_t i;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(spool));
	(void)snprintf(folder, sizeof(folder), "%s/public", spool);
	(void)snprintf(path, sizeof(path), "%s/status", folder);
	assert_int_equal(print(spool, text, sizeof(text), &err), -1);
	assert_int_equal(err.code, PO_ETEMP);
	assert_int_equal(mkdir(folder, 0755), 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		f = fopen(path, "w");
		assert_non_null(f);
		assert_true(fputs(rows[i].status, f) >= 0);
		assert_int_equal(fclose(f), 0);
		memset(text, 0, sizeof(text));
		if (rows[i].out == NULL) {
			assert_int_equal(print(spool, text, sizeof(text), &err),
			    -1);
			assert_int_equal(err.code, PO_ECORRUPT);
		} else {
			assert_int_equal(print(spool, text, sizeof(text), &err),
			    0);
			assert_string_equal(text, rows[i].out);
		}
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(rmdir(spool), 0);
}

static void
older_figures_than_the_mail_say_so(void **state)
{
	static const struct {
		const char *runner;
		int64_t after; /* seconds of drop/ behind the figures */
		bool says;
	} cases[] = { { "none", 1, true }, { "none", 0, false },
		{ "none", -1, false }, { "watch", 1, false } };
	char spool[] = "/tmp/po-totals-XXXXXX", path[120];
	char text[200], note[200];
	struct po_err err;
	size_t i;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(spool));
	(void)snprintf(path, sizeof(path), "%s/public", spool);
	assert_int_equal(mkdir(path, 0755), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct timespec at[2] = { { .tv_sec = 1764000000 },
			{ .tv_sec = 1764000000 + cases[i].after } };

		(void)snprintf(path, sizeof(path), "%s/drop", spool);
		(void)mkdir(path, 0700);
		assert_int_equal(utimensat(AT_FDCWD, path, at, 0), 0);
		(void)snprintf(path, sizeof(path), "%s/public/status", spool);
		f = fopen(path, "w");
		assert_non_null(f);
		assert_true(fprintf(f,
		                "messages=0\nbytes=0\nrunner=%s\n"
		                "updated=1764000000\n",
		                cases[i].runner) > 0);
		assert_int_equal(fclose(f), 0);
		memset(note, 0, sizeof(note));
		f = fmemopen(note, sizeof(note), "w");
		assert_non_null(f);
		memset(text, 0, sizeof(text));
		assert_int_equal(print_to(spool, text, sizeof(text), f, &err),
		    0);
		(void)fclose(f);
		assert_string_equal(text, "Mail queue is empty\n");
		assert_int_equal(strstr(note, "not counted") != NULL,
		    cases[i].says);
	}
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/public", spool);
	assert_int_equal(rmdir(path), 0);
	(void)snprintf(path, sizeof(path), "%s/drop", spool);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(spool), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_are_the_last_line_of_postfix),
		cmocka_unit_test(older_figures_than_the_mail_say_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
