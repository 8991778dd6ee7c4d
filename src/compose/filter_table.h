/* SPDX-License-Identifier: ISC */
/* The functions of all filters, for the table in filters.c and the files that
 * hold them. */
#ifndef PO_COMPOSE_FILTER_TABLE_H
#define PO_COMPOSE_FILTER_TABLE_H

#include "compose/filters.h"

FILTER(add);
FILTER(addslashes);
FILTER(capfirst);
FILTER(center);
FILTER(cut);
FILTER(date);
FILTER(default);
FILTER(default_if_none);
FILTER(dictsort);
FILTER(dictsortreversed);
FILTER(divisibleby);
FILTER(escape);
FILTER(escapejs);
FILTER(filesizeformat);
FILTER(first);
FILTER(floatformat);
FILTER(force_escape);
FILTER(get_digit);
FILTER(iriencode);
FILTER(join);
FILTER(json_script);
FILTER(last);
FILTER(length);
FILTER(length_is);
FILTER(linebreaks);
FILTER(linebreaksbr);
FILTER(linenumbers);
FILTER(ljust);
FILTER(lower);
FILTER(make_list);
FILTER(phone2numeric);
FILTER(pluralize);
FILTER(pprint);
FILTER(random);
FILTER(rjust);
FILTER(safe);
FILTER(safeseq);
FILTER(slice);
FILTER(slugify);
FILTER(stringformat);
FILTER(striptags);
FILTER(time);
FILTER(timesince);
FILTER(timeuntil);
FILTER(title);
FILTER(truncatechars);
FILTER(truncatechars_html);
FILTER(truncatewords);
FILTER(truncatewords_html);
FILTER(unordered_list);
FILTER(upper);
FILTER(urlencode);
FILTER(urlize);
FILTER(urlizetrunc);
FILTER(wordcount);
FILTER(wordwrap);
FILTER(yesno);

#endif
