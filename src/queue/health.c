/* SPDX-License-Identifier: ISC */
#include "queue/health.h"

#include <stdio.h>

#include "queue/retry.h"

bool
health_rests(struct index_host *relay, int64_t now, bool *changed)
{
	int64_t until = retry_clamp_rest(relay->backoff_until, now);

	if (until != relay->backoff_until) {
		relay->backoff_until = until;
		*changed = true;
	}
	return until > now;
}

bool
health_takes(const struct index_host *relay, uint32_t in_flight)
{
	return relay->failures == 0 || in_flight == 0;
}

unsigned
health_traits(const struct index_host *relay, int64_t now)
{
	return now >= relay->traits_at &&
	               now - relay->traits_at < HEALTH_TRAITS_S
	           ? relay->traits
	           : 0;
}

static bool
learn(struct index_host *relay, unsigned traits, int64_t now)
{
	unsigned known = health_traits(relay, now);

	if ((traits & ~known) == 0)
		return false;
	relay->traits = known | traits;
	relay->traits_at = now;
	return true;
}

/* Did it answer to a message, whatever it said? */
static bool
is_answer(const struct wire_result *res)
{
	return res->state == DELIVERY_SENT || res->state == DELIVERY_FAILED ||
	       (res->state == DELIVERY_DEFERRED && res->reply_code != 0);
}

/* Of those that were on their way when it failed, the first counts. */
enum health_change
health_note(struct index_host *relay, const struct wire_result *res,
    int64_t now, uint32_t random, bool *changed)
{
	*changed = learn(relay, res->traits, now);
	if (res->hop_down && !health_rests(relay, now, changed)) {
		relay->failures++;
		relay->backoff_until =
		    now + retry_hop_wait_s(relay->failures, random);
		(void)snprintf(relay->cause, sizeof(relay->cause), "%.*s",
		    (int)sizeof(relay->cause) - 1, res->text);
		*changed = true;
		return HEALTH_DOWN;
	}
	if (!res->hop_down && is_answer(res) && relay->failures > 0) {
		relay->failures = 0;
		relay->backoff_until = 0;
		relay->cause[0] = '\0';
		*changed = true;
		return HEALTH_UP;
	}
	return HEALTH_SAME;
}
