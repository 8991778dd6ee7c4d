/* SPDX-License-Identifier: ISC */
/* The verbs that bring templates in from files and out again, and `diff`. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/template_call.h"
#include "util/line_diff.h"
#include "util/wallclock.h"
#include "util/xalloc.h"

/* ------------------------------------------------------------------ diff */

/* The version before `version` that is there still; 0: none. */
static int
version_before(struct template_call *c, uint32_t version, uint32_t *out,
    struct po_err *err)
{
	struct templates_list l;
	size_t i;
	int rc =
	    templates_list_versions(&c->store, c->folder, c->lang, &l, err);

	*out = 0;
	for (i = 0; rc == 0 && i < l.n; i++)
		if (l.v[i].version < version && l.v[i].version > *out)
			*out = l.v[i].version;
	templates_list_clear(&l);
	return rc;
}

static int
read_one(struct template_call *c, uint32_t version, struct templates_version *v,
    struct po_err *err)
{
	struct templates_id id = { .version = version };
	int rc;

	memcpy(id.folder, c->folder, sizeof(id.folder));
	memcpy(id.lang, c->lang, sizeof(id.lang));
	rc = version == 0
	         ? templates_read_current(&c->store, c->folder, c->lang, v, err)
	         : templates_read(&c->store, &id, v, err);
	if (rc == 0)
		return po_fail(err, PO_EDATA,
		    version == 0 ? "there is no template '%s' in language '%s'"
		                 : "there is no such version of '%s' in "
		                   "language '%s'",
		    c->name, c->lang);
	return rc == 1 ? 0 : -1;
}

/* Print what is different in one part; one that is not there is empty. */
static int
print_part(const char *part, const struct templates_version *old, bool has_old,
    struct span a, const struct templates_version *new, bool has_new,
    struct span b, struct po_err *err)
{
	char from[TEMPLATES_ID_BYTES + 16], to[TEMPLATES_ID_BYTES + 16];
	struct buf out;
	int rc = 0;

	(void)snprintf(from, sizeof(from), "%s/%s/%u/%s", old->id.folder,
	    old->id.lang, old->id.version, part);
	(void)snprintf(to, sizeof(to), "%s/%s/%u/%s", new->id.folder,
	    new->id.lang, new->id.version, part);
	buf_init(&out, 16u << 20);
	if (has_old != has_new && a.len == 0 && b.len == 0)
		(void)printf("%s %s\n", has_new ? "empty part made:" : "gone:",
		    has_new ? to : from);
	if (!line_diff(a, b, has_old ? from : "/dev/null",
	        has_new ? to : "/dev/null", &out))
		rc = po_fail(err, PO_EOS, "no memory for a difference");
	else
		(void)fwrite(buf_str(&out), 1, out.len, stdout);
	buf_clear(&out);
	return rc;
}

static int
print_diff(const struct templates_version *a, const struct templates_version *b,
    struct po_err *err)
{
	int i;

	if (print_part("description", a, a->description.len > 0, a->description,
	        b, b->description.len > 0, b->description, err) == -1)
		return -1;
	for (i = 0; i < MAIL_PARTS; i++)
		if (print_part(mail_part_names[i], a, a->source.has[i],
		        a->source.part[i], b, b->source.has[i],
		        b->source.part[i], err) == -1)
			return -1;
	if (a->source.text_auto != b->source.text_auto)
		(void)printf("text: %s made from the html\n",
		    b->source.text_auto ? "now" : "no longer");
	return 0;
}

int
template_verb_diff(struct template_call *c, struct po_err *err)
{
	struct templates_version a, b;
	uint32_t first = c->version;
	int rc;

	templates_version_init(&a);
	templates_version_init(&b);
	rc = read_one(c, c->second_version, &b, err);
	if (rc == 0 && first == 0) {
		rc = version_before(c, b.id.version, &first, err);
		if (rc == 0 && first == 0)
			rc = po_fail(err, PO_EDATA,
			    "'%s' in language '%s' has one version only",
			    c->name, c->lang);
	}
	if (rc == 0)
		rc = read_one(c, first, &a, err);
	if (rc == 0)
		rc = print_diff(&a, &b, err);
	templates_version_clear(&a);
	templates_version_clear(&b);
	return rc;
}

/* ------------------------------------------------------------------ import */

int
template_prepare_import(struct template_call *c, struct po_err *err)
{
	return template_folder_read(c->files_folder, &c->items, err);
}

static bool
is_among(const struct template_items *l, struct span name)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (span_eq(span_of(l->v[i].v.name), name))
			return true;
	return false;
}

/* Each literal name is that of a template that comes too, or is in the store.
 */
static int
check_names(struct template_call *c, const struct template_item *item,
    const struct mail_template *t, struct po_err *err)
{
	struct template_reference ref;
	struct templates_version found;
	size_t i;
	int part, rc = 0;

	templates_version_init(&found);
	for (part = 0; rc != -1 && part < MAIL_PARTS; part++)
		for (i = 0; rc != -1 && t->part[part] != NULL &&
		            template_reference_get(t->part[part], i, &ref);
		     i++) {
			rc = is_among(&c->items, ref.name)
			         ? 1
			         : templates_find(&c->store, ref.name,
			               item->v.id.lang, &found, err);
			if (rc == 0)
				rc = template_missing(c, item->v.name, part,
				    &ref, err);
		}
	templates_version_clear(&found);
	return rc == -1 ? -1 : 0;
}

static int
validate_item(struct template_call *c, const struct template_item *item,
    struct po_err *err)
{
	const struct mail_source *s = &item->v.source;
	struct mail_template t;
	struct po_err why;
	struct buf text;
	int rc;

	buf_init(&text, TEMPLATES_FILE_MAX);
	rc = templates_version_encode(&item->v, &text, &why);
	buf_clear(&text);
	if (rc == -1)
		return po_fail(err, why.code, "%s/%s: %s", item->v.name,
		    item->v.id.lang, why.text);
	if (!s->has[PART_TEXT] && !s->has[PART_HTML])
		return po_fail(err, PO_EDATA,
		    "%s/%s has neither a text nor an html part", item->v.name,
		    item->v.id.lang);
	if (mail_template_compile(item->v.name, s, &t, &c->where, &why) == -1) {
		template_keep_source(c, s->part[c->where.part]);
		return po_fail(err, why.code, "%s: %s", item->v.id.lang,
		    why.text);
	}
	rc = check_names(c, item, &t, err);
	mail_template_clear(&t);
	return rc;
}

static int
is_saved(struct template_call *c, const struct template_item *item,
    const char **how, struct po_err *err)
{
	struct templates_version old;
	int rc;

	templates_version_init(&old);
	rc = templates_read_current(&c->store, item->v.id.folder,
	    item->v.id.lang, &old, err);
	*how = rc == 0                                             ? "new"
	       : rc == 1 && templates_version_same(&old, &item->v) ? "same"
	                                                           : "changed";
	templates_version_clear(&old);
	return rc == -1 ? -1 : 0;
}

/* All are validated before any is saved. */
int
template_verb_import(struct template_call *c, struct po_err *err)
{
	const char *how = "";
	size_t i;

	if (c->items.n == 0)
		return po_fail(err, PO_EDATA, "no template in %s",
		    c->files_folder);
	for (i = 0; i < c->items.n; i++)
		if (validate_item(c, &c->items.v[i], err) == -1)
			return -1;
	for (i = 0; i < c->items.n; i++) {
		struct template_item *item = &c->items.v[i];

		if (is_saved(c, item, &how, err) == -1)
			return -1;
		if (!c->dry_run &&
		    templates_save(&c->store, &item->v, TEMPLATES_ANY,
		        wallclock_now(), err) == -1)
			return -1;
		template_print_change(c, &item->v, how);
	}
	return 0;
}

/* ------------------------------------------------------------------ export */

/* As the owner: all of it into memory. */
int
template_verb_export(struct template_call *c, struct po_err *err)
{
	struct templates_list l;
	size_t i;
	int rc = templates_list_current(&c->store, NULL, &l, err);

	c->exported = xcalloc(l.n + 1, sizeof(*c->exported));
	for (i = 0; rc != -1 && i < l.n; i++) {
		templates_version_init(&c->exported[c->n_exported]);
		rc = templates_read(&c->store, &l.v[i],
		    &c->exported[c->n_exported], err);
		if (rc == 1)
			c->n_exported++;
		else
			templates_version_clear(&c->exported[c->n_exported]);
	}
	templates_list_clear(&l);
	return rc == -1 ? -1 : 0;
}

/* As the caller. */
int
template_finish_export(struct template_call *c, struct po_err *err)
{
	size_t i;

	for (i = 0; i < c->n_exported; i++) {
		if (!c->dry_run && template_folder_write(c->files_folder,
		                       &c->exported[i], err) == -1)
			return -1;
		template_print_row(c, &c->exported[i]);
	}
	return 0;
}
