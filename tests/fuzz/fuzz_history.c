/* SPDX-License-Identifier: ISC */
/*
 * A line of history. What is accepted, written again and read again, is the
 * same row; and a written line is one line.
 */
#include <assert.h>
#include <stdint.h>

#include "spool/history.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
assert_same(const struct history_row *x, const struct history_row *y)
{
	assert(strcmp(x->id.text, y->id.text) == 0);
	assert(strcmp(x->address, y->address) == 0);
	assert(x->a.attempt == y->a.attempt);
	assert(x->a.recipient == y->a.recipient);
	assert(x->a.time == y->a.time);
	assert(x->a.state == y->a.state);
	assert(x->a.reply_code == y->a.reply_code);
	assert(x->a.delay_ms == y->a.delay_ms);
	assert(strcmp(x->a.status, y->a.status) == 0);
	assert(strcmp(x->a.phase, y->a.phase) == 0);
	assert(strcmp(x->a.relay, y->a.relay) == 0);
	assert(strcmp(x->a.text, y->a.text) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span line = { (const char *)data, size };
	struct history_row row, again;
	struct arena arena;
	struct buf text;

	arena_init(&arena, 1 << 16);
	buf_init(&text, HISTORY_LINE_MAX);
	if (history_get_line(line, &arena, &row)) {
		assert(history_put_line(&text, &row));
		assert(memchr(text.p, '\n', text.len) == text.p + text.len - 1);
		assert(history_get_line((struct span){ text.p, text.len - 1 },
		    &arena, &again));
		assert_same(&row, &again);
	}
	buf_clear(&text);
	arena_clear(&arena);
	return 0;
}
