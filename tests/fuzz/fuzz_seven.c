/* SPDX-License-Identifier: ISC */
/*
 * Any content, converted for a server that takes no 8-bit text: what comes out
 * has none, is as long as was said, is the same when it is read in other
 * pieces, and needs no conversion itself.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "deliver/seven.h"
#include "util/buf.h"
#include "util/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
convert(const struct deliver_message *m, bool bodies, size_t piece,
    struct buf *out)
{
	struct delivery why = { .state = DELIVERY_UNTOUCHED };
	struct seven *s;
	struct po_err err;
	char block[4096];
	bool last = false;
	ssize_t n;
	int rc = seven_new(m, bodies, &s, &why, &err);

	assert(rc != -1);
	if (rc == 0) {
		assert(why.state == DELIVERY_FAILED);
		return false;
	}
	buf_reset(out);
	while (!last) {
		n = seven_read(s, block, piece, &last, &err);
		assert(n >= 0 && (n > 0 || last));
		assert(buf_put(out, block, (size_t)n));
	}
	assert(out->len == seven_length(s));
	seven_free(s);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct deliver_message m = { .bytes = (const char *)data,
		.length = size };
	struct buf once, twice;

	buf_init(&once, 64u << 20);
	buf_init(&twice, 64u << 20);
	if (convert(&m, true, 4096, &once)) {
		assert(utf8_is_ascii(buf_span(&once)));
		assert(convert(&m, true, 7, &twice));
		assert(span_eq(buf_span(&once), buf_span(&twice)));
		m.bytes = buf_str(&once);
		m.length = once.len;
		assert(convert(&m, true, 100, &twice));
	}
	m.bytes = (const char *)data;
	m.length = size;
	(void)convert(&m, false, 4096, &once);
	buf_clear(&once);
	buf_clear(&twice);
	return 0;
}
