/* SPDX-License-Identifier: ISC */
/*
 * Lines of text: words are put one by one and wrapped, blocks are kept apart,
 * and what stands within quotations and lists has their marks before each line.
 * Errors (no room) are kept and told at the end.
 */
#ifndef PO_COMPOSE_HTML_PAGE_H
#define PO_COMPOSE_HTML_PAGE_H

#include <stdbool.h>

#include "util/buf.h"

#define HTML_PAGE_LEVELS 12u /* deeper ones get no marks of their own */

enum html_level { LEVEL_QUOTE, LEVEL_BULLETS, LEVEL_NUMBERS, LEVEL_INDENT };

struct html_page {
	struct buf *out;
	bool failed;
	unsigned columns;
	struct {
		enum html_level kind;
		unsigned number; /* of the next item */
		unsigned width;  /* of the marker */
		bool marker;     /* is to come */
	} level[HTML_PAGE_LEVELS];
	size_t depth;        /* levels open; those beyond LEVELS too */
	size_t line;         /* where the line in hand begins in out */
	unsigned used;       /* columns of it */
	unsigned breaks;     /* line ends that are to come: 0 to 2 */
	size_t break_levels; /* open on both sides of them */
	bool in_line;        /* something stands in it, behind the marks */
	bool space;          /* a blank is to come before the next word */
	bool began;          /* something was put at all */
};

void html_page_init(struct html_page *p, struct buf *out, unsigned columns);

/* End the line; `n` of 2: with an empty line behind. */
void html_page_break(struct html_page *p, unsigned n);
/* One line end, here and now, also twice (<br>). */
void html_page_newline(struct html_page *p);

void html_page_push(struct html_page *p, enum html_level kind, unsigned number);
/* End the innermost one of that kind, and what is within it. */
void html_page_pop(struct html_page *p, enum html_level kind);
void html_page_item(struct html_page *p);

/* Text whose white space does not count, or (`pre`) does. */
void html_page_text(struct html_page *p, struct span s, bool pre);
/* Put as it is, in the line in hand. */
void html_page_put(struct html_page *p, struct span s);

#endif
