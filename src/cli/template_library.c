/* SPDX-License-Identifier: ISC */
#include "cli/template_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

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

int
template_complain(const struct template_call *c, const struct po_err *err)
{
	if (c->where.at.line > 0)
		(void)fprintf(stderr, "po-template: %s: %s\n",
		    mail_part_names[c->where.part], err->text);
	else
		(void)fprintf(stderr, "po-template: %s\n", err->text);
	return err->code == PO_EUNAVAILABLE
	           ? EX_DATAERR
	           : po_code_info(err->code)->exit_status;
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
			if (c->strict)
				return po_fail(err, PO_EDATA,
				    "%s: %s, line %u: there is no template "
				    "'%.*s'",
				    name, mail_part_names[part], ref.line,
				    (int)ref.name.len, ref.name.p);
			(void)fprintf(stderr,
			    "po-template: warning: %s: %s, line %u: there is "
			    "no template '%.*s'\n",
			    name, mail_part_names[part], ref.line,
			    (int)ref.name.len, ref.name.p);
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
