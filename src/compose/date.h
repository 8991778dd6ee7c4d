/* SPDX-License-Identifier: ISC */
/*
 * Dates and times: ISO 8601 in, Django's format letters out. A time with an
 * offset keeps it; one without is local time of the render's zone.
 */
#ifndef PO_COMPOSE_DATE_H
#define PO_COMPOSE_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "compose/value.h"
#include "util/span.h"

enum date_kind { DATE_NONE, DATE_DAY, DATE_TIME, DATE_BOTH };

struct date {
	enum date_kind kind;
	int year, month, day; /* month and day from 1 */
	int hour, minute, second, micro;
	bool aware; /* has an offset */
	int32_t offset_s;
	bool utc; /* the offset was written "Z" */
};

/* DATE_NONE where it is none. */
struct date tpl_date_parse(struct span s);
struct date tpl_date_of(const struct value *v);

/* Days since 1970-01-01 of a day of the proleptic Gregorian calendar, and back.
 */
int64_t tpl_date_days(int year, int month, int day);
void tpl_date_civil(int64_t days, struct date *out);

bool tpl_date_is_leap(int year);

/* The render's time: local without an offset, or (`aware`) in UTC. */
struct date tpl_date_now_like(const struct render *r, bool aware);

/* Seconds since 1970 UTC. */
int64_t tpl_date_seconds(const struct render *r, const struct date *d);

/* What the offset is called and how far it is, in the render's zone for a time
 * without one. */
struct template_zone_info;
void tpl_date_zone(const struct render *r, const struct date *d,
    struct template_zone_info *out);

/* Format as the filters `date` and (`time_only`) `time` do; "" where a letter
 * does not fit the kind. */
bool tpl_date_format(struct render *r, const struct date *d, struct span format,
    bool time_only, struct value *out);

/* The tag `now`. */
bool tpl_date_now(struct render *r, struct span format, struct value *out);

#endif
