/* SPDX-License-Identifier: ISC */
#include "submit/recipients.h"

#include <limits.h>
#include <stdlib.h>

#include "envelope/address.h"

#define ARENA_BYTES (256u << 20)

void
recipients_init(struct recipients *r, size_t max)
{
	*r = (struct recipients){ .max = max };
	arena_init(&r->arena, ARENA_BYTES);
}

void
recipients_clear(struct recipients *r)
{
	free(r->v);
	free(r->written);
	free(r->slots);
	arena_clear(&r->arena);
	*r = (struct recipients){ .max = r->max };
}

static bool
same_address(struct span a, struct span b)
{
	struct span da = address_domain(a), db = address_domain(b);

	return a.len == b.len && da.len == db.len &&
	       memcmp(a.p, b.p, a.len - da.len) == 0 && span_eq_nocase(da, db);
}

/* The slot of `s`, or the free one where it would go. */
static uint32_t *
find_slot(const struct recipients *r, struct span s)
{
	size_t at = span_hash_nocase(s) & r->mask;

	while (r->slots[at] != 0 &&
	       !same_address(span_of(r->v[r->slots[at] - 1].address), s))
		at = (at + 1) & r->mask;
	return &r->slots[at];
}

/* Room for one more in both tables; the slots are at most half full. */
static bool
grow(struct recipients *r)
{
	size_t cap = r->cap == 0 ? 8 : r->cap * 2, i;
	unsigned char *written;
	struct recipient *v;

	if (r->n < r->cap)
		return true;
	v = reallocarray(r->v, cap, sizeof(*v));
	if (v == NULL)
		return false;
	r->v = v;
	written = realloc(r->written, cap);
	if (written == NULL)
		return false;
	r->written = written;
	r->cap = cap;
	free(r->slots);
	r->slots = calloc(cap * 2, sizeof(*r->slots));
	if (r->slots == NULL)
		return false;
	r->mask = cap * 2 - 1;
	for (i = 0; i < r->n; i++)
		*find_slot(r, span_of(r->v[i].address)) = (uint32_t)i + 1;
	return true;
}

int
recipients_add_one(struct recipients *r, const struct address *a,
    struct po_err *err)
{
	unsigned char written = a->qualified ? RECIPIENT_FULL : RECIPIENT_BARE;
	struct span address = { a->text, a->len };
	const char *copy;
	uint32_t *slot;

	if (!grow(r))
		return po_fail(err, PO_EOS, "no memory for recipients");
	slot = find_slot(r, address);
	if (*slot != 0) {
		r->written[*slot - 1] |= written;
		return 0;
	}
	if (r->n == r->max)
		return po_fail(err, PO_EDATA,
		    "more than %zu recipients (recipient_limit)", r->max);
	copy = arena_strndup(&r->arena, address.p, address.len);
	if (copy == NULL)
		return po_fail(err, PO_EOS, "no memory for recipients");
	r->written[r->n] = written;
	r->v[r->n++] = (struct recipient){ copy, 0, NULL };
	*slot = (uint32_t)r->n;
	r->utf8 = r->utf8 || a->utf8;
	return 1;
}

static int
add_address(struct recipients *r, const struct address *a, bool option_like,
    struct po_err *err)
{
	if (a->len == 0)
		return po_fail(err, PO_EDATA,
		    "bad address \"<>\": nobody can be the recipient");
	if (a->text[0] == '-' && !option_like)
		return po_fail(err, PO_EDATA,
		    "bad address \"%.80s\": it begins with '-'", a->text);
	return recipients_add_one(r, a, err);
}

int
recipients_add(struct recipients *r, struct span s, const char *domain,
    bool option_like, struct po_err *err)
{
	struct address_list list;
	struct address a;
	int n = 0, rc;

	address_list_init(&list, s, domain);
	while ((rc = address_next(&list, &a, err)) == 1) {
		rc = add_address(r, &a, option_like, err);
		if (rc == -1)
			break;
		n++;
	}
	if (list.groups < (size_t)(INT_MAX - n))
		n += (int)list.groups;
	address_list_clear(&list);
	return rc == -1 ? -1 : n;
}
