/* SPDX-License-Identifier: ISC */
/*
 * Memory that dies together: what is parsed out of one message lives in one
 * arena. Not for one thing that grows (struct buf). Every pointer is aligned
 * for any type and valid until arena_clear(), or arena_release() of an older
 * mark.
 */
#ifndef PO_UTIL_ARENA_H
#define PO_UTIL_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "util/span.h"

struct arena_block;

struct arena {
	struct arena_block *head;
	size_t used;  /* bytes handed out */
	size_t max;   /* ceiling of used */
	bool is_full; /* an allocation failed since the last arena_clear() */
};

void arena_init(struct arena *a, size_t max);
void arena_clear(struct arena
        *a); /* frees all; harmless on a zeroed one; may be used again */

/* NULL when the ceiling or the memory is reached. Memory is zeroed. */
void *arena_alloc(struct arena *a, size_t len);
void *arena_alloc_array(struct arena *a, size_t n, size_t size);
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_strdup(struct arena *a, const char *s);

/* Where it stands. arena_release() gives back all that came after a mark, which
 * is younger than none that was released; pointers older than it stay valid. */
struct arena_mark {
	struct arena_block *head;
	size_t head_used, used;
};
struct arena_mark arena_mark(const struct arena *a);
void arena_release(struct arena *a, struct arena_mark m);

#endif
