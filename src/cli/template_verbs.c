/* SPDX-License-Identifier: ISC */
/* What each verb does, once the command line is read and the store is open. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/template_call.h"
#include "compose/host.h"
#include "util/wallclock.h"

/* What was given, in the form of a version. */
static void
describe(const struct template_call *c, struct templates_version *v)
{
	int i;

	memset(v, 0, sizeof(*v));
	memcpy(v->id.folder, c->folder, sizeof(v->id.folder));
	memcpy(v->id.lang, c->lang, sizeof(v->id.lang));
	v->description = span_of(c->description == NULL ? "" : c->description);
	for (i = 0; i < MAIL_PARTS; i++) {
		v->source.has[i] = c->has[i];
		v->source.part[i] = buf_span(&c->input[i]);
	}
	v->source.text_auto = c->text_auto && !c->has[PART_TEXT];
}

static int
validate(struct template_call *c, const struct templates_version *v,
    struct po_err *err)
{
	struct mail_template t;
	int rc;

	if (!v->source.has[PART_TEXT] && !v->source.has[PART_HTML])
		return po_fail(err, PO_EUSAGE,
		    "a template needs a text or an html part, or both");
	if (mail_template_compile(c->name, &v->source, &t, &c->where, err) ==
	    -1)
		return -1;
	rc = template_library_check(c, c->name, &t, 0, err);
	mail_template_clear(&t);
	return rc;
}

static int
verb_add(struct template_call *c, struct po_err *err)
{
	struct templates_version v;

	describe(c, &v);
	if (validate(c, &v, err) == -1)
		return -1;
	return templates_save(&c->store, &v, TEMPLATES_NEW, wallclock_now(),
	           err) == -1
	           ? -1
	           : 0;
}

/* Edit and validate until it is sound, or given up. */
static int
edit_until_sound(struct template_call *c, struct po_err *err)
{
	struct templates_version v;
	int rc;

	for (;;) {
		if (template_edit_run(&c->edit, c->has, c->input, err) == -1)
			return -1;
		describe(c, &v);
		c->where.at.line = 0;
		buf_reset(&c->wrong);
		if (spool_borrow_owner(c->drop.spool, &c->borrow, err) == -1)
			return -1;
		rc = validate(c, &v, err);
		spool_return_owner(&c->borrow);
		if (rc == 0)
			return 0;
		(void)template_complain(c, err);
		if (!template_edit_again())
			return po_fail(err, PO_EDATA, "nothing is saved");
		template_library_clear(c);
	}
}

/* As the caller; the store is read as the owner where root calls. */
static int
prepare_edit(struct template_call *c, struct po_err *err)
{
	struct templates_version old;
	int rc;

	templates_version_init(&old);
	if (spool_borrow_owner(c->drop.spool, &c->borrow, err) == -1)
		return -1;
	rc = templates_open(c->drop.spool, &c->store, err);
	if (rc == 0)
		rc = templates_read_current(&c->store, c->folder, c->lang, &old,
		    err);
	spool_return_owner(&c->borrow);
	c->base = rc == 1 ? old.id.version : TEMPLATES_NEW;
	if (rc == 0) {
		old.source.has[PART_SUBJECT] = old.source.has[PART_TEXT] = true;
		old.source.part[PART_SUBJECT] = old.source.part[PART_TEXT] =
		    SPAN_LIT("");
	}
	if (rc == 1 && c->description == NULL &&
	    buf_put_span(&c->old_description, old.description))
		c->description = buf_str(&c->old_description);
	memcpy(c->has, old.source.has, sizeof(c->has));
	c->text_auto = old.source.text_auto;
	if (rc != -1)
		rc = template_edit_begin(&c->edit, &old.source, err);
	templates_version_clear(&old);
	if (rc == -1)
		return -1;
	rc = edit_until_sound(c, err);
	if (rc == -1)
		template_edit_end(&c->edit, true);
	return rc;
}

static int
verb_edit(struct template_call *c, struct po_err *err)
{
	struct templates_version v;
	int rc;

	describe(c, &v);
	rc = templates_save(&c->store, &v, c->base, wallclock_now(), err);
	if (rc == 0)
		(void)fputs("po-template: nothing was changed\n", stderr);
	return rc == -1 ? -1 : 0;
}

/* The owner is told how many mails wait; without an index nobody is. */
static void
open_index(struct template_call *c, struct spool *s)
{
	struct po_err err;

	if (spool_open(c->drop.spool, s, &err) == -1)
		*s = (struct spool){ .path = NULL };
	else if (index_open(s->dirfd, "index", INDEX_READ, &c->index, &err) ==
	         -1)
		c->index = NULL;
}

static void
close_index(struct template_call *c, struct spool *s)
{
	if (c->index != NULL)
		index_close(c->index);
	c->index = NULL;
	if (s->path != NULL)
		spool_close(s);
}

static int
verb_list(struct template_call *c, struct po_err *err)
{
	struct templates_list l;
	struct spool s;
	int rc = templates_list_current(&c->store,
	    c->name == NULL ? NULL : c->folder, &l, err);

	open_index(c, &s);
	if (rc == 0)
		rc = template_print_list(c, &l, err);
	close_index(c, &s);
	templates_list_clear(&l);
	return rc;
}

static int
verb_history(struct template_call *c, struct po_err *err)
{
	struct templates_list l;
	struct spool s;
	int rc =
	    templates_list_versions(&c->store, c->folder, c->lang, &l, err);

	if (rc == 0 && l.n == 0)
		rc = po_fail(err, PO_EDATA,
		    "there is no template '%s' in language '%s'", c->name,
		    c->lang);
	open_index(c, &s);
	if (rc == 0)
		rc = template_print_list(c, &l, err);
	close_index(c, &s);
	templates_list_clear(&l);
	return rc;
}

/* The version that the operands say, or the current one, in just that
 * language. */
static int
read_named(struct template_call *c, struct templates_version *v,
    struct po_err *err)
{
	struct templates_id id = { .version = c->version };
	int rc;

	if (c->version == 0)
		return templates_find(&c->store, span_of(c->name), c->lang, v,
		    err);
	memcpy(id.folder, c->folder, sizeof(id.folder));
	memcpy(id.lang, c->lang, sizeof(id.lang));
	rc = templates_read(&c->store, &id, v, err);
	return rc;
}

static int
need_named(struct template_call *c, struct templates_version *v,
    struct po_err *err)
{
	int rc = read_named(c, v, err);

	if (rc == 0)
		return po_fail(err, PO_EDATA,
		    c->version == 0
		        ? "there is no template '%s' in language '%s'"
		        : "there is no such version of '%s' in language '%s'",
		    c->name, c->lang);
	return rc == 1 ? 0 : -1;
}

static int
verb_show(struct template_call *c, struct po_err *err)
{
	struct templates_version v;
	int rc;

	templates_version_init(&v);
	rc = need_named(c, &v, err);
	if (rc == 0)
		template_print_texts(c, &v);
	templates_version_clear(&v);
	return rc;
}

static int
verb_restore(struct template_call *c, struct po_err *err)
{
	struct templates_version v;
	int rc;

	if (c->version == 0)
		return po_fail(err, PO_EUSAGE, "restore needs a version");
	templates_version_init(&v);
	rc = need_named(c, &v, err);
	if (rc == 0)
		rc = templates_save(&c->store, &v, TEMPLATES_ANY,
		    wallclock_now(), err);
	templates_version_clear(&v);
	return rc == -1 ? -1 : 0;
}

static int
verb_remove(struct template_call *c, struct po_err *err)
{
	int rc = templates_remove(&c->store, c->folder, c->lang, err);

	if (rc == 0)
		return po_fail(err, PO_EDATA,
		    "there is no template '%s' in language '%s'", c->name,
		    c->lang);
	return rc == -1 ? -1 : 0;
}

int
template_render_call(struct template_call *c, struct mail_rendered *out,
    struct po_err *err)
{
	struct template_budget budget;
	struct template_options o = { .strict = c->strict,
		.now_us = c->now_us,
		.seed = (uint64_t)c->now_us,
		.expired = template_budget_spent,
		.expired_ctx = &budget };
	const struct mail_library library = { template_library_get, c };
	struct template_context *context = NULL;
	const struct template_held *h;
	int rc;

	if (c->timezone != NULL)
		o.zone = template_zone_host;
	template_budget_begin(&budget, TEMPLATE_CPU_SECONDS);
	if (template_library_need(c, &h, err) == -1 ||
	    template_context_parse(buf_span(&c->context_text), NULL, &context,
	        err) == -1)
		return -1;
	rc = mail_template_render(&h->t, context, &o, &library, out, &c->where,
	    err);
	template_context_free(context);
	return rc;
}

static int
verb_render(struct template_call *c, struct po_err *err)
{
	struct mail_rendered r;
	int i, printed = 0;

	if (c->context == NULL)
		return po_fail(err, PO_EUSAGE, "--context-file is missing");
	if (template_render_call(c, &r, err) == -1)
		return -1;
	for (i = 0; i < MAIL_PARTS; i++) {
		if (!r.has[i] || (c->part != NULL &&
		                     strcmp(c->part, mail_part_names[i]) != 0))
			continue;
		if (c->part == NULL)
			(void)printf("--- %s ---\n", mail_part_names[i]);
		(void)fwrite(buf_str(&r.part[i]), 1, r.part[i].len, stdout);
		if (c->part == NULL)
			(void)putchar('\n');
		printed++;
	}
	mail_rendered_clear(&r);
	return printed > 0 ? 0
	                   : po_fail(err, PO_EDATA, "'%s' has no %s", c->name,
	                         c->part == NULL ? "parts" : c->part);
}

static int
verb_check(struct template_call *c, struct po_err *err)
{
	struct mail_rendered r;
	const struct template_held *h;

	if (template_library_need(c, &h, err) == -1)
		return access(c->name, F_OK) == -1
		           ? -1
		           : po_fail(err, PO_EDATA,
		                 "there is no template '%s'; the file is ./%s",
		                 c->name, c->name);
	if (template_library_check(c, h->name, &h->t, 0, err) == -1)
		return -1;
	if (c->context == NULL)
		return 0;
	if (template_render_call(c, &r, err) == -1)
		return -1;
	mail_rendered_clear(&r);
	return 0;
}

const struct template_verb template_verbs[] = {
	{ "add", 1, 1, VERB_CHANGES, NULL, verb_add, NULL,
	    "add NAME [--subject S] [--text FILE|auto] [--html FILE] "
	    "[--description D] [--lang L]" },
	{ "edit", 1, 1, VERB_EDITS, prepare_edit, verb_edit, NULL,
	    "edit NAME [--description D] [--lang L]" },
	{ "list", 0, 1, VERB_READS, NULL, verb_list, NULL,
	    "list [NAME] [--json]" },
	{ "show", 1, 2, VERB_READS, NULL, verb_show, NULL,
	    "show NAME [VERSION] [--lang L] [--part P] [--json]" },
	{ "history", 1, 1, VERB_READS, NULL, verb_history, NULL,
	    "history NAME [--lang L] [--json]" },
	{ "diff", 1, 3, VERB_READS, NULL, template_verb_diff, NULL,
	    "diff NAME [VERSION [VERSION]] [--lang L]" },
	{ "restore", 2, 2, VERB_CHANGES, NULL, verb_restore, NULL,
	    "restore NAME VERSION [--lang L]" },
	{ "remove", 1, 1, VERB_CHANGES, NULL, verb_remove, NULL,
	    "remove NAME [--lang L]" },
	{ "import", 1, 1, VERB_FOLDER, template_prepare_import,
	    template_verb_import, NULL,
	    "import FOLDER [--dry-run] [--strict] [--json]" },
	{ "export", 1, 1, VERB_FOLDER, NULL, template_verb_export,
	    template_finish_export, "export FOLDER [--dry-run] [--json]" },
	{ "check", 1, 1, VERB_READS, NULL, verb_check, NULL,
	    "check NAME|./FILE [--lang L] [--context-file C] [--strict]" },
	{ "render", 1, 1, VERB_READS, NULL, verb_render, NULL,
	    "render NAME --context-file C [--lang L] [--part P] [--strict] "
	    "[--now T] [--timezone Z]" },
	{ "preview", 1, 1, VERB_SHOWS, NULL, template_verb_preview, NULL,
	    "preview NAME --context-file C [-o FILE] [--open] [--part P] "
	    "[--lang L] [--timezone Z]" },
	{ NULL, 0, 0, VERB_READS, NULL, NULL, NULL, NULL },
};

bool
template_verb_may_be_storeless(const struct template_verb *v)
{
	return v->run == verb_check || v->run == verb_render;
}
