/* SPDX-License-Identifier: ISC */
#include "compose/mail_template.h"

#include <string.h>

#include "compose/html_text.h"

void
mail_template_clear(struct mail_template *t)
{
	int i;

	for (i = 0; i < MAIL_PARTS; i++) {
		template_free(t->part[i]);
		t->part[i] = NULL;
	}
}

int
mail_template_compile(const char *name, const struct mail_source *source,
    struct mail_template *out, struct mail_place *where, struct po_err *err)
{
	int i;

	memset(out, 0, sizeof(*out));
	out->text_auto = source->text_auto;
	for (i = 0; i < MAIL_PARTS; i++) {
		if (!source->has[i])
			continue;
		where->part = (enum mail_part)i;
		if (template_compile(name,
		        i == PART_SUBJECT ? span_trim(source->part[i])
		                          : source->part[i],
		        NULL, &out->part[i], &where->at, err) == -1) {
			mail_template_clear(out);
			return -1;
		}
	}
	return 0;
}

struct part_loader {
	const struct mail_library *library;
	enum mail_part part;
};

static int
get_part(void *ctx, struct span name, const struct template **out,
    struct template_place *where, struct po_err *err)
{
	const struct part_loader *l = ctx;
	const struct mail_template *t;
	int rc;

	if (l->library->get == NULL)
		return 0;
	rc = l->library->get(l->library->ctx, name, &t, where, err);
	if (rc != 1)
		return rc;
	*out = t->part[l->part];
	if (*out != NULL)
		return 1;
	return po_fail(err, PO_EDATA, "the template '%.*s' has no %s",
	    (int)(name.len > 200 ? 200 : name.len), name.p,
	    mail_part_names[l->part]);
}

void
mail_rendered_clear(struct mail_rendered *r)
{
	int i;

	for (i = 0; i < MAIL_PARTS; i++)
		buf_clear(&r->part[i]);
}

static int
check_subject(struct buf *subject, struct mail_place *where, struct po_err *err)
{
	struct span s = span_trim(buf_span(subject));

	/* The template's own blanks went with its source; what a value brought
	 * in at an end is found too. */
	if (memchr(buf_str(subject), '\n', subject->len) == NULL &&
	    memchr(buf_str(subject), '\r', subject->len) == NULL)
		return 0;
	where->part = PART_SUBJECT;
	where->at.line = 0;
	return po_fail(err, PO_EDATA,
	    "the subject has a line end in it, behind \"%.*s\"",
	    (int)strcspn(buf_str(subject), "\r\n") > 60
	        ? 60
	        : (int)strcspn(buf_str(subject), "\r\n"),
	    s.p > buf_str(subject) ? "" : buf_str(subject));
}

int
mail_text_from_html(struct span html, struct buf *out, struct po_err *err)
{
	buf_init(out, template_limits_default.output_bytes);
	return html_text(html, out, err);
}

int
mail_template_render(const struct mail_template *t,
    const struct template_context *c, const struct template_options *o,
    const struct mail_library *library, struct mail_rendered *out,
    struct mail_place *where, struct po_err *err)
{
	struct part_loader loader = { library, PART_SUBJECT };
	struct template_options options = *o;
	int i, rc = 0;

	memset(out, 0, sizeof(*out));
	options.loader = (struct template_loader){ get_part, &loader };
	for (i = 0; rc == 0 && i < MAIL_PARTS; i++) {
		if (t->part[i] == NULL)
			continue;
		loader.part = where->part = (enum mail_part)i;
		options.autoescape = i == PART_HTML;
		out->has[i] = true;
		buf_init(&out->part[i], template_limits_default.output_bytes);
		rc = template_render(t->part[i], c, &options, &out->part[i],
		    &where->at, err);
	}
	if (rc == 0 && t->text_auto && out->has[PART_HTML]) {
		out->has[PART_TEXT] = true;
		where->part = PART_TEXT;
		where->at.line = 0;
		rc = mail_text_from_html(buf_span(&out->part[PART_HTML]),
		    &out->part[PART_TEXT], err);
	}
	if (rc == 0 && out->has[PART_SUBJECT])
		rc = check_subject(&out->part[PART_SUBJECT], where, err);
	if (rc == -1)
		mail_rendered_clear(out);
	return rc;
}
