/* SPDX-License-Identifier: ISC */
/*
 * The part of a notice that a person reads: what happened to which message,
 * what the server said, what that means, and whether it goes on.
 */
#include <stdio.h>

#include "bounce/parts.h"
#include "message/date.h"

#define ADDRESS_MAX 900u /* a line has 998 bytes at most */
#define REPLY_MAX 1000u
#define SUBJECT_MAX 200u

static const char *
plural(const struct notice *n, const char *one, const char *many)
{
	return n->n_recipients == 1 ? one : many;
}

static bool
opening_failed(const struct notice *n, struct buf *out)
{
	bool ok = buf_puts(out, "Your message could not be delivered to ");

	if (n->n_recipients == 1)
		ok = ok && buf_puts(out, "the recipient below");
	else
		ok = ok && buf_printf(out, "the %zu recipients below",
		               n->n_recipients);
	return ok && buf_puts(out,
	                 ".\nIt will not be tried again: if they are to have "
	                 "it, send it once more\nwhen the cause is mended.\n");
}

static bool
opening_delayed(const struct notice *n, struct buf *out)
{
	char until[DATE_BYTES];

	date_format(n->expires, until);
	return buf_printf(out,
	    "THIS IS A WARNING ONLY. YOU DO NOT NEED TO SEND YOUR MESSAGE "
	    "AGAIN.\n\n"
	    "Your message has not been delivered to %s below yet.\n"
	    "It is kept and tried again until\n%s.\n",
	    plural(n, "the recipient", "the recipients"), until);
}

static bool
opening_success(const struct notice *n, struct buf *out)
{
	return buf_printf(out,
	    "You asked to be told: your message has been handed over for %s\n"
	    "below.\n",
	    plural(n, "the recipient", "the recipients"));
}

static bool
opening_refused(const struct notice *n, struct buf *out)
{
	(void)n;
	return buf_puts(out,
	    "Your message was not accepted, and will not be sent to anybody:\n"
	    "the cause is below.\n");
}

static bool
opening_double(const struct notice *n, struct buf *out)
{
	bool ok = buf_puts(out,
	    "A notice about mail that could not be delivered cannot be "
	    "delivered either.\nThe notice is attached; the sender whom it was "
	    "for has not been told.\n");

	return ok && n->n_recipients > 0;
}

static bool (*const openings[])(const struct notice *, struct buf *) = {
	[NOTICE_FAILED] = opening_failed,
	[NOTICE_EXPIRED] = opening_failed,
	[NOTICE_DELAYED] = opening_delayed,
	[NOTICE_SUCCESS] = opening_success,
	[NOTICE_REFUSED] = opening_refused,
	[NOTICE_DOUBLE] = opening_double,
};

/* Who spoke, and when in the dialogue. */
static bool
put_said(const struct notice_recipient *r, struct buf *out)
{
	static const char indent[] = "    ";
	bool by_server = r->reply_code != 0 && r->relay[0] != '\0' &&
	                 strcmp(r->relay, "none") != 0;
	struct buf line;
	bool ok;

	buf_init(&line, 4 * REPLY_MAX);
	ok = !by_server ||
	     (buf_puts(&line, "the server ") && buf_puts(&line, r->relay) &&
	         buf_puts(&line, " said: "));
	ok = ok && buf_puts(&line, r->text);
	if (ok && by_server && r->phase[0] != '\0')
		ok = buf_printf(&line, " (in reply to %s)", r->phase);
	ok = ok && buf_puts(out, indent) &&
	     parts_wrap(out, buf_span(&line), REPLY_MAX, 4, indent);
	buf_clear(&line);
	return ok;
}

/* What became of it, where that is not plain from the notice as a whole. */
static const char *
outcome(const struct notice_recipient *r)
{
	switch (r->action) {
	case ACTION_EXPIRED:
		return "It was tried for as long as is allowed, and given up. "
		       "The last time:";
	case ACTION_DELIVERED:
		return "Delivered into the mailbox.";
	case ACTION_RELAYED:
		return "Handed over to the next mail server, which does not "
		       "tell of success. No further notice of success comes.";
	default:
		return "";
	}
}

static bool
put_recipient(const struct notice_recipient *r, struct buf *out)
{
	static const char indent[] = "    ";
	const char *what = outcome(r), *advice = "";
	char status[12];
	bool ok = buf_puts(out, "\n<") &&
	          parts_escape(out, span_of(r->address), ADDRESS_MAX, false) &&
	          buf_puts(out, ">\n");

	if (what[0] != '\0')
		ok = ok && buf_puts(out, indent) &&
		     parts_wrap(out, span_of(what), 400, 4, indent);
	if (r->text[0] != '\0')
		ok = ok && put_said(r, out);
	if (r->action != ACTION_DELIVERED && r->action != ACTION_RELAYED) {
		parts_status(r, status);
		advice = advice_for(status, r->reply_code);
	}
	if (advice[0] != '\0')
		ok = ok && buf_puts(out, indent) &&
		     parts_wrap(out, span_of(advice), 400, 4, indent);
	return ok;
}

/* A line of the header, as far as it can be shown: folds become blanks. */
static bool
put_field(const struct original *o, const char *name, struct buf *out)
{
	struct span v = original_field(o, name);
	struct buf line;
	size_t i;
	bool ok = true;

	if (v.len == 0)
		return true;
	buf_init(&line, v.len + 1);
	for (i = 0; i < v.len && ok; i++)
		if (v.p[i] != '\n')
			ok = buf_putc(&line,
			    ascii_is_control((unsigned char)v.p[i]) ? ' '
			                                            : v.p[i]);
	ok = ok && buf_printf(out, "    %s: ", name) &&
	     parts_escape(out, buf_span(&line), SUBJECT_MAX, false) &&
	     buf_putc(out, '\n');
	buf_clear(&line);
	return ok;
}

static bool
put_message(const struct notice *n, const struct original *o, bool whole,
    struct buf *out)
{
	char arrival[DATE_BYTES];
	const char *attached = n->original.length == 0
	                           ? "It cannot be attached."
	                       : whole ? "It is attached."
	                               : "Its header is attached.";

	date_format(n->arrival, arrival);
	return buf_printf(out, "\nThe message, which came in on\n%s:\n",
	           arrival) &&
	       put_field(o, "Subject", out) && put_field(o, "From", out) &&
	       put_field(o, "Message-ID", out) &&
	       buf_printf(out, "    Queue id: %s\n%s\n", n->original_id,
	           attached);
}

bool
text_part(const struct notice *n, const struct original *o, bool whole,
    struct buf *out)
{
	bool ok;
	size_t i;

	ok = buf_printf(out, "This is the mail system at host %s.\n\n",
	         n->hostname) &&
	     openings[n->kind](n, out);
	for (i = 0; i < n->n_recipients && ok; i++)
		ok = put_recipient(&n->recipients[i], out);
	return ok && put_message(n, o, whole, out) &&
	       buf_printf(out,
	           "\nFor help, write to <postmaster@%s> and include this "
	           "notice.\n",
	           n->domain);
}
