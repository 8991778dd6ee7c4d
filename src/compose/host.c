/* SPDX-License-Identifier: ISC */
#include "compose/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "util/xalloc.h"

#define ZONES "/usr/share/zoneinfo/"

/* Stays below the folder: no part is empty, "." or "..". */
static bool
is_zone_name(struct span rest)
{
	struct span part;

	if (rest.len == 0 || rest.len > 100 || rest.p[rest.len - 1] == '/')
		return false;
	while (rest.len > 0) {
		part = span_cut(&rest, '/');
		if (part.len == 0 || part.p[0] == '.')
			return false;
	}
	return true;
}

bool
template_zone_use(const char *name)
{
	char path[sizeof(ZONES) + 100];

	if (!is_zone_name(span_of(name)))
		return false;
	(void)snprintf(path, sizeof(path), ZONES "%s", name);
	if (access(path, R_OK) == -1 || setenv("TZ", name, 1) == -1)
		return false;
	tzset();
	return true;
}

bool
template_zone_borrow(struct template_zone_borrow *b, const char *name)
{
	const char *before = getenv("TZ");

	b->before = before == NULL ? NULL : xstrdup(before);
	b->borrowed = template_zone_use(name);
	return b->borrowed;
}

void
template_zone_return(struct template_zone_borrow *b)
{
	if (b->borrowed &&
	    (b->before == NULL ? unsetenv("TZ") : setenv("TZ", b->before, 1)) ==
	        0)
		tzset();
	free(b->before);
	*b = (struct template_zone_borrow){ false, NULL };
}

static void
zone_at(void *ctx, int64_t t, bool local, struct template_zone_info *out)
{
	time_t at = (time_t)t;
	struct tm tm;

	(void)ctx;
	if (local && gmtime_r(&at, &tm) != NULL) {
		tm.tm_isdst = -1;
		at = mktime(&tm);
	}
	if (localtime_r(&at, &tm) == NULL)
		return;
	out->offset_s = (int32_t)tm.tm_gmtoff;
	out->dst = tm.tm_isdst > 0;
	(void)snprintf(out->name, sizeof(out->name), "%s", tm.tm_zone);
}

const struct template_zone template_zone_host = { zone_at, NULL };

static int64_t
cpu_ns(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == -1)
		return 0;
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void
template_budget_begin(struct template_budget *b, unsigned seconds)
{
	b->end_ns = cpu_ns() + (int64_t)seconds * 1000000000;
}

bool
template_budget_spent(void *ctx)
{
	const struct template_budget *b = ctx;

	return cpu_ns() >= b->end_ns;
}
