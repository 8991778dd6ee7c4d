/* SPDX-License-Identifier: ISC */
#include "cli/template_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "cli/template_caret.h"
#include "util/xalloc.h"

int
template_library_get(void *ctx, struct span name,
    const struct mail_template **out, struct template_place *where,
    struct po_err *err)
{
	struct template_call *c = ctx;
	struct mail_place place = { .part = PART_SUBJECT };
	struct template_held *h;
	int rc;

	for (h = c->held; h != NULL; h = h->next)
		if (span_eq(span_of(h->name), name)) {
			*out = &h->t;
			return 1;
		}
	h = xcalloc(1, sizeof(*h));
	templates_version_init(&h->v);
	rc = templates_find(&c->store, name, c->lang, &h->v, err);
	if (rc == 1 && mail_template_compile(h->v.name, &h->v.source, &h->t,
	                   &place, err) == -1) {
		*where = place.at;
		c->where = place;
		template_keep_source(c, h->v.source.part[place.part]);
		rc = -1;
	}
	if (rc != 1) {
		templates_version_clear(&h->v);
		free(h);
		return rc;
	}
	h->name = xstrdup(h->v.name);
	h->next = c->held;
	c->held = h;
	*out = &h->t;
	return 1;
}

void
template_library_clear(struct template_call *c)
{
	struct template_held *h;

	while ((h = c->held) != NULL) {
		c->held = h->next;
		mail_template_clear(&h->t);
		templates_version_clear(&h->v);
		free(h->name);
		free(h);
	}
}

void
template_keep_source(struct template_call *c, struct span source)
{
	buf_clear(&c->wrong);
	buf_init(&c->wrong, TEMPLATES_PART_MAX);
	(void)buf_put_span(&c->wrong, source);
}

/* The name in a place is cut. */
static bool
is_name_of(const struct template_place *at, const char *name)
{
	return strncmp(at->name, name, sizeof(at->name) - 1) == 0;
}

/* Of what was kept, what is compiled, or what the caller gave. */
static struct span
wrong_source(const struct template_call *c)
{
	const struct template_held *h;

	if (c->wrong.len > 0)
		return buf_span(&c->wrong);
	for (h = c->held; h != NULL; h = h->next)
		if (is_name_of(&c->where.at, h->name))
			return h->v.source.part[c->where.part];
	return buf_span(&c->input[c->where.part]);
}

int
template_complain(const struct template_call *c, const struct po_err *err)
{
	struct span source;

	if (c->where.at.line > 0) {
		(void)fprintf(stderr, "po-template: %s: %s\n",
		    mail_part_names[c->where.part], err->text);
		source = wrong_source(c);
		/* As it was compiled: mail_template_compile(). */
		if (c->where.part == PART_SUBJECT)
			source = span_trim(source);
		if (source.len > 0)
			template_caret_print(stderr, source, &c->where.at);
	} else
		(void)fprintf(stderr, "po-template: %s\n", err->text);
	return err->code == PO_EUNAVAILABLE
	           ? EX_DATAERR
	           : po_code_info(err->code)->exit_status;
}

int
template_missing(struct template_call *c, const char *name, int part,
    const struct template_reference *ref, struct po_err *err)
{
	if (c->strict)
		return po_fail(err, PO_EDATA,
		    "%s: %s, line %u: there is no template '%.*s'", name,
		    mail_part_names[part], ref->line, (int)ref->name.len,
		    ref->name.p);
	(void)fprintf(stderr,
	    "po-template: warning: %s: %s, line %u: there is no template "
	    "'%.*s'\n",
	    name, mail_part_names[part], ref->line, (int)ref->name.len,
	    ref->name.p);
	return 0;
}

int
template_library_check(struct template_call *c, const char *name,
    const struct mail_template *t, unsigned depth, struct po_err *err)
{
	const struct mail_template *other;
	struct template_reference ref;
	struct template_place where = { "", 0, 0 };
	size_t i;
	int part, rc;

	for (part = 0; depth < 16 && part < MAIL_PARTS; part++) {
		for (i = 0; t->part[part] != NULL &&
		            template_reference_get(t->part[part], i, &ref);
		     i++) {
			rc = template_library_get(c, ref.name, &other, &where,
			    err);
			if (rc == -1)
				return -1;
			if (rc == 1) {
				if (other != t &&
				    template_library_check(c, name, other,
				        depth + 1, err) == -1)
					return -1;
				continue;
			}
			if (template_missing(c, name, part, &ref, err) == -1)
				return -1;
		}
	}
	return 0;
}

int
template_library_need(struct template_call *c, const struct template_held **out,
    struct po_err *err)
{
	const struct mail_template *t;
	int rc =
	    template_library_get(c, span_of(c->name), &t, &c->where.at, err);

	if (rc == 0)
		return po_fail(err, PO_EDATA,
		    "there is no template '%s' in language '%s', nor in one "
		    "that stands for it",
		    c->name, c->lang);
	*out = c->held;
	return rc == 1 ? 0 : -1;
}
