/* SPDX-License-Identifier: ISC */
#include "cli/template_call.h"

#include <stdio.h>

#include "cli/json_text.h"
#include "message/date.h"

static struct span
first_line(struct span s)
{
	return span_cut(&s, '\n');
}

void
template_print_row(const struct template_call *c,
    const struct templates_version *v)
{
	struct span d = first_line(v->description);
	char date[DATE_BYTES];
	const char *mark = "";
	int i;

	date_format_rfc3339(v->updated, date);
	if (!c->json) {
		(void)printf("%-24s %-10s %6u  %s  %.*s\n", v->name, v->id.lang,
		    v->id.version, date, (int)d.len, d.p);
		return;
	}
	(void)putchar('{');
	json_text_print(stdout, "name", span_of(v->name));
	(void)printf(", \"lang\": \"%s\", \"version\": %u, \"created\": %lld, "
	             "\"updated\": %lld, ",
	    v->id.lang, v->id.version, (long long)v->created,
	    (long long)v->updated);
	json_text_print(stdout, "description", v->description);
	(void)printf(", \"parts\": [");
	for (i = 0; i < MAIL_PARTS; i++)
		if (v->source.has[i]) {
			(void)printf("%s\"%s\"", mark, mail_part_names[i]);
			mark = ", ";
		}
	(void)puts("]}");
}

int
template_print_list(struct template_call *c, const struct templates_list *l,
    struct po_err *err)
{
	struct templates_version v;
	size_t i;
	int rc = 0;

	templates_version_init(&v);
	for (i = 0; rc != -1 && i < l->n; i++) {
		rc = templates_read(&c->store, &l->v[i], &v, err);
		if (rc == 1)
			template_print_row(c, &v);
	}
	templates_version_clear(&v);
	return rc == -1 ? -1 : 0;
}

void
template_print_change(const struct template_call *c,
    const struct templates_version *v, const char *how)
{
	if (!c->json) {
		(void)printf("%-8s %-24s %s\n", how, v->name, v->id.lang);
		return;
	}
	(void)putchar('{');
	json_text_print(stdout, "name", span_of(v->name));
	(void)printf(", \"lang\": \"%s\", \"change\": \"%s\"}\n", v->id.lang,
	    how);
}
