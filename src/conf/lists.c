/* SPDX-License-Identifier: ISC */
/*
 * The members of a list are the rows behind its own, as long as they begin with
 * its name and "[].". A field may lie unaligned in the eyes of the compiler
 * (conf/value.c), so it is copied out and in.
 */
#include "conf/lists.h"

#include <stdlib.h>
#include <string.h>

#include "conf/value.h"
#include "util/xalloc.h"

#define LONGEST_NAMES 16384u

bool
conf_is_member(const struct conf_option *o)
{
	return strstr(o->name, "[].") != NULL;
}

static bool
is_member_of(const struct conf_option *list, const struct conf_option *o)
{
	size_t len = strlen(list->name);

	return o->name != NULL && strncmp(o->name, list->name, len) == 0 &&
	       strncmp(o->name + len, "[].", 3) == 0;
}

bool
conf_string_put(const char *s, struct buf *out)
{
	bool ok = buf_putc(out, '"');

	for (; ok && *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			ok = buf_putc(out, '\\');
		ok = ok && buf_putc(out, *s);
	}
	return ok && buf_putc(out, '"');
}

/* ------------------------------------------------------------------ names */

/* The next name of *rest; empty at the end. */
static struct span
cut_name(struct span *rest)
{
	struct span name;
	size_t i = 0;

	while (i < rest->len && (rest->p[i] == ' ' || rest->p[i] == ','))
		i++;
	name.p = rest->p + i;
	while (i < rest->len && rest->p[i] != ' ' && rest->p[i] != ',')
		i++;
	name.len = (size_t)(rest->p + i - name.p);
	*rest = (struct span){ rest->p + i, rest->len - i };
	return name;
}

int
conf_names_set(const struct conf_option *o, void *field, struct span text,
    const char *where, struct po_err *err)
{
	struct conf_names names = { NULL, 0 };
	struct span rest = text, name;
	size_t i;

	if (text.len > LONGEST_NAMES)
		return po_fail(err, PO_ECONFIG, "%s: %s: longer than %u bytes",
		    where, o->name, LONGEST_NAMES);
	for (i = 0; i < text.len; i++)
		if (ascii_is_control((unsigned char)text.p[i]))
			return po_fail(err, PO_ECONFIG,
			    "%s: %s: has a control character", where, o->name);
	names.v = xcalloc(text.len / 2 + 1, sizeof(*names.v));
	while ((name = cut_name(&rest)).len > 0) {
		names.v[names.n] = xcalloc(1, name.len + 1);
		memcpy(names.v[names.n++], name.p, name.len);
	}
	conf_names_clear(field);
	memcpy(field, &names, sizeof(names));
	return 0;
}

void
conf_names_clear(void *field)
{
	struct conf_names names;
	size_t i;

	memcpy(&names, field, sizeof(names));
	for (i = 0; i < names.n; i++)
		free(names.v[i]);
	free(names.v);
	memset(field, 0, sizeof(names));
}

bool
conf_names_put(const void *field, struct buf *out)
{
	struct conf_names names;
	bool ok = buf_puts(out, "[");
	size_t i;

	memcpy(&names, field, sizeof(names));
	for (i = 0; ok && i < names.n; i++)
		ok = buf_puts(out, i == 0 ? " " : ", ") &&
		     conf_string_put(names.v[i], out);
	return ok && buf_puts(out, " ]");
}

/* ------------------------------------------------------------------ lists */

void *
conf_list_entry(const struct conf_option *o, void *field, size_t i)
{
	struct conf_list list;

	memcpy(&list, field, sizeof(list));
	return (char *)list.v + i * (size_t)o->min;
}

void
conf_list_make(const struct conf_option *o, void *field, size_t n)
{
	const struct conf_option *m;
	struct conf_list list = { NULL, n, NULL };
	size_t i;

	conf_list_clear(o, field);
	if (n == 0)
		return;
	list.v = xcalloc(n, (size_t)o->min);
	list.places = xcalloc(n, sizeof(*list.places));
	memcpy(field, &list, sizeof(list));
	for (i = 0; i < n; i++)
		for (m = o + 1; is_member_of(o, m); m++)
			conf_value_init(m, conf_list_entry(o, field, i));
}

void
conf_list_set_place(void *field, size_t i, const char *where)
{
	struct conf_list list;

	memcpy(&list, field, sizeof(list));
	free(list.places[i]);
	list.places[i] = xstrdup(where);
}

void
conf_list_clear(const struct conf_option *o, void *field)
{
	const struct conf_option *m;
	struct conf_list list;
	size_t i;

	memcpy(&list, field, sizeof(list));
	for (i = 0; i < list.n; i++) {
		for (m = o + 1; is_member_of(o, m); m++)
			conf_value_clear(m, conf_list_entry(o, field, i));
		free(list.places[i]);
	}
	free(list.v);
	free(list.places);
	memset(field, 0, sizeof(list));
}

/* One entry: what differs from nothing is shown all the same, so that a reader
 * of the dump sees what is in force. */
static bool
put_entry(const struct conf_option *o, const void *entry, struct buf *out)
{
	const struct conf_option *m;
	bool ok = buf_puts(out, "{");

	for (m = o + 1; ok && is_member_of(o, m); m++)
		ok = buf_printf(out, " %s = ", m->name + strlen(o->name) + 3) &&
		     conf_value_put(m, entry, out) && buf_putc(out, ';');
	return ok && buf_puts(out, " }");
}

bool
conf_list_put(const struct conf_option *o, const void *field, struct buf *out)
{
	struct conf_list list;
	bool ok = buf_puts(out, "(");
	size_t i;

	memcpy(&list, field, sizeof(list));
	for (i = 0; ok && i < list.n; i++)
		ok = buf_puts(out, i == 0 ? " " : ", ") &&
		     put_entry(o, (const char *)list.v + i * (size_t)o->min,
		         out);
	return ok && buf_puts(out, " )");
}
