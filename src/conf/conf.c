/* SPDX-License-Identifier: ISC */
#include "conf/conf.h"

#include <stdlib.h>
#include <string.h>

#include "conf/lists.h"
#include "conf/parse.h"
#include "conf/tables.h"
#include "conf/value.h"
#include "util/buf.h"
#include "util/span.h"

#define LONGEST_DUMP ((size_t)1 << 20)

static int
load(struct conf *c, const char *path, struct conf **out, struct po_err *err)
{
	bool built_in = false;

	if (path == NULL) {
		path = getenv("PO_CONFIG");
		built_in = path == NULL || *path == '\0';
		if (built_in)
			path = PO_SYSCONFDIR "/po/po.conf";
	}
	c->file = path;
	if (conf_parse_file(c, path, built_in, err) == -1) {
		conf_free(c);
		return -1;
	}
	*out = c;
	return 0;
}

int
conf_load(const char *path, const struct conf_table *tables, size_t n,
    struct conf **out, struct po_err *err)
{
	return load(conf_tables_new(tables, n, false), path, out, err);
}

int
conf_load_some(const char *path, const struct conf_table *tables, size_t n,
    struct conf **out, struct po_err *err)
{
	return load(conf_tables_new(tables, n, true), path, out, err);
}

int
conf_set(struct conf *c, const char *assignment, struct po_err *err)
{
	static const char where[] = "command line";
	const char *equals = strchr(assignment, '=');
	struct span name, value;
	struct conf_found f;

	if (equals == NULL)
		return po_fail(err, PO_ECONFIG, "%s: \"%s\" is not name=value",
		    where, assignment);
	name = span_trim(
	    (struct span){ assignment, (size_t)(equals - assignment) });
	value = span_trim(span_of(equals + 1));
	f = conf_find(c, name);
	if (f.option == NULL)
		return conf_refuse_unknown(c, name, where, err);
	if (f.target == NULL)
		return po_fail(err, PO_ECONFIG,
		    "%s: %s: a list is set in the file only", where,
		    f.option->name);
	if (conf_store(c, name, value, where, err) == -1)
		return -1;
	conf_set_place(c, f.number, where);
	return 0;
}

static bool
is_empty_string(struct conf_found f)
{
	struct buf value;
	bool empty;

	buf_init(&value, 16384);
	empty = conf_value_put(f.option, f.target, &value) &&
	        strcmp(buf_str(&value), "\"\"") == 0;
	buf_clear(&value);
	return empty;
}

int
conf_fill(struct conf *c, const char *name, const char *value,
    struct po_err *err)
{
	static const char where[] = "found";
	struct conf_found f = conf_find(c, span_of(name));

	if (f.option == NULL)
		return conf_refuse_unknown(c, span_of(name), where, err);
	if (!is_empty_string(f))
		return 0;
	if (conf_store(c, span_of(name), span_of(value), where, err) == -1)
		return -1;
	conf_set_place(c, f.number, where);
	return 0;
}

static const char *
place_text(const struct conf *c, size_t number)
{
	return c->places[number] == NULL ? "default" : c->places[number];
}

const char *
conf_file(const struct conf *c)
{
	return c->file;
}

const char *
conf_where(const struct conf *c, const char *name)
{
	struct conf_found f = conf_find(c, span_of(name));

	return f.option == NULL ? "unknown" : place_text(c, f.number);
}

static void
dump_option(const struct conf *c, const struct conf_option *o, size_t table,
    size_t number, FILE *out)
{
	struct buf value;

	buf_init(&value, LONGEST_DUMP);
	(void)conf_value_put(o, c->tables[table].target, &value);
	fprintf(out, "%s = %s  # %s\n", o->name, buf_str(&value),
	    place_text(c, number));
	buf_clear(&value);
}

void
conf_dump(const struct conf *c, FILE *out)
{
	const struct conf_option *o;
	size_t t, number = 0;

	for (t = 0; t < c->n_tables; t++) {
		for (o = c->tables[t].options; o->name != NULL; o++) {
			if (!conf_is_member(o) &&
			    conf_find(c, span_of(o->name)).number == number)
				dump_option(c, o, t, number, out);
			number++;
		}
	}
}

void
conf_free(struct conf *c)
{
	const struct conf_option *o;
	size_t t, number = 0;

	if (c == NULL)
		return;
	for (t = 0; t < c->n_tables; t++) {
		for (o = c->tables[t].options; o->name != NULL; o++) {
			if (!conf_is_member(o))
				conf_value_clear(o, c->tables[t].target);
			free(c->places[number++]);
		}
	}
	free(c->places);
	free(c->tables);
	free(c);
}
