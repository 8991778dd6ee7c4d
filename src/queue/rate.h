/* SPDX-License-Identifier: ISC */
/*
 * How many messages passed of late, and when one more may: pure arithmetic over
 * a row of `limit`, no clock. Times are milliseconds UTC.
 *
 * A window slides: its count is kept in slices of a twentieth, and a slice
 * counts until all of it has left the window. So no span of that length holds
 * more than the limit, and a limit is waited for up to a twentieth too long.
 */
#ifndef PO_QUEUE_RATE_H
#define PO_QUEUE_RATE_H

#include "spool/index.h"

/* Messages in a second, a minute, an hour, a day; 0: no limit. */
struct rate_limits {
	int64_t most[WINDOWS];
};

/* "second", "minute", "hour", "day". */
const char *rate_window_name(enum index_window w);
int64_t rate_window_s(enum index_window w);

bool rate_is_unlimited(const struct rate_limits *limits);

/* Count n now; less n: what was counted last and did not pass after all. */
void rate_count(struct index_limit *l, int64_t now_ms, uint32_t n);
void rate_uncount(struct index_limit *l, int64_t now_ms, uint32_t n);

/* In this window, now. */
uint64_t rate_sum(const struct index_limit *l, enum index_window w,
    int64_t now_ms);

/* A clock that went back is taken for right. When one more may pass, while
 * `in_flight` may pass at any moment: 0 now, else the time, as far as counts
 * tell it; *which: the window that is waited for. RATE_IN_FLIGHT: only the end
 * of one of them will tell. */
#define RATE_IN_FLIGHT INT64_MAX
int64_t rate_allows_at(struct index_limit *l, const struct rate_limits *limits,
    uint64_t in_flight, int64_t now_ms, enum index_window *which);

#endif
