/* SPDX-License-Identifier: ISC */
/*
 * One copy: pread into the block, then line by line into the stream's buffer.
 * Only a block in which memchr finds a CR or NUL is walked byte by byte.
 */
#include "deliver/content.h"

#include <stdlib.h>

#include "deliver/seven.h"
#include "util/fd.h"
#include "util/utf8.h"

#define HEADER_LOOK ((size_t)1 << 20)

struct line_state {
	bool line_start;
	bool after_cr;
};

size_t
content_clean(char *p, size_t len, bool *after_cr)
{
	size_t i, out = 0;
	bool was_cr;

	if (!*after_cr && memchr(p, '\r', len) == NULL &&
	    memchr(p, '\0', len) == NULL)
		return len;
	for (i = 0; i < len; i++) {
		was_cr = *after_cr;
		*after_cr = p[i] == '\r';
		if (p[i] == '\0' || (was_cr && p[i] == '\n'))
			continue;
		p[out] = p[i];
		if (p[out] == '\r')
			p[out] = '\n';
		out++;
	}
	return out;
}

static bool
put_lines(struct stream *st, const char *p, size_t len,
    struct line_state *state)
{
	const char *end = p + len, *lf;
	size_t n;

	while (p < end) {
		if (state->line_start && *p == '.' && !stream_put(st, ".", 1))
			return false;
		lf = memchr(p, '\n', (size_t)(end - p));
		n = (size_t)((lf == NULL ? end : lf) - p);
		if (!stream_put(st, p, n))
			return false;
		if (lf != NULL && !stream_put(st, "\r\n", 2))
			return false;
		state->line_start = lf != NULL;
		p += n + (lf != NULL);
	}
	return true;
}

int
content_read(const struct deliver_message *m, uint64_t done, char *block,
    size_t len, struct po_err *err)
{
	if (m->bytes == NULL)
		return fd_pread_all(m->fd, block, len, m->at + (off_t)done,
		    "message", err);
	memcpy(block, m->bytes + done, len);
	return 0;
}

bool
deliver_has_utf8_header(const struct deliver_message *m)
{
	size_t max = m->length < HEADER_LOOK ? (size_t)m->length : HEADER_LOOK;
	char *block = malloc(max + 1), *end;
	struct span header = { block, max };
	struct po_err err;
	bool found = false;

	if (block != NULL && content_read(m, 0, block, max, &err) == 0) {
		end = memmem(block, max, "\n\n", 2);
		if (end != NULL)
			header.len = (size_t)(end - block);
		found = (end != NULL || max == m->length) &&
		        !utf8_is_ascii(header) && utf8_is_valid(header);
	}
	free(block);
	return found;
}

/* The next bytes of what is to be sent, at most `max`; *done counts those of
 * the file. */
static ssize_t
next_bytes(const struct deliver_message *m, uint64_t *done, char *block,
    size_t max, bool *last, struct po_err *err)
{
	size_t n = m->length - *done < max ? (size_t)(m->length - *done) : max;

	if (m->convert != NULL) {
		if (*done == 0)
			seven_rewind(m->convert);
		*done = 1;
		return seven_read(m->convert, block, max, last, err);
	}
	if (content_read(m, *done, block, n, err) == -1)
		return -1;
	*done += n;
	*last = *done == m->length;
	return (ssize_t)n;
}

/* Lines with CRLF for LF; returns the length. `out` has room for 2 x len. */
static size_t
copy_lines(char *out, const char *p, size_t len)
{
	const char *end = p + len, *lf;
	char *to = out;
	size_t n;

	while (p < end) {
		lf = memchr(p, '\n', (size_t)(end - p));
		n = (size_t)((lf == NULL ? end : lf) - p);
		memcpy(to, p, n);
		to += n;
		p += n;
		if (lf != NULL) {
			memcpy(to, "\r\n", 2);
			to += 2;
			p++;
		}
	}
	return (size_t)(to - out);
}

ssize_t
content_chunk(const struct deliver_message *m, struct content_cursor *c,
    char *block, char *out, bool *last, struct po_err *err)
{
	/* Each byte may become two, and a line end may have to be added. */
	ssize_t got = next_bytes(m, &c->done, block,
	    CONTENT_CHUNK_BYTES / 2 - 1, last, err);
	size_t n, len;

	if (got == -1)
		return -1;
	n = content_clean(block, (size_t)got, &c->after_cr);
	len = copy_lines(out, block, n);
	if (n > 0)
		c->within_line = block[n - 1] != '\n';
	if (*last && c->within_line) {
		memcpy(out + len, "\r\n", 2);
		len += 2;
	}
	return (ssize_t)len;
}

int
content_put(struct stream *st, const struct deliver_message *m,
    int64_t block_timeout_ms, char *block, struct po_err *err)
{
	struct line_state state = { .line_start = true, .after_cr = false };
	uint64_t done = 0;
	bool last = false;
	ssize_t got;
	size_t n;

	err->code = PO_OK;
	while (!last) {
		got = next_bytes(m, &done, block, CONTENT_BLOCK_BYTES, &last,
		    err);
		if (got == -1)
			return -1;
		n = content_clean(block, (size_t)got, &state.after_cr);
		stream_set_deadline(st, block_timeout_ms);
		if (!put_lines(st, block, n, &state))
			return -1;
	}
	if (!state.line_start && !stream_put(st, "\r\n", 2))
		return -1;
	return 0;
}
