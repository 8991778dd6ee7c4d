/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue/wire.h"

static struct wire_result
example(void)
{
	struct wire_result r = {
		.attempt = 3,
		.recipient = 17,
		.state = DELIVERY_DEFERRED,
		.phase = PHASE_RCPT,
		.reply_code = 451,
		.delay_ms = 1234,
		.last = true,
		.hop_down = true,
		.status = "4.7.1",
		.relay = "mail.example.net[192.0.2.1]:587",
		.text = "451 4.7.1 try later",
	};

	memcpy(r.id.text, "01BRZ3NEFLTSV4RRGGQ69H5GBV", 27);
	return r;
}

static void
a_result_comes_out_as_it_went_in(void **state)
{
	struct wire_result in = example(), out;
	struct wire_reader r;
	struct buf b;

	(void)state;
	buf_init(&b, WIRE_MAX_BYTES);
	assert_true(wire_put_result(&b, &in));
	r = (struct wire_reader){ (const unsigned char *)b.p, b.len };
	assert_true(wire_get_result(&r, &out));
	assert_int_equal(r.left, 0);
	assert_string_equal(out.id.text, in.id.text);
	assert_int_equal(out.attempt, 3);
	assert_int_equal(out.recipient, 17);
	assert_int_equal(out.state, DELIVERY_DEFERRED);
	assert_int_equal(out.phase, PHASE_RCPT);
	assert_int_equal(out.reply_code, 451);
	assert_int_equal(out.delay_ms, 1234);
	assert_true(out.last && out.hop_down && !out.damaged);
	assert_string_equal(out.status, in.status);
	assert_string_equal(out.relay, in.relay);
	assert_string_equal(out.text, in.text);
	buf_clear(&b);
}

/* A worker that was taken over may send anything: every cut and every value out
 * of range is refused. */
static void
whatever_is_cut_or_out_of_range_is_refused(void **state)
{
	struct wire_result in = example(), out;
	struct wire_reader r;
	struct buf b;
	size_t cut, state_at = QUEUE_ID_LEN + 8;

	(void)state;
	buf_init(&b, WIRE_MAX_BYTES);
	assert_true(wire_put_result(&b, &in));
	for (cut = 0; cut < b.len; cut++) {
		r = (struct wire_reader){ (const unsigned char *)b.p, cut };
		assert_false(wire_get_result(&r, &out));
	}
	b.p[state_at] = 99;
	r = (struct wire_reader){ (const unsigned char *)b.p, b.len };
	assert_false(wire_get_result(&r, &out));
	b.p[state_at] = DELIVERY_SENT;
	b.p[state_at + 1] = 99;
	r = (struct wire_reader){ (const unsigned char *)b.p, b.len };
	assert_false(wire_get_result(&r, &out));
	b.p[state_at + 1] = PHASE_RCPT;
	b.p[0] = 'L'; /* not in the alphabet of queue ids */
	r = (struct wire_reader){ (const unsigned char *)b.p, b.len };
	assert_false(wire_get_result(&r, &out));
	buf_clear(&b);
}

static bool
is_same_file(int a, int b)
{
	struct stat sa, sb;

	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 &&
	       sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

static void
files_cross_in_their_order(void **state)
{
	char space[WIRE_MAX_BYTES];
	int pair[2], fds[WIRE_MAX_FILES], sent[WIRE_MAX_FILES], fd;
	struct buf b;
	size_t i, n;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	buf_init(&b, 16);
	assert_true(wire_put_u8(&b, WIRE_JOBS));
	for (i = 0; i < WIRE_MAX_FILES; i++)
		sent[i] = memfd_create("job", MFD_CLOEXEC);
	assert_int_equal(wire_send_files(pair[0], &b, sent, WIRE_MAX_FILES,
	                     true),
	    1);
	assert_int_equal(wire_receive_files(pair[1], space, fds, &n, true), 1);
	assert_int_equal(n, WIRE_MAX_FILES);
	for (i = 0; i < n; i++) {
		assert_true(is_same_file(fds[i], sent[i]));
		assert_true((fcntl(fds[i], F_GETFD) & FD_CLOEXEC) != 0);
		(void)close(fds[i]);
	}
	/* Who wants one does not keep a second. */
	assert_int_equal(wire_send_files(pair[0], &b, sent, 2, true), 1);
	assert_int_equal(wire_receive(pair[1], space, &fd, true), 1);
	assert_true(is_same_file(fd, sent[0]));
	assert_int_equal(fcntl(fd + 1, F_GETFD), -1);
	(void)close(fd);
	assert_int_equal(wire_send_files(pair[0], &b, NULL, 0, true), 1);
	assert_int_equal(wire_receive_files(pair[1], space, fds, &n, true), 1);
	assert_int_equal(n, 0);
	for (i = 0; i < WIRE_MAX_FILES; i++)
		(void)close(sent[i]);
	buf_clear(&b);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_cross_in_their_order),
		cmocka_unit_test(a_result_comes_out_as_it_went_in),
		cmocka_unit_test(whatever_is_cut_or_out_of_range_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
