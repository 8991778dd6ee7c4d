/* SPDX-License-Identifier: ISC */
#include "queue/retry.h"

#define HOP_FIRST_S INT64_C(30)
#define HOP_MAX_S INT64_C(900)

static int64_t
doubled(int64_t first_s, int64_t max_s, uint32_t times)
{
	int64_t wait = first_s;

	while (times-- > 1 && wait < max_s)
		wait *= 2;
	return wait < max_s ? wait : max_s;
}

static int64_t
jitter(int64_t wait, uint32_t random)
{
	return (int64_t)(random % (uint64_t)(wait / 4 + 1));
}

bool
retry_is_spent(const struct retry_policy *p, uint32_t attempts)
{
	return p->max_attempts > 0 && attempts >= p->max_attempts;
}

int64_t
retry_wait_s(const struct retry_policy *p, uint32_t attempts, uint32_t random)
{
	int64_t wait = doubled(p->first_s, p->max_s, attempts);

	return wait + jitter(wait, random);
}

int64_t
retry_hop_wait_s(uint32_t failures, uint32_t random)
{
	int64_t wait = doubled(HOP_FIRST_S, HOP_MAX_S, failures);

	return wait + jitter(wait, random);
}

int64_t
retry_clamp_due(const struct retry_policy *p, int64_t due, int64_t now)
{
	int64_t longest = p->max_s + p->max_s / 4;

	if (longest < RETRY_IN_DOUBT_S)
		longest = RETRY_IN_DOUBT_S;
	return due > now + longest ? now + longest : due;
}

int64_t
retry_clamp_rest(int64_t until, int64_t now)
{
	int64_t latest = now + HOP_MAX_S + HOP_MAX_S / 4;

	return until > latest ? latest : until;
}
