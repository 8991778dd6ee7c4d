/* SPDX-License-Identifier: ISC */
/*
 * A notice is 8 bit where any part of it is, and "global" (RFC 6532, 6533)
 * where the original or an address of it needs UTF-8. It only needs SMTPUTF8
 * itself when the address that it goes to does.
 */
#include "bounce/notice.h"

#include <stdio.h>

#include "bounce/parts.h"
#include "message/date.h"
#include "message/fold.h"
#include "util/utf8.h"

#define PART_MAX (64u << 20)
#define REFERENCE_MAX 500u

static const struct {
	const char *name, *subject, *description;
} kinds[] = {
	[NOTICE_FAILED] = { "bounce", "Undelivered Mail Returned to Sender",
	    "Undelivered Message" },
	[NOTICE_EXPIRED] = { "bounce", "Undelivered Mail Returned to Sender",
	    "Undelivered Message" },
	[NOTICE_DELAYED] = { "delay", "Delayed Mail (still being retried)",
	    "Delayed Message" },
	[NOTICE_SUCCESS] = { "success", "Successful Mail Delivery Report",
	    "Delivered Message" },
	[NOTICE_REFUSED] = { "refused", "Mail Not Accepted",
	    "Refused Message" },
	[NOTICE_DOUBLE] = { "double-bounce",
	    "Postmaster Copy: Undelivered Notice", "Undelivered Message" },
	[NOTICE_DIGEST] = { "digest", "Undelivered Mail: Summary", "" },
};

const char *
notice_kind_name(enum notice_kind kind)
{
	return kinds[kind].name;
}

bool
notice_wants_utf8(const struct notice *n)
{
	return !utf8_is_ascii(span_of(n->to));
}

/* Is it about addresses or a header that are not ASCII? */
static bool
is_global(const struct notice *n)
{
	size_t i;

	if (n->smtputf8 || !utf8_is_ascii(span_of(n->sender)))
		return true;
	for (i = 0; i < n->n_recipients; i++)
		if (!utf8_is_ascii(span_of(n->recipients[i].address)))
			return true;
	return false;
}

/* Does the message itself go back, or its header? */
static bool
is_whole(const struct notice *n)
{
	return (n->kind == NOTICE_FAILED || n->kind == NOTICE_EXPIRED ||
	           n->kind == NOTICE_DOUBLE || n->kind == NOTICE_REFUSED) &&
	       n->ret != RET_HDRS && n->original.length > 0 &&
	       n->original.length <= n->max_bytes;
}

/* What the three parts are, before any of it is written. */
struct plan {
	const struct notice *n;
	struct original original;
	struct buf text, status;
	struct span header; /* of the original, cut */
	bool whole, global, eightbit;
};

static const char *
encoding(bool eightbit)
{
	return eightbit ? "Content-Transfer-Encoding: 8bit\n" : "";
}

/* Whole lines, at most `max` bytes. */
static struct span
cut_lines(struct span s, uint64_t max)
{
	if (s.len <= max)
		return s;
	s.len = (size_t)max;
	while (s.len > 0 && s.p[s.len - 1] != '\n')
		s.len--;
	return s;
}

static int
make_plan(struct plan *p, const struct notice *n, struct po_err *err)
{
	p->n = n;
	buf_init(&p->text, PART_MAX);
	buf_init(&p->status, PART_MAX);
	p->whole = is_whole(n);
	p->global = is_global(n);
	if (original_read(&p->original, &n->original, err) == -1)
		return -1;
	p->header = cut_lines(buf_span(&p->original.header.text), n->max_bytes);
	if (!text_part(n, &p->original, p->whole, &p->text) ||
	    !status_fields(n, p->global, &p->status))
		return po_fail(err, PO_EOS, "a notice of more than %u bytes",
		    PART_MAX);
	p->eightbit = !utf8_is_ascii(buf_span(&p->text)) ||
	              !utf8_is_ascii(buf_span(&p->status)) ||
	              !utf8_is_ascii(p->header) ||
	              (p->whole && n->original.has_8bit);
	return 0;
}

static void
drop_plan(struct plan *p)
{
	original_clear(&p->original);
	buf_clear(&p->text);
	buf_clear(&p->status);
}

/* So that clients show the notice below its message. */
static bool
put_reference(const struct plan *p, struct buf *out)
{
	struct span id = original_field(&p->original, "Message-ID");
	size_t i;

	if (id.len < 3 || id.len > REFERENCE_MAX || id.p[0] != '<' ||
	    id.p[id.len - 1] != '>')
		return true;
	for (i = 0; i < id.len; i++)
		if (id.p[i] <= ' ' || id.p[i] >= 0x7f)
			return true;
	return buf_puts(out, "In-Reply-To: ") && buf_put_span(out, id) &&
	       buf_puts(out, "\nReferences: ") && buf_put_span(out, id) &&
	       buf_putc(out, '\n');
}

static bool
put_to(const struct notice *n, struct buf *out)
{
	struct buf line;
	bool ok;

	buf_init(&line, 4096);
	ok = buf_printf(&line, "To: <%s>\n", n->to) &&
	     fold_field(buf_span(&line), out);
	buf_clear(&line);
	return ok;
}

static bool
put_header(const struct plan *p, const char *type, struct buf *out)
{
	const struct notice *n = p->n;
	char date[DATE_BYTES];

	date_format(n->now, date);
	return buf_printf(out,
	           "Received: by %s (po)\n\tid %s; %s\n"
	           "Date: %s\n"
	           "From: Mail Delivery System <MAILER-DAEMON@%s>\n",
	           n->hostname, n->id, date, date, n->domain) &&
	       put_to(n, out) &&
	       buf_printf(out,
	           "Subject: %s\n"
	           "Message-ID: %s\n",
	           kinds[n->kind].subject, n->message_id) &&
	       put_reference(p, out) &&
	       buf_puts(out, "Auto-Submitted: auto-replied\n"
	                     "MIME-Version: 1.0\n") &&
	       buf_puts(out, type) && buf_puts(out, encoding(p->eightbit)) &&
	       buf_putc(out, '\n');
}

static bool
put_front(const struct plan *p, struct buf *out)
{
	const struct notice *n = p->n;
	bool text_8bit = !utf8_is_ascii(buf_span(&p->text));
	char type[160];

	(void)snprintf(type, sizeof(type),
	    "Content-Type: multipart/report; report-type=delivery-status;\n"
	    "\tboundary=\"%s\"\n",
	    n->boundary);
	return put_header(p, type, out) &&
	       buf_printf(out,
	           "This is a MIME-encapsulated message.\n\n"
	           "--%s\n"
	           "Content-Description: Notification\n"
	           "Content-Type: text/plain; charset=%s\n%s\n",
	           n->boundary, text_8bit ? "utf-8" : "us-ascii",
	           encoding(text_8bit)) &&
	       buf_put_span(out, buf_span(&p->text)) &&
	       buf_printf(out,
	           "\n--%s\n"
	           "Content-Description: Delivery report\n"
	           "Content-Type: message/%sdelivery-status\n%s\n",
	           n->boundary, p->global ? "global-" : "",
	           encoding(!utf8_is_ascii(buf_span(&p->status)))) &&
	       buf_put_span(out, buf_span(&p->status));
}

static bool
put_third_head(const struct plan *p, struct buf *out)
{
	static const char *const types[2][2] = {
		{ "text/rfc822-headers", "message/global-headers" },
		{ "message/rfc822", "message/global" },
	};

	return buf_printf(out,
	    "\n--%s\nContent-Description: %s%s\nContent-Type: %s\n%s\n",
	    p->n->boundary, kinds[p->n->kind].description,
	    p->whole ? "" : " Headers", types[p->whole][p->global],
	    encoding(p->whole ? p->n->original.has_8bit
	                      : !utf8_is_ascii(p->header)));
}

static int
full(struct po_err *err)
{
	return po_fail(err, PO_EOS, "a notice does not fit into memory");
}

static int
write_plan(const struct plan *p, struct sink out, struct po_err *err)
{
	struct buf b;
	int rc = -1;

	buf_init(&b, 3 * PART_MAX);
	if (!put_front(p, &b) ||
	    (p->n->original.length > 0 && !put_third_head(p, &b))) {
		(void)full(err);
		goto out;
	}
	if (sink_write(out, b.p, b.len, err) == -1)
		goto out;
	if (p->whole ? original_copy(&p->n->original, out, err) == -1
	             : sink_write(out, p->header.p, p->header.len, err) == -1)
		goto out;
	buf_reset(&b);
	rc = buf_printf(&b, "\n--%s--\n", p->n->boundary)
	         ? sink_write(out, b.p, b.len, err)
	         : full(err);
out:
	buf_clear(&b);
	return rc;
}

/* A text and no more. */
static int
write_digest(struct plan *p, struct sink out, struct po_err *err)
{
	struct buf b;
	int rc;

	buf_init(&p->text, PART_MAX);
	buf_init(&b, PART_MAX);
	rc = digest_part(p->n, &p->text) &&
	             put_header(p,
	                 "Content-Type: text/plain; charset=us-ascii\n", &b) &&
	             buf_put_span(&b, buf_span(&p->text))
	         ? sink_write(out, b.p, b.len, err)
	         : full(err);
	buf_clear(&b);
	return rc;
}

int
notice_compose(const struct notice *n, struct sink out, struct po_err *err)
{
	struct plan p = { .n = n };
	int rc;

	if (n->kind == NOTICE_DIGEST) {
		rc = write_digest(&p, out, err);
		drop_plan(&p);
		return rc;
	}
	rc = make_plan(&p, n, err);
	if (rc == 0)
		rc = write_plan(&p, out, err);
	drop_plan(&p);
	return rc;
}

/* The value up to a ';', without blanks: the type, or the keyword. */
static bool
is_word(struct span value, struct span word)
{
	return span_eq_nocase(span_trim(span_cut(&value, ';')), word);
}

int
notice_may_answer(const struct notice_original *from, struct po_err *err)
{
	struct original o;
	int rc = original_read(&o, from, err);

	if (rc == 0)
		rc = !is_word(original_field(&o, "Auto-Submitted"),
		         SPAN_LIT("auto-replied")) &&
		     !is_word(original_field(&o, "Content-Type"),
		         SPAN_LIT("multipart/report"));
	original_clear(&o);
	return rc;
}
