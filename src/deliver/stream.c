/* SPDX-License-Identifier: ISC */
/*
 * What libetpan's mailstream needs to be told by its driver: read returns more
 * than 0 or -1 (0 at the end of input makes it touch memory before its
 * buffer), write returns more than 0 or -1 (0 makes it loop), and after an
 * error every later call fails too, because a short count looks like success
 * to it.
 *
 * A write that would block polls for reading as well and puts what comes into
 * `ahead`. After a failed write a plain connection can still be read: a server
 * that refuses the content and closes has said why.
 */
#include "deliver/stream.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/wallclock.h"
#include "util/xalloc.h"

#define SLICE_MS 1000 /* how late a set stop flag may be seen */

bool
stream_fail(struct stream *st, enum stream_error error, const char *fmt, ...)
{
	va_list ap;

	if (st->error != STREAM_OK)
		return false;
	st->error = error;
	va_start(ap, fmt);
	(void)vsnprintf(st->text, sizeof(st->text), fmt, ap);
	va_end(ap);
	return false;
}

static bool
check_stop(struct stream *st, int64_t now_ms)
{
	if (st->stop == NULL || *st->stop == 0)
		return true;
	if (st->grace_ms < 0)
		return stream_fail(st, STREAM_STOPPED, "stopped");
	if (st->deadline_ms > now_ms + st->grace_ms)
		st->deadline_ms = now_ms + st->grace_ms;
	st->stop = NULL;
	return true;
}

bool
stream_wait(struct stream *st, short events, short *revents)
{
	struct pollfd p = { st->fd, events, 0 };
	int64_t now, left;
	int n;

	for (;;) {
		now = monotonic_ms();
		if (!check_stop(st, now))
			return false;
		left = st->deadline_ms - now;
		if (left <= 0)
			return stream_fail(st, STREAM_TIMEOUT, "timed out");
		n = poll(&p, 1, (int)(left > SLICE_MS ? SLICE_MS : left));
		if (n > 0) {
			*revents = p.revents;
			return true;
		}
		if (n == -1 && errno != EINTR)
			return stream_fail(st, STREAM_FAILED, "poll: %s",
			    strerror(errno));
	}
}

/* The two ways to move bytes: more than 0 done, 0 try again after *events,
 * -1 failed (noted). */
static ssize_t
ssl_result(struct stream *st, int n, short *events)
{
	int sys = errno;
	unsigned long e;

	switch (SSL_get_error(st->ssl, n)) {
	case SSL_ERROR_WANT_READ:
		*events = POLLIN;
		return 0;
	case SSL_ERROR_WANT_WRITE:
		*events = POLLOUT;
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		stream_fail(st, STREAM_EOF, "connection closed");
		return -1;
	case SSL_ERROR_SYSCALL:
		stream_fail(st, sys == 0 ? STREAM_EOF : STREAM_FAILED, "%s",
		    sys == 0 ? "connection closed" : strerror(sys));
		return -1;
	default:
		e = ERR_peek_error();
		if (ERR_GET_REASON(e) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
			stream_fail(st, STREAM_EOF, "connection closed");
		else
			stream_fail(st, STREAM_FAILED, "TLS: %s",
			    e == 0 ? "protocol error"
			           : ERR_reason_error_string(e));
		return -1;
	}
}

static ssize_t
move_in(struct stream *st, void *p, size_t len, short *events)
{
	ssize_t n;

	*events = POLLIN;
	if (st->ssl != NULL) {
		ERR_clear_error();
		errno = 0;
		n = SSL_read(st->ssl, p, len > INT_MAX ? INT_MAX : (int)len);
		return n > 0 ? n : ssl_result(st, (int)n, events);
	}
	n = recv(st->fd, p, len, 0);
	if (n > 0)
		return n;
	if (n == 0)
		stream_fail(st, STREAM_EOF, "connection closed");
	else if (errno == EAGAIN || errno == EINTR)
		return 0;
	else
		stream_fail(st, STREAM_FAILED, "%s", strerror(errno));
	return -1;
}

static ssize_t
move_out(struct stream *st, const void *p, size_t len, short *events)
{
	ssize_t n;

	*events = POLLOUT;
	if (st->ssl != NULL) {
		ERR_clear_error();
		errno = 0;
		n = SSL_write(st->ssl, p, len > INT_MAX ? INT_MAX : (int)len);
		return n > 0 ? n : ssl_result(st, (int)n, events);
	}
	n = send(st->fd, p, len, MSG_NOSIGNAL);
	if (n > 0)
		return n;
	if (n == 0 || errno == EAGAIN || errno == EINTR)
		return 0;
	stream_fail(st, STREAM_FAILED, "%s", strerror(errno));
	return -1;
}

/* Take what the peer has sent while our write is blocked. Its end is no error
 * of the write: that one fails by itself. */
static void
read_ahead(struct stream *st)
{
	enum stream_error error = st->error;
	char block[4096];
	short events;
	ssize_t n;

	if (st->ahead.len + sizeof(block) > st->ahead.max) {
		st->input_ended = true;
		return;
	}
	n = move_in(st, block, sizeof(block), &events);
	if (n > 0 && buf_put(&st->ahead, block, (size_t)n))
		return;
	if (n == 0)
		return;
	st->input_ended = true;
	if (st->ssl == NULL)
		st->error = error;
	else
		st->read_failed = st->write_failed = true;
}

static ssize_t
take_ahead(struct stream *st, void *p, size_t len)
{
	if (len > st->ahead.len)
		len = st->ahead.len;
	memcpy(p, st->ahead.p, len);
	buf_consume(&st->ahead, len);
	return (ssize_t)len;
}

static ssize_t
driver_read(mailstream_low *low, void *p, size_t len)
{
	struct stream *st = low->data;
	short events = POLLIN, revents;
	bool ready = st->ssl != NULL && SSL_has_pending(st->ssl);
	ssize_t n;

	if (st->ahead.len > 0)
		return take_ahead(st, p, len);
	if (st->read_failed)
		return -1;
	if (st->budget == 0)
		stream_fail(st, STREAM_BUDGET, "the server sends without end");
	if (len > st->budget)
		len = st->budget;
	while (len > 0) {
		/* The reply is seldom there already: wait first. */
		if (!ready && !stream_wait(st, events, &revents))
			break;
		n = move_in(st, p, len, &events);
		if (n > 0) {
			st->budget -= (size_t)n;
			return n;
		}
		if (n == -1)
			break;
		ready = false;
	}
	st->read_failed = true;
	return -1;
}

static ssize_t
driver_write(mailstream_low *low, const void *p, size_t len)
{
	struct stream *st = low->data;
	short events, revents = 0;
	ssize_t n;

	while (!st->write_failed && len > 0) {
		n = move_out(st, p, len, &events);
		if (n > 0) {
			st->written += (uint64_t)n;
			return n;
		}
		if (n == 0 && !st->input_ended)
			events |= POLLIN;
		if (n == -1 || !stream_wait(st, events, &revents))
			st->write_failed = true;
		else if ((revents & POLLIN) != 0 && !st->input_ended)
			read_ahead(st);
	}
	return -1;
}

static int
driver_close(mailstream_low *low)
{
	struct stream *st = low->data;

	if (st->ssl != NULL) {
		ERR_clear_error();
		if (!st->read_failed && !st->write_failed)
			(void)SSL_shutdown(st->ssl);
		SSL_free(st->ssl);
		st->ssl = NULL;
	}
	fd_close(&st->fd);
	return 0;
}

static int
driver_get_fd(mailstream_low *low)
{
	struct stream *st = low->data;

	return st->fd;
}

static void
driver_free(mailstream_low *low)
{
	free(low);
}

/* Not const: the library's pointer is not. */
static mailstream_low_driver driver = {
	.mailstream_read = driver_read,
	.mailstream_write = driver_write,
	.mailstream_close = driver_close,
	.mailstream_get_fd = driver_get_fd,
	.mailstream_free = driver_free,
};

struct stream *
stream_new(int fd, const volatile sig_atomic_t *stop)
{
	struct stream *st = xcalloc(1, sizeof(*st));
	mailstream_low *low;

	st->fd = fd;
	st->stop = stop;
	st->grace_ms = -1;
	st->budget = STREAM_BUFFER_BYTES;
	buf_init(&st->ahead, STREAM_AHEAD_BYTES);
	low = mailstream_low_new(st, &driver);
	if (low != NULL)
		st->mail = mailstream_new(low, STREAM_BUFFER_BYTES);
	if (st->mail == NULL) {
		free(low);
		fd_close(&st->fd);
		free(st);
		return NULL;
	}
	return st;
}

void
stream_free(struct stream *st)
{
	if (st == NULL)
		return;
	(void)mailstream_close(st->mail);
	buf_clear(&st->ahead);
	free(st);
}

void
stream_set_deadline(struct stream *st, int64_t timeout_ms)
{
	st->deadline_ms = monotonic_ms() + timeout_ms;
}

bool
stream_put(struct stream *st, const void *p, size_t len)
{
	return !st->write_failed &&
	       mailstream_write(st->mail, p, len) == (ssize_t)len;
}

bool
stream_flush(struct stream *st)
{
	return !st->write_failed && mailstream_flush(st->mail) == 0;
}

uint64_t
stream_offset(const struct stream *st)
{
	return st->written + st->mail->write_buffer_len;
}

/* Move `n` bytes out of the read buffer, into the line as far as it goes. */
static void
take_part(struct stream *st, size_t n, size_t *kept)
{
	char rest[512];
	size_t part;

	while (n > 0) {
		part = sizeof(st->line) - *kept;
		if (part > n)
			part = n;
		if (part > 0) {
			mailstream_read(st->mail, st->line + *kept, part);
			*kept += part;
		} else {
			part = n > sizeof(rest) ? sizeof(rest) : n;
			mailstream_read(st->mail, rest, part);
		}
		n -= part;
	}
}

bool
stream_get_line(struct stream *st, struct span *line, size_t *bytes)
{
	size_t kept = 0, total = 0, n;
	const char *lf;

	do {
		if (mailstream_feed_read_buffer(st->mail) <= 0)
			return false;
		n = st->mail->read_buffer_len;
		lf = memchr(st->mail->read_buffer, '\n', n);
		if (lf != NULL)
			n = (size_t)(lf - st->mail->read_buffer) + 1;
		take_part(st, n, &kept);
		total += n;
	} while (lf == NULL);
	if (kept == total)
		kept--;
	if (kept > 0 && kept + 1 == total && st->line[kept - 1] == '\r')
		kept--;
	*line = (struct span){ st->line, kept };
	*bytes = total;
	return true;
}

bool
stream_has_input(struct stream *st)
{
	struct pollfd p = { st->fd, POLLIN, 0 };

	if (st->mail->read_buffer_len > 0 || st->ahead.len > 0)
		return true;
	if (st->input_ended || st->read_failed)
		return false;
	if ((st->ssl != NULL && SSL_has_pending(st->ssl)) || poll(&p, 1, 0) > 0)
		read_ahead(st);
	return st->ahead.len > 0;
}
