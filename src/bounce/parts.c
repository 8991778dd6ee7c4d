/* SPDX-License-Identifier: ISC */
#include "bounce/parts.h"

#include <stdio.h>

#include "log/log.h"

bool
parts_escape(struct buf *out, struct span text, size_t max, bool ascii)
{
	size_t i, used = 0, need;
	unsigned char c;

	if (!ascii)
		return log_escape(out, text, max);
	for (i = 0; i < text.len; i++) {
		c = (unsigned char)text.p[i];
		need = c >= 0x20 && c < 0x7f ? 1 : 4;
		if (used + need + 3 > max)
			return buf_puts(out, "...");
		used += need;
		if (need == 1 ? !buf_putc(out, (char)c)
		              : !buf_printf(out, "\\x%02x", c))
			return false;
	}
	return true;
}

/* Length of the piece of `s` that is put on a line with `room` columns. */
static size_t
piece_of(struct span s, size_t room)
{
	size_t i;

	if (s.len <= room)
		return s.len;
	for (i = room; i > 0; i--)
		if (s.p[i] == ' ')
			return i;
	/* No blank: the word goes over the edge. */
	for (i = room; i < s.len && s.p[i] != ' '; i++)
		;
	return i < 900 ? i : 900;
}

bool
parts_wrap(struct buf *out, struct span text, size_t max, size_t column,
    const char *indent)
{
	size_t n, width = strlen(indent);
	struct buf safe;
	struct span s;
	bool ok;

	buf_init(&safe, max + 16);
	ok = parts_escape(&safe, text, max, true);
	s = span_trim(buf_span(&safe));
	while (ok) {
		n = piece_of(s,
		    column + 10 < PART_WIDTH ? PART_WIDTH - column : 10);
		ok = buf_put_span(out, (struct span){ s.p, n }) &&
		     buf_putc(out, '\n');
		s.p += n;
		s = span_trim((struct span){ s.p, s.len - n });
		if (s.len == 0)
			break;
		ok = ok && buf_puts(out, indent);
		column = width;
	}
	buf_clear(&safe);
	return ok;
}

void
parts_status(const struct notice_recipient *r, char out[12])
{
	static const char class[] = {
		[ACTION_FAILED] = '5',
		[ACTION_EXPIRED] = '4', /* RFC 3464, 2.3.4: the last answer */
		[ACTION_DELAYED] = '4',
		[ACTION_DELIVERED] = '2',
		[ACTION_RELAYED] = '2',
	};
	bool good =
	    r->status[0] >= '2' && r->status[0] <= '5' && r->status[1] == '.';

	(void)snprintf(out, 12, "%s",
	    good                          ? r->status
	    : r->action == ACTION_EXPIRED ? "4.4.7"
	                                  : "x.0.0");
	out[0] = class[r->action];
}
