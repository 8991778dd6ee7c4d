/* SPDX-License-Identifier: ISC */
/*
 * Open addressing with linear probing; removal moves the followers of a run
 * back, so there are no tombstones and a run never grows stale.
 */
#include "util/u64_set.h"

#include <stdlib.h>

#define FIRST_CAP 64u

static uint64_t
key_of(uint64_t v)
{
	return v == 0 ? 1 : v;
}

/* The finalizer of splitmix64: spreads counters such as inode numbers. */
static size_t
home(const struct u64_set *s, uint64_t key)
{
	key = (key ^ key >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	key = (key ^ key >> 27) * UINT64_C(0x94d049bb133111eb);
	return (size_t)(key ^ key >> 31) & (s->cap - 1);
}

/* Where the key is, or the empty place where it would be. */
static size_t
find(const struct u64_set *s, uint64_t key)
{
	size_t i = home(s, key);

	while (s->slots[i] != 0 && s->slots[i] != key)
		i = (i + 1) & (s->cap - 1);
	return i;
}

void
u64_set_init(struct u64_set *s, size_t max)
{
	*s = (struct u64_set){ NULL, 0, 0, max };
}

void
u64_set_clear(struct u64_set *s)
{
	free(s->slots);
	u64_set_init(s, s->max);
}

bool
u64_set_has(const struct u64_set *s, uint64_t v)
{
	return s->cap > 0 && s->slots[find(s, key_of(v))] != 0;
}

static bool
grow(struct u64_set *s)
{
	struct u64_set bigger = *s;
	size_t i;

	bigger.cap = s->cap == 0 ? FIRST_CAP : s->cap * 2;
	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return false;
	for (i = 0; i < s->cap; i++)
		if (s->slots[i] != 0)
			bigger.slots[find(&bigger, s->slots[i])] = s->slots[i];
	free(s->slots);
	*s = bigger;
	return true;
}

bool
u64_set_add(struct u64_set *s, uint64_t v)
{
	size_t i;

	if (u64_set_has(s, v) || s->n >= s->max)
		return false;
	if ((s->n + 1) * 2 > s->cap && !grow(s))
		return false;
	i = find(s, key_of(v));
	s->slots[i] = key_of(v);
	s->n++;
	return true;
}

void
u64_set_remove(struct u64_set *s, uint64_t v)
{
	size_t hole, i, want;

	if (!u64_set_has(s, v))
		return;
	hole = find(s, key_of(v));
	s->slots[hole] = 0;
	s->n--;
	for (i = (hole + 1) & (s->cap - 1); s->slots[i] != 0;
	     i = (i + 1) & (s->cap - 1)) {
		want = home(s, s->slots[i]);
		/* May it move into the hole without leaving its run? */
		if (((i - want) & (s->cap - 1)) < ((i - hole) & (s->cap - 1)))
			continue;
		s->slots[hole] = s->slots[i];
		s->slots[i] = 0;
		hole = i;
	}
}
