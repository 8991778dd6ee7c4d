/* SPDX-License-Identifier: ISC */
#include "util/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* In the block that is open, over its end, and larger than a block. */
static const size_t sizes[] = { 1, 100, 3900, 5000, 100000 };
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void
what_came_after_a_mark_is_given_back_and_zeroed(void **state)
{
	struct arena_mark mark;
	struct arena a;
	char *kept, *p;
	size_t i, k, used;

	(void)state;
	arena_init(&a, 1u << 20);
	mark = arena_mark(&a); /* of an empty one */
	assert_non_null(arena_alloc(&a, 10));
	arena_release(&a, mark);
	assert_int_equal(a.used, 0);
	kept = arena_strdup(&a, "kept");
	used = a.used;
	mark = arena_mark(&a);
	for (i = 0; i < 100 * SIZES; i++) {
		p = arena_alloc(&a, sizes[i % SIZES]);
		assert_non_null(p);
		for (k = 0; k < sizes[i % SIZES]; k++)
			assert_int_equal(p[k], 0);
		memset(p, 'x', sizes[i % SIZES]);
		if (i % 3 != 0) /* one or two of them at once */
			arena_release(&a, mark);
	}
	arena_release(&a, mark);
	assert_int_equal(a.used, used);
	assert_string_equal(kept, "kept");
	arena_clear(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_came_after_a_mark_is_given_back_and_zeroed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
