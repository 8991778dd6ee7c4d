/* SPDX-License-Identifier: ISC */
/*
 * Common lines at both ends are left out first; the rest is Myers's greedy
 * algorithm ("An O(ND) Difference Algorithm", 1986), whose rows are kept to
 * walk the way back. Lines are compared by hash first.
 */
#include "util/line_diff.h"

#include <stdint.h>
#include <stdlib.h>

#include "util/crc32c.h"

#define DISTANCE_MAX 1000 /* edits; more: replaced as a whole */
#define CONTEXT 3

struct lines {
	struct span *v; /* with their LF */
	uint32_t *hash;
	size_t n;
};

struct diff {
	struct lines a, b;
	bool *deleted, *inserted; /* for each line of a, of b */
};

static bool
split(struct span s, struct lines *l)
{
	size_t i, n = 0, at = 0;

	for (i = 0; i < s.len; i++)
		n += s.p[i] == '\n' || i + 1 == s.len;
	l->v = calloc(n + 1, sizeof(*l->v));
	l->hash = calloc(n + 1, sizeof(*l->hash));
	if (l->v == NULL || l->hash == NULL)
		return false;
	for (i = 0; i < s.len; i++)
		if (s.p[i] == '\n' || i + 1 == s.len) {
			l->v[l->n] = (struct span){ s.p + at, i + 1 - at };
			l->hash[l->n] = crc32c(0, s.p + at, i + 1 - at);
			l->n++;
			at = i + 1;
		}
	return true;
}

static bool
same(const struct diff *d, size_t i, size_t j)
{
	return d->a.hash[i] == d->b.hash[j] && span_eq(d->a.v[i], d->b.v[j]);
}

/* The middle of both: [from, to_a) and [from, to_b). */
struct middle {
	size_t from, to_a, to_b;
};

static void
mark_all(struct diff *d, const struct middle *m)
{
	size_t i;

	for (i = m->from; i < m->to_a; i++)
		d->deleted[i] = true;
	for (i = m->from; i < m->to_b; i++)
		d->inserted[i] = true;
}

/* The step that leads to diagonal k of distance e: down (an insertion)? */
static bool
goes_down(const int32_t *v, int e, int k)
{
	return k == -e || (k != e && v[k - 1] < v[k + 1]);
}

/* From the end back to the beginning; rows[e] is what distance e reached. */
static void
walk_back(struct diff *d, const struct middle *m, int32_t *const *rows, int e)
{
	int32_t x = (int32_t)(m->to_a - m->from);
	int32_t y = (int32_t)(m->to_b - m->from);
	int k, before;

	for (; e > 0; e--) {
		const int32_t *v = rows[e - 1];

		k = x - y;
		before = goes_down(v, e, k) ? k + 1 : k - 1;
		x = v[before];
		y = x - before;
		if (before > k)
			d->inserted[m->from + (size_t)y] = true;
		else
			d->deleted[m->from + (size_t)x] = true;
	}
}

/* One more edit: the furthest x on each diagonal. 1: the end is reached. */
static bool
extend(const struct diff *d, const struct middle *m, int32_t *v, int e)
{
	int32_t n = (int32_t)(m->to_a - m->from);
	int32_t o = (int32_t)(m->to_b - m->from), x, y;
	int k;

	for (k = -e; k <= e; k += 2) {
		x = e == 0 ? 0 : goes_down(v, e, k) ? v[k + 1] : v[k - 1] + 1;
		y = x - k;
		while (x < n && y >= 0 && y < o &&
		       same(d, m->from + (size_t)x, m->from + (size_t)y)) {
			x++;
			y++;
		}
		v[k] = x;
		if (k == n - o && x >= n)
			return true;
	}
	return false;
}

/* 1 marked, 0 too far apart, -1 no memory. */
static int
find(struct diff *d, const struct middle *m)
{
	int32_t *rows[DISTANCE_MAX + 1] = { NULL }, *mid[DISTANCE_MAX + 1];
	int32_t *work = calloc(2 * DISTANCE_MAX + 5, sizeof(*work));
	int e, i, rc = 0;

	for (e = 0; work != NULL && rc == 0 && e <= DISTANCE_MAX; e++) {
		if (extend(d, m, work + DISTANCE_MAX + 2, e)) {
			walk_back(d, m, mid, e);
			rc = 1;
			break;
		}
		rows[e] = malloc((2 * (size_t)e + 3) * sizeof(*work));
		if (rows[e] == NULL) {
			rc = -1;
			break;
		}
		memcpy(rows[e], work + DISTANCE_MAX + 1 - e,
		    (2 * (size_t)e + 3) * sizeof(*work));
		mid[e] = rows[e] + e + 1;
	}
	for (i = 0; i <= DISTANCE_MAX; i++)
		free(rows[i]);
	if (work == NULL)
		rc = -1;
	free(work);
	return rc;
}

static bool
compare(struct diff *d)
{
	struct middle m = { 0, d->a.n, d->b.n };
	int rc;

	while (m.from < m.to_a && m.from < m.to_b && same(d, m.from, m.from))
		m.from++;
	while (m.to_a > m.from && m.to_b > m.from &&
	       same(d, m.to_a - 1, m.to_b - 1)) {
		m.to_a--;
		m.to_b--;
	}
	rc = find(d, &m);
	if (rc == 0)
		mark_all(d, &m);
	return rc != -1;
}

/* ------------------------------------------------------------------ print */

static bool
put_line(struct buf *out, char mark, struct span line)
{
	return buf_putc(out, mark) && buf_put_span(out, line) &&
	       (line.p[line.len - 1] == '\n' ||
	           buf_puts(out, "\n\\ No newline at end of file\n"));
}

/* Where both stand; a change or the end of a common run. */
struct at {
	size_t a, b;
};

static bool
is_change(const struct diff *d, struct at at)
{
	return (at.a < d->a.n && d->deleted[at.a]) ||
	       (at.b < d->b.n && d->inserted[at.b]);
}

static bool
at_end(const struct diff *d, struct at at)
{
	return at.a == d->a.n && at.b == d->b.n;
}

static struct at
behind_change(const struct diff *d, struct at at)
{
	while (at.a < d->a.n && d->deleted[at.a])
		at.a++;
	while (at.b < d->b.n && d->inserted[at.b])
		at.b++;
	return at;
}

/* From the first change of a hunk: behind its last one. */
static struct at
behind_hunk(const struct diff *d, struct at at)
{
	struct at end = at, next;
	size_t common;

	for (;;) {
		end = next = behind_change(d, end);
		for (common = 0; !at_end(d, next) && !is_change(d, next) &&
		                 common <= 2 * (size_t)CONTEXT;
		     common++) {
			next.a++;
			next.b++;
		}
		if (at_end(d, next) || !is_change(d, next))
			return end;
		end = next;
	}
}

static size_t
first_number(size_t from, size_t n)
{
	return n == 0 ? from : from + 1;
}

static bool
put_hunk(const struct diff *d, struct at from, struct at end, struct buf *out)
{
	size_t lead = from.a < CONTEXT ? from.a : CONTEXT;
	size_t tail =
	    d->a.n - end.a < CONTEXT ? d->a.n - end.a : (size_t)CONTEXT;
	struct at at = { from.a - lead, from.b - lead };
	size_t na = end.a + tail - at.a, nb = end.b + tail - at.b;

	if (!buf_printf(out, "@@ -%zu,%zu +%zu,%zu @@\n",
	        first_number(at.a, na), na, first_number(at.b, nb), nb))
		return false;
	while (at.a < end.a + tail || at.b < end.b + tail) {
		if (at.a < d->a.n && d->deleted[at.a]) {
			if (!put_line(out, '-', d->a.v[at.a++]))
				return false;
		} else if (at.b < d->b.n && d->inserted[at.b]) {
			if (!put_line(out, '+', d->b.v[at.b++]))
				return false;
		} else {
			if (!put_line(out, ' ', d->a.v[at.a++]))
				return false;
			at.b++;
		}
	}
	return true;
}

static bool
put_hunks(const struct diff *d, struct buf *out)
{
	struct at at = { 0, 0 }, end;

	for (;;) {
		while (!at_end(d, at) && !is_change(d, at)) {
			at.a++;
			at.b++;
		}
		if (at_end(d, at))
			return true;
		end = behind_hunk(d, at);
		if (!put_hunk(d, at, end, out))
			return false;
		at = end;
	}
}

bool
line_diff(struct span a, struct span b, const char *name_a, const char *name_b,
    struct buf *out)
{
	struct diff d = { .deleted = NULL };
	bool ok;

	if (span_eq(a, b))
		return true;
	ok = split(a, &d.a) && split(b, &d.b);
	if (ok) {
		d.deleted = calloc(d.a.n + 1, sizeof(bool));
		d.inserted = calloc(d.b.n + 1, sizeof(bool));
	}
	ok = ok && d.deleted != NULL && d.inserted != NULL && compare(&d) &&
	     buf_printf(out, "--- %s\n+++ %s\n", name_a, name_b) &&
	     put_hunks(&d, out);
	free(d.a.v);
	free(d.a.hash);
	free(d.b.v);
	free(d.b.hash);
	free(d.deleted);
	free(d.inserted);
	return ok;
}
