/* SPDX-License-Identifier: ISC */
/*
 * bytes -> clean (line ends, dots) -> take_line_bytes() -> header, later fold
 * -> drop. begin_content() is the point between header and body.
 */
#include "submit/submission.h"

#include <stdlib.h>
#include <unistd.h>

#include "envelope/address.h"
#include "message/complete.h"
#include "message/date.h"
#include "message/phrase.h"
#include "submit/alias_expand.h"
#include "submit/caller.h"
#include "submit/identity_header.h"
#include "submit/orders.h"
#include "util/utf8.h"
#include "util/wallclock.h"

#define ARENA_BYTES (8u << 20)
#define HOPS_MAX 50u     /* Received fields, as hopcount_limit of Postfix */
#define NAME_BYTES 1000u /* of a display name; longer ones are cut */

/* ------------------------------------------------------------------ sender */

/* The one address of -f: "a@x", "Name <a@x>", "", "<>". */
static int
read_sender(struct submission *s, struct po_err *err)
{
	struct span given = span_of(s->request.sender);
	struct address_list list;
	struct address a = { "", 0, { "", 0 }, true, false }, more;
	int rc;

	address_list_init(&list, given, s->host->domain);
	rc = address_next(&list, &a, err);
	if (rc == 0 && span_trim(given).len > 0)
		rc = po_fail(err, PO_EDATA,
		    "bad sender address \"%.80s\": no address", given.p);
	if (rc != -1 && list.groups > 0)
		rc = po_fail(err, PO_EDATA,
		    "bad sender address \"%.80s\": a group", given.p);
	if (rc != -1 && a.len > 0 && a.text[0] == '-')
		rc = po_fail(err, PO_EDATA,
		    "bad sender address \"%.80s\": it begins with '-'", a.text);
	if (rc != -1) {
		s->env.sender = arena_strdup(&s->arena, a.text);
		s->env.smtputf8 = a.utf8;
		if (s->env.sender == NULL)
			rc = po_fail(err, PO_EOS, "no memory for the sender");
	}
	if (rc == 1 && address_next(&list, &more, err) != 0)
		rc = po_fail(err, PO_EDATA,
		    "bad sender address: more than one in \"%.80s\"", given.p);
	address_list_clear(&list);
	return rc == -1 ? -1 : 0;
}

/* Who sends it, after from_policy, masquerade and the rules of `sender`. */
static int
decide_sender(struct submission *s, struct po_err *err)
{
	struct identity_result r;

	if (s->env.sender == NULL)
		s->env.sender = identity_own(&s->identity, err);
	if (s->env.sender == NULL)
		return -1;
	if (s->env.sender[0] == '\0' || !identity_is_active(&s->identity))
		return 0;
	if (identity_map(&s->identity, s->env.sender, false, &r, err) == -1)
		return -1;
	s->env.sender = r.address;
	if (!utf8_is_ascii(span_of(r.address)))
		s->env.smtputf8 = true;
	else if (s->request.protocol == NULL)
		s->env.smtputf8 = s->to.utf8;
	return 0;
}

/* Whom From names where the message has none: the envelope sender, or for the
 * null sender this host. */
static const char *
address_of_from(struct submission *s, struct po_err *err)
{
	char address[HOST_MAX_BYTES + 20];
	struct identity_result r;

	if (s->env.sender[0] != '\0')
		return s->env.sender;
	(void)snprintf(address, sizeof(address), "MAILER-DAEMON@%s",
	    s->host->domain);
	r.address = arena_strdup(&s->arena, address);
	if (r.address == NULL)
		(void)po_fail(err, PO_EOS, "no memory for From");
	else if (identity_is_active(&s->identity) &&
	         identity_map(&s->identity, r.address, true, &r, err) == -1)
		return NULL;
	return r.address;
}

/* The value of From where the message has none: name and address. */
static int
make_from(struct submission *s, const char *gecos, struct buf *out,
    struct po_err *err)
{
	const char *name = s->request.full_name;
	const char *address = address_of_from(s, err);
	struct span n;
	bool ok;

	if (address == NULL)
		return -1;
	if (name == NULL && s->request.sender == NULL)
		name = getenv("NAME");
	if (name == NULL)
		name = gecos;
	if (s->env.sender[0] == '\0')
		name = "Mail Delivery System";
	n = span_trim(span_of(name));
	if (n.len > NAME_BYTES)
		n.len = NAME_BYTES;
	ok = n.len == 0 || (phrase_put(out, n) && buf_putc(out, ' '));
	ok = ok && (n.len == 0 || buf_putc(out, '<')) &&
	     buf_puts(out, address) && (n.len == 0 || buf_putc(out, '>'));
	return ok ? 0 : po_fail(err, PO_EOS, "no memory for From");
}

/* ------------------------------------------------------------------ begin */

int
submission_begin(struct submission *s, const struct submit_conf *conf,
    const struct submit_host *host, const struct submit_request *request,
    struct po_err *err)
{
	size_t i;
	int n;

	*s = (struct submission){ .conf = conf,
		.host = host,
		.request = *request };
	s->env.ret = request->ret;
	s->env.envid = request->envid;
	s->env.mime = request->mime;
	s->env.priority = request->priority;
	s->env.via = request->protocol != NULL ? VIA_SMTP : request->via;
	s->env.body = request->n_templates > 0 ? BODY_TEMPLATE : BODY_MAIL;
	s->env.templates = (const char **)(uintptr_t)request->templates;
	s->env.n_templates = request->n_templates;
	s->env.zone = request->zone;
	arena_init(&s->arena, ARENA_BYTES);
	recipients_init(&s->to, (size_t)conf->recipient_limit);
	header_init(&s->header, (size_t)conf->header_size_limit);
	identity_init(&s->identity, conf, host, &s->arena);
	if (request->sender != NULL &&
	    (read_sender(s, err) == -1 ||
	        identity_believe(&s->identity, s->env.sender, err) == -1))
		goto fail;
	for (i = 0; i < request->n_recipients; i++) {
		n = recipients_add(&s->to, span_of(request->recipients[i]),
		    host->domain, request->option_like, err);
		if (n == 0)
			(void)po_fail(err, PO_EDATA,
			    "bad address \"\": a recipient is empty");
		if (n <= 0)
			goto fail;
	}
	if (s->to.n == 0 && !request->header_recipients &&
	    request->protocol == NULL) {
		(void)po_fail(err, PO_EUSAGE, "no recipients");
		goto fail;
	}
	return 0;
fail:
	submission_clear(s);
	return -1;
}

int
submission_add_recipient(struct submission *s, const struct address *a,
    unsigned notify, struct span orcpt, struct po_err *err)
{
	struct recipient *r;
	int rc = recipients_add_one(&s->to, a, err);

	if (rc != 1)
		return rc;
	r = &s->to.v[s->to.n - 1];
	r->notify = notify;
	if (orcpt.len == 0)
		return 0;
	r->orcpt = arena_strndup(&s->to.arena, orcpt.p, orcpt.len);
	return r->orcpt != NULL
	           ? 0
	           : po_fail(err, PO_EOS, "no memory for recipients");
}

/* ------------------------------------------------------------------ content */

static int
put_body(struct submission *s, const char *p, size_t len, struct po_err *err)
{
	s->bytes += len;
	if (s->bytes > (uint64_t)s->conf->message_size_limit)
		return po_fail(err, PO_EDATA,
		    "the message is larger than %lld bytes "
		    "(message_size_limit)",
		    (long long)s->conf->message_size_limit);
	/* A context is one line of any length. */
	if (s->env.body == BODY_TEMPLATE)
		return sink_write(drop_sink(s->drop), p, len, err);
	return fold_write(&s->fold, p, len, err);
}

static int
recipients_of_header(struct submission *s, struct po_err *err)
{
	struct resent_set set = header_resent(&s->header);
	bool resent = set.has != 0, is_resent;
	unsigned kind;
	size_t i, first = resent ? set.first : 0, end = set.end;

	for (i = first; i < end; i++) {
		kind = field_kind(s->header.fields[i].id);
		is_resent = (kind & KIND_RESENT) != 0;
		if ((kind & KIND_RECIPIENTS) == 0 || is_resent != resent)
			continue;
		if (recipients_add(&s->to,
		        header_value(&s->header, &s->header.fields[i]),
		        s->host->domain, true, err) == -1)
			return -1;
	}
	if (s->to.n == 0)
		return po_fail(err, PO_EUSAGE,
		    "no recipients in %s, %s or %s, nor as arguments",
		    resent ? "Resent-To" : "To", resent ? "Resent-Cc" : "Cc",
		    resent ? "Resent-Bcc" : "Bcc");
	return 0;
}

/* Mail that comes by again and again gets a field each time (RFC 5321, 6.3). */
static int
refuse_loop(const struct header *h, struct po_err *err)
{
	size_t i, n = 0;

	for (i = 0; i < h->n; i++)
		n += h->fields[i].id == FIELD_RECEIVED;
	if (n <= HOPS_MAX)
		return 0;
	return po_fail(err, PO_EDATA,
	    "5.4.6 too many hops: %zu Received fields, so it runs in a loop",
	    n);
}

static int
finish_envelope(struct submission *s, int64_t now, struct po_err *err)
{
	size_t i;

	if (refuse_loop(&s->header, err) == -1)
		return -1;
	if (orders_read(&s->header, now, &s->arena, &s->env, err) == -1)
		return -1;
	if (s->request.header_recipients && recipients_of_header(s, err) == -1)
		return -1;
	for (i = 0; i < s->to.n; i++)
		if (s->to.v[i].notify == 0)
			s->to.v[i].notify = s->request.notify;
	if (alias_expand(s->conf, s->host, &s->to, &s->arena,
	        s->request.warnings, err) == -1)
		return -1;
	s->env.recipients = s->to.v;
	s->env.n_recipients = s->to.n;
	s->env.smtputf8 = s->env.smtputf8 || s->to.utf8;
	return queue_id_make(&s->env.id, err);
}

/* The Message-ID for the log: <...> in one piece, or none. */
static const char *
shown_message_id(struct submission *s)
{
	const struct header_field *f =
	    header_find(&s->header, FIELD_MESSAGE_ID);
	struct span v;
	size_t i;

	if (f == NULL)
		return NULL;
	v = span_trim(header_value(&s->header, f));
	for (i = 0; i < v.len && (unsigned char)v.p[i] > ' ' &&
	            v.p[i] != 0x7f && v.p[i] != '>';
	     i++)
		;
	if (v.p[0] != '<' || i == v.len || v.p[i] != '>' ||
	    i + 1 > ENVELOPE_MAX_ADDRESS)
		return NULL;
	return arena_strndup(&s->arena, v.p, i + 1);
}

static int
make_message_id(struct submission *s, struct po_err *err)
{
	size_t len = QUEUE_ID_LEN + strlen(s->host->hostname) + 4;
	char *id = arena_alloc(&s->arena, len);

	if (id == NULL)
		return po_fail(err, PO_EOS, "no memory for Message-ID");
	(void)snprintf(id, len, "<%s@%s>", s->env.id.text, s->host->hostname);
	s->env.msgid = id;
	return 0;
}

/* The names that sender and From need, asked for only where they do. */
static int
name_the_caller(struct submission *s, struct buf *from, struct po_err *err)
{
	const char *full_name = "";
	bool own = s->env.sender == NULL;

	if (decide_sender(s, err) == -1)
		return -1;
	if (!header_wants_from(&s->header))
		return 0;
	if (own)
		full_name = identity_caller(&s->identity, err)->full_name;
	return make_from(s, full_name, from, err);
}

static int
write_header(struct submission *s, int64_t now, const struct buf *from,
    struct buf *block, struct po_err *err)
{
	struct completion c = { .domain = s->host->domain,
		.keep_bcc = s->request.protocol != NULL };
	const char *protocol = s->request.protocol;
	char date[DATE_BYTES], received[HOST_MAX_BYTES + 200];
	char id[QUEUE_ID_LEN + HOST_MAX_BYTES + 4];

	date_format(now, date);
	(void)snprintf(received, sizeof(received),
	    "by %s (po, from userid %lu)%s%s\n\tid %s; %s", s->host->hostname,
	    (unsigned long)getuid(), protocol != NULL ? " with " : "",
	    protocol != NULL ? protocol : "", s->env.id.text, date);
	(void)snprintf(id, sizeof(id), "<%s@%s>", s->env.id.text,
	    s->host->hostname);
	c.received = received;
	c.date = date;
	c.message_id = id;
	c.from = buf_str(from);
	c.changes = s->changes;
	c.n_changes = s->n_changes;
	if (header_complete(&s->header, &c, block, err) == -1)
		return -1;
	if (!buf_putc(block, '\n'))
		return po_fail(err, PO_EOS, "no memory for the header");
	return put_body(s, block->p, block->len, err);
}

/* The header block is complete: all but the body is known now. */
static int
begin_content(struct submission *s, struct span text, struct po_err *err)
{
	struct buf from, block;
	int64_t now = wallclock_now();
	int rc = -1;

	buf_init(&from, 8 * NAME_BYTES);
	buf_init(&block, 2 * (size_t)s->conf->header_size_limit + 65536);
	if (finish_envelope(s, now, err) == -1 ||
	    name_the_caller(s, &from, err) == -1)
		goto out;
	if (identity_is_active(&s->identity) &&
	    identity_header(&s->identity, &s->header, &s->changes,
	        &s->n_changes, err) == -1)
		goto out;
	s->env.msgid = shown_message_id(s);
	if (s->env.msgid == NULL &&
	    header_find(&s->header, FIELD_MESSAGE_ID) == NULL &&
	    make_message_id(s, err) == -1)
		goto out;
	if (drop_begin(s->drop, &s->env, err) == -1)
		goto out;
	fold_init(&s->fold, drop_sink(s->drop));
	s->in_body = true;
	if (write_header(s, now, &from, &block, err) == -1)
		goto out;
	rc = put_body(s, text.p, text.len, err);
out:
	buf_clear(&from);
	buf_clear(&block);
	return rc;
}

static int
take_some(struct submission *s, const char *p, size_t len, struct po_err *err)
{
	struct span text;
	size_t used = 0;
	int rc;

	if (!s->in_body) {
		rc = header_write(&s->header, p, len, &used, &text, err);
		if (rc <= 0)
			return rc;
		if (begin_content(s, text, err) == -1)
			return -1;
	}
	return put_body(s, p + used, len - used, err);
}

/* Clean lines, from s->clean. */
static int
take_lines(void *ctx, const void *p, size_t len, struct po_err *err)
{
	struct submission *s = ctx;

	if (s->failed)
		return 0;
	if (s->request.protocol == NULL)
		return take_some(s, p, len, err);
	s->failed = take_some(s, p, len, &s->failure) == -1;
	return 0;
}

void
submission_attach(struct submission *s, struct drop *drop)
{
	s->drop = drop;
	clean_init(&s->clean, s->request.dots, (struct sink){ take_lines, s });
}

int
submission_write(struct submission *s, const char *p, size_t len,
    struct po_err *err)
{
	return clean_write(&s->clean, p, len, err);
}

int
submission_end(struct submission *s, struct po_err *err)
{
	struct span text;

	if (clean_end(&s->clean, err) == -1)
		return -1;
	if (s->failed) {
		*err = s->failure;
		return -1;
	}
	if (!s->in_body && (header_end(&s->header, &text, err) == -1 ||
	                       begin_content(s, text, err) == -1))
		return -1;
	return drop_publish(s->drop, err);
}

void
submission_clear(struct submission *s)
{
	if (s->drop != NULL)
		drop_discard(s->drop);
	s->drop = NULL;
	recipients_clear(&s->to);
	header_clear(&s->header);
	arena_clear(&s->arena);
}
