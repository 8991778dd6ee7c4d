/* SPDX-License-Identifier: ISC */
/*
 * What a message has and the server does not take: 8-bit text without 8BITMIME
 * (RFC 6152, 3), UTF-8 in the header without SMTPUTF8. RFC 6531 leaves it to
 * whoever submits a message to write its header otherwise; where an address
 * stands in the way, or somebody asked for SMTPUTF8, the message comes back.
 */
#include "deliver/smtp.h"

#include "deliver/command.h"

static bool
needs_bodies(const struct smtp *s, const struct deliver_message *m)
{
	return m->has_8bit && !s->ehlo.eightbit;
}

bool
smtp_fits(const struct smtp *s, const struct deliver_message *m)
{
	return !needs_bodies(s, m) && (!m->has_utf8_header || s->ehlo.smtputf8);
}

bool
smtp_fit(struct smtp *s, const struct deliver_message **m, struct delivery *why)
{
	struct seven *converted;
	struct po_err err;
	int rc;

	smtp_fit_end(s);
	if (smtp_fits(s, *m))
		return true;
	rc = seven_new(*m, needs_bodies(s, *m), &converted, why, &err);
	if (rc == -1)
		delivery_set(why, DELIVERY_DEFERRED, PHASE_LOCAL, "4.3.0", "%s",
		    err.text);
	if (rc != 1)
		return false;
	s->fitted = **m;
	s->fitted.convert = converted;
	s->fitted.length = seven_length(converted);
	s->fitted.has_8bit = s->fitted.has_8bit && s->ehlo.eightbit;
	s->fitted.has_utf8_header = false;
	*m = &s->fitted;
	return true;
}

void
smtp_fit_end(struct smtp *s)
{
	seven_free(s->fitted.convert);
	s->fitted.convert = NULL;
}
