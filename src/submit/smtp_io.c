/* SPDX-License-Identifier: ISC */
/* Replies leave only when there is no more input to read, which is what makes
 * pipelining cheap (RFC 2920). A client that writes a whole dialogue before it
 * reads is not waited for: its replies are kept, up to a ceiling. Nobody is
 * waited for longer than the time-out, neither to speak nor to listen. */
#include "submit/smtp_io.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log/log.h"
#include "util/wallclock.h"
#include "util/xalloc.h"

#define INPUT_BYTES 65536u
#define REPLIES_BYTES (1u << 20)
#define GOODBYE_S 10
#define REPLY_TEXT 400u

void
smtp_io_init(struct smtp_io *s, int in, int out, int64_t timeout_s,
    struct po_err *err)
{
	*s = (struct smtp_io){ .in = in,
		.out = out,
		.timeout_s = timeout_s,
		.err = err };
	s->input = xmalloc(INPUT_BYTES);
	buf_init(&s->replies, REPLIES_BYTES);
	err->code = PO_OK;
}

void
smtp_io_clear(struct smtp_io *s)
{
	buf_clear(&s->replies);
	free(s->input);
	s->input = NULL;
}

static size_t
unsent(const struct smtp_io *s)
{
	return s->replies.len - s->sent;
}

/* When poll(2) has said that there is room: as many replies as fit. */
static void
push(struct smtp_io *s)
{
	const char *from = s->replies.p + s->sent;
	size_t len = unsent(s);
	ssize_t n;

	n = send(s->out, from, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == -1 && errno == ENOTSOCK) /* a pipe with room has this much */
		n = write(s->out, from, len < PIPE_BUF ? len : PIPE_BUF);
	if (n >= 0)
		s->sent += (size_t)n;
	else if (errno != EAGAIN && errno != EINTR)
		s->ended = true; /* the client is gone: so is the dialogue */
	if (s->ended || unsent(s) == 0) {
		buf_reset(&s->replies);
		s->sent = 0;
	}
}

/* Wait for input, if `reading`, and send replies meanwhile. 1: there is input;
 * 0: all replies left, which ends the wait if not `reading`; -1: the deadline,
 * or the client is gone. */
static int
await(struct smtp_io *s, bool reading, int64_t deadline_ms)
{
	struct pollfd p[2] = { { s->in, POLLIN, 0 }, { s->out, POLLOUT, 0 } };
	int64_t left;
	int n;

	while (!s->ended && (reading || unsent(s) > 0)) {
		/* who reads no replies is not read from either */
		p[0].fd = reading && unsent(s) < REPLIES_BYTES / 4 ? s->in : -1;
		p[1].fd = unsent(s) > 0 ? s->out : -1;
		left = deadline_ms - monotonic_ms();
		if (left > INT_MAX)
			left = INT_MAX;
		n = poll(p, 2, left > 0 ? (int)left : 0);
		if (n == 0 || (n == -1 && errno != EINTR))
			return -1;
		if (n > 0 && p[1].fd != -1 && p[1].revents != 0)
			push(s);
		if (n > 0 && p[0].fd != -1 && p[0].revents != 0)
			return s->ended ? -1 : 1;
	}
	return s->ended ? -1 : 0;
}

static int64_t
deadline(const struct smtp_io *s, int64_t timeout_s)
{
	return monotonic_ms() +
	       (timeout_s < s->timeout_s ? timeout_s : s->timeout_s) * 1000;
}

int
smtp_io_flush(struct smtp_io *s)
{
	int rc = await(s, false, deadline(s, s->timeout_s));

	if (rc == -1)
		s->ended = true;
	return rc;
}

void
smtp_io_say_goodbye(struct smtp_io *s)
{
	s->ended = false;
	(void)await(s, false, deadline(s, GOODBYE_S));
	s->ended = true;
}

void
smtp_io_reply(struct smtp_io *s, const char *text)
{
	if (unsent(s) > REPLIES_BYTES / 2)
		(void)smtp_io_flush(s);
	if (!buf_puts(&s->replies, text) || !buf_puts(&s->replies, "\r\n"))
		s->ended = true;
	if (text[0] == '5' && text[1] == '0')
		s->errors++;
}

/* The text of a reply is ASCII (RFC 5321, 4.2), also when it shows what is
 * not. */
static void
put_text(struct buf *out, const char *text)
{
	struct buf shown;
	size_t i;
	bool ok = true;

	buf_init(&shown, out->max);
	(void)log_escape(&shown, span_of(text), out->max);
	for (i = 0; ok && i < shown.len; i++)
		ok =
		    (unsigned char)shown.p[i] < 0x80
		        ? buf_putc(out, shown.p[i])
		        : buf_printf(out, "\\x%02x", (unsigned char)shown.p[i]);
	buf_clear(&shown);
}

void
smtp_io_reply_with(struct smtp_io *s, const char *code, const char *status,
    const char *text)
{
	char line[REPLY_TEXT + 100];
	struct buf shown;

	buf_init(&shown, REPLY_TEXT);
	put_text(&shown, text);
	(void)snprintf(line, sizeof(line), "%s%s%s %s", code,
	    status[0] != '\0' ? " " : "", status, buf_str(&shown));
	smtp_io_reply(s, line);
	buf_clear(&shown);
}

void
smtp_io_reply_error(struct smtp_io *s, const struct po_err *e,
    const char *permanent)
{
	const struct po_code_info *info = po_code_info(e->code);

	if (e->code == PO_EPERM)
		permanent = "550 5.7.1";
	if (!info->retry)
		smtp_io_reply_with(s, permanent, "", e->text);
	else
		smtp_io_reply_with(s, e->code == PO_EFULL ? "452" : "451",
		    info->status, e->text);
}

bool
smtp_io_fill(struct smtp_io *s)
{
	int64_t end = deadline(s, s->timeout_s);
	ssize_t n;

	for (;;) {
		if (await(s, true, end) != 1) {
			if (!s->ended)
				smtp_io_reply(s,
				    "421 4.4.2 Nothing was said for too long");
			break;
		}
		n = read(s->in, s->input, INPUT_BYTES);
		if (n > 0) {
			s->at = 0;
			s->len = (size_t)n;
			return true;
		}
		if (n == 0)
			break;
		if (errno == EINTR || errno == EAGAIN)
			continue;
		if (errno != ECONNRESET)
			(void)po_fail_sys(s->err, PO_ENOINPUT,
			    "read SMTP commands");
		break;
	}
	s->ended = true;
	return false;
}

int
smtp_io_read_line(struct smtp_io *s, struct buf *line)
{
	const char *from, *lf;
	bool fits = true;
	size_t n, room;

	buf_reset(line);
	do {
		if (s->at == s->len && !smtp_io_fill(s))
			return -1;
		from = s->input + s->at;
		lf = memchr(from, '\n', s->len - s->at);
		n = lf == NULL ? s->len - s->at : (size_t)(lf - from);
		room = line->max - line->len;
		fits = buf_put(line, from, n < room ? n : room) && n <= room &&
		       fits;
		s->at += n + (lf != NULL);
	} while (lf == NULL);
	s->line_has_cr = line->len > 0 && line->p[line->len - 1] == '\r';
	if (s->line_has_cr)
		line->p[--line->len] = '\0';
	return fits ? 1 : 0;
}
