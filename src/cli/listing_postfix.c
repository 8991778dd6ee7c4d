/* SPDX-License-Identifier: ISC */
/*
 * The layout of Postfix's `postqueue -p` (with short queue ids), which mailq's
 * readers know: Nagios, netdata, Postfix::Parse::Mailq, and many an awk. A
 * queue id of 26 characters overflows the first column, as a long one does
 * there; everybody reads columns by blanks.
 */
#include <pwd.h>
#include <stdio.h>
#include <time.h>

#include "cli/listing_rows.h"
#include "log/log.h"

#define STRING_FORMAT "%-11s %7s %-20s %s\n"
#define TEXT_MAX 4096
#define REASON_WIDTH 76

bool
listing_put_text(struct buf *b, const char *text)
{
	return log_escape(b, span_of(text), TEXT_MAX);
}

void
listing_untaken_who(const struct untaken *u, char who[UNTAKEN_WHO_BYTES])
{
	struct passwd entry, *found = NULL;
	char text[16384];

	if (getpwuid_r((uid_t)u->uid, &entry, text, sizeof(text), &found) ==
	        0 &&
	    found != NULL)
		(void)snprintf(who, UNTAKEN_WHO_BYTES, "%s", found->pw_name);
	else
		(void)snprintf(who, UNTAKEN_WHO_BYTES, "uid %lu",
		    (unsigned long)u->uid);
}

/* As asctime(3), without its year: 20 characters, the last is blank. */
static bool
put_arrival(struct buf *b, int64_t t)
{
	static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu",
		"Fri", "Sat" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May",
		"Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t when = (time_t)t;
	struct tm tm;

	if (localtime_r(&when, &tm) == NULL)
		return buf_printf(b, "%20s", "");
	return buf_printf(b, "%s %s %2d %02d:%02d:%02d ", days[tm.tm_wday],
	    months[tm.tm_mon], tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static char
status_of(const struct index_message *m)
{
	if (m->state == MESSAGE_HELD)
		return '!';
	return index_message_is_claimed(m) ? '*' : ' ';
}

static bool
put_heading(struct buf *b, const struct listing_state *s)
{
	if (s->messages > 0)
		return buf_putc(b, '\n');
	return buf_printf(b, STRING_FORMAT, "-Queue ID-", "--Size--",
	    "----Arrival Time----", "-Sender/Recipient-------");
}

/* As Postfix, no word for mail that somebody holds. */
static const char *
standing_of(const struct index_message *m)
{
	switch (m->state) {
	case MESSAGE_HELD:
		return message_hold_is_quota(m->hold)
		           ? message_hold_text(m->hold)
		           : "";
	case MESSAGE_CANCELLED:
	case MESSAGE_REFUSED:
	case MESSAGE_DUPLICATE:
		return message_state_name(m->state);
	default:
		return "";
	}
}

static bool
put_message(struct buf *b, struct listing_state *s,
    const struct index_message *m)
{
	const char *sender = m->sender[0] == '\0' ? "MAILER-DAEMON" : m->sender;

	if (!put_heading(b, s))
		return false;
	s->messages++;
	s->bytes += m->size;
	s->standing = standing_of(m);
	buf_reset(&s->reason);
	return buf_printf(b, "%s%c %7ju ", m->id.text, status_of(m),
	           (uintmax_t)m->size) &&
	       put_arrival(b, m->arrival) && buf_putc(b, ' ') &&
	       listing_put_text(b, sender) && buf_putc(b, '\n');
}

/* What stands between brackets: the cause, or what became of a finished one. */
static bool
reason_of(const struct index_recipient *r, const char *standing,
    struct buf *reason)
{
	if (r->text[0] != '\0')
		return listing_put_text(reason, r->text);
	if (r->state == SLOT_WAITING || r->state == SLOT_SENDING ||
	    (r->state == SLOT_CANCELLED && standing[0] != '\0'))
		return buf_puts(reason, standing);
	return buf_puts(reason, slot_state_name(r->state));
}

/* Once for neighbours that have the same. */
static bool
put_reason(struct buf *b, struct listing_state *s,
    const struct index_recipient *r)
{
	const char *shown;
	struct buf reason;
	bool ok;

	buf_init(&reason, TEXT_MAX + 64);
	ok = reason_of(r, s->standing, &reason);
	if (ok && !span_eq(buf_span(&reason), buf_span(&s->reason))) {
		shown = reason.len == 0 ? "reason unavailable" : reason.p;
		ok = buf_printf(b, "%*s(%s)\n",
		    strlen(shown) < REASON_WIDTH
		        ? (int)(REASON_WIDTH - strlen(shown))
		        : 0,
		    "", shown);
		buf_reset(&s->reason);
		ok = ok && buf_put_span(&s->reason, buf_span(&reason));
	}
	buf_clear(&reason);
	return ok;
}

static bool
put_recipient(struct buf *b, struct listing_state *s,
    const struct index_recipient *r)
{
	s->recipients++;
	return put_reason(b, s, r) &&
	       buf_printf(b, "%-11s %7s %-20s ", "", "", "") &&
	       listing_put_text(b, r->address) && buf_putc(b, '\n');
}

static bool
put_message_end(struct buf *b)
{
	(void)b;
	return true;
}

/* As Postfix shows its maildrop queue; the sender and the recipients are not
 * known before it is taken in. */
static bool
put_untaken(struct buf *b, struct listing_state *s, const struct untaken *u)
{
	static const char reason[] = "handed in, not taken in yet";
	char who[UNTAKEN_WHO_BYTES];

	if (!put_heading(b, s))
		return false;
	s->messages++;
	s->bytes += u->size;
	listing_untaken_who(u, who);
	return buf_printf(b, "%s  %7ju ", u->id.text, (uintmax_t)u->size) &&
	       put_arrival(b, u->arrival) && buf_putc(b, ' ') &&
	       listing_put_text(b, who) &&
	       buf_printf(b, "\n%*s(%s)\n",
	           REASON_WIDTH - (int)sizeof(reason) + 1, "", reason);
}

static bool
put_end(struct buf *b, const struct listing_state *s)
{
	if (s->messages == 0)
		return buf_puts(b, "Mail queue is empty\n");
	return buf_printf(b, "\n-- %ju Kbytes in %ju Request%s.\n",
	    (uintmax_t)(s->bytes / 1024), (uintmax_t)s->messages,
	    s->messages == 1 ? "" : "s");
}

const struct listing_rows listing_postfix = { put_message, put_recipient,
	put_message_end, put_untaken, put_end };
