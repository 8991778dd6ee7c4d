/* SPDX-License-Identifier: ISC */
/*
 * A writer that cannot overflow (`ok` goes false and stays so) and a reader
 * that cannot run past the end, and above them one pair of functions for each
 * kind of record, whose lines stand in the order of the bytes.
 */
#include "spool/record.h"

#include <string.h>

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

struct writer {
	struct record *r;
	bool ok;
};

static void
put_bytes(struct writer *w, const void *p, size_t len)
{
	if (!w->ok || len > sizeof(w->r->p) - w->r->len) {
		w->ok = false;
		return;
	}
	if (len > 0)
		memcpy(w->r->p + w->r->len, p, len);
	w->r->len += len;
}

static void
put_uint(struct writer *w, uint64_t n, unsigned bytes)
{
	unsigned char b[8];
	unsigned i;

	for (i = 0; i < bytes; i++)
		b[i] = (unsigned char)(n >> (8 * (bytes - 1 - i)));
	put_bytes(w, b, bytes);
}

static void
put_u8(struct writer *w, unsigned n)
{
	put_uint(w, n, 1);
}

static void
put_u32(struct writer *w, uint32_t n)
{
	put_uint(w, n, 4);
}

static void
put_u64(struct writer *w, uint64_t n)
{
	put_uint(w, n, 8);
}

static void
put_time(struct writer *w, int64_t t)
{
	if (t < 0)
		w->ok = false;
	put_uint(w, (uint64_t)t, 8);
}

/* Two bytes of length, then the text. */
static void
put_exact(struct writer *w, const char *s, size_t max)
{
	size_t len = s == NULL ? 0 : strlen(s);

	if (s == NULL || len > max) {
		w->ok = false;
		return;
	}
	put_uint(w, len, 2);
	put_bytes(w, s, len);
}

static void
put_cut(struct writer *w, const char *s, size_t max)
{
	size_t len = s == NULL ? 0 : strnlen(s, max);

	put_uint(w, len, 2);
	put_bytes(w, s, len);
}

static struct writer
begin(struct record *r)
{
	struct writer w = { r, true };

	r->len = 0;
	put_u8(&w, RECORD_VERSION);
	return w;
}

struct reader {
	const unsigned char *p;
	size_t left;
	struct arena *arena;
	bool ok;
};

static const unsigned char *
take(struct reader *r, size_t len)
{
	const unsigned char *p = r->p;

	if (!r->ok || len > r->left) {
		r->ok = false;
		return NULL;
	}
	r->p += len;
	r->left -= len;
	return p;
}

static uint64_t
take_uint(struct reader *r, unsigned bytes)
{
	const unsigned char *p = take(r, bytes);
	uint64_t n = 0;
	unsigned i;

	for (i = 0; p != NULL && i < bytes; i++)
		n = n << 8 | p[i];
	return n;
}

static uint32_t
take_u32(struct reader *r)
{
	return (uint32_t)take_uint(r, 4);
}

static uint64_t
take_u64(struct reader *r)
{
	return take_uint(r, 8);
}

static int64_t
take_time(struct reader *r)
{
	uint64_t n = take_uint(r, 8);

	if (n > (uint64_t)INT64_MAX)
		r->ok = false;
	return r->ok ? (int64_t)n : 0;
}

/* A number below `end`: enums and flags. */
static unsigned
take_below(struct reader *r, unsigned end)
{
	unsigned n = (unsigned)take_uint(r, 1);

	if (n >= end)
		r->ok = false;
	return r->ok ? n : 0;
}

static struct span
take_span(struct reader *r, size_t max)
{
	size_t len = (size_t)take_uint(r, 2);
	const unsigned char *p = take(r, len);

	if (p == NULL || len > max || memchr(p, '\0', len) != NULL) {
		r->ok = false;
		return (struct span){ "", 0 };
	}
	return (struct span){ (const char *)p, len };
}

static const char *
take_text(struct reader *r, size_t max)
{
	struct span s = take_span(r, max);
	const char *copy;

	if (!r->ok || r->arena == NULL)
		return NULL;
	copy = arena_strndup(r->arena, s.p, s.len);
	if (copy == NULL)
		r->ok = false;
	return copy;
}

static void
take_field(struct reader *r, char *field, size_t size)
{
	struct span s = take_span(r, size - 1);

	if (s.len > 0)
		memcpy(field, s.p, s.len);
	field[s.len] = '\0';
}

static struct reader
open_reader(struct span v, struct arena *arena)
{
	struct reader r = { (const unsigned char *)v.p, v.len, arena, true };

	if (take_uint(&r, 1) != RECORD_VERSION)
		r.ok = false;
	return r;
}

static bool
ended(const struct reader *r)
{
	return r->ok && r->left == 0;
}

/* ------------------------------------------------------------- message */

bool
record_put_message(const struct index_message *m, struct record *r)
{
	struct writer w = begin(r);

	put_u8(&w, m->state);
	put_u8(&w, m->priority);
	put_u8(&w, m->place);
	put_u8(&w, m->state == MESSAGE_HELD ? m->hold : HOLD_REQUEST);
	put_u8(&w, (m->tag != NULL ? HAS_TAG : 0u) |
	               (m->key != NULL ? HAS_KEY : 0u) |
	               (m->ours ? IS_OURS : 0u) |
	               (m->wants_notice ? WANTS_NOTICE : 0u) |
	               (m->waits == WAITS_SENDER ? FOR_SENDER : 0u) |
	               (m->waits == WAITS_USER ? FOR_USER : 0u));
	put_u32(&w, m->uid);
	put_u32(&w, m->attempts);
	put_time(&w, m->arrival);
	put_time(&w, m->due);
	put_time(&w, m->expires);
	put_time(&w, m->finished);
	put_u32(&w, m->hop);
	put_u64(&w, m->turn);
	put_u32(&w, m->claims);
	put_u64(&w, m->size);
	put_u32(&w, m->n_recipients);
	put_u32(&w, m->n_open);
	put_u32(&w, m->n_in_doubt);
	put_u32(&w, m->crc);
	put_u64(&w, m->file_size);
	put_exact(&w, m->login, sizeof(m->login) - 1);
	put_exact(&w, m->sender, ENVELOPE_MAX_ADDRESS);
	if (m->tag != NULL)
		put_exact(&w, m->tag, ENVELOPE_MAX_TAG);
	if (m->key != NULL)
		put_exact(&w, m->key, ENVELOPE_MAX_KEY);
	return w.ok;
}

bool
record_get_message(struct span v, struct arena *arena, struct index_message *m)
{
	struct reader r = open_reader(v, arena);
	unsigned flags;

	m->state = (enum message_state)take_below(&r, MESSAGE_STATES);
	m->priority = (enum priority)take_below(&r, PRIORITIES);
	m->place = (enum index_place)take_below(&r, PLACES);
	m->hold = (enum message_hold)take_below(&r, HOLDS);
	flags = take_below(&r, ALL_FLAGS + 1);
	m->uid = take_u32(&r);
	m->attempts = take_u32(&r);
	m->arrival = take_time(&r);
	m->due = take_time(&r);
	m->expires = take_time(&r);
	m->finished = take_time(&r);
	m->hop = take_u32(&r);
	m->turn = take_u64(&r);
	m->claims = take_u32(&r);
	m->size = take_u64(&r);
	m->n_recipients = take_u32(&r);
	m->n_open = take_u32(&r);
	m->n_in_doubt = take_u32(&r);
	m->crc = take_u32(&r);
	m->file_size = take_u64(&r);
	take_field(&r, m->login, sizeof(m->login));
	m->sender = take_text(&r, ENVELOPE_MAX_ADDRESS);
	m->tag = flags & HAS_TAG ? take_text(&r, ENVELOPE_MAX_TAG) : NULL;
	m->key = flags & HAS_KEY ? take_text(&r, ENVELOPE_MAX_KEY) : NULL;
	m->ours = (flags & IS_OURS) != 0;
	m->wants_notice = (flags & WANTS_NOTICE) != 0;
	m->waits = flags & FOR_SENDER ? WAITS_SENDER
	           : flags & FOR_USER ? WAITS_USER
	                              : WAITS_NOT;
	return ended(&r);
}

/* ---------------------------------------------------------------- part */

bool
record_put_part(const struct index_part *part, struct record *r)
{
	struct writer w = begin(r);

	put_u8(&w, part->place);
	put_u8(&w, part->priority);
	put_u64(&w, part->turn);
	put_time(&w, part->due);
	put_u32(&w, part->attempts);
	return w.ok;
}

bool
record_get_part(struct span v, struct index_part *part)
{
	struct reader r = open_reader(v, NULL);

	part->place = (enum index_place)take_below(&r, PLACE_CLAIM + 1);
	part->priority = (enum priority)take_below(&r, PRIORITIES);
	part->turn = take_u64(&r);
	part->due = take_time(&r);
	part->attempts = take_u32(&r);
	return ended(&r) && part->place != PLACE_NONE;
}

/* ------------------------------------------------- recipient and attempt */

/* Reply codes are 0 or three digits; anything else of ours is a bug. */
static void
put_reply(struct writer *w, int code, const char *status)
{
	if (code < 0 || code > 999)
		w->ok = false;
	put_uint(w, (uint64_t)code, 2);
	put_exact(w, status, 11);
}

static int
take_reply(struct reader *r, char *status, size_t size)
{
	unsigned code = (unsigned)take_uint(r, 2);

	take_field(r, status, size);
	if (code > 999)
		r->ok = false;
	return r->ok ? (int)code : 0;
}

bool
record_put_recipient(const struct index_recipient *rec, struct record *r)
{
	struct writer w = begin(r);

	put_u8(&w, rec->state);
	put_u32(&w, rec->attempt);
	put_time(&w, rec->time);
	put_reply(&w, rec->reply_code, rec->status);
	put_exact(&w, rec->address, ENVELOPE_MAX_ADDRESS);
	put_cut(&w, rec->text, RECORD_MAX_TEXT);
	return w.ok;
}

bool
record_get_recipient(struct span v, struct arena *arena,
    struct index_recipient *rec)
{
	struct reader r = open_reader(v, arena);

	rec->state = (enum slot_state)take_below(&r, SLOT_STATES);
	rec->attempt = take_u32(&r);
	rec->time = take_time(&r);
	rec->reply_code = take_reply(&r, rec->status, sizeof(rec->status));
	rec->address = take_text(&r, ENVELOPE_MAX_ADDRESS);
	rec->text = take_text(&r, RECORD_MAX_TEXT);
	return ended(&r);
}

bool
record_put_attempt(const struct index_attempt *a, struct record *r)
{
	struct writer w = begin(r);

	put_time(&w, a->time);
	put_u8(&w, a->state);
	put_u32(&w, a->delay_ms);
	put_reply(&w, a->reply_code, a->status);
	put_cut(&w, a->phase, RECORD_MAX_PHASE);
	put_cut(&w, a->relay, RECORD_MAX_RELAY);
	put_cut(&w, a->text, RECORD_MAX_TEXT);
	return w.ok;
}

bool
record_get_attempt(struct span v, struct arena *arena, struct index_attempt *a)
{
	struct reader r = open_reader(v, arena);

	a->time = take_time(&r);
	a->state = (enum slot_state)take_below(&r, SLOT_STATES);
	a->delay_ms = take_u32(&r);
	a->reply_code = take_reply(&r, a->status, sizeof(a->status));
	a->phase = take_text(&r, RECORD_MAX_PHASE);
	a->relay = take_text(&r, RECORD_MAX_RELAY);
	a->text = take_text(&r, RECORD_MAX_TEXT);
	return ended(&r);
}

/* --------------------------------------------------------- host, totals */

bool
record_put_host(const struct index_host *h, struct record *r)
{
	struct writer w = begin(r);

	put_u32(&w, h->hop);
	put_time(&w, h->backoff_until);
	put_u32(&w, h->failures);
	put_u32(&w, h->traits);
	put_time(&w, h->traits_at);
	put_u32(&w, h->most_connections);
	put_u32(&w, h->most_a_minute);
	put_time(&w, h->slowed_at);
	put_time(&w, h->raised_at);
	put_time(&w, h->used_at);
	put_exact(&w, h->cause, sizeof(h->cause) - 1);
	return w.ok;
}

bool
record_get_host(struct span v, struct index_host *h)
{
	struct reader r = open_reader(v, NULL);

	h->hop = take_u32(&r);
	h->backoff_until = take_time(&r);
	h->failures = take_u32(&r);
	h->traits = take_u32(&r);
	h->traits_at = take_time(&r);
	h->most_connections = take_u32(&r);
	h->most_a_minute = take_u32(&r);
	h->slowed_at = take_time(&r);
	h->raised_at = take_time(&r);
	h->used_at = take_time(&r);
	take_field(&r, h->cause, sizeof(h->cause));
	return ended(&r);
}

void
record_put_totals(const struct index_totals *t, struct record *r)
{
	struct writer w = begin(r);
	unsigned i;

	for (i = 0; i < MESSAGE_STATES; i++) {
		put_u64(&w, t->messages[i]);
		put_u64(&w, t->bytes[i]);
	}
	put_u64(&w, t->deferred);
	put_u64(&w, t->quota);
}

bool
record_get_totals(struct span v, struct index_totals *t)
{
	struct reader r = open_reader(v, NULL);
	unsigned i;

	for (i = 0; i < MESSAGE_STATES; i++) {
		t->messages[i] = take_u64(&r);
		t->bytes[i] = take_u64(&r);
	}
	t->deferred = take_u64(&r);
	t->quota = take_u64(&r);
	return ended(&r);
}

/* ------------------------------------------------------------------ uid */

bool
record_put_uid(const struct index_uid *u, struct record *r)
{
	struct writer w = begin(r);
	unsigned i;

	put_u64(&w, u->messages);
	put_u64(&w, u->bytes);
	put_u64(&w, u->held);
	for (i = 0; i < RATES; i++) {
		put_time(&w, u->rates[i].since);
		put_u64(&w, u->rates[i].count);
	}
	put_time(&w, u->wake);
	return w.ok;
}

bool
record_get_uid(struct span v, struct index_uid *u)
{
	struct reader r = open_reader(v, NULL);
	unsigned i;

	u->messages = take_u64(&r);
	u->bytes = take_u64(&r);
	u->held = take_u64(&r);
	for (i = 0; i < RATES; i++) {
		u->rates[i].since = take_time(&r);
		u->rates[i].count = take_u64(&r);
	}
	u->wake = take_time(&r);
	return ended(&r);
}

/* ---------------------------------------------------------------- limit */

bool
record_put_limit(const struct index_limit *l, struct record *r)
{
	struct writer w = begin(r);
	unsigned i, k;

	for (i = 0; i < WINDOWS; i++) {
		put_time(&w, l->newest[i]);
		for (k = 0; k < INDEX_LIMIT_SLICES; k++)
			put_u32(&w, l->count[i][k]);
	}
	put_time(&w, l->turn_s);
	put_u32(&w, l->turn_n);
	return w.ok;
}

bool
record_get_limit(struct span v, struct index_limit *l)
{
	struct reader r = open_reader(v, NULL);
	unsigned i, k;

	for (i = 0; i < WINDOWS; i++) {
		l->newest[i] = take_time(&r);
		for (k = 0; k < INDEX_LIMIT_SLICES; k++)
			l->count[i][k] = take_u32(&r);
	}
	l->turn_s = take_time(&r);
	l->turn_n = take_u32(&r);
	return ended(&r);
}

/* --------------------------------------------------------- small values */

void
record_put_u32(uint32_t n, struct record *r)
{
	struct writer w = begin(r);

	put_u32(&w, n);
}

void
record_put_u64(uint64_t n, struct record *r)
{
	struct writer w = begin(r);

	put_u64(&w, n);
}

bool
record_get_u32(struct span v, uint32_t *n)
{
	struct reader r = open_reader(v, NULL);

	*n = take_u32(&r);
	return ended(&r);
}

bool
record_get_u64(struct span v, uint64_t *n)
{
	struct reader r = open_reader(v, NULL);

	*n = take_u64(&r);
	return ended(&r);
}

void
record_put_mark(struct record *r)
{
	(void)begin(r);
}

bool
record_get_mark(struct span v)
{
	struct reader r = open_reader(v, NULL);

	return ended(&r);
}

bool
record_put_bytes(const void *p, size_t len, struct record *r)
{
	struct writer w = begin(r);

	put_bytes(&w, p, len);
	return w.ok;
}

bool
record_get_bytes(struct span v, struct span *out)
{
	struct reader r = open_reader(v, NULL);

	*out = (struct span){ (const char *)r.p, r.left };
	return r.ok;
}
