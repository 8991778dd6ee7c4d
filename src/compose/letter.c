/* SPDX-License-Identifier: ISC */
#include "compose/letter.h"

#include <stdlib.h>

#include "envelope/address.h"
#include "message/header.h"
#include "message/phrase.h"
#include "util/utf8.h"

#define ARENA_BYTES (64u << 20)
#define SHOWN 60 /* bytes of a value in an error */

void
letter_init(struct letter *l)
{
	memset(l, 0, sizeof(*l));
	arena_init(&l->arena, ARENA_BYTES);
}

void
letter_clear(struct letter *l)
{
	free(l->to.v);
	free(l->cc.v);
	free(l->bcc.v);
	free(l->fields);
	free(l->files);
	arena_clear(&l->arena);
	memset(l, 0, sizeof(*l));
}

/* Room for one more in an array that doubles. */
static void *
one_more(void *v, size_t n, size_t *cap, size_t size, struct po_err *err)
{
	void *fresh = v;

	if (n == *cap) {
		*cap = *cap == 0 ? 8 : 2 * *cap;
		fresh = realloc(v, *cap * size);
		if (fresh == NULL)
			(void)po_fail(err, PO_EOS, "no memory for a mail");
	}
	return fresh;
}

/* ------------------------------------------------------------------ fill in */

static int
check_line(const char *what, const char *s, struct po_err *err)
{
	size_t i;

	for (i = 0; s[i] != '\0'; i++)
		if (ascii_is_control((unsigned char)s[i]) && s[i] != '\t')
			return po_fail(err, PO_EDATA,
			    "%s has a line end or control character in it, "
			    "behind \"%.*s\"",
			    what, i > SHOWN ? SHOWN : (int)i, s);
	return utf8_is_valid(span_of(s))
	           ? 0
	           : po_fail(err, PO_EDATA, "%s is no UTF-8", what);
}

int
letter_add(struct letter *l, struct letter_list *list, const char *s,
    struct po_err *err)
{
	const char **fresh;

	(void)l;
	if (check_line("an address", s, err) == -1)
		return -1;
	fresh = one_more(list->v, list->n, &list->cap, sizeof(*list->v), err);
	if (fresh == NULL)
		return -1;
	list->v = fresh;
	list->v[list->n++] = s;
	return 0;
}

/* Fields that po writes itself, from something else. */
static bool
is_ours(struct span name)
{
	static const char *const names[] = { "from", "to", "cc", "bcc",
		"subject", "reply-to", "return-path", "received",
		"mime-version" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (span_eq_nocase(name, span_of(names[i])))
			return true;
	return span_has_prefix_nocase(name, SPAN_LIT("content-")) ||
	       span_has_prefix_nocase(name, SPAN_LIT("x-po-"));
}

int
letter_add_field(struct letter *l, const char *name, const char *value,
    struct po_err *err)
{
	struct letter_field *fresh;
	size_t i;

	for (i = 0; name[i] > ' ' && name[i] < 0x7f && name[i] != ':'; i++)
		;
	if (i == 0 || name[i] != '\0' || i > 200)
		return po_fail(err, PO_EDATA, "\"%.60s\" is no header field",
		    name);
	if (is_ours(span_of(name)))
		return po_fail(err, PO_EDATA,
		    "the header field %.60s is not set so: there is an option "
		    "for it, or it follows from the others",
		    name);
	if (check_line(name, value, err) == -1)
		return -1;
	fresh = one_more(l->fields, l->n_fields, &l->cap_fields,
	    sizeof(*l->fields), err);
	if (fresh == NULL)
		return -1;
	l->fields = fresh;
	l->fields[l->n_fields++] = (struct letter_field){ name, value };
	return 0;
}

int
letter_add_file(struct letter *l, const struct mime_file *f, struct po_err *err)
{
	struct mime_file *fresh;

	if (mime_check_file(f, err) == -1)
		return -1;
	fresh = one_more(l->files, l->n_files, &l->cap_files, sizeof(*l->files),
	    err);
	if (fresh == NULL)
		return -1;
	l->files = fresh;
	l->files[l->n_files++] = *f;
	return 0;
}

static int
copy_list(struct letter *l, struct letter_list *to,
    const struct letter_list *from, struct po_err *err)
{
	size_t i;

	for (i = 0; i < from->n; i++)
		if (letter_add(l, to, from->v[i], err) == -1)
			return -1;
	return 0;
}

int
letter_copy(struct letter *l, const struct letter *from, struct po_err *err)
{
	size_t i;

	l->from = from->from;
	l->sender = from->sender;
	l->reply_to = from->reply_to;
	l->source = from->source;
	l->template = from->template;
	l->lang = from->lang;
	l->context = from->context;
	l->at_delivery = from->at_delivery;
	l->priority = from->priority;
	l->schedule = from->schedule;
	l->expires = from->expires;
	l->tag = from->tag;
	l->key = from->key;
	if (copy_list(l, &l->to, &from->to, err) == -1 ||
	    copy_list(l, &l->cc, &from->cc, err) == -1 ||
	    copy_list(l, &l->bcc, &from->bcc, err) == -1)
		return -1;
	for (i = 0; i < from->n_fields; i++)
		if (letter_add_field(l, from->fields[i].name,
		        from->fields[i].value, err) == -1)
			return -1;
	for (i = 0; i < from->n_files; i++)
		if (letter_add_file(l, &from->files[i], err) == -1)
			return -1;
	return 0;
}

/* ------------------------------------------------------------------ check */

int
letter_check(const struct letter *l, struct po_err *err)
{
	const struct mail_source *s = &l->source;

	if (l->to.n + l->cc.n + l->bcc.n == 0)
		return po_fail(err, PO_EUSAGE, "nobody to send it to");
	if (l->template != NULL && (s->has[PART_SUBJECT] || s->has[PART_TEXT] ||
	                               s->has[PART_HTML] || s->text_auto))
		return po_fail(err, PO_EUSAGE,
		    "a template brings subject, text and html: none of them "
		    "beside it");
	if (l->template == NULL && l->lang != NULL)
		return po_fail(err, PO_EUSAGE, "a language needs a template");
	if (l->template == NULL && l->at_delivery)
		return po_fail(err, PO_EUSAGE,
		    "only a template is rendered at delivery");
	if (s->text_auto && (s->has[PART_TEXT] || !s->has[PART_HTML]))
		return po_fail(err, PO_EUSAGE,
		    "a text made from html needs html, and no text beside it");
	return 0;
}

/* ------------------------------------------------------------------ header */

/* What stands before an address: its name, without quotes and brackets. */
static bool
put_name(struct buf *out, struct span s)
{
	struct buf plain;
	bool ok = true, quoted = false;
	size_t i;

	while (s.len > 0 && (ascii_is_blank((unsigned char)s.p[0]) ||
	                        s.p[0] == ',' || s.p[0] == ';')) {
		s.p++;
		s.len--;
	}
	s = span_trim(s);
	if (s.len > 0 && s.p[s.len - 1] == '<')
		s.len--;
	s = span_trim(s);
	if (s.len == 0)
		return true;
	buf_init(&plain, s.len);
	for (i = 0; ok && i < s.len; i++) {
		if (s.p[i] == '"')
			quoted = !quoted;
		else if (s.p[i] == '\\' && quoted && i + 1 < s.len)
			ok = buf_putc(&plain, s.p[++i]);
		else
			ok = buf_putc(&plain, s.p[i]);
	}
	ok = ok && (plain.len == 0 || (phrase_put(out, buf_span(&plain)) &&
	                                  buf_puts(out, " <")));
	buf_clear(&plain);
	return ok;
}

bool
letter_put_addresses(struct buf *out, const char *list)
{
	struct address_list l;
	struct address a;
	struct po_err err;
	const char *from = list;
	size_t before = out->len, named;
	bool ok = true;
	int rc;

	if (utf8_is_ascii(span_of(list)))
		return buf_puts(out, list);
	address_list_init(&l, span_of(list), NULL);
	while (ok && (rc = address_next(&l, &a, &err)) == 1) {
		ok = out->len == before || buf_puts(out, ",\n\t");
		named = out->len;
		ok = ok && put_name(out, (struct span){ from,
		                             (size_t)(a.spec.p - from) });
		ok = ok && buf_puts(out, a.text) &&
		     (out->p[out->len - 1] != '\0') &&
		     (memchr(out->p + named, '<', out->len - named) == NULL ||
		         buf_putc(out, '>'));
		from = a.spec.p + a.spec.len;
		while (*from == '>' || ascii_is_blank((unsigned char)*from))
			from++;
	}
	ok = ok && l.groups == 0 && rc == 0;
	address_list_clear(&l);
	if (ok)
		return true;
	out->len = before; /* a group, a fault: as it is */
	return buf_puts(out, list);
}

static bool
put_list(struct buf *out, const char *name, const struct letter_list *l)
{
	size_t i;
	bool ok = true;

	for (i = 0; ok && i < l->n; i++)
		ok = buf_puts(out, i == 0 ? name : ",\n\t") &&
		     letter_put_addresses(out, l->v[i]);
	return ok && (l->n == 0 || buf_putc(out, '\n'));
}

static bool
put_addresses(struct buf *out, const char *name, const char *value)
{
	return value == NULL ||
	       (buf_puts(out, name) && letter_put_addresses(out, value) &&
	           buf_putc(out, '\n'));
}

static bool
put_field(struct buf *out, const char *name, struct span value)
{
	return buf_puts(out, name) && buf_puts(out, ": ") &&
	       unstructured_put(out, value, strlen(name) + 2) &&
	       buf_putc(out, '\n');
}

static bool
put_order(struct buf *out, const char *name, const char *value)
{
	return value == NULL ||
	       (buf_puts(out, name) && buf_puts(out, ": ") &&
	           buf_puts(out, value) && buf_putc(out, '\n'));
}

static int
check_lines(const struct letter *l, struct po_err *err)
{
	const struct letter_field lines[] = { { "from", l->from },
		{ "the sender", l->sender }, { "reply-to", l->reply_to },
		{ "the priority", l->priority },
		{ "the schedule", l->schedule }, { "the expiry", l->expires },
		{ "the tag", l->tag }, { "the key", l->key } };
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (lines[i].value != NULL &&
		    check_line(lines[i].name, lines[i].value, err) == -1)
			return -1;
	return 0;
}

int
letter_put_header(const struct letter *l, const struct span *subject,
    struct buf *out, struct po_err *err)
{
	size_t i;
	bool ok;

	if (check_lines(l, err) == -1)
		return -1;
	ok = put_addresses(out, "From: ", l->from) &&
	     put_addresses(out, "Reply-To: ", l->reply_to) &&
	     put_list(out, "To: ", &l->to) && put_list(out, "Cc: ", &l->cc) &&
	     (subject == NULL || put_field(out, "Subject", *subject)) &&
	     put_order(out, "X-PO-Priority", l->priority) &&
	     put_order(out, "X-PO-Schedule", l->schedule) &&
	     put_order(out, "X-PO-Expires", l->expires) &&
	     put_order(out, "X-PO-Tag", l->tag) &&
	     put_order(out, "X-PO-Key", l->key);
	if (l->to.n + l->cc.n == 0)
		ok = ok && buf_puts(out, "To: undisclosed-recipients:;\n");
	for (i = 0; ok && i < l->n_fields; i++)
		ok = put_field(out, l->fields[i].name,
		    span_of(l->fields[i].value));
	return ok ? 0 : po_fail(err, PO_EDATA, "the header is too large");
}
