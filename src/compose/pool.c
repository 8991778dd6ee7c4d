/* SPDX-License-Identifier: ISC */
/*
 * Chunks in a list, each at least CHUNK bytes; a release only moves `now` and
 * its `used` back, so that chunks stay for the next turn.
 */
#include "compose/pool.h"

#include <stdint.h>
#include <stdlib.h>

#define CHUNK ((size_t)32 << 10)
#define ALIGN _Alignof(max_align_t)

static size_t
round_up(size_t len)
{
	return len == 0 ? ALIGN : (len + ALIGN - 1) / ALIGN * ALIGN;
}

void
tpl_pool_init(struct pool *p, size_t max)
{
	*p = (struct pool){ NULL, NULL, 0, max };
}

void
tpl_pool_clear(struct pool *p)
{
	struct pool_chunk *c;

	while ((c = p->first) != NULL) {
		p->first = c->next;
		free(c);
	}
	p->now = NULL;
	p->held = 0;
}

static struct pool_chunk *
add_chunk(struct pool *p, size_t len)
{
	size_t cap = len > CHUNK ? len : CHUNK;
	struct pool_chunk *c;

	if (cap > p->max || p->held > p->max - cap)
		return NULL;
	c = malloc(sizeof(*c) + cap);
	if (c == NULL)
		return NULL;
	c->used = 0;
	c->cap = cap;
	p->held += cap;
	if (p->now == NULL) {
		c->next = p->first;
		p->first = c;
	} else {
		c->next = p->now->next;
		p->now->next = c;
	}
	return c;
}

void *
tpl_pool_alloc(struct pool *p, size_t len)
{
	struct pool_chunk *c = p->now;
	void *at;

	if (len > SIZE_MAX / 2)
		return NULL;
	len = round_up(len);
	if (c == NULL || c->cap - c->used < len) {
		c = c == NULL ? p->first : c->next;
		if (c == NULL || c->cap < len)
			c = add_chunk(p, len);
		if (c == NULL)
			return NULL;
		c->used = 0;
		p->now = c;
	}
	at = (char *)c->bytes + c->used;
	c->used += len;
	return at;
}

bool
tpl_pool_extend(struct pool *p, const void *latest, size_t old_len, size_t len)
{
	struct pool_chunk *c = p->now;
	size_t old = round_up(old_len);
	size_t at;

	if (c == NULL || old > c->used || len > c->cap)
		return false;
	at = c->used - old;
	if ((const char *)c->bytes + at != latest ||
	    c->cap - at < round_up(len))
		return false;
	c->used = at + round_up(len);
	return true;
}
