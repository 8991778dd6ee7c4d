/* SPDX-License-Identifier: ISC */
/*
 * The innermost table of a page, while its cells are gathered: only at its end
 * is it known whether it holds data, to be set in columns, or places things.
 */
#ifndef PO_COMPOSE_HTML_TABLE_H
#define PO_COMPOSE_HTML_TABLE_H

#include <stdint.h>

#include "compose/html_page.h"

#define HTML_TABLE_COLUMNS 24u /* more: read cell by cell */

struct html_cell {
	size_t from, to; /* in text */
	uint32_t row;
	unsigned column;
	bool header;
};

struct html_table {
	bool open, in_cell;
	struct buf text;
	struct html_page page; /* of the cell in hand, without wrapping */
	struct html_cell *v;
	size_t n, cap;
	uint32_t row; /* the next cell's, from 0 */
	unsigned column;
	bool failed;
};

void html_table_init(struct html_table *t, size_t max_bytes);
void html_table_clear(struct html_table *t);

void html_table_begin(struct html_table *t);
void html_table_row(struct html_table *t);
void html_table_cell(struct html_table *t, bool header, unsigned span);
void html_table_cell_end(struct html_table *t);

/* The table ended: put it into `p`. */
void html_table_end(struct html_table *t, struct html_page *p);
/* It only places things: put what was gathered, cell by cell; what follows goes
 * into `p`. */
void html_table_give_up(struct html_table *t, struct html_page *p);

#endif
