/* SPDX-License-Identifier: ISC */
/* Replies leave only when there is no more input to read, which is what makes
 * pipelining cheap (RFC 2920). */
#include "submit/smtp_io.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log/log.h"
#include "util/fd.h"
#include "util/wallclock.h"
#include "util/xalloc.h"

#define INPUT_BYTES 65536u
#define REPLIES_BYTES 65536u
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

int
smtp_io_flush(struct smtp_io *s)
{
	int rc = 0;

	if (s->replies.len > 0)
		rc = fd_write_all(s->out, s->replies.p, s->replies.len,
		    "replies", NULL);
	buf_reset(&s->replies);
	if (rc == -1) /* the client is gone: so is the dialogue */
		s->ended = true;
	return rc;
}

void
smtp_io_reply(struct smtp_io *s, const char *text)
{
	if (s->replies.len > REPLIES_BYTES / 2)
		(void)smtp_io_flush(s);
	if (!buf_puts(&s->replies, text) || !buf_puts(&s->replies, "\r\n"))
		s->ended = true;
	if (text[0] == '5' && text[1] == '0')
		s->errors++;
}

void
smtp_io_reply_error(struct smtp_io *s, const struct po_err *e,
    const char *permanent)
{
	const struct po_code_info *info = po_code_info(e->code);
	char text[REPLY_TEXT + 100];
	struct buf shown;

	buf_init(&shown, REPLY_TEXT);
	(void)log_escape(&shown, span_of(e->text), REPLY_TEXT);
	if (e->code == PO_EPERM)
		permanent = "550 5.7.1";
	if (!info->retry)
		(void)snprintf(text, sizeof(text), "%s %s", permanent,
		    buf_str(&shown));
	else
		(void)snprintf(text, sizeof(text), "%s %s %s",
		    e->code == PO_EFULL ? "452" : "451", info->status,
		    buf_str(&shown));
	smtp_io_reply(s, text);
	buf_clear(&shown);
}

bool
smtp_io_fill(struct smtp_io *s)
{
	int64_t deadline = monotonic_ms() + s->timeout_s * 1000;
	ssize_t n;
	int ready;

	if (smtp_io_flush(s) == -1)
		return false;
	for (;;) {
		ready = fd_wait(s->in, POLLIN, deadline);
		if (ready == 0) {
			smtp_io_reply(s,
			    "421 4.4.2 Nothing was said for too long");
			break;
		}
		n = ready == 1 ? read(s->in, s->input, INPUT_BYTES) : -1;
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
