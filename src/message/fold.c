/* SPDX-License-Identifier: ISC */
#include "message/fold.h"

#include <string.h>

void
fold_init(struct fold *f, struct sink out)
{
	*f = (struct fold){ out, 0 };
}

/* Bytes of a sequence that begins with `c`; 0 inside of one. */
static size_t
sequence_length(unsigned char c)
{
	if (c < 0x80)
		return 1;
	if (c < 0xc0)
		return 0;
	return c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/*
 * How many of the `len` bytes fit into a line that has `column` already, 0 when
 * a new line must begin. A sequence whose end would not fit is left whole for
 * the next line, also when that end is in the caller's next piece; bytes that
 * are no UTF-8 are cut at the limit.
 */
static size_t
fitting(const char *p, size_t len, size_t column)
{
	size_t room = LINE_MAX_BYTES - column;
	size_t n = len < room ? len : room, i, sequence;

	for (i = n; i > 0 && n - i < 4; i--) {
		sequence = sequence_length((unsigned char)p[i - 1]);
		if (sequence == 0)
			continue;
		return column + i - 1 + sequence > LINE_MAX_BYTES ? i - 1 : n;
	}
	return n;
}

static int
write_run(struct fold *f, const char *p, size_t len, struct po_err *err)
{
	size_t n;

	while (len > 0) {
		n = fitting(p, len, f->column);
		if (n == 0) {
			if (sink_write(f->out, "\n ", 2, err) == -1)
				return -1;
			f->column = 1;
			continue;
		}
		if (sink_write(f->out, p, n, err) == -1)
			return -1;
		f->column += n;
		p += n;
		len -= n;
	}
	return 0;
}

int
fold_write(struct fold *f, const char *p, size_t len, struct po_err *err)
{
	const char *nl;
	size_t n;

	while (len > 0) {
		nl = memchr(p, '\n', len);
		n = nl == NULL ? len : (size_t)(nl - p);
		if (f->column + n <= LINE_MAX_BYTES - 3) {
			/* The usual line: with its end, in one go. */
			n += nl != NULL;
			if (sink_write(f->out, p, n, err) == -1)
				return -1;
			f->column = nl == NULL ? f->column + n : 0;
		} else {
			if (write_run(f, p, n, err) == -1)
				return -1;
			if (nl != NULL &&
			    sink_write(f->out, "\n", 1, err) == -1)
				return -1;
			f->column = nl == NULL ? f->column : 0;
			n += nl != NULL;
		}
		p += n;
		len -= n;
	}
	return 0;
}

/* Where to cut `line`, which does not fit behind `column`, but not in its first
 * `keep` bytes: *blank is true when the next line begins with white space of
 * its own. */
static size_t
field_cut(struct span line, size_t column, size_t keep, bool *blank)
{
	size_t i, comma = 0;

	*blank = true;
	for (i = LINE_MAX_BYTES - column; i > keep; i--) {
		if (ascii_is_blank((unsigned char)line.p[i]) &&
		    !ascii_is_blank((unsigned char)line.p[i - 1]) &&
		    line.p[i - 1] != '\\')
			return i;
		if (comma == 0 && line.p[i - 1] == ',')
			comma = i;
	}
	*blank = false;
	return comma > 0 ? comma : fitting(line.p, line.len, column);
}

/* A line of white space alone means nothing (RFC 5322, 3.2.2 forbids it) and
 * looks like the end of the header to a careless reader: it is left out. */
static bool
put_line(struct span piece, size_t column, struct buf *out)
{
	if (span_trim(piece).len == 0)
		return true;
	return (column == 0 || buf_putc(out, ' ')) &&
	       buf_put_span(out, piece) && buf_putc(out, '\n');
}

static bool
fold_line(struct span line, size_t keep, struct buf *out)
{
	size_t n, column = 0;
	bool blank;

	while (column + line.len > LINE_MAX_BYTES) {
		n = field_cut(line, column, keep, &blank);
		keep = 1;
		if (!put_line((struct span){ line.p, n }, column, out))
			return false;
		column = blank ? 0 : 1;
		line.p += n;
		line.len -= n;
	}
	return put_line(line, column, out);
}

bool
fold_field(struct span raw, struct buf *out)
{
	const char *colon = memchr(raw.p, ':', raw.len);
	size_t keep = colon == NULL ? 1 : (size_t)(colon - raw.p) + 1;

	for (; raw.len > 0; keep = 1)
		if (!fold_line(span_cut(&raw, '\n'), keep, out))
			return false;
	return true;
}
