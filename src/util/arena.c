/* SPDX-License-Identifier: ISC */
#include "util/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 4000
#define ALIGN _Alignof(max_align_t)

struct arena_block {
	struct arena_block *next;
	size_t used;
	size_t cap;
	max_align_t bytes[];
};

void
arena_init(struct arena *a, size_t max)
{
	*a = (struct arena){ .max = max };
}

void
arena_clear(struct arena *a)
{
	struct arena_block *b;

	while ((b = a->head) != NULL) {
		a->head = b->next;
		free(b);
	}
	a->used = 0;
	a->is_full = false;
}

static struct arena_block *
new_block(struct arena *a, size_t len)
{
	size_t cap = len > BLOCK_BYTES ? len : BLOCK_BYTES;
	struct arena_block *b = calloc(1, sizeof(*b) + cap);

	if (b == NULL)
		return NULL;
	b->cap = cap;
	b->next = a->head;
	a->head = b;
	return b;
}

static void *
full(struct arena *a)
{
	a->is_full = true;
	return NULL;
}

void *
arena_alloc(struct arena *a, size_t len)
{
	struct arena_block *b = a->head;
	void *p;

	if (len > a->max || a->used > a->max - len ||
	    len > SIZE_MAX - ALIGN - sizeof(*b))
		return full(a);
	len = len == 0 ? ALIGN : (len + ALIGN - 1) / ALIGN * ALIGN;
	if (b == NULL || b->cap - b->used < len) {
		b = new_block(a, len);
		if (b == NULL)
			return full(a);
	}
	p = (char *)b->bytes + b->used;
	b->used += len;
	a->used += len;
	return p;
}

void *
arena_alloc_array(struct arena *a, size_t n, size_t size)
{
	if (size != 0 && n > SIZE_MAX / size)
		return NULL;
	return arena_alloc(a, n * size);
}

char *
arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *p = len == SIZE_MAX ? NULL : arena_alloc(a, len + 1);

	if (p != NULL && len > 0)
		memcpy(p, s, len);
	return p;
}

char *
arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

struct arena_mark
arena_mark(const struct arena *a)
{
	return (struct arena_mark){ a->head,
		a->head == NULL ? 0 : a->head->used, a->used };
}

/* What is handed out again is zeroed again. */
void
arena_release(struct arena *a, struct arena_mark m)
{
	struct arena_block *b;

	while ((b = a->head) != m.head) {
		a->head = b->next;
		free(b);
	}
	if (b != NULL) {
		memset((char *)b->bytes + m.head_used, 0,
		    b->used - m.head_used);
		b->used = m.head_used;
	}
	a->used = m.used;
}
