/* SPDX-License-Identifier: ISC */
#include "util/wallclock.h"

#include <time.h>

static int64_t
read_ms(clockid_t which)
{
	struct timespec ts;

	if (clock_gettime(which, &ts) == -1)
		return 0;
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
wallclock_now(void)
{
	return read_ms(CLOCK_REALTIME) / 1000;
}

int64_t
wallclock_now_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

int64_t
monotonic_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}
