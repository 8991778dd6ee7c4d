/* SPDX-License-Identifier: ISC */
/* What is accepted is in a submission; DATA and BDAT write into it, and its end
 * is the only place that says 250 to a message. */
#include "submit/smtp_transaction.h"

#include <stdio.h>

#include "envelope/address.h"
#include "submit/smtp_params.h"
#include "util/parse_num.h"
#include "util/wallclock.h"

void
smtp_transaction_end(struct smtp_session *s)
{
	if (s->in_mail)
		submission_clear(&s->sub);
	s->in_mail = s->in_chunks = false;
}

/* The one address of a path; its text is in *text. */
static int
read_path(struct smtp_session *s, struct span path, struct buf *text,
    struct address *a, struct po_err *err)
{
	struct address_list list;
	struct address more;
	int rc;

	address_list_init(&list, path, s->host->domain);
	rc = address_next(&list, a, err);
	if (rc == 1) {
		if (!buf_puts(text, a->text))
			rc = po_fail(err, PO_EOS, "no memory for an address");
		a->text = buf_str(text);
	} else if (rc == 0) {
		rc = po_fail(err, PO_EDATA, "no address");
	}
	if (rc == 1 && address_next(&list, &more, err) == 1)
		rc = po_fail(err, PO_EDATA, "more than one address");
	else if (rc == 1 && list.groups > 0)
		rc = po_fail(err, PO_EDATA, "a group is no address");
	address_list_clear(&list);
	return rc == 1 ? 0 : -1;
}

static void
set_envelope(struct smtp_session *s, const struct smtp_mail *m)
{
	struct envelope *env = &s->sub.env;

	env->ret = m->ret;
	env->mime = m->mime;
	env->due = m->due;
	env->expires = m->expires;
	env->smtputf8 = m->smtputf8;
	env->late = m->late;
	env->by = m->by;
	env->requiretls = m->requiretls;
	if (m->late != 0)
		s->sub.request.notify = NOTIFY_FAILURE | NOTIFY_DELAY;
	s->smtputf8 = m->smtputf8;
}

static bool
begin_mail(struct smtp_session *s, const struct smtp_mail *m,
    const char *sender, struct po_err *err)
{
	struct submit_request request = { .sender = sender,
		.priority = m->priority,
		.warnings = s->warnings,
		.protocol = s->extended ? "ESMTP" : "SMTP" };
	const char *envid = NULL;

	if (s->drop == NULL && drop_open(s->drop_conf, &s->drop, err) == -1)
		return false;
	if (submission_begin(&s->sub, s->conf, s->host, &request, err) == -1)
		return false;
	s->in_mail = true;
	if (m->envid.len > 0) {
		envid = arena_strndup(&s->sub.arena, m->envid.p, m->envid.len);
		if (envid == NULL) {
			(void)po_fail(err, PO_EOS, "no memory for ENVID");
			smtp_transaction_end(s);
			return false;
		}
	}
	s->sub.env.envid = envid;
	set_envelope(s, m);
	return true;
}

void
smtp_transaction_mail(struct smtp_session *s, struct span args)
{
	struct smtp_mail m;
	struct po_err err;
	struct address a;
	struct buf sender;
	const char *fault = smtp_mail_parse(args, wallclock_now(), &m);

	if (fault != NULL) {
		smtp_io_reply(&s->io, fault);
		return;
	}
	buf_init(&sender, ENVELOPE_MAX_ADDRESS);
	if (m.size > (uint64_t)s->conf->message_size_limit)
		smtp_io_reply(&s->io,
		    "552 5.3.4 The message is larger than SIZE allows");
	else if (read_path(s, m.path, &sender, &a, &err) == -1)
		smtp_io_reply_error(&s->io, &err, "553 5.1.7");
	else if (a.utf8 && !m.smtputf8)
		smtp_io_reply(&s->io, "553 5.6.7 This address wants SMTPUTF8");
	else if (!begin_mail(s, &m, buf_str(&sender), &err))
		smtp_io_reply_error(&s->io, &err, "553 5.1.7");
	else
		smtp_io_reply(&s->io, "250 2.1.0 Ok");
	buf_clear(&sender);
}

void
smtp_transaction_rcpt(struct smtp_session *s, struct span args)
{
	struct smtp_rcpt r;
	struct po_err err;
	struct address a;
	struct buf to;
	const char *fault = smtp_rcpt_parse(args, &r);

	if (fault != NULL) {
		smtp_io_reply(&s->io, fault);
		return;
	}
	buf_init(&to, ENVELOPE_MAX_ADDRESS);
	if (read_path(s, r.path, &to, &a, &err) == -1)
		smtp_io_reply_error(&s->io, &err, "553 5.1.3");
	else if (to.len == 0)
		smtp_io_reply(&s->io, "553 5.1.3 Nobody can be the recipient");
	else if (a.utf8 && !s->smtputf8)
		smtp_io_reply(&s->io, "553 5.6.7 This address wants SMTPUTF8");
	else if (s->sub.to.n >= (size_t)s->conf->recipient_limit)
		smtp_io_reply(&s->io, "452 4.5.3 Too many recipients");
	else if (submission_add_recipient(&s->sub, &a, r.notify, r.orcpt,
	             &err) == -1)
		smtp_io_reply_error(&s->io, &err, "553 5.1.3");
	else
		smtp_io_reply(&s->io, "250 2.1.5 Ok");
	buf_clear(&to);
}

/* The message is not taken: tell why, and begin anew. */
static void
refuse_mail(struct smtp_session *s, const struct po_err *why)
{
	bool large = s->sub.bytes > (uint64_t)s->conf->message_size_limit;

	smtp_io_reply_error(&s->io, why, large ? "552 5.3.4" : "554 5.6.0");
	smtp_transaction_end(s);
}

/* Before the reply: who has that may end us. */
static void
tell_urgent(const struct smtp_session *s)
{
	const struct envelope *env = &s->sub.env;

	if (s->urgent != NULL && env->priority == PRIORITY_NOW && env->due == 0)
		(void)sink_write(*s->urgent, env->id.text, QUEUE_ID_LEN, NULL);
}

/* All of the message is here: queue it, tell, and begin anew. */
static void
finish_mail(struct smtp_session *s)
{
	struct po_err err;
	char text[100];

	if (submission_end(&s->sub, &err) == -1) {
		refuse_mail(s, &err);
		return;
	}
	tell_urgent(s);
	(void)snprintf(text, sizeof(text), "250 2.0.0 Ok: queued as %s",
	    s->sub.env.id.text);
	smtp_io_reply(&s->io, text);
	smtp_transaction_end(s);
}

void
smtp_transaction_data(struct smtp_session *s, struct span args)
{
	if (args.len > 0) {
		smtp_io_reply(&s->io, "501 5.5.4 DATA stands alone");
		return;
	}
	s->sub.request.dots = s->io.line_has_cr ? DOTS_SMTP_CRLF : DOTS_SMTP_LF;
	submission_attach(&s->sub, s->drop);
	smtp_io_reply(&s->io, "354 End data with <CR><LF>.<CR><LF>");
	while (!s->sub.clean.ended) {
		if (s->io.at == s->io.len && !smtp_io_fill(&s->io))
			return;
		(void)submission_write(&s->sub, s->io.input + s->io.at,
		    s->io.len - s->io.at, NULL);
		s->io.at += s->sub.clean.used;
	}
	finish_mail(s);
}

/* Pass `n` bytes of a chunk on, or over when they are not wanted. */
static bool
take_chunk(struct smtp_session *s, uint64_t n, bool wanted)
{
	size_t some;

	while (n > 0) {
		if (s->io.at == s->io.len && !smtp_io_fill(&s->io))
			return false;
		some = s->io.len - s->io.at;
		if (some > n)
			some = (size_t)n;
		if (wanted)
			(void)submission_write(&s->sub, s->io.input + s->io.at,
			    some, NULL);
		s->io.at += some;
		n -= some;
	}
	return true;
}

/* Why the chunk is not for a message, NULL when it is. `rest` is what follows
 * its size. */
static const char *
chunk_fault(const struct smtp_session *s, struct span rest, bool last)
{
	if (rest.len > 0 && !last)
		return "501 5.5.4 BDAT size [LAST] is wanted";
	if (!s->in_mail)
		return "503 5.5.1 MAIL comes first";
	if (s->sub.to.n == 0)
		return "554 5.5.1 No valid recipients";
	return NULL;
}

static void
begin_chunks(struct smtp_session *s)
{
	if (s->in_chunks)
		return;
	s->sub.request.dots = DOTS_DATA;
	submission_attach(&s->sub, s->drop);
	s->in_chunks = true;
}

/* A message with a hole must not be queued: what could not be taken ends it. */
static void
answer_chunk(struct smtp_session *s, const char *fault, uint64_t n, bool last)
{
	struct po_err why;
	char text[60];

	if (fault != NULL) {
		smtp_io_reply(&s->io, fault);
		if (s->in_chunks)
			smtp_transaction_end(s);
	} else if (last) {
		finish_mail(s);
	} else if (s->sub.failed) {
		why = s->sub.failure;
		refuse_mail(s, &why);
	} else {
		(void)snprintf(text, sizeof(text), "250 2.0.0 %llu bytes",
		    (unsigned long long)n);
		smtp_io_reply(&s->io, text);
	}
}

/* RFC 3030, 2: the chunk follows at once, also behind a refusal, and chunks
 * that were on the way behind a refused one are read and refused too. */
void
smtp_transaction_bdat(struct smtp_session *s, struct span args)
{
	struct span rest = span_trim(args), size = span_cut(&rest, ' ');
	const char *fault;
	uint64_t n;
	bool last;

	rest = span_trim(rest);
	last = span_eq_nocase(rest, SPAN_LIT("LAST"));
	if (!parse_u64(size, 0, INT64_MAX, &n)) {
		/* Nobody knows where the next command begins. */
		smtp_io_reply(&s->io, "501 5.5.4 BDAT size [LAST] is wanted");
		s->io.ended = true;
		return;
	}
	fault = chunk_fault(s, rest, last);
	if (fault == NULL)
		begin_chunks(s);
	if (take_chunk(s, n, fault == NULL))
		answer_chunk(s, fault, n, last);
}
