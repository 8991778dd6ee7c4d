/* SPDX-License-Identifier: ISC */
#include "deliver/trace.h"

#include <string.h>
#include <time.h>

#include "deliver/content.h"
#include "envelope/xtext.h"
#include "util/fd.h"

#define DELIVERED_TO "Delivered-To:"

static bool
has_control(const char *s)
{
	for (; *s != '\0'; s++)
		if (ascii_is_control((unsigned char)*s))
			return true;
	return false;
}

const char *
trace_original(const struct recipient *r, struct buf *out)
{
	struct span rest = span_of(r->orcpt == NULL ? "" : r->orcpt);

	buf_reset(out);
	if (span_eq_nocase(span_cut(&rest, ';'), span_of("rfc822")) &&
	    rest.len > 0 && xtext_decode(out, rest) &&
	    strlen(buf_str(out)) == out->len && !has_control(buf_str(out)))
		return buf_str(out);
	return r->address;
}

static bool
put_original(struct buf *out, const struct recipient *r)
{
	struct buf address;
	bool ok;

	buf_init(&address, ENVELOPE_MAX_ADDRESS);
	ok =
	    buf_printf(out, "X-Original-To: %s\n", trace_original(r, &address));
	buf_clear(&address);
	return ok;
}

/* The date as ctime(3) has it, in UTC. */
static bool
put_from(struct buf *b, const char *sender, int64_t now)
{
	time_t t = (time_t)now;
	char date[40];
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Y", &tm) == 0)
		return false;
	return buf_printf(b, "From %s  %s\n",
	    sender[0] == '\0' ? "MAILER-DAEMON" : sender, date);
}

int
trace_put(struct buf *out, const struct deliver_message *m,
    const struct recipient *r, unsigned which, int64_t now, struct po_err *err)
{
	const char *sender = m->env->sender;
	bool ok = true;

	if (has_control(sender) || has_control(r->address))
		return po_fail(err, PO_EDATA,
		    "an address with a control character");
	if ((which & TRACE_FROM) != 0)
		ok = put_from(out, sender, now);
	if ((which & TRACE_RETURN_PATH) != 0)
		ok = ok && buf_printf(out, "Return-Path: <%s>\n", sender);
	if ((which & TRACE_DELIVERED_TO) != 0)
		ok = ok && buf_printf(out, DELIVERED_TO " %s\n", r->address);
	if ((which & TRACE_ORIGINAL_TO) != 0)
		ok = ok && put_original(out, r);
	return ok ? 0 : po_fail(err, PO_EOS, "no memory for a header");
}

int
trace_is_loop(const struct deliver_message *m, const char *address, char *block,
    struct po_err *err)
{
	size_t len = m->length < CONTENT_BLOCK_BYTES ? (size_t)m->length
	                                             : CONTENT_BLOCK_BYTES;
	struct span rest, line;

	if (fd_pread_all(m->fd, block, len, m->at, "message", err) == -1)
		return -1;
	rest = (struct span){ block, len };
	while (rest.len > 0) {
		line = span_cut(&rest, '\n');
		if (line.len == 0)
			break;
		if (!span_has_prefix_nocase(line, span_of(DELIVERED_TO)))
			continue;
		line.p += strlen(DELIVERED_TO);
		line.len -= strlen(DELIVERED_TO);
		if (span_eq_nocase(span_trim(line), span_of(address)))
			return 1;
	}
	return 0;
}
