/* SPDX-License-Identifier: ISC */
/* Records: what was put comes back, and no damage is believed. */
#include "spool/record.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct index_message
sample_message(void)
{
	struct index_message m = {
		.state = MESSAGE_HELD,
		.priority = PRIORITY_LOW,
		.place = PLACE_READY,
		.uid = 1001,
		.attempts = 3,
		.arrival = 1764000000,
		.hold = HOLD_QUOTA,
		.due = 1764000300,
		.expires = 1764432000,
		.finished = 0,
		.hop = 7,
		.turn = UINT64_C(0x0102030405060708),
		.claims = 9,
		.size = UINT64_C(5000000000),
		.n_recipients = 100000,
		.n_open = 99999,
		.n_in_doubt = 1,
		.crc = 0xe3069283,
		.file_size = UINT64_C(5000006400),
		.ours = true,
		.login = "alice",
		.sender = "alice@example.com",
		.tag = "newsletter",
		.key = "order-17",
	};

	return m;
}

static struct span
span_of_record(const struct record *r)
{
	return (struct span){ (const char *)r->p, r->len };
}

static void
message_comes_back(void **state)
{
	struct index_message m = sample_message(), got = { 0 };
	struct arena arena;
	struct record r;

	(void)state;
	arena_init(&arena, 8192);
	assert_true(record_put_message(&m, &r));
	assert_true(record_get_message(span_of_record(&r), &arena, &got));
	assert_int_equal(got.state, m.state);
	assert_int_equal(got.priority, m.priority);
	assert_int_equal(got.place, m.place);
	assert_int_equal(got.uid, m.uid);
	assert_int_equal(got.attempts, m.attempts);
	assert_int_equal(got.arrival, m.arrival);
	assert_int_equal(got.due, m.due);
	assert_int_equal(got.expires, m.expires);
	assert_int_equal(got.finished, m.finished);
	assert_int_equal(got.hop, m.hop);
	assert_true(got.turn == m.turn);
	assert_true(got.size == m.size);
	assert_int_equal(got.n_recipients, m.n_recipients);
	assert_int_equal(got.n_open, m.n_open);
	assert_int_equal(got.n_in_doubt, m.n_in_doubt);
	assert_int_equal(got.crc, m.crc);
	assert_true(got.file_size == m.file_size);
	assert_true(got.ours);
	assert_string_equal(got.login, m.login);
	assert_string_equal(got.sender, m.sender);
	assert_string_equal(got.tag, m.tag);
	assert_string_equal(got.key, m.key);
	arena_clear(&arena);
}

/* The layout of spool-layout.md, "message", written out by hand. */
static void
message_has_the_bytes_of_the_layout(void **state)
{
	static const unsigned char want[] = {
		1, 1, 3, 2, 2, 7, /* version, H, low, ready, quota, flags */
		0, 0, 0x03, 0xe9, /* uid */
		0, 0, 0, 3,       /* attempts */
		0, 0, 0, 0, 0x69, 0x24, 0x81, 0x00, /* arrival */
		0, 0, 0, 0, 0x69, 0x24, 0x82, 0x2c, /* due */
		0, 0, 0, 0, 0x69, 0x2b, 0x18, 0x80, /* expires */
		0, 0, 0, 0, 0, 0, 0, 0,             /* finished */
		0, 0, 0, 7,                         /* hop */
		1, 2, 3, 4, 5, 6, 7, 8,             /* turn */
		0, 0, 0, 9,                         /* claimed parts */
		0, 0, 0, 1, 0x2a, 0x05, 0xf2, 0x00, /* size */
		0, 0x01, 0x86, 0xa0,                /* recipients */
		0, 0x01, 0x86, 0x9f,                /* open */
		0, 0, 0, 1,                         /* in doubt */
		0xe3, 0x06, 0x92, 0x83,             /* crc */
		0, 0, 0, 1, 0x2a, 0x06, 0x0b, 0x00, /* file size */
		0, 5, 'a', 'l', 'i', 'c', 'e',      /* login */
	};
	struct index_message m = sample_message();
	struct record r;

	(void)state;
	assert_true(record_put_message(&m, &r));
	assert_true(r.len > sizeof(want));
	assert_memory_equal(r.p, want, sizeof(want));
	assert_int_equal(r.len, sizeof(want) + 2 + 17 + 2 + 10 + 2 + 8);
	assert_memory_equal(r.p + sizeof(want), "\0\021alice@", 8);
}

static void
absent_tag_and_key_stay_absent(void **state)
{
	struct index_message m = sample_message(), got = { 0 };
	struct arena arena;
	struct record r;

	(void)state;
	arena_init(&arena, 8192);
	m.tag = m.key = NULL;
	m.sender = "";
	m.ours = false;
	assert_true(record_put_message(&m, &r));
	assert_true(record_get_message(span_of_record(&r), &arena, &got));
	assert_null(got.tag);
	assert_null(got.key);
	assert_string_equal(got.sender, "");
	assert_false(got.ours);
	arena_clear(&arena);
}

static void
longest_message_fits(void **state)
{
	char sender[ENVELOPE_MAX_ADDRESS + 2], tag[ENVELOPE_MAX_TAG + 1];
	char key[ENVELOPE_MAX_KEY + 1];
	struct index_message m = sample_message(), got = { 0 };
	struct record r;

	(void)state;
	memset(sender, 's', sizeof(sender));
	memset(tag, 't', sizeof(tag));
	memset(key, 'k', sizeof(key));
	sender[ENVELOPE_MAX_ADDRESS] = tag[ENVELOPE_MAX_TAG] = '\0';
	key[ENVELOPE_MAX_KEY] = '\0';
	m.sender = sender;
	m.tag = tag;
	m.key = key;
	assert_true(record_put_message(&m, &r));
	assert_true(record_get_message(span_of_record(&r), NULL, &got));
	sender[ENVELOPE_MAX_ADDRESS] = 's';
	sender[ENVELOPE_MAX_ADDRESS + 1] = '\0';
	assert_false(record_put_message(&m, &r));
	m.sender = NULL;
	assert_false(record_put_message(&m, &r));
	m = sample_message();
	m.due = -1;
	assert_false(record_put_message(&m, &r));
}

static struct index_recipient
sample_recipient(void)
{
	return (struct index_recipient){ SLOT_DEFERRED, 2, 1764000000, 451,
		"4.7.1", "bob@example.net", "451 4.7.1 try again" };
}

static struct index_attempt
sample_attempt(void)
{
	return (struct index_attempt){ .attempt = 1,
		.recipient = 0,
		.time = 1764000000,
		.state = SLOT_IN_DOUBT,
		.delay_ms = 310,
		.reply_code = 0,
		.status = "4.4.2",
		.phase = "dot",
		.relay = "mx.example.net[192.0.2.1]:25",
		.text = "lost connection after the last dot" };
}

static void
recipient_and_attempt_come_back(void **state)
{
	struct index_recipient rec = sample_recipient(), rec2 = { 0 };
	struct index_attempt a = sample_attempt(), a2 = { 0 };
	struct arena arena;
	struct record r;

	(void)state;
	arena_init(&arena, 8192);
	assert_true(record_put_recipient(&rec, &r));
	assert_true(record_get_recipient(span_of_record(&r), &arena, &rec2));
	assert_int_equal(rec2.state, rec.state);
	assert_int_equal(rec2.attempt, rec.attempt);
	assert_int_equal(rec2.time, rec.time);
	assert_int_equal(rec2.reply_code, rec.reply_code);
	assert_string_equal(rec2.status, rec.status);
	assert_string_equal(rec2.address, rec.address);
	assert_string_equal(rec2.text, rec.text);
	assert_true(record_put_attempt(&a, &r));
	assert_true(record_get_attempt(span_of_record(&r), &arena, &a2));
	assert_int_equal(a2.time, a.time);
	assert_int_equal(a2.state, a.state);
	assert_int_equal(a2.delay_ms, a.delay_ms);
	assert_int_equal(a2.reply_code, a.reply_code);
	assert_string_equal(a2.status, a.status);
	assert_string_equal(a2.phase, a.phase);
	assert_string_equal(a2.relay, a.relay);
	assert_string_equal(a2.text, a.text);
	arena_clear(&arena);
}

static void
reply_text_is_cut_not_refused(void **state)
{
	struct index_recipient rec = sample_recipient(), got = { 0 };
	char text[RECORD_MAX_TEXT + 100];
	struct arena arena;
	struct record r;

	(void)state;
	arena_init(&arena, 8192);
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	rec.text = text;
	assert_true(record_put_recipient(&rec, &r));
	assert_true(record_get_recipient(span_of_record(&r), &arena, &got));
	assert_int_equal(strlen(got.text), RECORD_MAX_TEXT);
	arena_clear(&arena);
}

/* Every kind behind one face, so that damage can be tried on each. */
static bool
decode(unsigned kind, struct span v, struct arena *arena)
{
	union {
		struct index_message m;
		struct index_recipient rec;
		struct index_attempt a;
		struct index_host h;
		struct index_part part;
		struct index_limit l;
		struct index_totals t;
		uint32_t n;
		uint64_t n8;
	} to;

	switch (kind) {
	case 0:
		return record_get_message(v, arena, &to.m);
	case 1:
		return record_get_recipient(v, arena, &to.rec);
	case 2:
		return record_get_attempt(v, arena, &to.a);
	case 3:
		return record_get_host(v, &to.h);
	case 4:
		return record_get_totals(v, &to.t);
	case 8:
		return record_get_part(v, &to.part);
	case 9:
		return record_get_limit(v, &to.l);
	case 5:
		return record_get_u32(v, &to.n);
	case 6:
		return record_get_u64(v, &to.n8);
	default:
		return record_get_mark(v);
	}
}
#define KINDS 10

static void
encode(unsigned kind, struct record *r)
{
	const struct index_part part = { .hop = 3,
		.place = PLACE_READY,
		.turn = 7,
		.due = 1764000000,
		.attempts = 2 };
	struct index_message m = sample_message();
	struct index_recipient rec = sample_recipient();
	struct index_attempt a = sample_attempt();
	struct index_host h = { .hop = 1,
		.backoff_until = 5,
		.failures = 2,
		.most_connections = 3,
		.most_a_minute = 40,
		.slowed_at = 6,
		.raised_at = 7,
		.used_at = 8 };
	struct index_totals t = { .deferred = 3 };
	struct index_limit l = { .newest = { 1, 2, 3, 4 }, .count = { { 5 } } };

	switch (kind) {
	case 0:
		assert_true(record_put_message(&m, r));
		return;
	case 1:
		assert_true(record_put_recipient(&rec, r));
		return;
	case 2:
		assert_true(record_put_attempt(&a, r));
		return;
	case 3:
		assert_true(record_put_host(&h, r));
		return;
	case 4:
		record_put_totals(&t, r);
		return;
	case 8:
		assert_true(record_put_part(&part, r));
		return;
	case 9:
		assert_true(record_put_limit(&l, r));
		return;
	case 5:
		record_put_u32(9, r);
		return;
	case 6:
		record_put_u64(9, r);
		return;
	default:
		record_put_mark(r);
	}
}

/* Each prefix lies in memory of just its size, so that a sanitizer sees a
 * byte read too far. */
static void
every_prefix_and_every_extra_byte_is_refused(void **state)
{
	struct arena arena;
	struct record r;
	unsigned kind;
	size_t len;
	char *copy;

	(void)state;
	arena_init(&arena, 1 << 20);
	for (kind = 0; kind < KINDS; kind++) {
		encode(kind, &r);
		assert_true(decode(kind, span_of_record(&r), &arena));
		for (len = 0; len < r.len; len++) {
			copy = test_malloc(len + 1);
			memcpy(copy + 1, r.p, len);
			assert_false(decode(kind,
			    (struct span){ copy + 1, len }, &arena));
			test_free(copy);
		}
		r.p[r.len] = 0;
		assert_false(decode(kind,
		    (struct span){ (char *)r.p, r.len + 1 }, &arena));
	}
	arena_clear(&arena);
}

static void
another_version_is_refused(void **state)
{
	struct record r;
	unsigned kind;

	(void)state;
	for (kind = 0; kind < KINDS; kind++) {
		encode(kind, &r);
		r.p[0] = RECORD_VERSION + 1;
		assert_false(decode(kind, span_of_record(&r), NULL));
	}
}

static void
no_changed_byte_gives_a_value_out_of_range(void **state)
{
	struct index_message m;
	struct arena arena;
	struct record r;
	size_t at;
	unsigned b;

	(void)state;
	arena_init(&arena, 64 << 20);
	for (at = 0; encode(0, &r), at < r.len; at++) {
		for (b = 0; b < 256; b++) {
			encode(0, &r);
			r.p[at] = (unsigned char)b;
			if (!record_get_message(span_of_record(&r), &arena, &m))
				continue;
			assert_in_range(m.state, 0, MESSAGE_STATES - 1);
			assert_in_range(m.priority, 0, PRIORITIES - 1);
			assert_in_range(m.place, 0, PLACES - 1);
			assert_true(m.due >= 0 && m.finished >= 0);
			assert_non_null(m.sender);
		}
	}
	arena_clear(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(message_comes_back),
		cmocka_unit_test(message_has_the_bytes_of_the_layout),
		cmocka_unit_test(absent_tag_and_key_stay_absent),
		cmocka_unit_test(longest_message_fits),
		cmocka_unit_test(recipient_and_attempt_come_back),
		cmocka_unit_test(reply_text_is_cut_not_refused),
		cmocka_unit_test(every_prefix_and_every_extra_byte_is_refused),
		cmocka_unit_test(another_version_is_refused),
		cmocka_unit_test(no_changed_byte_gives_a_value_out_of_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
