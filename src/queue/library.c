/* SPDX-License-Identifier: ISC */
/*
 * Compiled versions in a list, newest use first, CACHE_MAX of them; what a name
 * means in a second list, thrown away at each library_use_...(). An entry that
 * is in use by a mail is among the newest, because a closure has at most
 * CLOSURE_MAX.
 */
#include "queue/library.h"

#include <stdlib.h>

#include "compose/host.h"
#include "util/xalloc.h"

#define CACHE_MAX 256u
#define CLOSURE_MAX 64u

struct entry {
	struct entry *next;
	struct templates_id id;
	struct templates_key key;
	char *name;
	struct mail_template t;
};

struct meaning {
	struct meaning *next;
	char *name;
	struct entry *entry; /* NULL: there is none */
};

struct library {
	const struct templates *store;
	struct entry *entries;
	struct meaning *meanings;
	char lang[TEMPLATES_LANG_BYTES];
	struct templates_id *versions; /* when names mean these */
	size_t n_versions;
	bool by_version, zone;
};

struct library *
library_new(const struct templates *store)
{
	struct library *l = xcalloc(1, sizeof(*l));

	l->store = store;
	memcpy(l->lang, TEMPLATES_DEFAULT, sizeof(TEMPLATES_DEFAULT));
	return l;
}

static void
free_entry(struct entry *e)
{
	mail_template_clear(&e->t);
	free(e->name);
	free(e);
}

static void
forget_meanings(struct library *l)
{
	struct meaning *m;
	struct entry **e;
	size_t n = 0;

	while ((m = l->meanings) != NULL) {
		l->meanings = m->next;
		free(m->name);
		free(m);
	}
	for (e = &l->entries; *e != NULL && n < CACHE_MAX; n++)
		e = &(*e)->next;
	while (*e != NULL) {
		struct entry *old = *e;

		*e = old->next;
		free_entry(old);
	}
}

void
library_free(struct library *l)
{
	struct entry *e;

	if (l == NULL)
		return;
	forget_meanings(l);
	while ((e = l->entries) != NULL) {
		l->entries = e->next;
		free_entry(e);
	}
	free(l->versions);
	free(l);
}

void
library_use_zone(struct library *l, bool of_process)
{
	l->zone = of_process;
}

void
library_use_lang(struct library *l, const char *lang)
{
	if (!l->by_version && strcmp(l->lang, lang) == 0)
		return;
	forget_meanings(l);
	(void)memccpy(l->lang, lang, '\0', sizeof(l->lang));
	l->by_version = false;
}

int
library_use_versions(struct library *l, const char *const *ids, size_t n,
    struct po_err *err)
{
	size_t i;

	forget_meanings(l);
	l->by_version = true;
	l->n_versions = 0;
	free(l->versions);
	l->versions = calloc(n + 1, sizeof(*l->versions));
	if (l->versions == NULL)
		return po_fail(err, PO_EOS, "no memory for templates");
	for (i = 0; i < n; i++)
		if (!templates_id_parse(span_of(ids[i]), &l->versions[i]))
			return po_fail(err, PO_EDATA,
			    "\"%.200s\" is no version of a template", ids[i]);
	l->n_versions = n;
	return 0;
}

/* ------------------------------------------------------------------ find */

static bool
same_id(const struct templates_id *a, const struct templates_id *b)
{
	return a->version == b->version && strcmp(a->lang, b->lang) == 0 &&
	       strcmp(a->folder, b->folder) == 0;
}

static bool
same_key(const struct templates_key *a, const struct templates_key *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime_ns == b->mtime_ns;
}

/* Move it to the front; a stale one is dropped. */
static struct entry *
find_cached(struct library *l, const struct templates_id *id,
    const struct templates_key *key)
{
	struct entry **at, *e;

	for (at = &l->entries; (e = *at) != NULL; at = &e->next)
		if (same_id(&e->id, id)) {
			*at = e->next;
			if (!same_key(&e->key, key)) {
				free_entry(e);
				return NULL;
			}
			e->next = l->entries;
			l->entries = e;
			return e;
		}
	return NULL;
}

static int
compile(struct library *l, const struct templates_version *v,
    const struct templates_key *key, struct entry **out, struct po_err *err)
{
	struct mail_place where = { .part = PART_SUBJECT };
	struct entry *e = xcalloc(1, sizeof(*e));

	if (mail_template_compile(v->name, &v->source, &e->t, &where, err) ==
	    -1) {
		free(e);
		return -1;
	}
	e->id = v->id;
	e->key = *key;
	e->name = xstrdup(v->name);
	e->next = l->entries;
	l->entries = e;
	*out = e;
	return 1;
}

/* 1, 0 it is not there, -1. */
static int
find_version(struct library *l, const struct templates_id *id,
    struct entry **out, struct po_err *err)
{
	struct templates_version v;
	struct templates_key key;
	int rc = templates_look(l->store, id, &key, err);

	if (rc != 1)
		return rc;
	*out = find_cached(l, id, &key);
	if (*out != NULL)
		return 1;
	templates_version_init(&v);
	rc = templates_read(l->store, id, &v, err);
	if (rc == 1)
		rc = compile(l, &v, &key, out, err);
	templates_version_clear(&v);
	return rc;
}

static int
find_current(struct library *l, const char *name, struct entry **out,
    struct po_err *err)
{
	struct templates_version v;
	struct templates_key key;
	int rc;

	templates_version_init(&v);
	rc = templates_find(l->store, span_of(name), l->lang, &v, err);
	if (rc == 1)
		rc = templates_look(l->store, &v.id, &key, err);
	if (rc == 1) {
		*out = find_cached(l, &v.id, &key);
		if (*out == NULL)
			rc = compile(l, &v, &key, out, err);
	}
	templates_version_clear(&v);
	return rc;
}

/* The version of that name among those that names mean. */
static int
find_named(struct library *l, const char *name, struct entry **out,
    struct po_err *err)
{
	char folder[TEMPLATES_FOLDER_BYTES];
	size_t i;

	if (!l->by_version)
		return find_current(l, name, out, err);
	if (!templates_name_encode(span_of(name), folder))
		return 0;
	for (i = 0; i < l->n_versions; i++)
		if (strcmp(l->versions[i].folder, folder) == 0)
			return find_version(l, &l->versions[i], out, err);
	return 0;
}

static int
find(struct library *l, const char *name, struct entry **out,
    struct po_err *err)
{
	struct entry *e = NULL;
	struct meaning *m;
	int rc;

	for (m = l->meanings; m != NULL; m = m->next)
		if (strcmp(m->name, name) == 0) {
			*out = m->entry;
			return m->entry != NULL ? 1 : 0;
		}
	rc = find_named(l, name, &e, err);
	if (rc == -1)
		return -1;
	m = xcalloc(1, sizeof(*m));
	m->name = xstrdup(name);
	m->entry = rc == 1 ? e : NULL;
	m->next = l->meanings;
	l->meanings = m;
	*out = m->entry;
	return rc;
}

int
library_get(struct library *l, const char *name,
    const struct mail_template **out, struct po_err *err)
{
	struct entry *e;
	int rc = find(l, name, &e, err);

	if (rc == 1)
		*out = &e->t;
	return rc;
}

/* --------------------------------------------------------------- closure */

struct closure {
	struct entry *v[CLOSURE_MAX];
	size_t n;
};

static bool
add_once(struct closure *c, struct entry *e)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (c->v[i] == e)
			return true;
	if (c->n == CLOSURE_MAX)
		return false;
	c->v[c->n++] = e;
	return true;
}

static int
add_references(struct library *l, const struct entry *of, int part,
    struct closure *c, struct po_err *err)
{
	const struct template *t = of->t.part[part];
	struct template_reference ref;
	struct entry *e;
	char *name;
	size_t i;
	int rc;

	if (t == NULL)
		return 0;
	if (template_has_dynamic_reference(t))
		return po_fail(err, PO_EDATA,
		    "'%s' includes or extends a template whose name is known "
		    "only when it is rendered: it cannot be rendered at "
		    "delivery",
		    of->name);
	for (i = 0; template_reference_get(t, i, &ref); i++) {
		name = strndup(ref.name.p, ref.name.len);
		if (name == NULL)
			return po_fail(err, PO_EOS, "no memory for templates");
		rc = find(l, name, &e, err);
		if (rc == 0)
			rc = po_fail(err, PO_EDATA,
			    "'%s', line %u: there is no template '%s'",
			    of->name, ref.line, name);
		else if (rc == 1 && !add_once(c, e))
			rc = po_fail(err, PO_EUNAVAILABLE,
			    "'%s' needs more than %u templates", of->name,
			    CLOSURE_MAX);
		free(name);
		if (rc == -1)
			return -1;
	}
	return 0;
}

int
library_closure(struct library *l, const char *name, char ***ids, size_t *n,
    struct po_err *err)
{
	char text[TEMPLATES_ID_BYTES];
	struct closure c = { .n = 0 };
	struct entry *e;
	size_t i;
	int part, rc = find(l, name, &e, err);

	if (rc != 1)
		return rc == -1 ? -1
		                : po_fail(err, PO_EDATA,
		                      "there is no template '%s'", name);
	c.v[c.n++] = e;
	for (i = 0; i < c.n; i++)
		for (part = 0; part < MAIL_PARTS; part++)
			if (add_references(l, c.v[i], part, &c, err) == -1)
				return -1;
	*ids = xcalloc(c.n, sizeof(**ids));
	*n = c.n;
	for (i = 0; i < c.n; i++) {
		templates_id_print(&c.v[i]->id, text);
		(*ids)[i] = xstrdup(text);
	}
	return 0;
}

void
library_free_closure(char **ids, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		free(ids[i]);
	free(ids);
}

/* ---------------------------------------------------------------- render */

static int
get_other(void *ctx, struct span name, const struct mail_template **out,
    struct template_place *where, struct po_err *err)
{
	char *copy = strndup(name.p, name.len);
	int rc;

	(void)where;
	if (copy == NULL)
		return po_fail(err, PO_EOS, "no memory for a template");
	rc = library_get(ctx, copy, out, err);
	free(copy);
	return rc;
}

int
library_render(struct library *l, const struct mail_template *t,
    struct span context, int64_t now_us, struct mail_rendered *out,
    struct po_err *err)
{
	const struct mail_library others = { get_other, l };
	struct mail_place where = { .part = PART_SUBJECT };
	struct template_budget budget;
	struct template_options o = { .now_us = now_us,
		.seed = (uint64_t)now_us,
		.expired = template_budget_spent,
		.expired_ctx = &budget };
	struct template_context *c = NULL;
	struct po_err why;
	int rc;

	if (template_context_parse(context, NULL, &c, err) == -1)
		return -1;
	if (l->zone)
		o.zone = template_zone_host;
	template_budget_begin(&budget, TEMPLATE_CPU_SECONDS);
	rc = mail_template_render(t, c, &o, &others, out, &where, &why);
	template_context_free(c);
	return rc == 0 ? 0
	               : po_fail(err, why.code, "%s: %s",
	                     mail_part_names[where.part], why.text);
}
