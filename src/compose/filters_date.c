/* SPDX-License-Identifier: ISC */
/* date, time, timesince, timeuntil. */
#include "compose/builder.h"
#include "compose/date.h"
#include "compose/filter_table.h"

/*
 * What is no date cannot be formatted by the default format; Django then tries
 * the argument as it is, so that an empty one of no text is printed.
 */
static bool
is_printed(const struct date *d, const struct value *arg, bool time_only)
{
	enum date_kind unfit = time_only ? DATE_DAY : DATE_TIME;

	return arg != NULL && (d->kind == DATE_NONE || d->kind == unfit) &&
	       arg->kind != VAL_STR && arg->kind != VAL_NONE;
}

static bool
is_unhashable(const struct value *v)
{
	return v->kind == VAL_LIST || v->kind == VAL_DICT ||
	       v->kind == VAL_LOOP ||
	       (v->kind == VAL_SEQ && v->seq->kind != SEQ_TUPLE &&
	           v->seq->kind != SEQ_GROUP && v->seq->kind != SEQ_VALUES);
}

static bool
format(struct render *r, struct value *v, const struct value *arg,
    bool time_only)
{
	struct date d = tpl_date_of(v);
	struct value text = tpl_value_str(SPAN_LIT(""));
	struct builder b;

	if (v->kind == VAL_NONE || (v->kind == VAL_STR && v->len == 0)) {
		*v = text;
		return true;
	}
	if (!time_only && arg != NULL && tpl_value_truth(arg) &&
	    is_unhashable(arg))
		return tpl_fail(r, FAIL_VALUE, "a list is no format of a date");
	if (arg != NULL &&
	    (tpl_value_truth(arg) || is_printed(&d, arg, time_only))) {
		tpl_build(&b, r, 0);
		tpl_build_value(&b, arg);
		if (!tpl_build_done(&b, &text))
			return false;
	}
	return tpl_date_format(r, &d, tpl_value_span(&text), time_only, v);
}

FILTER(date)
{
	return format(r, v, arg, false);
}

FILTER(time)
{
	return format(r, v, arg, true);
}

/* Leap days in the years [a, b) or, where b < a, how many fewer. */
static int
leap_days(int a, int b)
{
	a--;
	b--;
	return (b / 4 - a / 4) - (b / 100 - a / 100) + (b / 400 - a / 400);
}

/* Whole seconds from `from` to `to`, without the leap days between their years.
 */
static int64_t
seconds_between(const struct date *from, const struct date *to)
{
	int64_t days = tpl_date_days(to->year, to->month, to->day) -
	               tpl_date_days(from->year, from->month, from->day);
	int64_t s = days * 86400 + (int64_t)(to->hour - from->hour) * 3600 +
	            (int64_t)(to->minute - from->minute) * 60 +
	            (to->second - from->second) -
	            (to->offset_s - from->offset_s) - (to->micro < from->micro);
	int leap = leap_days(from->year, to->year);

	if (leap != 0 && tpl_date_is_leap(from->year))
		leap--;
	else if (leap != 0 && tpl_date_is_leap(to->year))
		leap++;
	return s - leap * (int64_t)86400;
}

/* The two largest units that follow each other. */
static bool
put_distance(struct render *r, int64_t s, struct value *out)
{
	static const struct {
		int64_t seconds;
		const char *name;
	} units[] = {
		{ 31536000, "year" },
		{ 2592000, "month" },
		{ 604800, "week" },
		{ 86400, "day" },
		{ 3600, "hour" },
		{ 60, "minute" },
	};
	const size_t n = sizeof(units) / sizeof(units[0]);
	struct builder b;
	size_t first;
	size_t i;

	for (first = 0; first < n && s < units[first].seconds; first++)
		;
	tpl_build(&b, r, 0);
	if (first == n)
		tpl_build_str(&b, "0\xc2\xa0minutes");
	for (i = first; i < n && i < first + 2 && s >= units[i].seconds; i++) {
		tpl_build_printf(&b, "%s%lld\xc2\xa0%s%s",
		    i == first ? "" : ", ", (long long)(s / units[i].seconds),
		    units[i].name, s / units[i].seconds == 1 ? "" : "s");
		s %= units[i].seconds;
	}
	return tpl_build_done(&b, out);
}

/* The moment; a day alone is its midnight. */
static bool
need_date(struct render *r, const struct value *v, const char *filter,
    struct date *out)
{
	*out = tpl_date_of(v);
	if (out->kind == DATE_NONE || out->kind == DATE_TIME)
		return tpl_fail(r, FAIL_VALUE, "%s needs a date", filter);
	return true;
}

static bool
distance(struct render *r, struct value *v, const struct value *arg, bool until)
{
	const char *filter = until ? "timeuntil" : "timesince";
	struct date d;
	struct date now;

	if (!tpl_value_truth(v)) {
		*v = tpl_value_str(SPAN_LIT(""));
		return true;
	}
	if (!need_date(r, v, filter, &d))
		return false;
	if (arg != NULL && tpl_value_truth(arg)) {
		if (!need_date(r, arg, filter, &now))
			return false;
	} else {
		now = tpl_date_now_like(r, d.aware);
	}
	if (d.aware != now.aware) { /* Python cannot subtract these */
		*v = tpl_value_str(SPAN_LIT(""));
		return true;
	}
	return put_distance(r,
	    until ? seconds_between(&now, &d) : seconds_between(&d, &now), v);
}

FILTER(timesince)
{
	return distance(r, v, arg, false);
}

FILTER(timeuntil)
{
	return distance(r, v, arg, true);
}
