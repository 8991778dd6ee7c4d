/* SPDX-License-Identifier: ISC */
/*
 * One copy: pread into the block, then line by line into the stream's buffer.
 * Only a block in which memchr finds a CR or NUL is walked byte by byte.
 */
#include "deliver/content.h"

#include "util/fd.h"

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
content_put(struct stream *st, const struct deliver_message *m,
    int64_t block_timeout_ms, char *block, struct po_err *err)
{
	struct line_state state = { .line_start = true, .after_cr = false };
	uint64_t left = m->length;
	off_t at = m->at;
	size_t want, n;

	err->code = PO_OK;
	while (left > 0) {
		want = left < CONTENT_BLOCK_BYTES ? (size_t)left
		                                  : CONTENT_BLOCK_BYTES;
		if (m->bytes != NULL)
			memcpy(block, m->bytes + (at - m->at), want);
		else if (fd_pread_all(m->fd, block, want, at, "message", err) ==
		         -1)
			return -1;
		n = content_clean(block, want, &state.after_cr);
		stream_set_deadline(st, block_timeout_ms);
		if (!put_lines(st, block, n, &state))
			return -1;
		at += (off_t)want;
		left -= want;
	}
	if (!state.line_start && !stream_put(st, "\r\n", 2))
		return -1;
	return 0;
}
