/* SPDX-License-Identifier: ISC */
/*
 * The proleptic Gregorian calendar in 400-year eras that begin on 1 March, so
 * that the leap day is the last of its year.
 */
#include "message/date.h"

#include <stdio.h>

#include "util/parse_num.h"

#define DAY_S INT64_C(86400)
#define FARTHEST INT64_C(253402300799) /* the end of the year 9999 */

struct civil {
	int64_t year;
	int64_t month; /* 1..12 */
	int64_t day;   /* 1..31 */
};

static const char *const days[] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue",
	"Wed" }; /* 1 January 1970 was a Thursday */
static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
	"Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

static struct civil
civil_of_day(int64_t day)
{
	int64_t z = day + 719468, era = z / 146097;
	int64_t of_era = z - era * 146097;
	int64_t year =
	    (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153; /* 0 is March */
	struct civil c;

	c.day = of_year - (153 * month + 2) / 5 + 1;
	c.month = month < 10 ? month + 3 : month - 9;
	c.year = year + era * 400 + (c.month <= 2);
	return c;
}

static int64_t
day_of_civil(struct civil c)
{
	int64_t y = c.month <= 2 ? c.year - 1 : c.year, era = y / 400;
	int64_t of_era_year = y - era * 400;
	int64_t month = c.month > 2 ? c.month - 3 : c.month + 9;
	int64_t of_year = (153 * month + 2) / 5 + c.day - 1;

	return era * 146097 + of_era_year * 365 + of_era_year / 4 -
	       of_era_year / 100 + of_year - 719468;
}

void
date_format(int64_t t, char out[DATE_BYTES])
{
	struct civil c;
	int64_t day, s;

	t = t < 0 ? 0 : t > FARTHEST ? FARTHEST : t;
	day = t / DAY_S;
	s = t % DAY_S;
	c = civil_of_day(day);
	(void)snprintf(out, DATE_BYTES, "%s, %02d %s %04d %02d:%02d:%02d +0000",
	    days[day % 7], (int)c.day, months[c.month - 1], (int)c.year,
	    (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
}

void
date_format_rfc3339(int64_t t, char out[DATE_BYTES])
{
	struct civil c;
	int64_t s;

	t = t < 0 ? 0 : t > FARTHEST ? FARTHEST : t;
	s = t % DAY_S;
	c = civil_of_day(t / DAY_S);
	(void)snprintf(out, DATE_BYTES, "%04d-%02d-%02dT%02d:%02d:%02dZ",
	    (int)c.year, (int)c.month, (int)c.day, (int)(s / 3600),
	    (int)(s / 60 % 60), (int)(s % 60));
}

/* Take exactly `digits` digits off *s. */
static bool
take_num(struct span *s, size_t digits, int64_t min, int64_t max, int64_t *out)
{
	uint64_t v;

	if (s->len < digits || !parse_u64((struct span){ s->p, digits },
	                           (uint64_t)min, (uint64_t)max, &v))
		return false;
	*out = (int64_t)v;
	s->p += digits;
	s->len -= digits;
	return true;
}

static bool
take_one_of(struct span *s, const char *set)
{
	if (s->len == 0 || s->p[0] == '\0' || strchr(set, s->p[0]) == NULL)
		return false;
	s->p++;
	s->len--;
	return true;
}

/* "Z", "+01:00": what must be taken off for UTC. */
static bool
take_zone(struct span *s, int64_t *offset)
{
	int64_t hours, minutes;
	bool negative;

	*offset = 0;
	if (take_one_of(s, "Zz"))
		return s->len == 0;
	negative = s->len > 0 && s->p[0] == '-';
	if (!take_one_of(s, "+-") || !take_num(s, 2, 0, 23, &hours) ||
	    !take_one_of(s, ":") || !take_num(s, 2, 0, 59, &minutes))
		return false;
	*offset = hours * 3600 + minutes * 60;
	if (negative)
		*offset = -*offset;
	return s->len == 0;
}

static bool
take_seconds(struct span *s, int64_t *second)
{
	*second = 0;
	if (!take_one_of(s, ":"))
		return true;
	if (!take_num(s, 2, 0, 60, second))
		return false;
	if (!take_one_of(s, "."))
		return true;
	if (s->len == 0 || !ascii_is_digit((unsigned char)s->p[0]))
		return false;
	while (take_one_of(s, "0123456789"))
		;
	return true;
}

bool
date_parse_rfc3339(struct span s, int64_t *t)
{
	int64_t hour, minute, second, offset, day;
	struct civil c, back;

	s = span_trim(s);
	if (!take_num(&s, 4, 1970, 9999, &c.year) || !take_one_of(&s, "-") ||
	    !take_num(&s, 2, 1, 12, &c.month) || !take_one_of(&s, "-") ||
	    !take_num(&s, 2, 1, 31, &c.day) || !take_one_of(&s, "Tt ") ||
	    !take_num(&s, 2, 0, 23, &hour) || !take_one_of(&s, ":") ||
	    !take_num(&s, 2, 0, 59, &minute) || !take_seconds(&s, &second) ||
	    !take_zone(&s, &offset))
		return false;
	day = day_of_civil(c);
	back = civil_of_day(day);
	if (back.day != c.day) /* 30 February */
		return false;
	*t = day * DAY_S + hour * 3600 + minute * 60 + second - offset;
	return *t >= 0 && *t <= FARTHEST;
}
