/* SPDX-License-Identifier: ISC */
#include "queue/rate.h"

#include <string.h>

#define SLICES (INDEX_LIMIT_SLICES - 1) /* that make a window */

static const struct {
	const char *name;
	int64_t s;
} windows[] = {
	[WINDOW_SECOND] = { "second", 1 },
	[WINDOW_MINUTE] = { "minute", 60 },
	[WINDOW_HOUR] = { "hour", 3600 },
	[WINDOW_DAY] = { "day", 86400 },
};
_Static_assert(sizeof(windows) / sizeof(windows[0]) == WINDOWS,
    "a row for each window");

const char *
rate_window_name(enum index_window w)
{
	return windows[w].name;
}

int64_t
rate_window_s(enum index_window w)
{
	return windows[w].s;
}

bool
rate_is_unlimited(const struct rate_limits *limits)
{
	int w;

	for (w = 0; w < WINDOWS; w++)
		if (limits->most[w] > 0)
			return false;
	return true;
}

static int64_t
slice_ms(enum index_window w)
{
	return windows[w].s * 1000 / SLICES;
}

/* How many slices have begun since the newest that counts; none when the clock
 * went back, so that nothing is forgotten by it. */
static size_t
age(const struct index_limit *l, enum index_window w, int64_t now_ms)
{
	int64_t passed = now_ms / slice_ms(w) - l->newest[w];

	return passed <= 0                    ? 0
	       : passed >= INDEX_LIMIT_SLICES ? INDEX_LIMIT_SLICES
	                                      : (size_t)passed;
}

static void
advance(struct index_limit *l, enum index_window w, int64_t now_ms)
{
	size_t by = age(l, w, now_ms);

	memmove(l->count[w] + by, l->count[w],
	    (INDEX_LIMIT_SLICES - by) * sizeof(l->count[w][0]));
	memset(l->count[w], 0, by * sizeof(l->count[w][0]));
	l->newest[w] = now_ms / slice_ms(w);
}

void
rate_count(struct index_limit *l, int64_t now_ms, uint32_t n)
{
	int w;

	for (w = 0; w < WINDOWS; w++) {
		advance(l, (enum index_window)w, now_ms);
		l->count[w][0] += n;
	}
}

void
rate_uncount(struct index_limit *l, int64_t now_ms, uint32_t n)
{
	uint32_t left, *count;
	size_t i;
	int w;

	for (w = 0; w < WINDOWS; w++) {
		advance(l, (enum index_window)w, now_ms);
		for (i = 0, left = n; left > 0 && i < INDEX_LIMIT_SLICES; i++) {
			count = &l->count[w][i];
			if (*count >= left) {
				*count -= left;
				left = 0;
			} else {
				left -= *count;
				*count = 0;
			}
		}
	}
}

uint64_t
rate_sum(const struct index_limit *l, enum index_window w, int64_t now_ms)
{
	size_t i, by = age(l, w, now_ms);
	uint64_t sum = 0;

	for (i = 0; i + by < INDEX_LIMIT_SLICES; i++)
		sum += l->count[w][i];
	return sum;
}

/* One window: when its count is below `most`. */
static int64_t
window_allows_at(const struct index_limit *l, enum index_window w,
    uint64_t most, uint64_t in_flight, int64_t now_ms)
{
	uint64_t sum = rate_sum(l, w, now_ms);
	int64_t newest = now_ms / slice_ms(w);
	size_t by = age(l, w, now_ms);
	size_t i = INDEX_LIMIT_SLICES - by;

	if (sum + in_flight < most)
		return 0;
	if (in_flight >= most)
		return RATE_IN_FLIGHT;
	/* The oldest leave first. */
	while (i > 0 && sum + in_flight >= most)
		sum -= l->count[w][--i];
	return (newest + INDEX_LIMIT_SLICES - (int64_t)(i + by)) * slice_ms(w);
}

int64_t
rate_allows_at(struct index_limit *l, const struct rate_limits *limits,
    uint64_t in_flight, int64_t now_ms, enum index_window *which)
{
	int64_t at, latest = 0;
	int w;

	for (w = 0; w < WINDOWS; w++) {
		if (limits->most[w] <= 0)
			continue;
		advance(l, (enum index_window)w, now_ms);
		at = window_allows_at(l, (enum index_window)w,
		    (uint64_t)limits->most[w], in_flight, now_ms);
		if (at > latest) {
			latest = at;
			*which = (enum index_window)w;
		}
	}
	return latest;
}
