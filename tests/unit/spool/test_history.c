/* SPDX-License-Identifier: ISC */
/* history/: lines both ways, days, torn lines. */
#include "spool/history.h"

#include "message_fixture.h"

#define NOON 1764072000 /* 2025-11-25 12:00:00 UTC */
#define DAY INT64_C(86400)

static struct history_row
row_of(uint32_t n, int64_t t)
{
	return (struct history_row){
		.id = id_of(n),
		.address = "bob@example.net",
		.a = { .attempt = 1,
		    .recipient = 0,
		    .time = t,
		    .state = SLOT_DEFERRED,
		    .reply_code = 451,
		    .delay_ms = 310,
		    .status = "4.7.1",
		    .phase = "rcpt",
		    .relay = "mx.example.net[192.0.2.1]:25",
		    .text = "451 4.7.1 try 100% later" },
	};
}

static void
line_has_the_form_of_the_layout(void **state)
{
	static const char want[] =
	    "v=1 t=1764072000 id=01LBR000000000000000000001 n=0 "
	    "to=bob@example.net a=1 s=d code=451 dsn=4.7.1 ms=310 phase=rcpt "
	    "relay=mx.example.net[192.0.2.1]:25 "
	    "text=451%204.7.1%20try%20100%25%20later\n";
	struct history_row row = row_of(1, NOON);
	struct buf b;

	(void)state;
	buf_init(&b, 8192);
	(void)snprintf(row.id.text, sizeof(row.id.text), "%s",
	    "01LBR000000000000000000001");
	assert_true(history_put_line(&b, &row));
	assert_string_equal(b.p, want);
	buf_clear(&b);
}

static void
every_byte_of_a_text_comes_back(void **state)
{
	struct history_row row = row_of(1, NOON), got;
	struct arena arena;
	char text[256];
	struct buf b;
	unsigned i;

	(void)state;
	for (i = 0; i < 255; i++)
		text[i] = (char)(i + 1);
	text[255] = '\0';
	row.a.text = text;
	buf_init(&b, 8192);
	arena_init(&arena, 8192);
	assert_true(history_put_line(&b, &row));
	assert_ptr_equal(strchr(b.p, '\n'), b.p + b.len - 1);
	assert_true(
	    history_get_line((struct span){ b.p, b.len - 1 }, &arena, &got));
	assert_string_equal(got.a.text, text);
	assert_string_equal(got.address, row.address);
	assert_string_equal(got.id.text, row.id.text);
	assert_int_equal(got.a.time, row.a.time);
	assert_int_equal(got.a.state, row.a.state);
	assert_int_equal(got.a.reply_code, row.a.reply_code);
	assert_int_equal(got.a.delay_ms, row.a.delay_ms);
	assert_string_equal(got.a.status, row.a.status);
	assert_string_equal(got.a.phase, row.a.phase);
	assert_string_equal(got.a.relay, row.a.relay);
	buf_clear(&b);
	arena_clear(&arena);
}

static void
longest_line_fits_into_its_bound(void **state)
{
	struct history_row row = row_of(1, NOON), got;
	char longest[2000];
	struct arena arena;
	struct buf b;

	(void)state;
	memset(longest, '\x80', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	row.a.text = row.a.relay = row.a.phase = longest;
	longest[ENVELOPE_MAX_ADDRESS] = '\0';
	row.address = longest;
	buf_init(&b, 1 << 16);
	arena_init(&arena, 1 << 16);
	assert_true(history_put_line(&b, &row));
	assert_true(b.len <= HISTORY_LINE_MAX);
	assert_true(
	    history_get_line((struct span){ b.p, b.len - 1 }, &arena, &got));
	buf_clear(&b);
	arena_clear(&arena);
}

static void
damaged_lines_are_refused(void **state)
{
#define ID " id=01LBR000000000000000000001"
#define END " ms=3 phase= relay= text="
	static const struct {
		const char *name, *line;
		bool good;
	} cases[] = {
		{ "whole", "v=1 t=1" ID " n=0 to=b a=1 s=d code=451 dsn=" END,
		    true },
		{ "newer", "v=2 t=1" ID " n=0 to=b a=1 s=d code=451 dsn=" END,
		    false },
		{ "empty", "", false },
		{ "cut",
		    "v=1 t=1" ID " n=0 to=b a=1 s=d code=451 dsn=", false },
		{ "bad id", "v=1 t=1 id=x n=0 to=b a=1 s=d code=451 dsn=" END,
		    false },
		{ "state", "v=1 t=1" ID " n=0 to=b a=1 s=X code=451 dsn=" END,
		    false },
		{ "code", "v=1 t=1" ID " n=0 to=b a=1 s=d code=1000 dsn=" END,
		    false },
		{ "number",
		    "v=1 t=1" ID " n=4294967296 to=b a=1 s=d code=451 "
		    "dsn=" END,
		    false },
		{ "time", "v=1 t=-1" ID " n=0 to=b a=1 s=d code=451 dsn=" END,
		    false },
		{ "escape", "v=1 t=1" ID " n=0 to=%4 a=1 s=d code=451 dsn=" END,
		    false },
		{ "NUL", "v=1 t=1" ID " n=0 to=%00 a=1 s=d code=451 dsn=" END,
		    false },
		{ "status",
		    "v=1 t=1" ID " n=0 to=b a=1 s=d code=451 "
		    "dsn=123456789012" END,
		    false },
		{ "order", "v=1" ID " t=1 n=0 to=b a=1 s=d code=451 dsn=" END,
		    false },
		{ "behind",
		    "v=1 t=1" ID " n=0 to=b a=1 s=d code=451 dsn=" END " x=1",
		    false },
	};
	struct history_row row;
	struct arena arena;
	size_t i;

	(void)state;
	arena_init(&arena, 1 << 16);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (history_get_line(span_of(cases[i].line), &arena, &row) !=
		    cases[i].good)
			fail_msg("%s", cases[i].name);
	}
	arena_clear(&arena);
}

/* The numbers of the ids of all rows, as text. */
static void
assert_rows(struct fixture *f, const struct spool *s, const char *want,
    unsigned skipped)
{
	struct history_row row;
	struct history *h;
	char got[200] = "";
	size_t used = 0;

	OK(history_open(s, &h, &f->err));
	while (OK(history_next(h, &f->arena, &row, &f->err)) == 1)
		used += (size_t)snprintf(got + used, sizeof(got) - used, "%c",
		    row.id.text[QUEUE_ID_LEN - 1]);
	assert_string_equal(got, want);
	assert_int_equal(history_skipped(h), skipped);
	history_close(h);
}

static void
rows_go_to_their_days_and_come_oldest_first(void **state)
{
	struct fixture *f = *state;
	struct spool s = fixture_spool(f);
	struct history_row rows[4] = { row_of(1, NOON + DAY),
		row_of(2, NOON + DAY + 1), row_of(3, NOON), row_of(4, NOON) };

	assert_rows(f, &s, "", 0);
	OK(history_append(&s, rows, 4, &f->err));
	assert_int_equal(faccessat(s.history, "20251125", F_OK, 0), 0);
	assert_int_equal(faccessat(s.history, "20251126", F_OK, 0), 0);
	assert_rows(f, &s, "3412", 0);
	rows[0] = row_of(5, NOON);
	OK(history_append(&s, rows, 1, &f->err));
	assert_rows(f, &s, "34512", 0);
	fixture_spool_close(&s);
}

static void
old_days_go_and_others_stay(void **state)
{
	struct fixture *f = *state;
	struct spool s = fixture_spool(f);
	struct history_row rows[3] = { row_of(1, NOON), row_of(2, NOON + DAY),
		row_of(3, NOON + 2 * DAY) };

	OK(history_append(&s, rows, 3, &f->err));
	assert_int_equal(OK(history_expire(&s, NOON, &f->err)), 0);
	assert_int_equal(OK(history_expire(&s, NOON + 2 * DAY, &f->err)), 2);
	assert_rows(f, &s, "3", 0);
	fixture_spool_close(&s);
}

static void
write_raw(const struct spool *s, const char *name, const char *p, size_t len)
{
	int fd = openat(s->history, name, O_WRONLY | O_APPEND | O_CREAT, 0600);

	assert_true(fd != -1);
	assert_int_equal(write(fd, p, len), len);
	(void)close(fd);
}

static void
torn_line_costs_itself_alone(void **state)
{
	struct fixture *f = *state;
	struct spool s = fixture_spool(f);
	struct history_row row = row_of(1, NOON);

	OK(history_append(&s, &row, 1, &f->err));
	write_raw(&s, "20251125", "v=1 t=17640", 11);
	row = row_of(2, NOON);
	OK(history_append(&s, &row, 1, &f->err));
	assert_rows(f, &s, "12", 1);
	write_raw(&s, "20251125", "v=1 t=17640", 11);
	row = row_of(3, NOON + DAY);
	OK(history_append(&s, &row, 1, &f->err));
	assert_rows(f, &s, "123", 2);
	fixture_spool_close(&s);
}

/* Longer than any buffer: skipped as one line, whatever is in it. */
static void
endless_line_is_one_damaged_line(void **state)
{
	static char zeros[200000];
	struct fixture *f = *state;
	struct spool s = fixture_spool(f);
	struct history_row row = row_of(1, NOON);

	write_raw(&s, "20251125", zeros, sizeof(zeros));
	OK(history_append(&s, &row, 1, &f->err));
	write_raw(&s, "README", "no day\n", 7);
	assert_rows(f, &s, "1", 1);
	fixture_spool_close(&s);
}

#define UNIT(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_has_the_form_of_the_layout),
		cmocka_unit_test(every_byte_of_a_text_comes_back),
		cmocka_unit_test(longest_line_fits_into_its_bound),
		cmocka_unit_test(damaged_lines_are_refused),
		UNIT(rows_go_to_their_days_and_come_oldest_first),
		UNIT(old_days_go_and_others_stay),
		UNIT(torn_line_costs_itself_alone),
		UNIT(endless_line_is_one_damaged_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
