/* SPDX-License-Identifier: ISC */
/* The last line of Postfix's mailq, which monitoring reads. */
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
print(const char *spool, char *text, size_t len, struct po_err *err)
{
	FILE *out = fmemopen(text, len, "w");
	int rc;

	assert_non_null(out);
	rc = totals_print(spool, out, err);
	assert_int_equal(fclose(out), 0);
	return rc;
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_are_the_last_line_of_postfix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
