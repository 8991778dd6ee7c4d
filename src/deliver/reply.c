/* SPDX-License-Identifier: ISC */
#include "deliver/reply.h"

#include <stdio.h>

#include "deliver/delivery.h"

void
reply_init(struct reply *r)
{
	*r = (struct reply){ .code = 0 };
	buf_init(&r->text, REPLY_MAX_BYTES);
}

void
reply_clear(struct reply *r)
{
	buf_clear(&r->text);
}

void
reply_reset(struct reply *r)
{
	r->code = 0;
	r->status[0] = '\0';
	r->bytes = 0;
	buf_reset(&r->text);
}

static int
parse_code(struct span line)
{
	size_t i;

	if (line.len < 3 || line.p[0] < '2' || line.p[0] > '5')
		return 0;
	for (i = 1; i < 3; i++)
		if (!ascii_is_digit((unsigned char)line.p[i]))
			return 0;
	return (line.p[0] - '0') * 100 + (line.p[1] - '0') * 10 +
	       (line.p[2] - '0');
}

/* How many digits, 1 to 3, stand at `at`; 0: none or more. */
static size_t
digits_at(struct span s, size_t at)
{
	size_t n = 0;

	while (at + n < s.len && ascii_is_digit((unsigned char)s.p[at + n]))
		n++;
	return n > 3 ? 0 : n;
}

/* Length of an enhanced status of class `first` at the beginning, or 0. */
static size_t
status_length(struct span s, char first)
{
	size_t at = 2, n;

	if (s.len < 5 || s.p[0] != first || s.p[1] != '.')
		return 0;
	n = digits_at(s, at);
	at += n;
	if (n == 0 || at >= s.len || s.p[at] != '.')
		return 0;
	at++;
	n = digits_at(s, at);
	at += n;
	if (n == 0 || (at < s.len && s.p[at] != ' '))
		return 0;
	return at;
}

static struct span
strip_status(struct reply *r, struct span text)
{
	size_t n = status_length(text, (char)('0' + r->code / 100));

	if (n == 0 || r->code / 100 == 3)
		return text;
	if (r->status[0] == '\0')
		(void)snprintf(r->status, sizeof(r->status), "%.*s", (int)n,
		    text.p);
	text.p += n;
	text.len -= n;
	if (text.len > 0) {
		text.p++;
		text.len--;
	}
	return text;
}

enum reply_step
reply_feed(struct reply *r, struct span line, size_t bytes)
{
	int code = parse_code(line);
	bool first = r->bytes == 0, last;
	struct span text = { "", 0 };

	r->bytes += bytes > line.len ? bytes : line.len + 1;
	if (code == 0 || r->bytes > REPLY_MAX_BYTES)
		return REPLY_BAD;
	if (!first && code != r->code)
		return REPLY_BAD;
	r->code = code;
	if (line.len > 3 && line.p[3] != ' ' && line.p[3] != '-')
		return REPLY_BAD;
	last = line.len == 3 || line.p[3] == ' ';
	if (line.len > REPLY_LINE_BYTES)
		line.len = REPLY_LINE_BYTES;
	if (line.len > 4)
		text = (struct span){ line.p + 4, line.len - 4 };
	text = strip_status(r, text);
	if (!first && !buf_putc(&r->text, '\n'))
		return REPLY_BAD;
	if (!buf_put_span(&r->text, text))
		return REPLY_BAD;
	return last ? REPLY_DONE : REPLY_MORE;
}

void
reply_print(const struct reply *r, char *out, size_t max)
{
	bool text = r->text.len > 0;
	char head[32];
	size_t used;

	(void)snprintf(head, sizeof(head), "%d%s%s%s", r->code,
	    r->status[0] == '\0' ? "" : " ", r->status, text ? " " : "");
	used = delivery_escape(span_of(head), out, max);
	(void)delivery_escape(buf_span(&r->text), out + used, max - used);
}
