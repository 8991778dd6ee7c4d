/* SPDX-License-Identifier: ISC */
#include "compose/encoding.h"

#define QP_COLUMNS 76u  /* RFC 2045, 6.7 (5), the soft break's '=' included */
#define LINE_LIMIT 998u /* RFC 5322, 2.1.1 */

const char *const encoding_names[] = { "7bit", "quoted-printable", "base64" };

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* ------------------------------------------------------------------ base64 */

static size_t
encode(const unsigned char *p, size_t n, char *to)
{
	size_t i, len = 0;

	for (i = 0; i < n; i += 3) {
		unsigned b = (unsigned)p[i] << 16 |
		             (i + 1 < n ? (unsigned)p[i + 1] << 8 : 0u) |
		             (i + 2 < n ? p[i + 2] : 0u);

		to[len++] = digits[b >> 18];
		to[len++] = digits[b >> 12 & 63];
		to[len++] = i + 1 < n ? digits[b >> 6 & 63] : '=';
		to[len++] = i + 2 < n ? digits[b & 63] : '=';
	}
	return len;
}

static int
put_base64_line(struct base64 *b, struct po_err *err)
{
	char line[80];
	size_t len = encode(b->held, b->n, line);

	b->n = 0;
	line[len++] = '\n';
	return sink_write(b->out, line, len, err);
}

int
base64_write(struct base64 *b, const void *p, size_t len, struct po_err *err)
{
	const unsigned char *from = p;
	size_t some;

	while (len > 0) {
		some = sizeof(b->held) - b->n;
		some = len < some ? len : some;
		memcpy(b->held + b->n, from, some);
		b->n += some;
		from += some;
		len -= some;
		if (b->n == sizeof(b->held) && put_base64_line(b, err) == -1)
			return -1;
	}
	return 0;
}

int
base64_end(struct base64 *b, struct po_err *err)
{
	return b->n > 0 ? put_base64_line(b, err) : 0;
}

static int
value_of(char c)
{
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits);
}

bool
base64_decode(struct span s, struct buf *out)
{
	unsigned bits = 0, n = 0, pads = 0;
	size_t i;
	int v;

	for (i = 0; i < s.len; i++) {
		if (strchr(" \t\r\n", s.p[i]) != NULL && s.p[i] != '\0')
			continue;
		if (s.p[i] == '=') {
			pads++;
			continue;
		}
		v = value_of(s.p[i]);
		if (v == -1 || pads > 0)
			return false;
		bits = (bits << 6 | (unsigned)v) & 0xffffff;
		n++;
		if (n % 4 == 2 && !buf_putc(out, (char)(bits >> 4)))
			return false;
		if (n % 4 == 3 && !buf_putc(out, (char)(bits >> 2)))
			return false;
		if (n % 4 == 0 && !buf_putc(out, (char)bits))
			return false;
	}
	return n % 4 != 1 && pads <= 2 && (pads == 0 || (n + pads) % 4 == 0);
}

/* -------------------------------------------------------------------- text */

/* The next line without its end; false when none is left. */
static bool
next_line(struct span *rest, struct span *line)
{
	size_t i = 0;

	if (rest->len == 0)
		return false;
	while (i < rest->len && rest->p[i] != '\n' && rest->p[i] != '\r')
		i++;
	*line = (struct span){ rest->p, i };
	if (i + 1 < rest->len && rest->p[i] == '\r' && rest->p[i + 1] == '\n')
		i++;
	i += i < rest->len;
	rest->p += i;
	rest->len -= i;
	return true;
}

/* Would a boundary of ours be found in it? They all begin so, which no line of
 * the other encodings does. */
static bool
looks_like_boundary(struct span line)
{
	return line.len >= 4 && memcmp(line.p, "--=_", 4) == 0;
}

enum encoding
encoding_of_text(struct span text)
{
	struct span rest = text, line;
	size_t i, coded = 0;
	bool plain = true;

	while (next_line(&rest, &line)) {
		plain = plain && line.len <= LINE_LIMIT &&
		        !looks_like_boundary(line);
		for (i = 0; i < line.len; i++) {
			unsigned char c = (unsigned char)line.p[i];

			plain = plain && c < 0x7f && (c >= 0x20 || c == '\t');
			coded += c >= 0x7f || c == '=';
		}
	}
	if (plain)
		return ENCODING_7BIT;
	/* Base64 is shorter from a sixth on; until a third of it is coded, the
	 * other can still be read. */
	return coded > text.len / 3 ? ENCODING_BASE64 : ENCODING_QP;
}

struct qp {
	struct sink out;
	char line[QP_COLUMNS + 2];
	size_t n;
};

static int
qp_end_line(struct qp *q, bool soft, struct po_err *err)
{
	size_t n = q->n;

	if (soft)
		q->line[n++] = '=';
	q->line[n++] = '\n';
	q->n = 0;
	return sink_write(q->out, q->line, n, err);
}

static int
qp_put(struct qp *q, unsigned char c, bool last, struct po_err *err)
{
	static const char hex[] = "0123456789ABCDEF";
	bool plain = (c >= 33 && c <= 126 && c != '=') ||
	             ((c == ' ' || c == '\t') && !last);
	size_t need = plain ? 1 : 3;

	if (q->n + need > QP_COLUMNS - (last ? 0u : 1u) &&
	    qp_end_line(q, true, err) == -1)
		return -1;
	/* A dot or "From " at a line's beginning is what relays stumble over.
	 */
	if (q->n == 0 && (c == '.' || c == 'F'))
		plain = false;
	if (plain) {
		q->line[q->n++] = (char)c;
		return 0;
	}
	q->line[q->n++] = '=';
	q->line[q->n++] = hex[c >> 4];
	q->line[q->n++] = hex[c & 15];
	return 0;
}

static int
put_qp(struct span text, struct sink out, struct po_err *err)
{
	struct qp q = { .out = out };
	struct span line;
	size_t i;

	while (next_line(&text, &line)) {
		for (i = 0; i < line.len; i++)
			if (qp_put(&q, (unsigned char)line.p[i],
			        i + 1 == line.len, err) == -1)
				return -1;
		if (qp_end_line(&q, false, err) == -1)
			return -1;
	}
	return 0;
}

/* Line ends of text are CRLF within base64 (RFC 2045, 6.8). */
static int
put_base64(struct span text, struct sink out, struct po_err *err)
{
	struct base64 b = { .out = out };
	struct span line;

	while (next_line(&text, &line))
		if (base64_write(&b, line.p, line.len, err) == -1 ||
		    base64_write(&b, "\r\n", 2, err) == -1)
			return -1;
	return base64_end(&b, err);
}

static int
put_plain(struct span text, struct sink out, struct po_err *err)
{
	struct span line;

	while (next_line(&text, &line))
		if (sink_write(out, line.p, line.len, err) == -1 ||
		    sink_write(out, "\n", 1, err) == -1)
			return -1;
	return 0;
}

int
encoding_put_text(enum encoding e, struct span text, struct sink out,
    struct po_err *err)
{
	switch (e) {
	case ENCODING_7BIT:
		return put_plain(text, out, err);
	case ENCODING_QP:
		return put_qp(text, out, err);
	case ENCODING_BASE64:
		break;
	}
	return put_base64(text, out, err);
}
