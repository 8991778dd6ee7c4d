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

/* How many waiting or held mails need this version; -1: it cannot be told. */
static int64_t
count_waiting(const struct template_call *c, const struct templates_id *version)
{
	char name[TEMPLATES_ID_BYTES];
	struct queue_id id, after;
	struct index_message m;
	struct index_tx *tx;
	struct po_err err;
	int64_t n = 0;
	int rc;

	if (c->index == NULL ||
	    index_begin(c->index, INDEX_READ, &tx, &err) == -1)
		return -1;
	templates_id_print(version, name);
	rc = index_use_next(tx, name, NULL, &id, &err);
	while (rc == 1) {
		rc = index_message_get(tx, &id, NULL, &m, &err);
		n += rc == 1 && !message_is_final(m.state);
		after = id;
		if (rc != -1)
			rc = index_use_next(tx, name, &after, &id, &err);
	}
	index_discard(tx);
	return rc == -1 ? -1 : n;
}

static void
print_waiting(const struct template_call *c, const struct templates_version *v)
{
	int64_t n = count_waiting(c, &v->id);

	if (c->json && n >= 0)
		(void)printf(", \"waiting\": %lld", (long long)n);
	else if (c->json)
		(void)printf(", \"waiting\": null");
	else if (n > 0)
		(void)printf("  (needed by %lld waiting mail%s)", (long long)n,
		    n == 1 ? "" : "s");
}

static void
print_line(const struct template_call *c, const struct templates_version *v)
{
	struct span d = first_line(v->description);
	char date[DATE_BYTES];

	date_format_rfc3339(v->updated, date);
	(void)printf("%-24s %-10s %6u  %s  %.*s", v->name, v->id.lang,
	    v->id.version, date, (int)d.len, d.p);
	print_waiting(c, v);
	(void)putchar('\n');
}

/* An object, but for its end. */
static void
print_object(const struct template_call *c, const struct templates_version *v)
{
	const char *mark = "";
	int i;

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
	(void)putchar(']');
	print_waiting(c, v);
}

void
template_print_row(const struct template_call *c,
    const struct templates_version *v)
{
	if (!c->json) {
		print_line(c, v);
		return;
	}
	print_object(c, v);
	(void)puts("}");
}

static bool
is_shown(const struct template_call *c, const struct templates_version *v,
    int part)
{
	return v->source.has[part] &&
	       (c->part == NULL || strcmp(c->part, mail_part_names[part]) == 0);
}

static void
show_object(const struct template_call *c, const struct templates_version *v)
{
	int i;

	print_object(c, v);
	for (i = 0; i < MAIL_PARTS; i++)
		if (is_shown(c, v, i)) {
			(void)printf(", ");
			json_text_print(stdout, mail_part_names[i],
			    v->source.part[i]);
		}
	(void)puts("}");
}

void
template_print_texts(const struct template_call *c,
    const struct templates_version *v)
{
	bool alone = c->part != NULL;
	int i;

	if (c->json) {
		show_object(c, v);
		return;
	}
	if (!alone)
		print_line(c, v);
	for (i = 0; i < MAIL_PARTS; i++) {
		if (!is_shown(c, v, i))
			continue;
		if (!alone)
			(void)printf("--- %s ---\n", mail_part_names[i]);
		(void)fwrite(v->source.part[i].p, 1, v->source.part[i].len,
		    stdout);
		if (!alone)
			(void)putchar('\n');
	}
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
