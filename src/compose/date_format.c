/* SPDX-License-Identifier: ISC */
/* Django's format letters, which are PHP's with some of its own. */
#include <string.h>

#include "compose/builder.h"
#include "compose/date.h"
#include "compose/render.h"

static const char letters[] = "aAbcdDeEfFgGhHiIjlLmMnNoOPrsStTUuwWyYzZ";
static const char time_letters[] =
    "aAefgGhHiOPsTuZ"; /* refused for a day without a time */
static const char zone_letters[] = "eOTZI"; /* empty without an offset */

static const char *const months[] = { "January", "February", "March", "April",
	"May", "June", "July", "August", "September", "October", "November",
	"December" };
static const char *const months_ap[] = { "Jan.", "Feb.", "March", "April",
	"May", "June", "July", "Aug.", "Sept.", "Oct.", "Nov.",
	"Dec." }; /* Associated Press */
static const char *const weekdays[] = { "Monday", "Tuesday", "Wednesday",
	"Thursday", "Friday", "Saturday", "Sunday" };

struct formatter {
	struct builder b;
	const struct render *r;
	const struct date *d;
};

static int64_t
days(const struct date *d)
{
	return tpl_date_days(d->year, d->month, d->day);
}

/* Monday is 0. 1970-01-01 was a Thursday. */
static int
weekday(const struct date *d)
{
	return (int)(((days(d) + 3) % 7 + 7) % 7);
}

static int
day_of_year(const struct date *d)
{
	return (int)(days(d) - tpl_date_days(d->year, 1, 1)) + 1;
}

static int
weeks_in(int year)
{
	struct date first = { .year = year, .month = 1, .day = 1 };
	int w = weekday(&first);

	return w == 3 || (w == 2 && tpl_date_is_leap(year)) ? 53 : 52;
}

/* ISO 8601: weeks begin on Monday, the first one has the year's first Thursday.
 */
static int
iso_week(const struct date *d, int *year)
{
	int week = (day_of_year(d) - 1 - weekday(d) + 10) / 7;

	*year = d->year;
	if (week < 1) {
		(*year)--;
		return weeks_in(*year);
	}
	if (week > weeks_in(d->year)) {
		(*year)++;
		return 1;
	}
	return week;
}

static const char *
ordinal(int day)
{
	if (day >= 11 && day <= 13)
		return "th";
	return day % 10 == 1   ? "st"
	       : day % 10 == 2 ? "nd"
	       : day % 10 == 3 ? "rd"
	                       : "th";
}

static int
days_in_month(const struct date *d)
{
	if (d->month == 12)
		return 31;
	return (int)(tpl_date_days(d->year, d->month + 1, 1) -
	             tpl_date_days(d->year, d->month, 1));
}

static int
hour12(const struct date *d)
{
	return d->hour % 12 == 0 ? 12 : d->hour % 12;
}

static void
put_hour_minute(struct formatter *f)
{
	tpl_build_number(&f->b, hour12(f->d), 1);
	if (f->d->minute != 0)
		tpl_build_printf(&f->b, ":%02d", f->d->minute);
}

static void
put_offset(struct formatter *f, int32_t offset, const char *colon)
{
	int32_t minutes = (offset < 0 ? -offset : offset) / 60;

	tpl_build_printf(&f->b, "%c%02d%s%02d", offset < 0 ? '-' : '+',
	    minutes / 60, colon, minutes % 60);
}

static void
put_iso(struct formatter *f)
{
	const struct date *d = f->d;

	if (d->kind != DATE_TIME)
		tpl_build_printf(&f->b, "%04d-%02d-%02d", d->year, d->month,
		    d->day);
	if (d->kind == DATE_BOTH)
		tpl_build_char(&f->b, 'T');
	if (d->kind != DATE_DAY)
		tpl_build_printf(&f->b, "%02d:%02d:%02d", d->hour, d->minute,
		    d->second);
	if (d->micro != 0)
		tpl_build_printf(&f->b, ".%06d", d->micro);
	if (d->aware)
		put_offset(f, d->offset_s, ":");
}

static void
put_rfc5322(struct formatter *f, const struct template_zone_info *zone)
{
	const struct date *d = f->d;

	tpl_build_printf(&f->b, "%.3s, %02d %.3s %04d %02d:%02d:%02d ",
	    weekdays[weekday(d)], d->day, months[d->month - 1], d->year,
	    d->hour, d->minute, d->second);
	put_offset(f, zone->offset_s, "");
}

static void
put_zone(struct formatter *f, char letter)
{
	struct template_zone_info zone;

	if (f->d->kind != DATE_BOTH)
		return;
	tpl_date_zone(f->r, f->d, &zone);
	if (letter == 'T' || (letter == 'e' && f->d->aware))
		tpl_build_str(&f->b, zone.name);
	else if (letter == 'O')
		put_offset(f, zone.offset_s, "");
	else if (letter == 'Z')
		tpl_build_number(&f->b, zone.offset_s, 1);
	else if (letter == 'I')
		tpl_build_str(&f->b, zone.dst ? "1" : "0");
	else if (letter == 'r')
		put_rfc5322(f, &zone);
}

static void
put_time(struct formatter *f, char letter)
{
	const struct date *d = f->d;

	switch (letter) {
	case 'a':
		tpl_build_str(&f->b, d->hour > 11 ? "p.m." : "a.m.");
		break;
	case 'A':
		tpl_build_str(&f->b, d->hour > 11 ? "PM" : "AM");
		break;
	case 'f':
		put_hour_minute(f);
		break;
	case 'g':
		tpl_build_number(&f->b, hour12(d), 1);
		break;
	case 'G':
		tpl_build_number(&f->b, d->hour, 1);
		break;
	case 'h':
		tpl_build_number(&f->b, hour12(d), 2);
		break;
	case 'H':
		tpl_build_number(&f->b, d->hour, 2);
		break;
	case 'i':
		tpl_build_number(&f->b, d->minute, 2);
		break;
	case 'P':
		if (d->minute == 0 && d->hour % 12 == 0) {
			tpl_build_str(&f->b,
			    d->hour == 0 ? "midnight" : "noon");
		} else {
			put_hour_minute(f);
			tpl_build_str(&f->b, d->hour > 11 ? " p.m." : " a.m.");
		}
		break;
	case 's':
		tpl_build_number(&f->b, d->second, 2);
		break;
	default: /* u */
		tpl_build_number(&f->b, d->micro, 6);
		break;
	}
}

static void
put_month(struct formatter *f, char letter)
{
	const char *name = months[f->d->month - 1];

	switch (letter) {
	case 'b':
		tpl_build_char(&f->b,
		    (char)ascii_lower((unsigned char)name[0]));
		tpl_build_put(&f->b, name + 1, 2);
		break;
	case 'M':
		tpl_build_put(&f->b, name, 3);
		break;
	case 'N':
		tpl_build_str(&f->b, months_ap[f->d->month - 1]);
		break;
	case 'm':
		tpl_build_number(&f->b, f->d->month, 2);
		break;
	case 'n':
		tpl_build_number(&f->b, f->d->month, 1);
		break;
	default: /* E F */
		tpl_build_str(&f->b, name);
		break;
	}
}

static void
put_day(struct formatter *f, char letter)
{
	const struct date *d = f->d;
	int year;
	int week = iso_week(d, &year);

	switch (letter) {
	case 'd':
		tpl_build_number(&f->b, d->day, 2);
		break;
	case 'D':
		tpl_build_put(&f->b, weekdays[weekday(d)], 3);
		break;
	case 'j':
		tpl_build_number(&f->b, d->day, 1);
		break;
	case 'l':
		tpl_build_str(&f->b, weekdays[weekday(d)]);
		break;
	case 'L':
		tpl_build_str(&f->b,
		    tpl_date_is_leap(d->year) ? "True" : "False");
		break;
	case 'o':
		tpl_build_number(&f->b, year, 1);
		break;
	case 'S':
		tpl_build_str(&f->b, ordinal(d->day));
		break;
	case 't':
		tpl_build_number(&f->b, days_in_month(d), 2);
		break;
	case 'U':
		tpl_build_printf(&f->b, "%lld",
		    (long long)tpl_date_seconds(f->r, d));
		break;
	case 'w':
		tpl_build_number(&f->b, (weekday(d) + 1) % 7, 1);
		break;
	case 'W':
		tpl_build_number(&f->b, week, 1);
		break;
	case 'y':
		tpl_build_number(&f->b, d->year % 100, 2);
		break;
	case 'Y':
		tpl_build_number(&f->b, d->year, 1);
		break;
	default: /* z */
		tpl_build_number(&f->b, day_of_year(d), 1);
		break;
	}
}

enum fit { FITS, FITS_NOT, FITS_ERROR };

static enum fit
fit(const struct date *d, char letter, bool time_only)
{
	bool of_time = strchr(time_letters, letter) != NULL;

	if (time_only && !of_time)
		return FITS_NOT;
	if (d->kind == DATE_DAY && (of_time || letter == 'r'))
		return time_only ? FITS_NOT : FITS_ERROR;
	if (d->kind == DATE_BOTH || strchr(zone_letters, letter) != NULL ||
	    d->kind == DATE_DAY)
		return FITS;
	return d->kind == DATE_TIME && (of_time || letter == 'c') ? FITS
	                                                          : FITS_NOT;
}

static void
put_letter(struct formatter *f, char letter)
{
	if (strchr(zone_letters, letter) != NULL || letter == 'r')
		put_zone(f, letter);
	else if (letter == 'c')
		put_iso(f);
	else if (strchr(time_letters, letter) != NULL)
		put_time(f, letter);
	else if (strchr("bEFMmNn", letter) != NULL)
		put_month(f, letter);
	else
		put_day(f, letter);
}

static struct span
named_format(struct span format, bool time_only)
{
	static const struct {
		const char *name;
		const char *format;
	} formats[] = {
		{ "DATE_FORMAT", "N j, Y" },
		{ "DATETIME_FORMAT", "N j, Y, P" },
		{ "TIME_FORMAT", "P" },
		{ "YEAR_MONTH_FORMAT", "F Y" },
		{ "MONTH_DAY_FORMAT", "F j" },
		{ "SHORT_DATE_FORMAT", "m/d/Y" },
		{ "SHORT_DATETIME_FORMAT", "m/d/Y P" },
	};
	size_t i;

	if (format.len == 0)
		return span_of(time_only ? "P" : "N j, Y");
	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (span_eq(format, span_of(formats[i].name)))
			return span_of(formats[i].format);
	return format;
}

bool
tpl_date_format(struct render *r, const struct date *d, struct span format,
    bool time_only, struct value *out)
{
	struct formatter f = { .r = r, .d = d };
	size_t i;
	char c;

	tpl_build(&f.b, r, 0);
	format = named_format(format, time_only);
	for (i = 0; i < format.len; i++) {
		c = format.p[i];
		if (c != '\0' && strchr(letters, c) != NULL &&
		    (i == 0 || format.p[i - 1] != '\\')) {
			switch (fit(d, c, time_only)) {
			case FITS_ERROR:
				return tpl_fail(r, FAIL_VALUE,
				    "a day without a time cannot be formatted "
				    "with '%c'",
				    c);
			case FITS_NOT:
				*out = tpl_value_str(SPAN_LIT(""));
				return true;
			default:
				put_letter(&f, c);
			}
			continue;
		}
		if (c == '\\' && i + 1 < format.len && format.p[i + 1] != '\n')
			c = format.p[++i];
		tpl_build_char(&f.b, c);
	}
	return tpl_build_done(&f.b, out);
}

bool
tpl_date_now(struct render *r, struct span format, struct value *out)
{
	struct date now = tpl_date_now_like(r, false);

	return tpl_date_format(r, &now, format, false, out);
}
