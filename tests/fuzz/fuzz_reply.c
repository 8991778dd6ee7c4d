/* SPDX-License-Identifier: ISC */
/*
 * What a server may send, cut into lines as the wire does it: replies until
 * one is bad. What is kept is bounded, what is shown is printable ASCII, and a
 * status has the class of its code.
 */
#include <assert.h>
#include <stdint.h>

#include "deliver/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct reply *r)
{
	char shown[64];
	size_t i;

	assert(r->code >= 200 && r->code <= 599);
	assert(r->text.len <= REPLY_MAX_BYTES);
	if (r->status[0] != '\0')
		assert(r->status[0] - '0' == r->code / 100);
	reply_print(r, shown, sizeof(shown));
	assert(strlen(shown) >= 3 && strlen(shown) < sizeof(shown));
	for (i = 0; shown[i] != '\0'; i++)
		assert(shown[i] >= 0x20 && shown[i] < 0x7f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = { (const char *)data, size }, line;
	enum reply_step step = REPLY_DONE;
	struct reply r;

	reply_init(&r);
	while (rest.len > 0 && step != REPLY_BAD) {
		if (step == REPLY_DONE)
			reply_reset(&r);
		line = span_cut(&rest, '\n');
		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		step = reply_feed(&r, line, line.len + 2);
		if (step == REPLY_DONE)
			check(&r);
	}
	reply_clear(&r);
	return 0;
}
