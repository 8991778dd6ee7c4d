/* SPDX-License-Identifier: ISC */
/*
 * The first byte is the kind, the rest a value of the index. What is accepted
 * is, to the byte, what would be written for it: so no two values mean the
 * same, and every accepted field is in its range.
 */
#include <assert.h>
#include <stdint.h>

#include "spool/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

union value {
	struct index_message m;
	struct index_recipient rec;
	struct index_attempt a;
	struct index_host h;
	struct index_totals t;
	uint32_t n4;
	uint64_t n8;
};

/* Read, and write what was read: 1, 0 refused. */
static int
turn_around(unsigned kind, struct span v, struct arena *arena,
    struct record *again)
{
	union value to = { 0 };

	switch (kind) {
	case 0:
		return record_get_message(v, arena, &to.m) &&
		       record_put_message(&to.m, again);
	case 1:
		return record_get_recipient(v, arena, &to.rec) &&
		       record_put_recipient(&to.rec, again);
	case 2:
		return record_get_attempt(v, arena, &to.a) &&
		       record_put_attempt(&to.a, again);
	case 3:
		return record_get_host(v, &to.h) &&
		       record_put_host(&to.h, again);
	case 4:
		if (!record_get_totals(v, &to.t))
			return 0;
		record_put_totals(&to.t, again);
		return 1;
	case 5:
		if (!record_get_u32(v, &to.n4))
			return 0;
		record_put_u32(to.n4, again);
		return 1;
	case 6:
		if (!record_get_u64(v, &to.n8))
			return 0;
		record_put_u64(to.n8, again);
		return 1;
	default:
		if (!record_get_mark(v))
			return 0;
		record_put_mark(again);
		return 1;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record again = { .len = 0 };
	struct arena arena;
	struct span v;

	if (size == 0)
		return 0;
	v = (struct span){ (const char *)data + 1, size - 1 };
	arena_init(&arena, 1 << 16);
	if (turn_around(data[0] % 8, v, &arena, &again))
		assert(span_eq(v,
		    (struct span){ (const char *)again.p, again.len }));
	arena_clear(&arena);
	return 0;
}
