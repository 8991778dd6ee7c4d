/* SPDX-License-Identifier: ISC */
#include "deliver/seven_encode.h"

#define QP_LINE 76u

static const char hex[] = "0123456789ABCDEF";

/* One byte, or its three, in a line that may have to be broken before. */
static bool
qp_put(struct encoder *e, const char *p, size_t len, struct buf *out)
{
	if (e->column + len > QP_LINE - 1) {
		if (!buf_puts(out, "=\n"))
			return false;
		e->column = 0;
	}
	e->column += len;
	return buf_put(out, p, len);
}

static bool
qp_escaped(struct encoder *e, unsigned char c, struct buf *out)
{
	const char three[3] = { '=', hex[c >> 4], hex[c & 15] };

	return qp_put(e, three, 3, out);
}

/* A blank is written as it is only where something follows in its line. */
static bool
qp_blank(struct encoder *e, bool ends, struct buf *out)
{
	char c = e->blank;

	e->blank = '\0';
	if (c == '\0')
		return true;
	return ends ? qp_escaped(e, (unsigned char)c, out)
	            : qp_put(e, &c, 1, out);
}

bool
encode_qp(struct encoder *e, struct span line, struct buf *out)
{
	size_t i;
	bool ok = true;

	for (i = 0; ok && i < line.len; i++) {
		unsigned char c = (unsigned char)line.p[i];

		ok = qp_blank(e, false, out);
		if (c == ' ' || c == '\t')
			e->blank = (char)c;
		else if (c == '=' || c >= 0x7f || c < 0x20)
			ok = ok && qp_escaped(e, c, out);
		else
			ok = ok && qp_put(e, line.p + i, 1, out);
	}
	return ok;
}

bool
encode_qp_end(struct encoder *e, bool line_end, struct buf *out)
{
	bool ok = qp_blank(e, true, out);

	e->column = 0;
	return ok && (!line_end || buf_putc(out, '\n'));
}

static bool
base64_group(struct encoder *e, struct buf *out)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"
	                          "qrstuvwxyz0123456789+/";
	const unsigned char *h = e->held;
	char line[QP_LINE + 1];
	size_t i, n = 0;

	for (i = e->n_held; i < e->n_held + 2 && i < sizeof(e->held); i++)
		e->held[i] = 0;
	for (i = 0; i < e->n_held; i += 3, h += 3) {
		line[n++] = set[h[0] >> 2];
		line[n++] = set[(h[0] & 3) << 4 | h[1] >> 4];
		line[n++] =
		    i + 1 < e->n_held ? set[(h[1] & 15) << 2 | h[2] >> 6] : '=';
		line[n++] = i + 2 < e->n_held ? set[h[2] & 63] : '=';
	}
	line[n++] = '\n';
	e->n_held = 0;
	return buf_put(out, line, n);
}

bool
encode_base64(struct encoder *e, struct span s, struct buf *out)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		e->held[e->n_held++] = (unsigned char)s.p[i];
		if (e->n_held == sizeof(e->held) && !base64_group(e, out))
			return false;
	}
	return true;
}

bool
encode_base64_end(struct encoder *e, struct buf *out)
{
	return e->n_held == 0 || base64_group(e, out);
}

bool
encode_8bit(struct span s, bool escape, struct buf *out)
{
	size_t i;
	bool ok = true;

	for (i = 0; ok && i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		const char three[3] = { '=', hex[c >> 4], hex[c & 15] };

		if (c < 0x80)
			ok = buf_putc(out, s.p[i]);
		else if (escape)
			ok = buf_put(out, three, 3);
	}
	return ok;
}
