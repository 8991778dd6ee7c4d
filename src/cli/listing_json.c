/* SPDX-License-Identifier: ISC */
/*
 * One object a line, with the names of Postfix's `postqueue -j` where it has
 * the thing, and po's own beside them (po-queue(8)). Times are seconds UTC.
 */
#include "cli/listing_rows.h"

/* Escaped as in the log first, so that it is one line of valid UTF-8 without
 * controls; then JSON's own two characters. */
static bool
put_string(struct buf *b, const char *text)
{
	struct buf safe;
	size_t i;
	bool ok;

	buf_init(&safe, 8192);
	ok = listing_put_text(&safe, text) && buf_putc(b, '"');
	for (i = 0; ok && i < safe.len; i++) {
		if (safe.p[i] == '"' || safe.p[i] == '\\')
			ok = buf_putc(b, '\\');
		ok = ok && buf_putc(b, safe.p[i]);
	}
	buf_clear(&safe);
	return ok && buf_putc(b, '"');
}

static bool
put_text_field(struct buf *b, const char *name, const char *text)
{
	return buf_printf(b, ", \"%s\": ", name) && put_string(b, text);
}

static bool
put_number(struct buf *b, const char *name, int64_t n)
{
	return buf_printf(b, ", \"%s\": %jd", name, (intmax_t)n);
}

/* Postfix's queue that a message of this standing would be in. */
static const char *
queue_name(const struct index_message *m)
{
	if (m->state == MESSAGE_HELD)
		return "hold";
	if (m->state != MESSAGE_WAITING)
		return message_state_name(m->state);
	if (index_message_is_claimed(m))
		return "active";
	return m->attempts > 0 ? "deferred" : "incoming";
}

static bool
put_own_fields(struct buf *b, const struct index_message *m)
{
	return put_text_field(b, "state", message_state_name(m->state)) &&
	       (m->state != MESSAGE_HELD ||
	           put_text_field(b, "hold", message_hold_name(m->hold))) &&
	       put_text_field(b, "priority", priority_name(m->priority)) &&
	       put_number(b, "due", m->due) &&
	       put_number(b, "expires", m->expires) &&
	       (m->finished == 0 || put_number(b, "finished", m->finished)) &&
	       put_number(b, "attempts", m->attempts) &&
	       put_number(b, "in_doubt", m->n_in_doubt) &&
	       put_number(b, "uid", m->uid) &&
	       put_text_field(b, "login", m->login) &&
	       (m->tag == NULL || put_text_field(b, "tag", m->tag)) &&
	       (m->key == NULL || put_text_field(b, "key", m->key));
}

static bool
put_message(struct buf *b, struct listing_state *s,
    const struct index_message *m)
{
	s->messages++;
	s->recipients = 0;
	return buf_printf(b, "{\"queue_name\": \"%s\", \"queue_id\": \"%s\"",
	           queue_name(m), m->id.text) &&
	       put_number(b, "arrival_time", m->arrival) &&
	       buf_printf(b, ", \"message_size\": %ju", (uintmax_t)m->size) &&
	       buf_puts(b, ", \"forced_expire\": false") &&
	       put_text_field(b, "sender",
	           m->sender[0] == '\0' ? "MAILER-DAEMON" : m->sender) &&
	       put_own_fields(b, m) &&
	       (s->holder[0] == '\0' ||
	           put_text_field(b, "key_holder", s->holder)) &&
	       buf_puts(b, ", \"recipients\": [");
}

static bool
put_recipient(struct buf *b, struct listing_state *s,
    const struct index_recipient *r)
{
	if (s->recipients++ > 0 && !buf_puts(b, ", "))
		return false;
	return buf_puts(b, "{\"address\": ") && put_string(b, r->address) &&
	       (r->text[0] == '\0' ||
	           put_text_field(b,
	               slot_is_final(r->state) ? "reason" : "delay_reason",
	               r->text)) &&
	       put_text_field(b, "state", slot_state_name(r->state)) &&
	       put_number(b, "attempt", r->attempt) &&
	       (r->time == 0 || put_number(b, "time", r->time)) &&
	       (r->reply_code == 0 ||
	           put_number(b, "reply_code", r->reply_code)) &&
	       (r->status[0] == '\0' ||
	           put_text_field(b, "status", r->status)) &&
	       buf_putc(b, '}');
}

static bool
put_message_end(struct buf *b)
{
	return buf_puts(b, "]}\n");
}

/* Postfix calls the queue of what is not taken in yet "maildrop". */
static bool
put_untaken(struct buf *b, struct listing_state *s, const struct untaken *u)
{
	char who[UNTAKEN_WHO_BYTES];

	s->messages++;
	listing_untaken_who(u, who);
	return buf_printf(b,
	           "{\"queue_name\": \"maildrop\", \"queue_id\": \"%s\"",
	           u->id.text) &&
	       put_number(b, "arrival_time", u->arrival) &&
	       buf_printf(b, ", \"message_size\": %ju", (uintmax_t)u->size) &&
	       buf_puts(b, ", \"forced_expire\": false") &&
	       put_text_field(b, "sender", who) &&
	       put_text_field(b, "state", message_state_name(MESSAGE_WAITING)) &&
	       put_number(b, "uid", u->uid) &&
	       buf_puts(b, ", \"recipients\": []}\n");
}

static bool
put_end(struct buf *b, const struct listing_state *s)
{
	(void)b;
	(void)s;
	return true;
}

const struct listing_rows listing_json = { put_message, put_recipient,
	put_message_end, put_untaken, put_end };
