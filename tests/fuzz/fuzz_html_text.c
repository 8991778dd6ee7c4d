/* SPDX-License-Identifier: ISC */
/* Any bytes are HTML: text comes out, or the ceiling is reached; never a
 * control character but LF and tab, nor a blank at a line's end outside of what
 * the source had preformatted. */
#include <assert.h>
#include <stdint.h>

#include "compose/html_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct po_err err;
	struct buf out;
	size_t i;

	buf_init(&out, 1 << 20);
	if (html_text((struct span){ (const char *)data, size }, &out, &err) ==
	    0) {
		for (i = 0; i < out.len; i++)
			assert(!ascii_is_control((unsigned char)out.p[i]) ||
			       out.p[i] == '\n' || out.p[i] == '\t');
		assert(out.len == 0 || out.p[out.len - 1] == '\n');
	} else {
		assert(err.code == PO_EUNAVAILABLE);
	}
	buf_clear(&out);
	return 0;
}
