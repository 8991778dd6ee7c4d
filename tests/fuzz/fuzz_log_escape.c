/* SPDX-License-Identifier: ISC */
/*
 * The first byte is the ceiling, the rest is foreign text. What comes out is
 * within the ceiling, has no control character, and escaping it again changes
 * nothing.
 */
#include <assert.h>
#include <stdint.h>

#include "log/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf once, twice;
	struct span in;
	size_t max, i;

	if (size == 0)
		return 0;
	max = data[0];
	in = (struct span){ (const char *)data + 1, size - 1 };
	buf_init(&once, 256);
	buf_init(&twice, 256);
	assert(log_escape(&once, in, max));
	assert(once.len <= max);
	for (i = 0; i < once.len; i++)
		assert(!ascii_is_control((unsigned char)once.p[i]));
	assert(log_escape(&twice, buf_span(&once), max));
	assert(span_eq(buf_span(&once), buf_span(&twice)));
	buf_clear(&once);
	buf_clear(&twice);
	return 0;
}
