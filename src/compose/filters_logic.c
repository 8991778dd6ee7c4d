/* SPDX-License-Identifier: ISC */
/* default, default_if_none, yesno, pluralize, length, length_is: filters that
 * choose. */
#include <string.h>

#include "compose/builder.h"
#include "compose/filter_table.h"
#include "compose/number.h"

FILTER(default)
{
	(void)r;
	if (!tpl_value_truth(v))
		*v = *arg;
	return true;
}

FILTER(default_if_none)
{
	(void)r;
	if (v->kind == VAL_NONE)
		*v = *arg;
	return true;
}

static size_t
count_parts(struct span s)
{
	size_t n = 1;
	size_t i;

	for (i = 0; i < s.len; i++)
		n += s.p[i] == ',';
	return n;
}

FILTER(yesno)
{
	struct span rest = SPAN_LIT("yes,no,maybe");
	struct span yes;
	struct span no;
	struct span maybe;
	size_t n;

	if (arg != NULL && arg->kind == VAL_NONE)
		arg = NULL;
	if (arg != NULL && arg->kind != VAL_STR)
		return tpl_fail(r, FAIL_VALUE,
		    "yesno needs text as its argument");
	if (arg != NULL)
		rest = tpl_value_span(arg);
	n = count_parts(rest);
	if (n < 2)
		return true;
	yes = span_cut(&rest, ',');
	no = span_cut(&rest, ',');
	maybe = n == 3 ? rest : no;
	*v = tpl_value_str(v->kind == VAL_NONE  ? maybe
	                   : tpl_value_truth(v) ? yes
	                                        : no);
	return true;
}

FILTER(pluralize)
{
	struct span one = SPAN_LIT("");
	struct span many = SPAN_LIT("s");
	double f;
	size_t n;

	if (arg != NULL && arg->kind != VAL_STR)
		return tpl_fail(r, FAIL_VALUE,
		    "pluralize needs text as its argument");
	if (arg != NULL) {
		many = tpl_value_span(arg);
		n = count_parts(many);
		if (n == 2)
			one = span_cut(&many, ',');
		if (n > 2) {
			*v = tpl_value_str(SPAN_LIT(""));
			return true;
		}
	}
	switch (tpl_number_float(v, &f)) {
	case NUMBER_OK:
		*v = tpl_value_str(f == 1 ? one : many);
		break;
	case NUMBER_TYPE:
		*v = tpl_value_str(!tpl_value_len(v, &n) ? SPAN_LIT("")
		                   : n == 1              ? one
		                                         : many);
		break;
	default:
		*v = tpl_value_str(SPAN_LIT(""));
		break;
	}
	return true;
}

FILTER(length)
{
	size_t n = 0;

	(void)arg;
	if (v->kind == VAL_STR && !tpl_step(r, v->len / 64))
		return false;
	(void)tpl_value_len(v, &n);
	*v = tpl_value_int((int64_t)n);
	return true;
}

FILTER(length_is)
{
	int64_t want;
	size_t n;

	if (!tpl_value_len(v, &n)) {
		*v = tpl_value_str(SPAN_LIT(""));
		return true;
	}
	switch (tpl_number_int(arg, &want)) {
	case NUMBER_OK:
		*v = tpl_value_bool((int64_t)n == want);
		return true;
	case NUMBER_RANGE:
		return tpl_number_need_int(r, arg, "the argument of length_is",
		    &want);
	default:
		*v = tpl_value_str(SPAN_LIT(""));
		return true;
	}
}
