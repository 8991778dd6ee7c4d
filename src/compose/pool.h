/* SPDX-License-Identifier: ISC */
/*
 * The memory of one render: a stack of bytes with a ceiling. What one
 * expression made is given back at once by its mark, and the memory is used
 * again, so a long loop needs no more than its largest turn. Not zeroed.
 */
#ifndef PO_COMPOSE_POOL_H
#define PO_COMPOSE_POOL_H

#include <stdbool.h>
#include <stddef.h>

/* pool.c's, and of the two calls that stand here because every {{ }} makes
 * them. */
struct pool_chunk {
	struct pool_chunk *next;
	size_t used;
	size_t cap;
	max_align_t bytes[];
};

struct pool {
	struct pool_chunk *first;
	struct pool_chunk
	    *now;    /* allocations come from here; later chunks are empty */
	size_t held; /* bytes of all chunks */
	size_t max;  /* ceiling of held */
};

struct pool_mark {
	struct pool_chunk *chunk;
	size_t used;
};

void tpl_pool_init(struct pool *p, size_t max);
void tpl_pool_clear(struct pool *p);

/* Aligned for any type; NULL at the ceiling or without memory. */
void *tpl_pool_alloc(struct pool *p, size_t len);

/* Make the latest allocation `len` bytes longer where it stands, if there is
 * room behind it. */
bool tpl_pool_extend(struct pool *p, const void *latest, size_t old_len,
    size_t len);

/* Give back all that was allocated since the mark. */
static inline struct pool_mark
tpl_pool_mark(const struct pool *p)
{
	return (struct pool_mark){ p->now, p->now == NULL ? 0 : p->now->used };
}

static inline void
tpl_pool_release(struct pool *p, struct pool_mark m)
{
	p->now = m.chunk;
	if (m.chunk != NULL)
		m.chunk->used = m.used;
}

#endif
