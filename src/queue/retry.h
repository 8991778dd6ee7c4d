/* SPDX-License-Identifier: ISC */
/*
 * When to try again: pure arithmetic, no clock, no files. Times are seconds
 * UTC.
 */
#ifndef PO_QUEUE_RETRY_H
#define PO_QUEUE_RETRY_H

#include <stdbool.h>
#include <stdint.h>

struct retry_policy {
	int64_t first_s; /* wait after the first attempt */
	int64_t max_s;   /* longest wait */
	int64_t max_attempts; /* 0: any number */
};

/* Were there as many attempts as there may be? */
bool retry_is_spent(const struct retry_policy *p, uint32_t attempts);

/*
 * The wait after attempt number `attempts` (1 is the first): first_s doubled
 * each time, at most max_s, plus up to a quarter of it by `random` (any value),
 * so that the mail of one outage does not come due at one instant.
 */
int64_t retry_wait_s(const struct retry_policy *p, uint32_t attempts,
    uint32_t random);

/* The wait of a next hop that could not be reached `failures` times in a row:
 * 30 s doubled, at most 15 minutes. */
int64_t retry_hop_wait_s(uint32_t failures, uint32_t random);

/* A due time that a clock jump made absurd is pulled back: never later than now
 * + the longest wait there can be. Only for due times that a retry made, never
 * for one the submitter asked for. */
int64_t retry_clamp_due(const struct retry_policy *p, int64_t due, int64_t now);

/* The same for the end of a next hop's rest. */
int64_t retry_clamp_rest(int64_t until, int64_t now);

/* Mail in doubt is not sent again before this wait: the server may have it. */
#define RETRY_IN_DOUBT_S INT64_C(900)

#endif
