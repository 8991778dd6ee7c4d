/* SPDX-License-Identifier: ISC */
#include "compose/date.h"

#include <stdio.h>

#include "compose/number.h"
#include "compose/render.h"

bool
tpl_date_is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Years that begin in March, so that the leap day is the last one; eras of 400
 * years. */
int64_t
tpl_date_days(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year =
	    (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	       of_year - 719468;
}

void
tpl_date_civil(int64_t days, struct date *out)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t of_era = z - era * 146097;
	int64_t y =
	    (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * of_year + 2) / 153;

	out->day = (int)(of_year - (153 * m + 2) / 5 + 1);
	out->month = (int)(m < 10 ? m + 3 : m - 9);
	out->year = (int)(y + era * 400 + (out->month <= 2));
}

/* Between `least` and `most` digits. */
static bool
take(struct span *s, size_t least, size_t most, int *out)
{
	size_t n = 0;

	*out = 0;
	while (n < most && n < s->len && ascii_is_digit((unsigned char)s->p[n]))
		*out = *out * 10 + (s->p[n++] - '0');
	s->p += n;
	s->len -= n;
	return n >= least;
}

static bool
take_char(struct span *s, const char *any)
{
	if (s->len == 0 || memchr(any, s->p[0], strlen(any)) == NULL)
		return false;
	s->p++;
	s->len--;
	return true;
}

static bool
take_day(struct span *s, struct date *d)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };

	if (!take(s, 4, 4, &d->year) || !take_char(s, "-") ||
	    !take(s, 1, 2, &d->month) || !take_char(s, "-") ||
	    !take(s, 1, 2, &d->day))
		return false;
	return d->year >= 1 && d->month >= 1 && d->month <= 12 && d->day >= 1 &&
	       d->day <= days[d->month - 1] +
	                     (d->month == 2 && tpl_date_is_leap(d->year));
}

static bool
take_time(struct span *s, struct date *d)
{
	size_t before;
	int rest;

	if (!take(s, 1, 2, &d->hour) || !take_char(s, ":") ||
	    !take(s, 1, 2, &d->minute))
		return false;
	if (s->len >= 2 && s->p[0] == ':' &&
	    ascii_is_digit((unsigned char)s->p[1])) {
		(void)take_char(s, ":");
		(void)take(s, 1, 2, &d->second);
		if (s->len >= 2 && ascii_is_digit((unsigned char)s->p[1]) &&
		    take_char(s, ".,")) {
			before = s->len;
			(void)take(s, 1, 6, &d->micro);
			for (before -= s->len; before < 6; before++)
				d->micro *= 10;
			(void)take(s, 0, 6, &rest);
		}
	}
	return d->hour < 24 && d->minute < 60 && d->second < 60;
}

static bool
take_offset(struct span *s, struct date *d)
{
	bool negative;
	int hours = 0;
	int minutes = 0;

	if (s->len == 0)
		return true;
	d->aware = true;
	if (take_char(s, "Z")) {
		d->utc = true;
		return s->len == 0;
	}
	negative = s->p[0] == '-';
	if (!take_char(s, "+-") || !take(s, 2, 2, &hours))
		return false;
	if (s->len > 0 && ((void)take_char(s, ":"), !take(s, 2, 2, &minutes)))
		return false;
	d->offset_s = (hours * 60 + minutes) * 60;
	if (negative)
		d->offset_s = -d->offset_s;
	return s->len == 0 && d->offset_s < 86400 && d->offset_s > -86400;
}

struct date
tpl_date_parse(struct span s)
{
	struct date d = { .kind = DATE_NONE };
	struct span rest = s;

	if (take_day(&rest, &d)) {
		if (rest.len == 0) {
			d.kind = DATE_DAY;
			return d;
		}
		if (take_char(&rest, "T ") && take_time(&rest, &d) &&
		    take_offset(&rest, &d)) {
			d.kind = DATE_BOTH;
			return d;
		}
	}
	rest = s;
	d = (struct date){ .kind = DATE_TIME };
	if (!take_time(&rest, &d) || rest.len > 0)
		d.kind = DATE_NONE;
	return d;
}

struct date
tpl_date_of(const struct value *v)
{
	return v->kind == VAL_STR ? tpl_date_parse(tpl_value_span(v))
	                          : (struct date){ .kind = DATE_NONE };
}

static void
zone_at(const struct render *r, int64_t t, bool local,
    struct template_zone_info *out)
{
	*out = (struct template_zone_info){ 0, false, "UTC" };
	if (r->options->zone.at != NULL)
		r->options->zone.at(r->options->zone.ctx, t, local, out);
}

static int64_t
naive_seconds(const struct date *d)
{
	return tpl_date_days(d->year, d->month, d->day) * 86400 +
	       (int64_t)d->hour * 3600 + (int64_t)d->minute * 60 + d->second;
}

void
tpl_date_zone(const struct render *r, const struct date *d,
    struct template_zone_info *out)
{
	int32_t minutes = (d->offset_s < 0 ? -d->offset_s : d->offset_s) / 60;

	if (!d->aware) {
		zone_at(r, naive_seconds(d), true, out);
		return;
	}
	*out = (struct template_zone_info){ d->offset_s, false, "UTC" };
	if (!d->utc)
		(void)snprintf(out->name, sizeof(out->name), "%c%02d%02d",
		    d->offset_s < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

int64_t
tpl_date_seconds(const struct render *r, const struct date *d)
{
	struct template_zone_info zone;

	tpl_date_zone(r, d, &zone);
	return naive_seconds(d) - zone.offset_s;
}

/* Days and time of day of `t` seconds since 1970. */
static struct date
split(int64_t t, int micro)
{
	struct date d = { .kind = DATE_BOTH, .micro = micro };
	int64_t of_day = (t % 86400 + 86400) % 86400;

	tpl_date_civil((t - of_day) / 86400, &d);
	d.hour = (int)(of_day / 3600);
	d.minute = (int)(of_day / 60 % 60);
	d.second = (int)(of_day % 60);
	return d;
}

struct date
tpl_date_now_like(const struct render *r, bool aware)
{
	int64_t us = r->options->now_us;
	int64_t t = us / 1000000 - (us % 1000000 < 0);
	struct template_zone_info zone = { 0, false, "" };
	struct date d;

	if (!aware)
		zone_at(r, t, false, &zone);
	d = split(t + zone.offset_s, (int)(us - t * 1000000));
	d.aware = d.utc = aware;
	return d;
}

bool
template_time_parse(struct span s, int64_t *us)
{
	struct date d = tpl_date_parse(s);

	if (d.kind != DATE_BOTH && d.kind != DATE_DAY)
		return false;
	*us = (naive_seconds(&d) - d.offset_s) * 1000000 + d.micro;
	return true;
}
