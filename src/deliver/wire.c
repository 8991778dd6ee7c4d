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
#include "deliver/wire.h"

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
wire_fail(struct wire *w, enum wire_error error, const char *fmt, ...)
{
	va_list ap;

	if (w->error != WIRE_OK)
		return false;
	w->error = error;
	va_start(ap, fmt);
	(void)vsnprintf(w->text, sizeof(w->text), fmt, ap);
	va_end(ap);
	return false;
}

static bool
check_stop(struct wire *w, int64_t now_ms)
{
	if (w->stop == NULL || *w->stop == 0)
		return true;
	if (w->grace_ms < 0)
		return wire_fail(w, WIRE_STOPPED, "stopped");
	if (w->deadline_ms > now_ms + w->grace_ms)
		w->deadline_ms = now_ms + w->grace_ms;
	w->stop = NULL;
	return true;
}

bool
wire_wait(struct wire *w, short events, short *revents)
{
	struct pollfd p = { w->fd, events, 0 };
	int64_t now, left;
	int n;

	for (;;) {
		now = monotonic_ms();
		if (!check_stop(w, now))
			return false;
		left = w->deadline_ms - now;
		if (left <= 0)
			return wire_fail(w, WIRE_TIMEOUT, "timed out");
		n = poll(&p, 1, (int)(left > SLICE_MS ? SLICE_MS : left));
		if (n > 0) {
			*revents = p.revents;
			return true;
		}
		if (n == -1 && errno != EINTR)
			return wire_fail(
			    w, WIRE_FAILED, "poll: %s", strerror(errno));
	}
}

/* The two ways to move bytes: more than 0 done, 0 try again after *events,
 * -1 failed (noted). */
static ssize_t
ssl_result(struct wire *w, int n, short *events)
{
	int sys = errno;
	unsigned long e;

	switch (SSL_get_error(w->ssl, n)) {
	case SSL_ERROR_WANT_READ:
		*events = POLLIN;
		return 0;
	case SSL_ERROR_WANT_WRITE:
		*events = POLLOUT;
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		wire_fail(w, WIRE_EOF, "connection closed");
		return -1;
	case SSL_ERROR_SYSCALL:
		wire_fail(w, sys == 0 ? WIRE_EOF : WIRE_FAILED, "%s",
		    sys == 0 ? "connection closed" : strerror(sys));
		return -1;
	default:
		e = ERR_peek_error();
		if (ERR_GET_REASON(e) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
			wire_fail(w, WIRE_EOF, "connection closed");
		else
			wire_fail(w, WIRE_FAILED, "TLS: %s",
			    e == 0 ? "protocol error"
				   : ERR_reason_error_string(e));
		return -1;
	}
}

static ssize_t
move_in(struct wire *w, void *p, size_t len, short *events)
{
	ssize_t n;

	*events = POLLIN;
	if (w->ssl != NULL) {
		ERR_clear_error();
		errno = 0;
		n = SSL_read(w->ssl, p, len > INT_MAX ? INT_MAX : (int)len);
		return n > 0 ? n : ssl_result(w, (int)n, events);
	}
	n = recv(w->fd, p, len, 0);
	if (n > 0)
		return n;
	if (n == 0)
		wire_fail(w, WIRE_EOF, "connection closed");
	else if (errno == EAGAIN || errno == EINTR)
		return 0;
	else
		wire_fail(w, WIRE_FAILED, "%s", strerror(errno));
	return -1;
}

static ssize_t
move_out(struct wire *w, const void *p, size_t len, short *events)
{
	ssize_t n;

	*events = POLLOUT;
	if (w->ssl != NULL) {
		ERR_clear_error();
		errno = 0;
		n = SSL_write(w->ssl, p, len > INT_MAX ? INT_MAX : (int)len);
		return n > 0 ? n : ssl_result(w, (int)n, events);
	}
	n = send(w->fd, p, len, MSG_NOSIGNAL);
	if (n > 0)
		return n;
	if (n == 0 || errno == EAGAIN || errno == EINTR)
		return 0;
	wire_fail(w, WIRE_FAILED, "%s", strerror(errno));
	return -1;
}

/* Take what the peer has sent while our write is blocked. Its end is no error
 * of the write: that one fails by itself. */
static void
read_ahead(struct wire *w)
{
	enum wire_error error = w->error;
	char block[4096];
	short events;
	ssize_t n;

	if (w->ahead.len + sizeof(block) > w->ahead.max) {
		w->input_ended = true;
		return;
	}
	n = move_in(w, block, sizeof(block), &events);
	if (n > 0 && buf_put(&w->ahead, block, (size_t)n))
		return;
	if (n == 0)
		return;
	w->input_ended = true;
	if (w->ssl == NULL)
		w->error = error;
	else
		w->read_failed = w->write_failed = true;
}

static ssize_t
take_ahead(struct wire *w, void *p, size_t len)
{
	if (len > w->ahead.len)
		len = w->ahead.len;
	memcpy(p, w->ahead.p, len);
	buf_consume(&w->ahead, len);
	return (ssize_t)len;
}

static ssize_t
driver_read(mailstream_low *low, void *p, size_t len)
{
	struct wire *w = low->data;
	short events = POLLIN, revents;
	bool ready = w->ssl != NULL && SSL_has_pending(w->ssl);
	ssize_t n;

	if (w->ahead.len > 0)
		return take_ahead(w, p, len);
	if (w->read_failed)
		return -1;
	if (w->budget == 0)
		wire_fail(w, WIRE_BUDGET, "the server sends without end");
	if (len > w->budget)
		len = w->budget;
	while (len > 0) {
		/* The reply is seldom there already: wait first. */
		if (!ready && !wire_wait(w, events, &revents))
			break;
		n = move_in(w, p, len, &events);
		if (n > 0) {
			w->budget -= (size_t)n;
			return n;
		}
		if (n == -1)
			break;
		ready = false;
	}
	w->read_failed = true;
	return -1;
}

static ssize_t
driver_write(mailstream_low *low, const void *p, size_t len)
{
	struct wire *w = low->data;
	short events, revents;
	ssize_t n;

	while (!w->write_failed && len > 0) {
		n = move_out(w, p, len, &events);
		if (n > 0) {
			w->written += (uint64_t)n;
			return n;
		}
		if (n == 0 && !w->input_ended)
			events |= POLLIN;
		if (n == -1 || !wire_wait(w, events, &revents))
			w->write_failed = true;
		else if ((revents & POLLIN) != 0 && !w->input_ended)
			read_ahead(w);
	}
	return -1;
}

static int
driver_close(mailstream_low *low)
{
	struct wire *w = low->data;

	if (w->ssl != NULL) {
		ERR_clear_error();
		if (!w->read_failed && !w->write_failed)
			(void)SSL_shutdown(w->ssl);
		SSL_free(w->ssl);
		w->ssl = NULL;
	}
	fd_close(&w->fd);
	return 0;
}

static int
driver_get_fd(mailstream_low *low)
{
	struct wire *w = low->data;

	return w->fd;
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

struct wire *
wire_new(int fd, const volatile sig_atomic_t *stop)
{
	struct wire *w = xcalloc(1, sizeof(*w));
	mailstream_low *low;

	w->fd = fd;
	w->stop = stop;
	w->grace_ms = -1;
	w->budget = WIRE_BUFFER_BYTES;
	buf_init(&w->ahead, WIRE_AHEAD_BYTES);
	low = mailstream_low_new(w, &driver);
	if (low != NULL)
		w->stream = mailstream_new(low, WIRE_BUFFER_BYTES);
	if (w->stream == NULL) {
		free(low);
		fd_close(&w->fd);
		free(w);
		return NULL;
	}
	return w;
}

void
wire_free(struct wire *w)
{
	if (w == NULL)
		return;
	(void)mailstream_close(w->stream);
	buf_clear(&w->ahead);
	free(w);
}

void
wire_set_deadline(struct wire *w, int64_t timeout_ms)
{
	w->deadline_ms = monotonic_ms() + timeout_ms;
}

bool
wire_put(struct wire *w, const void *p, size_t len)
{
	return !w->write_failed &&
	    mailstream_write(w->stream, p, len) == (ssize_t)len;
}

bool
wire_flush(struct wire *w)
{
	return !w->write_failed && mailstream_flush(w->stream) == 0;
}

uint64_t
wire_offset(const struct wire *w)
{
	return w->written + w->stream->write_buffer_len;
}

/* Move `n` bytes out of the read buffer, into the line as far as it goes. */
static void
take_part(struct wire *w, size_t n, size_t *kept)
{
	char rest[512];
	size_t part;

	while (n > 0) {
		part = sizeof(w->line) - *kept;
		if (part > n)
			part = n;
		if (part > 0) {
			mailstream_read(w->stream, w->line + *kept, part);
			*kept += part;
		} else {
			part = n > sizeof(rest) ? sizeof(rest) : n;
			mailstream_read(w->stream, rest, part);
		}
		n -= part;
	}
}

bool
wire_get_line(struct wire *w, struct span *line, size_t *bytes)
{
	size_t kept = 0, total = 0, n;
	const char *lf;

	do {
		if (mailstream_feed_read_buffer(w->stream) <= 0)
			return false;
		n = w->stream->read_buffer_len;
		lf = memchr(w->stream->read_buffer, '\n', n);
		if (lf != NULL)
			n = (size_t)(lf - w->stream->read_buffer) + 1;
		take_part(w, n, &kept);
		total += n;
	} while (lf == NULL);
	if (kept == total)
		kept--;
	if (kept > 0 && kept + 1 == total && w->line[kept - 1] == '\r')
		kept--;
	*line = (struct span){ w->line, kept };
	*bytes = total;
	return true;
}

bool
wire_has_input(struct wire *w)
{
	struct pollfd p = { w->fd, POLLIN, 0 };

	if (w->stream->read_buffer_len > 0 || w->ahead.len > 0)
		return true;
	if (w->input_ended || w->read_failed)
		return false;
	if ((w->ssl != NULL && SSL_has_pending(w->ssl)) || poll(&p, 1, 0) > 0)
		read_ahead(w);
	return w->ahead.len > 0;
}
