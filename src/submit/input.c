/* SPDX-License-Identifier: ISC */
#include "submit/input.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/wallclock.h"

#define PIECE_BYTES 65536u

/* Like read(2), with the deadline: -1 and *err set when there is nothing. */
static ssize_t
read_some(int fd, char *p, size_t len, int64_t deadline_ms, struct po_err *err)
{
	ssize_t n;
	int ready;

	for (;;) {
		ready = fd_wait(fd, POLLIN, deadline_ms);
		if (ready == 0)
			return po_fail(err, PO_ETEMP,
			    "the message did not end in time (stdin_timeout)");
		if (ready == -1 && errno == EINTR)
			continue;
		n = read(fd, p, len);
		if (n >= 0)
			return n;
		if (errno != EINTR && errno != EAGAIN)
			return po_fail_sys(err, PO_ENOINPUT,
			    "read the message");
	}
}

int
input_submit(int fd, int64_t timeout_s, struct submission *s,
    struct po_err *err)
{
	/* Not allocated: a mapping made and undone costs a small message more
	 * than the reading. */
	static char piece[PIECE_BYTES];
	int64_t deadline_ms = monotonic_ms() + timeout_s * 1000;
	ssize_t n = 1;
	int rc = 0;

	while (rc == 0 && n > 0 && !s->clean.ended) {
		n = read_some(fd, piece, PIECE_BYTES, deadline_ms, err);
		if (n == -1)
			rc = -1;
		else if (n > 0)
			rc = submission_write(s, piece, (size_t)n, err);
	}
	return rc == 0 ? submission_end(s, err) : -1;
}
