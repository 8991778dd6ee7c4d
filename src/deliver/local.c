/* SPDX-License-Identifier: ISC */
/*
 * All lists of things with a name are alike, so that one function looks for a
 * name in any of them: it is the first member of an entry.
 */
#include "deliver/local.h"

#include <string.h>

#include "deliver/expand.h"
#include "deliver/routes.h"

static const struct list {
	const char *name;
	size_t entry; /* bytes */
} maildirs = { "maildirs", sizeof(struct maildir_conf) },
  pipes = { "pipes", sizeof(struct pipe_conf) };

static const void *
entry_at(const struct list *l, const struct conf_list *v, size_t i)
{
	return (const char *)v->v + i * l->entry;
}

static const char *
name_at(const struct list *l, const struct conf_list *v, size_t i)
{
	const char *name;

	memcpy(&name, entry_at(l, v, i), sizeof(name));
	return name == NULL ? "" : name;
}

static int
check_names(const struct list *l, const struct conf_list *v, struct po_err *err)
{
	const char *name;
	size_t i, k;

	for (i = 0; i < v->n; i++) {
		name = name_at(l, v, i);
		if (routes_check_name(l->name, name, v->places[i], err) == -1)
			return -1;
		for (k = 0; k < i; k++)
			if (strcmp(name_at(l, v, k), name) == 0)
				return po_fail(err, PO_ECONFIG,
				    "%s: %s: \"%s\" is there twice",
				    v->places[i], l->name, name);
	}
	return 0;
}

static int
find(const struct list *l, const struct conf_list *v, const char *name,
    const char *place, const void **out, struct po_err *err)
{
	size_t i;

	if (name == NULL || name[0] == '\0') {
		if (v->n != 1)
			return po_fail(err, PO_ECONFIG,
			    "%s: which of %zu %s? a route names one", place,
			    v->n, l->name);
		*out = v->v;
		return 0;
	}
	for (i = 0; i < v->n; i++)
		if (strcmp(name_at(l, v, i), name) == 0) {
			*out = entry_at(l, v, i);
			return 0;
		}
	return po_fail(err, PO_ECONFIG, "%s: there is no \"%s\" in %s", place,
	    name, l->name);
}

/* ------------------------------------------------------------------ maildirs
 */

static int
check_maildir(const struct maildir_conf *c, const char *place,
    struct po_err *err)
{
	char why[160];

	if (c->path == NULL || c->path[0] != '/')
		return po_fail(err, PO_ECONFIG,
		    "%s: maildirs: %s needs an absolute path", place, c->name);
	if (!expand_check(c->path, EXPAND_IN_PATH, why, sizeof(why)))
		return po_fail(err, PO_ECONFIG, "%s: maildirs: path: %s", place,
		    why);
	return 0;
}

/* The program itself is no placeholder. */
static int
check_pipe(const struct pipe_conf *c, const char *place, struct po_err *err)
{
	const char *flags = c->flags == NULL ? "" : c->flags;
	char why[160];
	size_t i;

	if (c->command.n == 0 || c->command.v[0][0] != '/' ||
	    expand_has(c->command.v[0]))
		return po_fail(err, PO_ECONFIG,
		    "%s: pipes: the command of %s begins with no absolute path",
		    place, c->name);
	for (i = 1; i < c->command.n; i++)
		if (!expand_check(c->command.v[i], EXPAND_ALL, why,
		        sizeof(why)))
			return po_fail(err, PO_ECONFIG,
			    "%s: pipes: command: %s", place, why);
	if (flags[strspn(flags, LOCAL_PIPE_FLAGS)] != '\0')
		return po_fail(err, PO_ECONFIG,
		    "%s: pipes: flags \"%s\": only letters of "
		    "\"" LOCAL_PIPE_FLAGS "\"",
		    place, flags);
	return 0;
}

int
local_check(const struct deliver_conf *conf, struct po_err *err)
{
	const struct maildir_conf *m = conf->maildirs.v;
	const struct pipe_conf *p = conf->pipes.v;
	size_t i;

	if (check_names(&maildirs, &conf->maildirs, err) == -1 ||
	    check_names(&pipes, &conf->pipes, err) == -1)
		return -1;
	for (i = 0; i < conf->pipes.n; i++)
		if (check_pipe(&p[i], conf->pipes.places[i], err) == -1)
			return -1;
	for (i = 0; i < conf->maildirs.n; i++)
		if (check_maildir(&m[i], conf->maildirs.places[i], err) == -1)
			return -1;
	return 0;
}

int
local_find_maildir(const struct deliver_conf *conf, const char *name,
    const char *place, const struct maildir_conf **out, struct po_err *err)
{
	const void *found = NULL;

	if (find(&maildirs, &conf->maildirs, name, place, &found, err) == -1)
		return -1;
	*out = found;
	return 0;
}

int
local_find_pipe(const struct deliver_conf *conf, const char *name,
    const char *place, const struct pipe_conf **out, struct po_err *err)
{
	const void *found = NULL;

	if (find(&pipes, &conf->pipes, name, place, &found, err) == -1)
		return -1;
	*out = found;
	return 0;
}
