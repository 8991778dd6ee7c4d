/* SPDX-License-Identifier: ISC */
/*
 * One message in full: its record, then its recipients, then its attempts, the
 * latter two in pages of their own.
 */
#include <time.h>

#include "cli/listing.h"
#include "cli/listing_rows.h"

#define RECORDS_PER_PAGE 1000
#define PAGE_BYTES (64u << 20)
#define ARENA_BYTES (16u << 20)

struct show {
	struct index *ix;
	const struct queue_id *id;
	FILE *out;
	struct index_tx *tx;
	struct arena arena;
	struct buf text;
	uint32_t next_recipient;
	struct index_attempt last; /* the attempt row printed last */
};

bool
listing_put_time(struct buf *b, int64_t t)
{
	time_t when = (time_t)t;
	struct tm tm;
	char text[40];

	if (localtime_r(&when, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &tm) == 0)
		return buf_printf(b, "%jd", (intmax_t)t);
	return buf_puts(b, text);
}

static bool
put_time(struct buf *b, const char *name, int64_t t)
{
	return buf_printf(b, "%-12s", name) && listing_put_time(b, t) &&
	       buf_putc(b, '\n');
}

static bool
put_text(struct buf *b, const char *name, const char *text)
{
	return text == NULL || text[0] == '\0' ||
	       (buf_printf(b, "%-12s", name) && listing_put_text(b, text) &&
	           buf_putc(b, '\n'));
}

static const char *
place_of(const struct index_message *m)
{
	if (index_message_is_claimed(m))
		return ", being sent";
	return m->place == PLACE_READY || m->place == PLACE_PARTS
	           ? ", ready to be sent"
	           : "";
}

static bool
put_message(struct buf *b, const struct index_message *m)
{
	bool finished = m->finished != 0;

	return buf_printf(b, "%-12s%s\n%-12s%s%s\n", "queue id", m->id.text,
	           "state", message_state_name(m->state), place_of(m)) &&
	       (m->state != MESSAGE_HELD ||
	           put_text(b, "held", message_hold_text(m->hold))) &&
	       put_text(b, "sender", m->sender[0] == '\0' ? "<>" : m->sender) &&
	       buf_printf(b, "%-12s%u", "uid", m->uid) &&
	       (m->login[0] == '\0' ||
	           (buf_puts(b, " (") && listing_put_text(b, m->login) &&
	               buf_putc(b, ')'))) &&
	       buf_printf(b, "%s\n%-12s%ju bytes\n%-12s%s\n",
	           m->ours ? ", made by po" : "", "size", (uintmax_t)m->size,
	           "priority", priority_name(m->priority)) &&
	       put_time(b, "arrival", m->arrival) &&
	       (finished || put_time(b, "due", m->due)) &&
	       (finished || put_time(b, "expires", m->expires)) &&
	       (!finished || put_time(b, "finished", m->finished)) &&
	       put_text(b, "tag", m->tag) && put_text(b, "key", m->key) &&
	       buf_printf(b, "%-12s%u, %u in doubt\n", "attempts", m->attempts,
	           m->n_in_doubt);
}

static bool
put_reply(struct buf *b, enum slot_state state, int code, const char *status,
    const char *text)
{
	if (!buf_puts(b, slot_state_name(state)))
		return false;
	if (code != 0 && !buf_printf(b, " %d", code))
		return false;
	if (status[0] != '\0' && !buf_printf(b, " %s", status))
		return false;
	if (text[0] != '\0' &&
	    !(buf_puts(b, " (") && listing_put_text(b, text) &&
	        buf_putc(b, ')')))
		return false;
	return buf_putc(b, '\n');
}

/* 1 printed, 0 there is no other. */
static int
show_recipient(struct show *s, struct po_err *err)
{
	struct index_recipient r;
	int found = index_recipient_get(s->tx, s->id, s->next_recipient,
	    &s->arena, &r, err);

	if (found != 1)
		return found;
	s->next_recipient++;
	if (buf_printf(&s->text, "recipient %u: ", s->next_recipient) &&
	    listing_put_text(&s->text, r.address) && buf_puts(&s->text, ": ") &&
	    put_reply(&s->text, r.state, r.reply_code, r.status, r.text))
		return 1;
	return po_fail(err, PO_EOS, "listing: out of memory");
}

static int
show_attempt(struct show *s, struct po_err *err)
{
	struct index_attempt *a = &s->last;
	int found = index_attempt_next(s->tx, s->id, &s->arena, a, err);

	if (found != 1)
		return found;
	if (buf_printf(&s->text, "attempt %u: ", a->attempt) &&
	    listing_put_time(&s->text, a->time) &&
	    buf_printf(&s->text, ", recipient %u, %u.%02u s, ",
	        a->recipient + 1, a->delay_ms / 1000,
	        a->delay_ms % 1000 / 10) &&
	    listing_put_text(&s->text, a->relay) && buf_puts(&s->text, ", ") &&
	    listing_put_text(&s->text, a->phase) && buf_puts(&s->text, ": ") &&
	    put_reply(&s->text, a->state, a->reply_code, a->status, a->text))
		return 1;
	return po_fail(err, PO_EOS, "listing: out of memory");
}

/* What it is rendered from when it is sent. */
static bool
put_templates(struct show *s, struct po_err *err)
{
	const char *version;
	uint32_t n;

	for (n = 0;
	     index_template_get(s->tx, s->id, n, &s->arena, &version, err) == 1;
	     n++)
		if (!put_text(&s->text, "template", version))
			return false;
	return true;
}

static int
show_message(struct show *s, struct po_err *err)
{
	char holder[QUEUE_ID_LEN + 1];
	struct index_message m;
	int found = index_message_get(s->tx, s->id, &s->arena, &m, err);

	if (found == -1)
		return -1;
	if (found == 0)
		return po_fail(err, PO_EDATA, "%s: no such message",
		    s->id->text);
	if (listing_find_holder(s->tx, &m, holder, err) == -1)
		return -1;
	return put_message(&s->text, &m) &&
	               put_text(&s->text, "key of", holder) &&
	               put_templates(s, err)
	           ? 0
	           : po_fail(err, PO_EOS, "listing: out of memory");
}

/* Up to RECORDS_PER_PAGE rows of one kind: 1 there may be more, 0 that was
 * the last. */
static int
show_page(struct show *s, int (*row)(struct show *s, struct po_err *err),
    struct po_err *err)
{
	unsigned i;
	int rc;

	buf_reset(&s->text);
	arena_clear(&s->arena);
	if (index_begin(s->ix, INDEX_READ, &s->tx, err) == -1)
		return -1;
	for (i = 0, rc = 1; rc == 1 && i < RECORDS_PER_PAGE; i++)
		rc = row(s, err);
	index_discard(s->tx);
	if (rc != -1 &&
	    (fwrite(buf_str(&s->text), 1, s->text.len, s->out) != s->text.len ||
	        fflush(s->out) != 0))
		return po_fail_sys(err, PO_EIO, "write the listing");
	return rc;
}

int
listing_show(struct index *ix, const struct queue_id *id, FILE *out,
    struct po_err *err)
{
	struct show s = { .ix = ix,
		.id = id,
		.out = out,
		.last = { .attempt = UINT32_MAX, .recipient = UINT32_MAX } };
	int rc;

	arena_init(&s.arena, ARENA_BYTES);
	buf_init(&s.text, PAGE_BYTES);
	rc = show_page(&s, show_message, err);
	if (rc == 0)
		do
			rc = show_page(&s, show_recipient, err);
		while (rc == 1);
	if (rc == 0)
		do
			rc = show_page(&s, show_attempt, err);
		while (rc == 1);
	buf_clear(&s.text);
	arena_clear(&s.arena);
	return rc;
}
