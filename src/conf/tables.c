/* SPDX-License-Identifier: ISC */
/* All options of all tables are numbered through; `places` remembers for each
 * where its value came from. */
#include "conf/tables.h"

#include <stdlib.h>
#include <string.h>

#include "conf/lists.h"
#include "conf/nearest.h"
#include "conf/value.h"
#include "util/xalloc.h"

struct conf_found
conf_find(const struct conf *c, struct span name)
{
	const struct conf_option *o;
	size_t t, number = 0;

	for (t = 0; t < c->n_tables; t++) {
		for (o = c->tables[t].options; o->name != NULL; o++) {
			if (span_eq(name, span_of(o->name)))
				return (struct conf_found){ o,
					conf_is_member(o) ? NULL
					                  : c->tables[t].target,
					number };
			number++;
		}
	}
	return (struct conf_found){ NULL, NULL, number };
}

/* The tables agree about what they take. */
int
conf_store(const struct conf *c, struct span name, struct span text,
    const char *where, struct po_err *err)
{
	const struct conf_option *o;
	size_t t;

	for (t = 0; t < c->n_tables; t++)
		for (o = c->tables[t].options; o->name != NULL; o++)
			if (span_eq(name, span_of(o->name)) &&
			    conf_value_set(o, c->tables[t].target, text, where,
			        err) == -1)
				return -1;
	return 0;
}

static size_t
count_options(const struct conf *c)
{
	return conf_find(c, SPAN_LIT("")).number;
}

bool
conf_is_group(const struct conf *c, struct span name)
{
	const struct conf_option *o;
	size_t t;

	for (t = 0; t < c->n_tables; t++)
		for (o = c->tables[t].options; o->name != NULL; o++)
			if (strncmp(o->name, name.p, name.len) == 0 &&
			    o->name[name.len] == '.')
				return true;
	return false;
}

/* What stands behind the last dot: "host" of "relay.host". */
static struct span
last_part(struct span name)
{
	size_t i = name.len;

	while (i > 0 && name.p[i - 1] != '.')
		i--;
	return (struct span){ name.p + i, name.len - i };
}

static struct span
first_part(struct span name)
{
	return span_cut(&name, '.');
}

/* How far `o` is from what was written: whole, or as its group, or as a
 * member that was written outside its group. */
static unsigned
far_from(struct span known, struct span name)
{
	if (span_eq(last_part(known), name))
		return 1;
	return conf_distance(name, known);
}

static struct span
nearest(const struct conf *c, struct span name)
{
	struct span best = { "", 0 }, known[2];
	unsigned d, best_d = UINT32_MAX;
	const struct conf_option *o;
	size_t t, i;

	for (t = 0; t < c->n_tables; t++) {
		for (o = c->tables[t].options; o->name != NULL; o++) {
			known[0] = span_of(o->name);
			known[1] = first_part(known[0]);
			for (i = 0; i < 2; i++) {
				d = far_from(known[i], name);
				if (d >= best_d)
					continue;
				best = known[i];
				best_d = d;
			}
		}
	}
	return conf_is_slip(best_d, name.len) ? best : (struct span){ "", 0 };
}

int
conf_refuse_unknown(const struct conf *c, struct span name, const char *where,
    struct po_err *err)
{
	struct span near = nearest(c, name);

	if (near.len == 0)
		return po_fail(err, PO_ECONFIG, "%s: unknown setting \"%.*s\"",
		    where, (int)name.len, name.p);
	return po_fail(err, PO_ECONFIG,
	    "%s: unknown setting \"%.*s\" (did you mean \"%.*s\"?)", where,
	    (int)name.len, name.p, (int)near.len, near.p);
}

void
conf_set_place(struct conf *c, size_t number, const char *text)
{
	free(c->places[number]);
	c->places[number] = xstrdup(text);
}

static void
reset_all(struct conf *c)
{
	const struct conf_option *o;
	size_t t;

	for (t = 0; t < c->n_tables; t++)
		for (o = c->tables[t].options; o->name != NULL; o++)
			if (!conf_is_member(o))
				conf_value_init(o, c->tables[t].target);
}

struct conf *
conf_tables_new(const struct conf_table *tables, size_t n, bool pass_others)
{
	struct conf *c = xcalloc(1, sizeof(*c));

	c->tables = xcalloc(n + 1, sizeof(*c->tables));
	if (n > 0)
		memcpy(c->tables, tables, n * sizeof(*tables));
	c->n_tables = n;
	c->pass_others = pass_others;
	c->places = xcalloc(count_options(c) + 1, sizeof(*c->places));
	reset_all(c);
	return c;
}
