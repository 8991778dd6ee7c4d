/* SPDX-License-Identifier: ISC */
#include "deliver/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64], file[96], linked[96];
static char empty[] = "", user[] = "user";

static struct relay_conf
with(char *password_file, char *command)
{
	return (struct relay_conf){ .user = user,
		.password_file = password_file,
		.password_command = command };
}

static void
write_file(const char *text, size_t len, mode_t mode)
{
	FILE *f;

	(void)unlink(file);
	f = fopen(file, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
	assert_int_equal(chmod(file, mode), 0);
}

static void
a_password_file_is_one_line(void **state)
{
	static const struct {
		const char *text, *want, *error;
	} rows[] = {
		{ "secret\n", "secret", NULL },
		{ "secret", "secret", NULL },
		{ "secret\r\n", "secret", NULL },
		{ " se cret \n", " se cret ", NULL },
		{ "gr\xc3\xbc\xc3\x9f\n", "gr\xc3\xbc\xc3\x9f", NULL },
		{ "", NULL, "empty" },
		{ "\n", NULL, "empty" },
		{ "a\n\n", NULL, "one line" },
		{ "a\nb\n", NULL, "one line" },
	};
	struct relay_conf conf = with(file, empty);
	struct po_err err;
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# row %zu\n", i);
		write_file(rows[i].text, strlen(rows[i].text), 0600);
		if (rows[i].error == NULL) {
			assert_int_equal(secret_load(&conf, &out, &err), 0);
			assert_string_equal(out.p, rows[i].want);
		} else {
			assert_int_equal(secret_load(&conf, &out, &err), -1);
			assert_int_equal(err.code, PO_ECONFIG);
			assert_non_null(strstr(err.text, rows[i].error));
			assert_non_null(strstr(err.text, file));
		}
		secret_clear(&out);
	}
	write_file("a\0b\n", 4, 0600);
	assert_int_equal(secret_load(&conf, &out, &err), -1);
}

static void
a_password_file_of_4096_bytes_is_too_long(void **state)
{
	static char text[SECRET_MAX_BYTES + 100];
	struct relay_conf conf = with(file, empty);
	struct po_err err;
	struct buf out;

	(void)state;
	memset(text, 'x', sizeof(text));
	write_file(text, SECRET_MAX_BYTES - 1, 0600);
	assert_int_equal(secret_load(&conf, &out, &err), 0);
	assert_int_equal(out.len, SECRET_MAX_BYTES - 1);
	secret_clear(&out);
	write_file(text, sizeof(text), 0600);
	assert_int_equal(secret_load(&conf, &out, &err), -1);
	assert_non_null(strstr(err.text, "too long"));
}

static void
a_password_file_must_not_be_open_to_others(void **state)
{
	static const struct {
		mode_t mode;
		bool ok;
	} rows[] = {
		{ 0600, true },
		{ 0400, true },
		{ 0640, true },
		{ 0660, false },
		{ 0620, false },
		{ 0644, false },
		{ 0604, false },
		{ 0602, false },
		{ 0601, false },
	};
	struct relay_conf conf = with(file, empty);
	struct po_err err;
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_file("x\n", 2, rows[i].mode);
		assert_int_equal(secret_load(&conf, &out, &err) == 0,
		    rows[i].ok);
		if (!rows[i].ok)
			assert_non_null(strstr(err.text, "too open"));
		secret_clear(&out);
	}
}

static void
only_a_regular_file_of_the_right_owner_is_read(void **state)
{
	struct relay_conf conf = with(linked, empty);
	struct po_err err;
	struct buf out;

	(void)state;
	write_file("x\n", 2, 0600);
	(void)unlink(linked);
	assert_int_equal(symlink(file, linked), 0);
	assert_int_equal(secret_load(&conf, &out, &err), -1);
	assert_int_equal(unlink(linked), 0);
	/* No writer: an open that waits would hang here. */
	assert_int_equal(mkfifo(linked, 0600), 0);
	assert_int_equal(secret_load(&conf, &out, &err), -1);
	assert_non_null(strstr(err.text, "not a regular file"));
	assert_int_equal(unlink(linked), 0);
	assert_int_equal(secret_load(&conf, &out, &err), -1);
	assert_non_null(strstr(err.text, "No such file"));
	if (geteuid() != 0) {
		print_message("# not root: no file of another owner\n");
		return;
	}
	conf = with(file, empty);
	assert_int_equal(chown(file, 12345, 12345), 0);
	assert_int_equal(secret_load(&conf, &out, &err), -1);
	assert_non_null(strstr(err.text, "owned by uid 12345"));
}

static void
a_user_needs_one_source_of_the_password(void **state)
{
	static char command[] = "/bin/echo x";
	struct relay_conf none = with(empty, empty);
	struct relay_conf both = with(file, command);
	struct relay_conf no_user = with(empty, empty);
	struct po_err err;
	struct buf out;

	(void)state;
	assert_int_equal(secret_load(&none, &out, &err), -1);
	assert_int_equal(secret_load(&both, &out, &err), -1);
	no_user.user = empty;
	assert_int_equal(secret_load(&no_user, &out, &err), 0);
	secret_clear(&out);
}

static void
a_command_prints_the_password(void **state)
{
	static const struct {
		const char *command, *want, *error;
	} rows[] = {
		{ "/bin/echo  secret", "secret", NULL },
		{ "sh:echo sec\"ret\"; exit 0", "secret", NULL },
		/* Nothing of our environment. */
		{ "sh:echo x$HOME$PO_TEST", "x", NULL },
		{ "echo secret", NULL, "absolute path" },
		{ "", NULL, "needs one of" },
		{ "/bin/false", NULL, "exit status 1" },
		{ "/nonexistent/program", NULL, "cannot be run" },
		{ "sh:kill -TERM $$", NULL, "killed by signal 15" },
		{ "/bin/true", NULL, "empty" },
		{ "sh:while :; do echo xxxxxxxxxxxxxxxxxxxxx; done", NULL,
		    "writes more than 4096 bytes" },
	};
	char command[128];
	struct relay_conf conf = with(empty, command);
	struct po_err err;
	struct buf out;
	size_t i;

	(void)state;
	assert_int_equal(setenv("PO_TEST", "leaked", 1), 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# %s\n", rows[i].command);
		snprintf(command, sizeof(command), "%s", rows[i].command);
		if (rows[i].error == NULL) {
			assert_int_equal(secret_load(&conf, &out, &err), 0);
			assert_string_equal(out.p, rows[i].want);
		} else {
			assert_int_equal(secret_load(&conf, &out, &err), -1);
			if (strstr(err.text, rows[i].error) == NULL)
				fail_msg("%s", err.text);
		}
		secret_clear(&out);
	}
}

static int
make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/po-test-secret.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(file, sizeof(file), "%s/password", dir);
	snprintf(linked, sizeof(linked), "%s/linked", dir);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	(void)unlink(file);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_password_file_is_one_line),
		cmocka_unit_test(a_password_file_of_4096_bytes_is_too_long),
		cmocka_unit_test(a_password_file_must_not_be_open_to_others),
		cmocka_unit_test(
		    only_a_regular_file_of_the_right_owner_is_read),
		cmocka_unit_test(a_user_needs_one_source_of_the_password),
		cmocka_unit_test(a_command_prints_the_password),
	};

	return cmocka_run_group_tests_name("secret", tests, make_dir,
	    remove_dir);
}
