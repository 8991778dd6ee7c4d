/* SPDX-License-Identifier: ISC */
#include "bounce/original.h"

#include "util/fd.h"

#define BLOCK_BYTES 16384u

static const char what[] = "the message a notice is about";

/* Read the next block into `block`: its length, or -1. */
static ssize_t
read_block(const struct notice_original *from, uint64_t at, char *block,
    struct po_err *err)
{
	uint64_t left = from->length - at;
	size_t i, len = left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;

	if (fd_pread_all(from->fd, block, len, from->at + (off_t)at, what,
	        err) == -1)
		return -1;
	if (memchr(block, '\0', len) != NULL ||
	    memchr(block, '\r', len) != NULL)
		for (i = 0; i < len; i++)
			if (block[i] == '\0' || block[i] == '\r')
				block[i] = '?';
	return (ssize_t)len;
}

int
original_read(struct original *o, const struct notice_original *from,
    struct po_err *err)
{
	char block[BLOCK_BYTES];
	struct span text;
	uint64_t at = 0;
	ssize_t len;
	size_t used;

	header_init(&o->header, ORIGINAL_HEADER_MAX);
	while (at < from->length) {
		len = read_block(from, at, block, err);
		if (len == -1)
			return -1;
		at += (uint64_t)len;
		if (header_write(&o->header, block, (size_t)len, &used, &text,
		        err) != 0)
			return 0; /* complete; or too long: what is there */
	}
	(void)header_end(&o->header, &text, err);
	return 0;
}

void
original_clear(struct original *o)
{
	header_clear(&o->header);
}

struct span
original_field(const struct original *o, const char *name)
{
	const struct header *h = &o->header;
	size_t i;

	for (i = 0; i < h->n; i++)
		/* The last field of a header that was cut has no end. */
		if (h->fields[i].end > h->fields[i].colon &&
		    span_eq_nocase(header_name(h, &h->fields[i]),
		        span_of(name)))
			return span_trim(header_value(h, &h->fields[i]));
	return (struct span){ "", 0 };
}

int
original_copy(const struct notice_original *from, struct sink out,
    struct po_err *err)
{
	char block[BLOCK_BYTES], last = '\n';
	uint64_t at;
	ssize_t len;

	for (at = 0; at < from->length; at += (uint64_t)len) {
		len = read_block(from, at, block, err);
		if (len == -1 || sink_write(out, block, (size_t)len, err) == -1)
			return -1;
		last = block[len - 1];
	}
	return last == '\n' ? 0 : sink_write(out, "\n", 1, err);
}
