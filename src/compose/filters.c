/* SPDX-License-Identifier: ISC */
#include "compose/filters.h"

#include <stdlib.h>
#include <string.h>

#include "compose/builder.h"
#include "compose/filter_table.h"

enum { NONE, MAY, MUST }; /* argument */
enum { ANY, TEXT };       /* what goes in */
enum { LOSES, KEEPS };    /* safety */

#define ROW(name, argument, input, safety, defaults)                           \
	{                                                                      \
#name, tpl_filter_##name, (argument) != NONE,                  \
		    (argument) == MUST, (input) == TEXT, (safety) == KEEPS,    \
		    (defaults)                                                 \
	}

/* Sorted by name. */
static const struct filter filters[] = {
	ROW(add, MUST, ANY, LOSES, false),
	ROW(addslashes, NONE, TEXT, KEEPS, false),
	ROW(capfirst, NONE, TEXT, KEEPS, false),
	ROW(center, MUST, TEXT, KEEPS, false),
	ROW(cut, MUST, TEXT, LOSES, false),
	ROW(date, MAY, ANY, LOSES, false),
	ROW(default, MUST, ANY, LOSES, true),
	ROW(default_if_none, MUST, ANY, LOSES, true),
	ROW(dictsort, MUST, ANY, LOSES, false),
	ROW(dictsortreversed, MUST, ANY, LOSES, false),
	ROW(divisibleby, MUST, ANY, LOSES, false),
	ROW(escape, NONE, TEXT, KEEPS, false),
	ROW(escapejs, NONE, TEXT, LOSES, false),
	ROW(filesizeformat, NONE, ANY, KEEPS, false),
	ROW(first, NONE, ANY, LOSES, false),
	ROW(floatformat, MAY, ANY, KEEPS, false),
	ROW(force_escape, NONE, TEXT, KEEPS, false),
	ROW(get_digit, MUST, ANY, LOSES, false),
	ROW(iriencode, NONE, TEXT, KEEPS, false),
	ROW(join, MUST, ANY, KEEPS, false),
	ROW(json_script, MUST, ANY, KEEPS, false),
	ROW(last, NONE, ANY, KEEPS, false),
	ROW(length, NONE, ANY, LOSES, false),
	ROW(length_is, MUST, ANY, LOSES, false),
	ROW(linebreaks, NONE, TEXT, KEEPS, false),
	ROW(linebreaksbr, NONE, TEXT, KEEPS, false),
	ROW(linenumbers, NONE, TEXT, KEEPS, false),
	ROW(ljust, MUST, TEXT, KEEPS, false),
	ROW(lower, NONE, TEXT, KEEPS, false),
	ROW(make_list, NONE, TEXT, LOSES, false),
	ROW(phone2numeric, NONE, ANY, KEEPS, false),
	ROW(pluralize, MAY, ANY, LOSES, false),
	ROW(pprint, NONE, ANY, KEEPS, false),
	ROW(random, NONE, ANY, KEEPS, false),
	ROW(rjust, MUST, TEXT, KEEPS, false),
	ROW(safe, NONE, TEXT, KEEPS, false),
	ROW(safeseq, NONE, ANY, KEEPS, false),
	ROW(slice, MUST, ANY, KEEPS, false),
	ROW(slugify, NONE, TEXT, KEEPS, false),
	ROW(stringformat, MUST, ANY, KEEPS, false),
	ROW(striptags, NONE, TEXT, KEEPS, false),
	ROW(time, MAY, ANY, LOSES, false),
	ROW(timesince, MAY, ANY, LOSES, false),
	ROW(timeuntil, MAY, ANY, LOSES, false),
	ROW(title, NONE, TEXT, KEEPS, false),
	ROW(truncatechars, MUST, TEXT, KEEPS, false),
	ROW(truncatechars_html, MUST, TEXT, KEEPS, false),
	ROW(truncatewords, MUST, TEXT, KEEPS, false),
	ROW(truncatewords_html, MUST, TEXT, KEEPS, false),
	ROW(unordered_list, NONE, ANY, KEEPS, false),
	ROW(upper, NONE, TEXT, LOSES, false),
	ROW(urlencode, MAY, TEXT, LOSES, false),
	ROW(urlize, NONE, TEXT, KEEPS, false),
	ROW(urlizetrunc, MUST, TEXT, KEEPS, false),
	ROW(wordcount, NONE, TEXT, LOSES, false),
	ROW(wordwrap, MUST, TEXT, KEEPS, false),
	ROW(yesno, MAY, ANY, LOSES, false),
};

static int
compare(const void *key, const void *row)
{
	const struct span *name = key;
	const char *other = ((const struct filter *)row)->name;
	size_t len = strlen(other);
	int c = memcmp(name->p, other, name->len < len ? name->len : len);

	return c != 0 ? c : name->len < len ? -1 : name->len > len;
}

const struct filter *
tpl_filter_find(struct span name)
{
	return bsearch(&name, filters, sizeof(filters) / sizeof(filters[0]),
	    sizeof(filters[0]), compare);
}

static bool
make_text(struct render *r, struct value *v)
{
	struct builder b;

	if (v->kind == VAL_STR)
		return true;
	tpl_build(&b, r, 0);
	tpl_build_value(&b, v);
	return tpl_build_done(&b, v);
}

bool
tpl_filter_apply(struct render *r, const struct filter *f, struct value *v,
    const struct value *arg)
{
	bool safe = v->kind == VAL_STR && v->safe;

	if (f->text && !make_text(r, v))
		return false;
	if (!tpl_step(r, 1 + (v->kind == VAL_STR ? v->len / 64 : 0)) ||
	    !f->apply(r, v, arg))
		return false;
	if (f->keeps_safe && safe) {
		if (!make_text(r, v))
			return false;
		v->safe = true;
	}
	return true;
}
