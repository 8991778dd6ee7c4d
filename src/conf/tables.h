/* SPDX-License-Identifier: ISC */
/* The tables of a struct conf: which options there are, under which number, and
 * where each value came from. Only conf includes this. */
#ifndef PO_CONF_TABLES_H
#define PO_CONF_TABLES_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"
#include "util/span.h"

struct conf {
	struct conf_table *tables;
	size_t n_tables;
	const char *file; /* that was read, or would have been */
	char **places; /* one an option; NULL: the fallback */
	bool pass_others;
};

/* An option found, in the first table that has it, and its number, counted
 * through all tables. */
struct conf_found {
	const struct conf_option *option; /* NULL: there is none */
	void *target; /* NULL for a member of a list: an entry is needed */
	size_t number;
};

/* Every option has its fallback then. Ended by conf_free(). */
struct conf *conf_tables_new(const struct conf_table *tables, size_t n,
    bool pass_others);

struct conf_found conf_find(const struct conf *c, struct span name);

/* Is `name` the group of some option ("relay" of "relay.host")? */
bool conf_is_group(const struct conf *c, struct span name);

/* The value into the field of every table that has the option. */
int conf_store(const struct conf *c, struct span name, struct span text,
    const char *where, struct po_err *err);

void conf_set_place(struct conf *c, size_t number, const char *text);

/* -1, PO_ECONFIG: no such setting, and the nearest known one. */
int conf_refuse_unknown(const struct conf *c, struct span name,
    const char *where, struct po_err *err);

#endif
