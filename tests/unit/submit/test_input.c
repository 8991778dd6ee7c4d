/* SPDX-License-Identifier: ISC */
/* Messages from a pipe, a file in the middle, and nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_drop.h"
#include "submit/input.h"

#include <cmocka.h>

static char conf_name[] = "d.test";
static const struct submit_conf conf = {
	.hostname = conf_name,
	.domain = conf_name,
	.message_size_limit = 10000000,
	.header_size_limit = 10000,
	.recipient_limit = 10,
};
static const struct submit_host host = { "d.test", "d.test" };

static int
submit_from(int fd, int64_t timeout_s, struct drop *d, struct po_err *err)
{
	static const char *const to[] = { "a@x.test" };
	const struct submit_request request = { .sender = "s@x.test",
		.recipients = to,
		.n_recipients = 1,
		.dots = DOTS_SENDMAIL };
	struct submission s;
	int rc;

	assert_int_equal(submission_begin(&s, &conf, &host, &request, err), 0);
	submission_attach(&s, d);
	rc = input_submit(fd, timeout_s, &s, err);
	submission_clear(&s);
	return rc;
}

static void
assert_body(const struct drop *d, const char *body)
{
	const char *at = strstr(d->content.p, "\n\n");

	assert_non_null(at);
	assert_string_equal(at + 2, body);
}

static void
file_is_read_from_where_it_stands(void **state)
{
	int fd = memfd_create("in", 0);
	struct po_err err;
	struct drop d;

	(void)state;
	fake_drop_init(&d);
	assert_int_equal(write(fd, "not this\n\nbody\n", 15), 15);
	assert_int_equal(lseek(fd, 9, SEEK_SET), 9);
	assert_int_equal(submit_from(fd, 10, &d, &err), 0);
	assert_int_equal(d.published, 1);
	assert_body(&d, "body\n");
	fake_drop_clear(&d);
	close(fd);
}

static void
lone_dot_ends_without_waiting_for_the_end_of_input(void **state)
{
	struct po_err err;
	struct drop d;
	int p[2];

	(void)state;
	fake_drop_init(&d);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "\nbody\n.\n", 8), 8);
	assert_int_equal(submit_from(p[0], 3600, &d, &err), 0);
	assert_int_equal(d.published, 1);
	assert_body(&d, "body\n");
	fake_drop_clear(&d);
	close(p[0]);
	close(p[1]);
}

static void
endless_input_is_ended_and_nothing_queued(void **state)
{
	struct po_err err;
	struct drop d;
	int p[2];

	(void)state;
	fake_drop_init(&d);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "\nbody\n", 6), 6);
	assert_int_equal(submit_from(p[0], 1, &d, &err), -1);
	assert_int_equal(err.code, PO_ETEMP);
	assert_non_null(strstr(err.text, "stdin_timeout"));
	assert_int_equal(d.published, 0);
	fake_drop_clear(&d);
	close(p[0]);
	close(p[1]);
}

static void
input_that_cannot_be_read_queues_nothing(void **state)
{
	struct po_err err;
	struct drop d;
	int p[2];

	(void)state;
	fake_drop_init(&d);
	assert_int_equal(pipe(p), 0);
	close(p[0]);
	/* the end that is for writing */
	assert_int_equal(submit_from(p[1], 1, &d, &err), -1);
	assert_int_equal(err.code, PO_ENOINPUT);
	assert_int_equal(d.published, 0);
	fake_drop_clear(&d);
	close(p[1]);
}

static void
long_body_passes_through(void **state)
{
	enum { BYTES = 3000000 };
	int fd = memfd_create("in", 0);
	static char body[BYTES];
	struct po_err err;
	struct drop d;
	size_t i;

	(void)state;
	for (i = 0; i < BYTES; i++)
		body[i] = i % 70 == 69 ? '\n' : (char)('a' + i % 23);
	body[BYTES - 1] = '\n';
	fake_drop_init(&d);
	assert_int_equal(write(fd, "\n", 1), 1);
	assert_int_equal(write(fd, body, BYTES), BYTES);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(submit_from(fd, 60, &d, &err), 0);
	assert_true(d.content.len > BYTES);
	assert_memory_equal(d.content.p + d.content.len - BYTES, body, BYTES);
	fake_drop_clear(&d);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_is_read_from_where_it_stands),
		cmocka_unit_test(
		    lone_dot_ends_without_waiting_for_the_end_of_input),
		cmocka_unit_test(endless_input_is_ended_and_nothing_queued),
		cmocka_unit_test(input_that_cannot_be_read_queues_nothing),
		cmocka_unit_test(long_body_passes_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
