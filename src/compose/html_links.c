/* SPDX-License-Identifier: ISC */
#include "compose/html_links.h"

#include <stdlib.h>

#include "util/crc32c.h"

void
html_links_init(struct html_links *l, size_t max_bytes)
{
	*l = (struct html_links){ .n = 0 };
	buf_init(&l->text, max_bytes);
}

void
html_links_clear(struct html_links *l)
{
	buf_clear(&l->text);
	free(l->ends);
	free(l->slots);
	html_links_init(l, 0);
}

struct span
html_links_get(const struct html_links *l, size_t number)
{
	size_t from = number == 1 ? 0 : l->ends[number - 2];

	return (struct span){ buf_str(&l->text) + from,
		l->ends[number - 1] - from };
}

static uint32_t *
slot_of(const struct html_links *l, struct span url)
{
	size_t i = crc32c(0, url.p, url.len) & l->mask;

	while (
	    l->slots[i] != 0 && !span_eq(html_links_get(l, l->slots[i]), url))
		i = (i + 1) & l->mask;
	return &l->slots[i];
}

/* Room for one more; the table stays at most half full. */
static bool
grow(struct html_links *l)
{
	size_t cap = l->cap == 0 ? 16 : 2 * l->cap, i;
	size_t *ends;
	uint32_t *slots;

	if (l->n < l->cap)
		return true;
	ends = realloc(l->ends, cap * sizeof(*ends));
	if (ends == NULL)
		return false;
	l->ends = ends;
	slots = calloc(2 * cap, sizeof(*slots));
	if (slots == NULL)
		return false;
	free(l->slots);
	l->slots = slots;
	l->mask = 2 * cap - 1;
	l->cap = cap;
	for (i = 1; i <= l->n; i++)
		*slot_of(l, html_links_get(l, i)) = (uint32_t)i;
	return true;
}

size_t
html_links_add(struct html_links *l, struct span url)
{
	uint32_t *slot;

	if (!grow(l))
		return 0;
	slot = slot_of(l, url);
	if (*slot != 0)
		return *slot;
	if (!buf_put_span(&l->text, url))
		return 0;
	l->ends[l->n++] = l->text.len;
	*slot = (uint32_t)l->n;
	return l->n;
}
