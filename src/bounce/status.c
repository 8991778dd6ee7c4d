/* SPDX-License-Identifier: ISC */
/*
 * The fields of the report (RFC 3464, 2; RFC 6533, 3). Addresses that are not
 * ASCII are type "utf-8": as they are in message/global-delivery-status, with
 * \x{...} in message/delivery-status.
 */
#include <stdio.h>

#include "bounce/parts.h"
#include "envelope/xtext.h"
#include "message/date.h"
#include "message/fold.h"
#include "util/utf8.h"

#define TEXT_MAX 1000u

/* One field: name, then a value that is safe already. */
static bool
put_field(struct buf *out, const char *name, struct span value)
{
	struct buf line;
	bool ok;

	buf_init(&line, 16384);
	ok = buf_puts(&line, name) && buf_puts(&line, ": ") &&
	     buf_put_span(&line, value) && buf_putc(&line, '\n') &&
	     fold_field(buf_span(&line), out);
	buf_clear(&line);
	return ok;
}

static bool
put_date(struct buf *out, const char *name, int64_t t)
{
	char date[DATE_BYTES];

	date_format(t, date);
	return put_field(out, name, span_of(date));
}

static bool
put_safe(struct buf *out, struct span s)
{
	size_t i;
	bool ok = true;

	for (i = 0; i < s.len && ok; i++)
		ok = buf_putc(out,
		    ascii_is_control((unsigned char)s.p[i]) ? '?' : s.p[i]);
	return ok;
}

static bool
put_address(struct buf *out, const char *name, const char *type,
    struct span address, bool utf8)
{
	bool ascii = utf8_is_ascii(address), ok;
	struct buf value;

	buf_init(&value, 16384);
	ok = buf_puts(&value, ascii ? type : "utf-8") && buf_puts(&value, "; ");
	ok = ok && (ascii || (utf8 && utf8_is_valid(address))
	                   ? put_safe(&value, address)
	                   : xtext_put_utf8(&value, address));
	ok = ok && put_field(out, name, buf_span(&value));
	buf_clear(&value);
	return ok;
}

static bool
put_orcpt(struct buf *out, const char *orcpt, bool utf8)
{
	struct span rest = span_of(orcpt), type = span_cut(&rest, ';');
	struct buf name, address;
	bool ok;

	buf_init(&name, ENVELOPE_MAX_ORCPT);
	buf_init(&address, ENVELOPE_MAX_ORCPT);
	ok = put_safe(&name, type) && xtext_decode(&address, rest) &&
	     put_address(out, "Original-Recipient", buf_str(&name),
	         buf_span(&address), utf8);
	buf_clear(&name);
	buf_clear(&address);
	return ok;
}

/* "host" of "host[address]:port"; empty where no server was spoken to. */
static struct span
host_of(const char *relay)
{
	const char *end = strchr(relay, '[');

	return (struct span){ relay, end == NULL ? 0 : (size_t)(end - relay) };
}

static const char *const actions[] = {
	[ACTION_FAILED] = "failed",
	[ACTION_EXPIRED] = "failed",
	[ACTION_DELAYED] = "delayed",
	[ACTION_DELIVERED] = "delivered",
	[ACTION_RELAYED] = "relayed",
};

static bool
put_diagnostic(struct buf *out, const struct notice_recipient *r)
{
	static const char head[] = "Diagnostic-Code: ";
	const char *type = r->reply_code != 0 ? "smtp; " : "x-po; ";

	if (r->text[0] == '\0')
		return true;
	return buf_puts(out, head) && buf_puts(out, type) &&
	       parts_wrap(out, span_of(r->text), TEXT_MAX,
	           sizeof(head) - 1 + strlen(type), "    ");
}

static bool
put_recipient(const struct notice *n, const struct notice_recipient *r,
    bool utf8, struct buf *out)
{
	struct span host = host_of(r->relay);
	struct buf mta;
	char status[12];
	bool ok = buf_putc(out, '\n');

	parts_status(r, status);
	if (r->orcpt != NULL)
		ok = ok && put_orcpt(out, r->orcpt, utf8);
	ok = ok &&
	     put_address(out, "Final-Recipient", "rfc822", span_of(r->address),
	         utf8) &&
	     put_field(out, "Action", span_of(actions[r->action])) &&
	     put_field(out, "Status", span_of(status));
	buf_init(&mta, 1024);
	if (host.len > 0 && host.len < 500)
		ok = ok && buf_puts(&mta, "dns; ") && put_safe(&mta, host) &&
		     put_field(out, "Remote-MTA", buf_span(&mta));
	buf_clear(&mta);
	ok = ok && put_diagnostic(out, r);
	if (r->last_attempt != 0)
		ok = ok && put_date(out, "Last-Attempt-Date", r->last_attempt);
	if (r->action == ACTION_DELAYED)
		ok = ok && put_date(out, "Will-Retry-Until", n->expires);
	return ok;
}

static bool
put_message_fields(const struct notice *n, bool utf8, struct buf *out)
{
	struct buf v;
	bool ok;

	buf_init(&v, 4096);
	ok = buf_puts(&v, "dns; ") && buf_puts(&v, n->hostname) &&
	     put_field(out, "Reporting-MTA", buf_span(&v));
	buf_reset(&v);
	if (n->envid != NULL) {
		struct buf id;

		buf_init(&id, ENVELOPE_MAX_ENVID);
		ok = ok && xtext_decode(&id, span_of(n->envid)) &&
		     put_safe(&v, buf_span(&id)) &&
		     put_field(out, "Original-Envelope-Id", buf_span(&v));
		buf_clear(&id);
	}
	buf_clear(&v);
	return ok && put_field(out, "X-PO-Queue-ID", span_of(n->original_id)) &&
	       put_address(out, "X-PO-Sender", "rfc822", span_of(n->sender),
	           utf8) &&
	       put_date(out, "Arrival-Date", n->arrival);
}

bool
status_fields(const struct notice *n, bool utf8, struct buf *out)
{
	bool ok = put_message_fields(n, utf8, out);
	size_t i;

	for (i = 0; i < n->n_recipients && ok; i++)
		ok = put_recipient(n, &n->recipients[i], utf8, out);
	return ok;
}
