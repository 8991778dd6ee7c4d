/* SPDX-License-Identifier: ISC */
/*
 * A whole message, dots counted as the first byte says and cut into pieces of
 * the length that the second says: cleaning, the header block, completing and
 * folding. What comes out has no CR, no NUL, no line over 998 bytes, no Bcc,
 * and is a header block: taking it in again changes nothing but Received.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "message/clean.h"
#include "message/complete.h"
#include "message/fold.h"

#define CEILING (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct completion completion = {
	.date = "Tue, 24 Nov 2026 06:00:00 +0000",
	.message_id = "<m@d.test>",
	.from = "f@d.test",
	.domain = "d.test",
};

static int
collect(void *ctx, const void *p, size_t len, struct po_err *err)
{
	return buf_put(ctx, p, len) ? 0 : po_fail(err, PO_EOS, "full");
}

static void
check_lines(struct span s)
{
	while (s.len > 0) {
		struct span line = span_cut(&s, '\n');

		assert(line.len <= LINE_MAX_BYTES);
		assert(line.len == 0 ||
		       (memchr(line.p, '\r', line.len) == NULL &&
		           memchr(line.p, '\0', line.len) == NULL));
	}
}

static bool
read_header(struct header *h, struct span in, size_t piece, struct span *text,
    size_t *at)
{
	struct po_err err;
	size_t used = 0, n;
	int rc = 0;

	header_init(h, CEILING);
	*text = (struct span){ "", 0 };
	for (*at = 0; rc == 0 && *at < in.len; *at += used) {
		n = in.len - *at < piece ? in.len - *at : piece;
		rc = header_write(h, in.p + *at, n, &used, text, &err);
	}
	if (rc == 0)
		rc = header_end(h, text, &err);
	assert(rc != -1 || err.code == PO_EDATA);
	return rc != -1;
}

static void
check_body(struct span text, struct span rest)
{
	struct fold f;
	struct buf out;

	buf_init(&out, 2 * CEILING);
	fold_init(&f, (struct sink){ collect, &out });
	assert(fold_write(&f, text.p, text.len, NULL) == 0);
	assert(fold_write(&f, rest.p, rest.len, NULL) == 0);
	check_lines(buf_span(&out));
	buf_clear(&out);
}

static void
check_block(const struct buf *block)
{
	struct header again;
	struct span text;
	struct buf twice;
	size_t at, i;

	check_lines(buf_span(block));
	assert(read_header(&again, buf_span(block), 4096, &text, &at));
	assert(text.len == 0 && at == block->len);
	for (i = 0; i < again.n; i++)
		assert((field_kind(again.fields[i].id) & KIND_DROPPED) == 0);
	buf_init(&twice, 4 * CEILING);
	assert(header_complete(&again, &completion, &twice, NULL) == 0);
	assert(span_eq(buf_span(block), buf_span(&twice)));
	buf_clear(&twice);
	header_clear(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf lines, block;
	struct header h;
	struct span text;
	struct clean c;
	size_t at, piece;

	if (size < 2 || size > 100000)
		return 0;
	piece = data[1] == 0 ? size : data[1];
	buf_init(&lines, CEILING);
	buf_init(&block, 4 * CEILING);
	clean_init(&c, (enum clean_dots)(data[0] % 4),
	    (struct sink){ collect, &lines });
	assert(clean_write(&c, (const char *)data + 2, size - 2, NULL) == 0);
	assert(clean_end(&c, NULL) == 0);
	if (read_header(&h, buf_span(&lines), piece, &text, &at)) {
		assert(header_complete(&h, &completion, &block, NULL) == 0);
		check_block(&block);
		check_body(text,
		    (struct span){ buf_str(&lines) + at, lines.len - at });
	}
	header_clear(&h);
	buf_clear(&lines);
	buf_clear(&block);
	return 0;
}
