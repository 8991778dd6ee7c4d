/* SPDX-License-Identifier: ISC */
/*
 * Root reads templates as the spool's owner, and is himself again before a file
 * that the letter names is opened and the message is queued: the sender's
 * identity is his uid.
 */
#include "cli/mail_send.h"

#include <stdlib.h>

#include "message/date.h"
#include "util/wallclock.h"

#define HEADER_MAX (1u << 20)

/* A letter with its parts as they will be read. */
struct composed {
	const struct letter *letter;
	bool has[MAIL_PARTS];
	struct span part[MAIL_PARTS];
	struct mail_rendered rendered; /* owns what was filled in */
	char **versions;               /* at delivery: the closure */
	size_t n_versions;
};

int
mail_sender_open(struct mail_sender *s, const char *config, struct po_err *err)
{
	const struct conf_table tables[] = {
		{ drop_options, &s->drop_conf },
		{ submit_options, &s->submit },
	};

	memset(s, 0, sizeof(*s));
	s->store.dirfd = -1;
	if (conf_load_some(config, tables, sizeof(tables) / sizeof(tables[0]),
	        &s->conf, err) == -1)
		return -1;
	return submit_host_find(&s->submit, &s->host, err);
}

void
mail_sender_close(struct mail_sender *s)
{
	drop_close(s->drop);
	library_free(s->library);
	templates_close(&s->store);
	conf_free(s->conf);
}

/* ------------------------------------------------------------------ compose */

static int
open_library(struct mail_sender *s, struct po_err *err)
{
	if (s->library != NULL)
		return 0;
	if (templates_open(s->drop_conf.spool, &s->store, err) == -1)
		return -1;
	s->library = library_new(&s->store);
	library_use_zone(s->library, s->zone != NULL);
	return 0;
}

static struct span
context_of(const struct letter *l)
{
	return l->context == NULL ? SPAN_LIT("{}") : span_of(l->context);
}

/* Rendered here also when it will be rendered again at delivery: whoever sends
 * it is told what is wrong. */
static int
render_stored(struct mail_sender *s, struct composed *c, struct po_err *err)
{
	const struct letter *l = c->letter;
	char lang[TEMPLATES_LANG_BYTES];
	const struct mail_template *t;
	int rc;

	if (!templates_lang(span_of(l->lang == NULL ? "" : l->lang), lang))
		return po_fail(err, PO_EDATA, "\"%.40s\" is no language tag",
		    l->lang);
	if (open_library(s, err) == -1)
		return -1;
	library_use_lang(s->library, lang);
	rc = library_get(s->library, l->template, &t, err);
	if (rc == 0)
		return po_fail(err, PO_EDATA,
		    "there is no template '%.200s' in language '%s', nor in "
		    "one that stands for it",
		    l->template, lang);
	if (rc == -1 ||
	    (l->at_delivery && library_closure(s->library, l->template,
	                           &c->versions, &c->n_versions, err) == -1))
		return -1;
	return library_render(s->library, t, context_of(l),
	    wallclock_now_ms() * 1000, &c->rendered, err);
}

/* Parts that came with the letter, with a context to fill in. */
static int
render_given(struct mail_sender *s, struct composed *c, struct po_err *err)
{
	struct mail_place where = { .part = PART_SUBJECT };
	struct mail_template t;
	int rc;

	if (open_library(s, err) == -1 ||
	    mail_template_compile("mail", &c->letter->source, &t, &where,
	        err) == -1)
		return -1;
	library_use_lang(s->library, TEMPLATES_DEFAULT);
	rc = library_render(s->library, &t, context_of(c->letter),
	    wallclock_now_ms() * 1000, &c->rendered, err);
	mail_template_clear(&t);
	return rc;
}

static int
render(struct mail_sender *s, struct composed *c, struct po_err *err)
{
	int rc, i;

	if (spool_borrow_owner(s->drop_conf.spool, &s->borrow, err) == -1)
		return -1;
	rc = c->letter->template != NULL ? render_stored(s, c, err)
	                                 : render_given(s, c, err);
	spool_return_owner(&s->borrow);
	for (i = 0; rc == 0 && i < MAIL_PARTS; i++) {
		c->has[i] = c->rendered.has[i];
		c->part[i] = buf_span(&c->rendered.part[i]);
	}
	return rc;
}

/* As they are; only a text may be made from the html. */
static int
take_given(struct composed *c, struct po_err *err)
{
	const struct mail_source *source = &c->letter->source;
	int i;

	for (i = 0; i < MAIL_PARTS; i++) {
		c->has[i] = source->has[i];
		c->part[i] = source->part[i];
	}
	if (memchr(c->part[0].len > 0 ? c->part[0].p : "", '\n',
	        c->part[0].len) != NULL ||
	    memchr(c->part[0].len > 0 ? c->part[0].p : "", '\r',
	        c->part[0].len) != NULL)
		return po_fail(err, PO_EDATA,
		    "the subject has a line end in it");
	if (!source->text_auto)
		return 0;
	c->rendered.has[PART_TEXT] = true;
	if (mail_text_from_html(source->part[PART_HTML],
	        &c->rendered.part[PART_TEXT], err) == -1)
		return -1;
	c->has[PART_TEXT] = true;
	c->part[PART_TEXT] = buf_span(&c->rendered.part[PART_TEXT]);
	return 0;
}

/* Nobody would see an image that no html shows. */
static int
check_images(const struct composed *c, struct po_err *err)
{
	size_t i;

	for (i = 0; !c->has[PART_HTML] && i < c->letter->n_files; i++)
		if (c->letter->files[i].cid != NULL)
			return po_fail(err, PO_EDATA,
			    "the image %.80s is for an html part, and there is "
			    "none",
			    c->letter->files[i].cid);
	return 0;
}

static void
composed_clear(struct composed *c)
{
	mail_rendered_clear(&c->rendered);
	library_free_closure(c->versions, c->n_versions);
}

static int
compose(struct mail_sender *s, const struct letter *l, struct composed *c,
    struct po_err *err)
{
	int rc;

	memset(c, 0, sizeof(*c));
	c->letter = l;
	if (letter_check(l, err) == -1)
		return -1;
	rc = l->template != NULL || l->context != NULL ? render(s, c, err)
	                                               : take_given(c, err);
	if (rc == 0)
		rc = check_images(c, err);
	if (rc == -1)
		composed_clear(c);
	return rc;
}

static struct mime_body
body_of(const struct composed *c)
{
	return (struct mime_body){ c->has[PART_TEXT], c->has[PART_HTML],
		c->part[PART_TEXT], c->part[PART_HTML], c->letter->files,
		c->letter->n_files };
}

/* ------------------------------------------------------------------ write */

/* Header fields, then the body; or the context and what is attached. */
static int
write_message(const struct composed *c, const char *date, struct sink out,
    struct po_err *err)
{
	const struct mime_body body = body_of(c);
	bool later = c->n_versions > 0;
	struct buf header;
	int rc;

	buf_init(&header, HEADER_MAX);
	rc = letter_put_header(c->letter,
	    later || !c->has[PART_SUBJECT] ? NULL : &c->part[PART_SUBJECT],
	    &header, err);
	if (rc == 0 && date != NULL && !buf_printf(&header, "Date: %s\n", date))
		rc = po_fail(err, PO_EOS, "no memory for the header");
	if (rc == 0)
		rc = sink_write(out, header.p, header.len, err);
	buf_clear(&header);
	if (rc == -1)
		return -1;
	if (!later)
		return mime_write(&body, out, err);
	if (sink_write(out, "\n", 1, err) == -1 ||
	    sink_write(out, context_of(c->letter).p, context_of(c->letter).len,
	        err) == -1 ||
	    sink_write(out, "\n", 1, err) == -1)
		return -1;
	return mime_write_files(&body, out, err);
}

static int
to_submission(void *ctx, const void *p, size_t len, struct po_err *err)
{
	return submission_write(ctx, p, len, err);
}

/* All recipients, in one array. */
static const char **
recipients_of(const struct letter *l, size_t *n)
{
	const struct letter_list *const lists[] = { &l->to, &l->cc, &l->bcc };
	const char **all =
	    calloc(l->to.n + l->cc.n + l->bcc.n + 1, sizeof(*all));
	size_t i, k;

	*n = 0;
	for (i = 0; all != NULL && i < 3; i++)
		for (k = 0; k < lists[i]->n; k++)
			all[(*n)++] = lists[i]->v[k];
	return all;
}

static int
submit(struct mail_sender *s, const struct composed *c, const char **to,
    size_t n, struct queue_id *id, struct po_err *err)
{
	const struct letter *l = c->letter;
	struct submit_request request = {
		.sender = l->sender != NULL ? l->sender : l->from,
		.recipients = to,
		.n_recipients = n,
		.option_like = true,
		.dots = DOTS_DATA,
		.priority = PRIORITY_MEDIUM,
		.via = VIA_MAIL,
		.templates = (const char *const *)c->versions,
		.n_templates = c->n_versions,
		.zone = c->n_versions > 0 ? s->zone : NULL,
	};
	struct submission sub;
	int rc;

	if (submission_begin(&sub, &s->submit, &s->host, &request, err) == -1)
		return -1;
	rc = s->drop != NULL ? 0 : drop_open(&s->drop_conf, &s->drop, err);
	if (rc == 0 && s->group)
		rc = drop_group(s->drop, err);
	if (rc == 0) {
		submission_attach(&sub, s->drop);
		rc = write_message(c, NULL,
		    (struct sink){ to_submission, &sub }, err);
	}
	if (rc == 0)
		rc = submission_end(&sub, err);
	*id = sub.env.id;
	submission_clear(&sub);
	return rc;
}

int
mail_send(struct mail_sender *s, const struct letter *l, struct queue_id *id,
    struct po_err *err)
{
	struct composed c;
	const char **to;
	size_t n;
	int rc;

	if (compose(s, l, &c, err) == -1)
		return -1;
	to = recipients_of(l, &n);
	rc = to == NULL ? po_fail(err, PO_EOS, "no memory for recipients")
	                : submit(s, &c, to, n, id, err);
	free(to);
	composed_clear(&c);
	return rc;
}

void
mail_sender_group(struct mail_sender *s)
{
	s->group = true;
}

int
mail_sender_sync(struct mail_sender *s, struct po_err *err)
{
	return s->drop == NULL ? 0 : drop_sync(s->drop, err);
}

static int
to_stream(void *ctx, const void *p, size_t len, struct po_err *err)
{
	return fwrite(p, 1, len, ctx) == len
	           ? 0
	           : po_fail_sys(err, PO_EIO, "write the mail");
}

int
mail_show(struct mail_sender *s, const struct letter *l, FILE *out,
    struct po_err *err)
{
	struct letter shown = *l; /* without the orders to po */
	struct composed c;
	char date[DATE_BYTES];
	int rc;

	if (compose(s, l, &c, err) == -1)
		return -1;
	shown.priority = shown.schedule = shown.expires = NULL;
	shown.tag = shown.key = NULL;
	c.letter = &shown;
	library_free_closure(c.versions, c.n_versions);
	c.versions = NULL;
	c.n_versions = 0;
	date_format(wallclock_now(), date);
	rc = write_message(&c, date, (struct sink){ to_stream, out }, err);
	composed_clear(&c);
	return rc;
}
