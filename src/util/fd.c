/* SPDX-License-Identifier: ISC */
#include "util/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/wallclock.h"

int
fd_write_all(int fd, const void *p, size_t len, const char *what,
    struct po_err *err)
{
	const char *at = p;
	ssize_t n;

	while (len > 0) {
		n = write(fd, at, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return po_fail_sys(err, PO_EIO, "write %s", what);
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int
fd_pwrite_all(int fd, const void *p, size_t len, off_t at, const char *what,
    struct po_err *err)
{
	const char *from = p;
	ssize_t n;

	while (len > 0) {
		n = pwrite(fd, from, len, at);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return po_fail_sys(err, PO_EIO, "write %s", what);
		from += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int
fd_pread_all(int fd, void *p, size_t len, off_t at, const char *what,
    struct po_err *err)
{
	char *to = p;
	ssize_t n;

	while (len > 0) {
		n = pread(fd, to, len, at);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return po_fail_sys(err, PO_EIO, "read %s", what);
		if (n == 0)
			return po_fail(err, PO_ECORRUPT,
			    "read %s: the file ends too early", what);
		to += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int
fd_read_rest(int fd, struct buf *out, const char *what, struct po_err *err)
{
	char some[16384];
	ssize_t n;

	while ((n = read(fd, some, sizeof(some))) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return po_fail_sys(err, PO_ENOINPUT, "read %s", what);
		if (!buf_put(out, some, (size_t)n))
			return po_fail(err, PO_EDATA,
			    "%s is larger than %zu bytes", what, out->max);
	}
	return 0;
}

int
fd_wait(int fd, short events, int64_t deadline_ms)
{
	struct pollfd p = { fd, events, 0 };
	int64_t left;
	int n;

	for (;;) {
		left = -1;
		if (deadline_ms != -1) {
			left = deadline_ms - monotonic_ms();
			if (left < 0)
				left = 0;
			if (left > INT_MAX)
				left = INT_MAX;
		}
		n = poll(&p, 1, (int)left);
		if (n != 0)
			return n > 0 ? 1 : -1;
		if (deadline_ms != -1 && monotonic_ms() >= deadline_ms)
			return 0;
	}
}

void
fd_close(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

int
fd_open_null(void)
{
	int fd = open("/dev/null", O_RDWR);

	return fd == -1 ? memfd_create("null", 0) : fd;
}

void
fd_open_standard(void)
{
	struct pollfd p[3] = { { 0, 0, 0 }, { 1, 0, 0 }, { 2, 0, 0 } };
	bool closed = poll(p, 3, 0) == -1;
	int fd, i;

	for (i = 0; i < 3; i++)
		closed = closed || (p[i].revents & POLLNVAL) != 0;
	if (!closed)
		return;
	do {
		fd = fd_open_null();
	} while (fd != -1 && fd < 2);
	if (fd > 2)
		(void)close(fd);
}
