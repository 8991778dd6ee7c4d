/* SPDX-License-Identifier: ISC */
#include "queue/pace.h"

#define A_MINUTE 60u

static uint32_t
half(uint64_t n)
{
	n /= 2;
	return n < 1 ? 1 : n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* Of what it took: a second tells more than a minute that has just begun. */
static uint32_t
half_of_pace(const struct pace_seen *seen)
{
	return seen->in_second > 1 ? half(seen->in_second * A_MINUTE)
	                           : half(seen->in_minute);
}

static bool
is_before_any_message(const struct wire_result *res)
{
	return res->phase < PHASE_MAIL;
}

static bool
is_alive(const struct index_host *relay, const struct wire_result *res,
    const struct pace_seen *seen)
{
	if (relay->failures > 0)
		return false;
	return seen->holders > 1 ||
	       (!is_before_any_message(res) && seen->in_minute > 0);
}

static void
narrow(uint32_t *limit, uint32_t to)
{
	if (*limit == 0 || to < *limit)
		*limit = to;
}

bool
pace_lower(struct index_host *relay, const struct wire_result *res,
    const struct pace_seen *seen, int64_t now)
{
	if (!res->slow || !is_alive(relay, res, seen))
		return false;
	if (pace_holds_until(relay, now) != 0)
		return true;
	relay->slowed_at = relay->raised_at = now;
	narrow(&relay->most_connections, half(seen->holders));
	if (!is_before_any_message(res))
		narrow(&relay->most_a_minute, half_of_pace(seen));
	return true;
}

/* A clock that went back is taken for right. */
static bool
is_over(int64_t since, int64_t s, int64_t now)
{
	return now < since || now - since >= s;
}

bool
pace_raise(struct index_host *relay, int64_t connections, int64_t now)
{
	if ((relay->most_connections == 0 && relay->most_a_minute == 0) ||
	    !is_over(relay->raised_at, PACE_RAISE_S, now))
		return false;
	relay->raised_at = now;
	if (is_over(relay->slowed_at, PACE_FORGET_S, now)) {
		relay->most_connections = relay->most_a_minute = 0;
		return true;
	}
	if (relay->most_connections > 0 &&
	    ++relay->most_connections >= connections)
		relay->most_connections = 0;
	if (relay->most_a_minute > 0 && relay->most_a_minute < INT32_MAX)
		relay->most_a_minute +=
		    relay->most_a_minute < A_MINUTE ? PACE_STEP : A_MINUTE;
	return true;
}

int64_t
pace_holds_until(const struct index_host *relay, int64_t now)
{
	return relay->most_connections == 0 ||
	               is_over(relay->slowed_at, PACE_HOLD_S, now)
	           ? 0
	           : relay->slowed_at + PACE_HOLD_S;
}

static int64_t
narrower(int64_t a, int64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

int64_t
pace_connections(const struct index_host *relay, int64_t most)
{
	return narrower(most, relay->most_connections);
}

/* By the second where it can be, so that no minute's mail leaves at once. */
void
pace_narrow(const struct index_host *relay, struct rate_limits *most)
{
	int64_t n = relay->most_a_minute;
	enum index_window w = n < A_MINUTE ? WINDOW_MINUTE : WINDOW_SECOND;

	if (n > 0)
		most->most[w] = narrower(most->most[w],
		    w == WINDOW_SECOND ? n / A_MINUTE : n);
}
