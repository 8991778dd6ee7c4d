/* SPDX-License-Identifier: ISC */
/* One pair of functions for each kind of record, whose lines stand in the order
 * of the bytes. */
#include "spool/record.h"

#include "spool/record_field.h"

/* Flags of a message record. */
enum {
	HAS_TAG = 1,
	HAS_KEY = 2,
	IS_OURS = 4,
	WANTS_NOTICE = 8,
	FOR_SENDER = 16, /* enum index_waits */
	FOR_USER = 32,
	ALL_FLAGS = 63
};

/* ------------------------------------------------------------- message */

bool
record_put_message(const struct index_message *m, struct record *r)
{
	struct record_writer w = record_write_begin(r);

	record_write_u8(&w, m->state);
	record_write_u8(&w, m->priority);
	record_write_u8(&w, m->place);
	record_write_u8(&w, m->state == MESSAGE_HELD ? m->hold : HOLD_REQUEST);
	record_write_u8(&w, (m->tag != NULL ? HAS_TAG : 0u) |
	                        (m->key != NULL ? HAS_KEY : 0u) |
	                        (m->ours ? IS_OURS : 0u) |
	                        (m->wants_notice ? WANTS_NOTICE : 0u) |
	                        (m->waits == WAITS_SENDER ? FOR_SENDER : 0u) |
	                        (m->waits == WAITS_USER ? FOR_USER : 0u));
	record_write_u32(&w, m->uid);
	record_write_u32(&w, m->attempts);
	record_write_time(&w, m->arrival);
	record_write_time(&w, m->due);
	record_write_time(&w, m->expires);
	record_write_time(&w, m->finished);
	record_write_u32(&w, m->hop);
	record_write_u64(&w, m->turn);
	record_write_u32(&w, m->claims);
	record_write_u64(&w, m->size);
	record_write_u32(&w, m->n_recipients);
	record_write_u32(&w, m->n_open);
	record_write_u32(&w, m->n_in_doubt);
	record_write_u32(&w, m->crc);
	record_write_u64(&w, m->file_size);
	record_write_text(&w, m->login, sizeof(m->login) - 1);
	record_write_text(&w, m->sender, ENVELOPE_MAX_ADDRESS);
	if (m->tag != NULL)
		record_write_text(&w, m->tag, ENVELOPE_MAX_TAG);
	if (m->key != NULL)
		record_write_text(&w, m->key, ENVELOPE_MAX_KEY);
	return w.ok;
}

bool
record_get_message(struct span v, struct arena *arena, struct index_message *m)
{
	struct record_reader r = record_read_begin(v, arena);
	unsigned flags;

	m->state = (enum message_state)record_read_below(&r, MESSAGE_STATES);
	m->priority = (enum priority)record_read_below(&r, PRIORITIES);
	m->place = (enum index_place)record_read_below(&r, PLACES);
	m->hold = (enum message_hold)record_read_below(&r, HOLDS);
	flags = record_read_below(&r, ALL_FLAGS + 1);
	m->uid = record_read_u32(&r);
	m->attempts = record_read_u32(&r);
	m->arrival = record_read_time(&r);
	m->due = record_read_time(&r);
	m->expires = record_read_time(&r);
	m->finished = record_read_time(&r);
	m->hop = record_read_u32(&r);
	m->turn = record_read_u64(&r);
	m->claims = record_read_u32(&r);
	m->size = record_read_u64(&r);
	m->n_recipients = record_read_u32(&r);
	m->n_open = record_read_u32(&r);
	m->n_in_doubt = record_read_u32(&r);
	m->crc = record_read_u32(&r);
	m->file_size = record_read_u64(&r);
	record_read_field(&r, m->login, sizeof(m->login));
	m->sender = record_read_text(&r, ENVELOPE_MAX_ADDRESS);
	m->tag =
	    flags & HAS_TAG ? record_read_text(&r, ENVELOPE_MAX_TAG) : NULL;
	m->key =
	    flags & HAS_KEY ? record_read_text(&r, ENVELOPE_MAX_KEY) : NULL;
	m->ours = (flags & IS_OURS) != 0;
	m->wants_notice = (flags & WANTS_NOTICE) != 0;
	m->waits = flags & FOR_SENDER ? WAITS_SENDER
	           : flags & FOR_USER ? WAITS_USER
	                              : WAITS_NOT;
	return record_read_ended(&r);
}

/* ---------------------------------------------------------------- part */

bool
record_put_part(const struct index_part *part, struct record *r)
{
	struct record_writer w = record_write_begin(r);

	record_write_u8(&w, part->place);
	record_write_u8(&w, part->priority);
	record_write_u64(&w, part->turn);
	record_write_time(&w, part->due);
	record_write_u32(&w, part->attempts);
	return w.ok;
}

bool
record_get_part(struct span v, struct index_part *part)
{
	struct record_reader r = record_read_begin(v, NULL);

	part->place = (enum index_place)record_read_below(&r, PLACE_CLAIM + 1);
	part->priority = (enum priority)record_read_below(&r, PRIORITIES);
	part->turn = record_read_u64(&r);
	part->due = record_read_time(&r);
	part->attempts = record_read_u32(&r);
	return record_read_ended(&r) && part->place != PLACE_NONE;
}

/* ------------------------------------------------- recipient and attempt */

/* Reply codes are 0 or three digits; anything else of ours is a bug. */
static void
put_reply(struct record_writer *w, int code, const char *status)
{
	if (code < 0 || code > 999)
		w->ok = false;
	record_write_uint(w, (uint64_t)code, 2);
	record_write_text(w, status, 11);
}

static int
take_reply(struct record_reader *r, char *status, size_t size)
{
	unsigned code = (unsigned)record_read_uint(r, 2);

	record_read_field(r, status, size);
	if (code > 999)
		r->ok = false;
	return r->ok ? (int)code : 0;
}

bool
record_put_recipient(const struct index_recipient *rec, struct record *r)
{
	struct record_writer w = record_write_begin(r);

	record_write_u8(&w, rec->state);
	record_write_u32(&w, rec->attempt);
	record_write_time(&w, rec->time);
	put_reply(&w, rec->reply_code, rec->status);
	record_write_text(&w, rec->address, ENVELOPE_MAX_ADDRESS);
	record_write_cut(&w, rec->text, RECORD_MAX_TEXT);
	return w.ok;
}

bool
record_get_recipient(struct span v, struct arena *arena,
    struct index_recipient *rec)
{
	struct record_reader r = record_read_begin(v, arena);

	rec->state = (enum slot_state)record_read_below(&r, SLOT_STATES);
	rec->attempt = record_read_u32(&r);
	rec->time = record_read_time(&r);
	rec->reply_code = take_reply(&r, rec->status, sizeof(rec->status));
	rec->address = record_read_text(&r, ENVELOPE_MAX_ADDRESS);
	rec->text = record_read_text(&r, RECORD_MAX_TEXT);
	return record_read_ended(&r);
}

bool
record_put_attempt(const struct index_attempt *a, struct record *r)
{
	struct record_writer w = record_write_begin(r);

	record_write_time(&w, a->time);
	record_write_u8(&w, a->state);
	record_write_u32(&w, a->delay_ms);
	put_reply(&w, a->reply_code, a->status);
	record_write_cut(&w, a->phase, RECORD_MAX_PHASE);
	record_write_cut(&w, a->relay, RECORD_MAX_RELAY);
	record_write_cut(&w, a->text, RECORD_MAX_TEXT);
	return w.ok;
}

bool
record_get_attempt(struct span v, struct arena *arena, struct index_attempt *a)
{
	struct record_reader r = record_read_begin(v, arena);

	a->time = record_read_time(&r);
	a->state = (enum slot_state)record_read_below(&r, SLOT_STATES);
	a->delay_ms = record_read_u32(&r);
	a->reply_code = take_reply(&r, a->status, sizeof(a->status));
	a->phase = record_read_text(&r, RECORD_MAX_PHASE);
	a->relay = record_read_text(&r, RECORD_MAX_RELAY);
	a->text = record_read_text(&r, RECORD_MAX_TEXT);
	return record_read_ended(&r);
}

/* --------------------------------------------------------- host, totals */

bool
record_put_host(const struct index_host *h, struct record *r)
{
	struct record_writer w = record_write_begin(r);

	record_write_u32(&w, h->hop);
	record_write_time(&w, h->backoff_until);
	record_write_u32(&w, h->failures);
	record_write_u32(&w, h->traits);
	record_write_time(&w, h->traits_at);
	record_write_u32(&w, h->most_connections);
	record_write_u32(&w, h->most_a_minute);
	record_write_time(&w, h->slowed_at);
	record_write_time(&w, h->raised_at);
	record_write_time(&w, h->used_at);
	record_write_text(&w, h->cause, sizeof(h->cause) - 1);
	return w.ok;
}

bool
record_get_host(struct span v, struct index_host *h)
{
	struct record_reader r = record_read_begin(v, NULL);

	h->hop = record_read_u32(&r);
	h->backoff_until = record_read_time(&r);
	h->failures = record_read_u32(&r);
	h->traits = record_read_u32(&r);
	h->traits_at = record_read_time(&r);
	h->most_connections = record_read_u32(&r);
	h->most_a_minute = record_read_u32(&r);
	h->slowed_at = record_read_time(&r);
	h->raised_at = record_read_time(&r);
	h->used_at = record_read_time(&r);
	record_read_field(&r, h->cause, sizeof(h->cause));
	return record_read_ended(&r);
}

void
record_put_totals(const struct index_totals *t, struct record *r)
{
	struct record_writer w = record_write_begin(r);
	unsigned i;

	for (i = 0; i < MESSAGE_STATES; i++) {
		record_write_u64(&w, t->messages[i]);
		record_write_u64(&w, t->bytes[i]);
	}
	record_write_u64(&w, t->deferred);
	record_write_u64(&w, t->quota);
}

bool
record_get_totals(struct span v, struct index_totals *t)
{
	struct record_reader r = record_read_begin(v, NULL);
	unsigned i;

	for (i = 0; i < MESSAGE_STATES; i++) {
		t->messages[i] = record_read_u64(&r);
		t->bytes[i] = record_read_u64(&r);
	}
	t->deferred = record_read_u64(&r);
	t->quota = record_read_u64(&r);
	return record_read_ended(&r);
}

/* ------------------------------------------------------------------ uid */

bool
record_put_uid(const struct index_uid *u, struct record *r)
{
	struct record_writer w = record_write_begin(r);
	unsigned i;

	record_write_u64(&w, u->messages);
	record_write_u64(&w, u->bytes);
	record_write_u64(&w, u->held);
	for (i = 0; i < RATES; i++) {
		record_write_time(&w, u->rates[i].since);
		record_write_u64(&w, u->rates[i].count);
	}
	record_write_time(&w, u->wake);
	return w.ok;
}

bool
record_get_uid(struct span v, struct index_uid *u)
{
	struct record_reader r = record_read_begin(v, NULL);
	unsigned i;

	u->messages = record_read_u64(&r);
	u->bytes = record_read_u64(&r);
	u->held = record_read_u64(&r);
	for (i = 0; i < RATES; i++) {
		u->rates[i].since = record_read_time(&r);
		u->rates[i].count = record_read_u64(&r);
	}
	u->wake = record_read_time(&r);
	return record_read_ended(&r);
}

/* ---------------------------------------------------------------- limit */

bool
record_put_limit(const struct index_limit *l, struct record *r)
{
	struct record_writer w = record_write_begin(r);
	unsigned i, k;

	for (i = 0; i < WINDOWS; i++) {
		record_write_time(&w, l->newest[i]);
		for (k = 0; k < INDEX_LIMIT_SLICES; k++)
			record_write_u32(&w, l->count[i][k]);
	}
	record_write_time(&w, l->turn_s);
	record_write_u32(&w, l->turn_n);
	return w.ok;
}

bool
record_get_limit(struct span v, struct index_limit *l)
{
	struct record_reader r = record_read_begin(v, NULL);
	unsigned i, k;

	for (i = 0; i < WINDOWS; i++) {
		l->newest[i] = record_read_time(&r);
		for (k = 0; k < INDEX_LIMIT_SLICES; k++)
			l->count[i][k] = record_read_u32(&r);
	}
	l->turn_s = record_read_time(&r);
	l->turn_n = record_read_u32(&r);
	return record_read_ended(&r);
}

/* --------------------------------------------------------- small values */

void
record_put_u32(uint32_t n, struct record *r)
{
	struct record_writer w = record_write_begin(r);

	record_write_u32(&w, n);
}

void
record_put_u64(uint64_t n, struct record *r)
{
	struct record_writer w = record_write_begin(r);

	record_write_u64(&w, n);
}

bool
record_get_u32(struct span v, uint32_t *n)
{
	struct record_reader r = record_read_begin(v, NULL);

	*n = record_read_u32(&r);
	return record_read_ended(&r);
}

bool
record_get_u64(struct span v, uint64_t *n)
{
	struct record_reader r = record_read_begin(v, NULL);

	*n = record_read_u64(&r);
	return record_read_ended(&r);
}

void
record_put_mark(struct record *r)
{
	(void)record_write_begin(r);
}

bool
record_get_mark(struct span v)
{
	struct record_reader r = record_read_begin(v, NULL);

	return record_read_ended(&r);
}

bool
record_put_bytes(const void *p, size_t len, struct record *r)
{
	struct record_writer w = record_write_begin(r);

	record_write_bytes(&w, p, len);
	return w.ok;
}

bool
record_get_bytes(struct span v, struct span *out)
{
	struct record_reader r = record_read_begin(v, NULL);

	*out = (struct span){ (const char *)r.p, r.left };
	return r.ok;
}
