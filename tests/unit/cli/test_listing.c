/* SPDX-License-Identifier: ISC */
/*
 * The queue on paper. The expected lines are Postfix's (showq_compat.c prints
 * "%-11s %7ld %20.20s %s", a recipient behind 41 blanks, a reason right-aligned
 * to column 78), with ids that overflow the first column as long ones do there.
 */
#include "cli/listing.h"

#include <jansson.h>

#include "../spool/index_fixture.h"

static const struct selection everything = { .n = 0 };

static struct index_recipient
recipient_of(const char *address, enum slot_state state, const char *text)
{
	return (struct index_recipient){ .state = state,
		.attempt = 1,
		.time = 1764000100,
		.reply_code = 451,
		.status = "4.7.1",
		.address = address,
		.text = text };
}

static void
put(struct fixture *f, struct index_message *m, const struct index_recipient *r,
    uint32_t n)
{
	uint32_t i;

	m->n_recipients = n;
	OK(index_message_put(f->tx, m, &f->err));
	for (i = 0; i < n; i++)
		OK(index_recipient_put(f->tx, &m->id, i, &r[i], &f->err));
}

static char *
print_scope(struct fixture *f, const struct listing_scope *scope)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	OK(index_commit(f->tx, &f->err));
	OK(listing_print(f->ix, out, scope, &f->err));
	OK(index_begin(f->ix, INDEX_WRITE, &f->tx, &f->err));
	(void)fclose(out);
	return text;
}

static char *
print(struct fixture *f, enum listing_format format, bool all)
{
	const struct listing_scope scope = { format, all, &everything, NULL };

	return print_scope(f, &scope);
}

static void
assert_prints(struct fixture *f, bool all, const char *want)
{
	char *text = print(f, LISTING_POSTFIX, all);

	assert_string_equal(text, want);
	free(text);
}

/* Five messages: deferred to two, new with an odd sender, held, being sent,
 * finished. */
static void
fill(struct fixture *f)
{
	struct index_recipient r[3];
	struct index_message m = message_of(1);

	m.attempts = 1;
	m.size = 1536;
	r[0] = recipient_of("bob@example.net", SLOT_DEFERRED, "451 later");
	r[1] = recipient_of("gone@example.net", SLOT_FAILED, "550 no");
	r[2] = recipient_of("carol@example.net", SLOT_DEFERRED, "451 later");
	put(f, &m, r, 3);
	m = message_of(2);
	m.sender = "";
	m.ours = true;
	m.arrival = 1762500000;
	m.key = "k\"1";
	r[0] = recipient_of("\x1b[2J@example.net", SLOT_WAITING, "");
	put(f, &m, r, 1);
	m = message_of(3);
	m.state = MESSAGE_HELD;
	m.place = PLACE_NONE;
	r[0] = recipient_of("dave@example.net", SLOT_IN_DOUBT,
	    "host mx.example.net[192.0.2.1] said: 421 a long text that is "
	    "longer than the line");
	r[1] = recipient_of("erin@example.net", SLOT_WAITING, "");
	put(f, &m, r, 2);
	m = message_of(4);
	m.place = PLACE_CLAIM;
	m.size = 12345678;
	r[0] = recipient_of("erin@example.net", SLOT_WAITING, "");
	put(f, &m, r, 1);
	m = message_of(5);
	m.state = MESSAGE_SENT;
	m.place = PLACE_NONE;
	m.finished = 1764000200;
	r[0] = recipient_of("erin@example.net", SLOT_SENT, "250 ok");
	put(f, &m, r, 1);
}

#define ID(n) "01LBR0000000000000000000" n
#define HEAD                                                                   \
	"-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n"
#define AT41 "                                         "

static void
queue_is_printed_as_postfix_prints_it(void **state)
{
	struct fixture *f = *state;

	fill(f);
	assert_prints(f, false,
	    HEAD ID(
	        "01") "     1536 Mon Nov 24 16:00:00  alice@example.com\n"
	              "                                                        "
	              "       "
	              "    (451 later)\n" AT41 "bob@example.net\n" AT41
	              "carol@example.net\n"
	              "\n" ID(
	                  "02") "     1000 Fri Nov  7 07:20:00  "
	                        "MAILER-DAEMON\n" AT41 "\\x1b[2J@example.net\n"
	                        "\n" ID(
	                            "03") "!    1000 Mon Nov 24 16:00:00  "
	                                  "alice@example.com\n"
	                                  "(host mx.example.net[192.0.2.1] "
	                                  "said: 421 a long text that is "
	                                  "longer than the line)\n" AT41
	                                  "dave@example.net\n"
	                                  "                                    "
	                                  "                      "
	                                  "(reason unavailable)\n" AT41
	                                  "erin@example.net\n"
	                                  "\n" ID(
	                                      "04") "* 12345678 Mon Nov 24 "
	                                            "16:00:00  "
	                                            "alice@example.com\n" AT41
	                                            "erin@example.net\n"
	                                            "\n"
	                                            "-- 12059 Kbytes in 4 "
	                                            "Requests.\n");
}

static void
empty_queue_and_one_message_have_their_own_words(void **state)
{
	struct index_recipient r = recipient_of("b@c", SLOT_WAITING, "");
	struct fixture *f = *state;
	struct index_message m = message_of(1);

	assert_prints(f, false, "Mail queue is empty\n");
	put(f, &m, &r, 1);
	assert_prints(f, false,
	    HEAD ID(
	        "01") "     1000 Mon Nov 24 16:00:00  alice@example.com\n" AT41
	              "b@c\n"
	              "\n"
	              "-- 0 Kbytes in 1 Request.\n");
	m.state = MESSAGE_SENT;
	m.place = PLACE_NONE;
	m.finished = 5;
	put(f, &m, &r, 1);
	assert_prints(f, false, "Mail queue is empty\n");
}

static void
all_shows_finished_messages_and_recipients(void **state)
{
	struct fixture *f = *state;
	char *text;

	fill(f);
	text = print(f, LISTING_POSTFIX, true);
	assert_non_null(strstr(text, AT41 "gone@example.net\n"));
	assert_non_null(strstr(text, ID("05")));
	assert_non_null(strstr(text, "(250 ok)\n"));
	free(text);
}

static json_t *
line_of(const char *text, size_t n)
{
	const char *end = strchr(text, '\n');
	json_error_t error;
	json_t *j;

	for (; n > 0; n--) {
		text = end + 1;
		end = strchr(text, '\n');
	}
	j = json_loadb(text, (size_t)(end - text), JSON_REJECT_DUPLICATES,
	    &error);
	if (j == NULL)
		fail_msg("%s: %.200s", error.text, text);
	return j;
}

static const char *
string_of(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s == NULL ? "(none)" : s;
}

static void
json_has_a_valid_object_on_each_line(void **state)
{
	struct fixture *f = *state;
	json_t *j, *r;
	char *text;

	fill(f);
	text = print(f, LISTING_JSON, false);
	j = line_of(text, 0);
	assert_string_equal(string_of(j, "queue_name"), "deferred");
	assert_string_equal(string_of(j, "queue_id"), ID("01"));
	assert_int_equal(json_integer_value(json_object_get(j, "arrival_time")),
	    1764000000);
	assert_int_equal(json_integer_value(json_object_get(j, "message_size")),
	    1536);
	assert_string_equal(string_of(j, "sender"), "alice@example.com");
	assert_string_equal(string_of(j, "state"), "waiting");
	assert_string_equal(string_of(j, "priority"), "medium");
	assert_int_equal(json_integer_value(json_object_get(j, "due")),
	    1764000001);
	assert_int_equal(json_integer_value(json_object_get(j, "attempts")), 1);
	assert_int_equal(json_array_size(json_object_get(j, "recipients")), 2);
	r = json_array_get(json_object_get(j, "recipients"), 0);
	assert_string_equal(string_of(r, "address"), "bob@example.net");
	assert_string_equal(string_of(r, "delay_reason"), "451 later");
	assert_string_equal(string_of(r, "state"), "deferred");
	assert_int_equal(json_integer_value(json_object_get(r, "reply_code")),
	    451);
	json_decref(j);
	j = line_of(text, 1);
	assert_string_equal(string_of(j, "queue_name"), "incoming");
	assert_string_equal(string_of(j, "sender"), "MAILER-DAEMON");
	assert_string_equal(string_of(j, "key"), "k\"1");
	r = json_array_get(json_object_get(j, "recipients"), 0);
	assert_string_equal(string_of(r, "address"), "\\x1b[2J@example.net");
	assert_null(json_object_get(r, "delay_reason"));
	json_decref(j);
	j = line_of(text, 2);
	assert_string_equal(string_of(j, "queue_name"), "hold");
	json_decref(j);
	j = line_of(text, 3);
	assert_string_equal(string_of(j, "queue_name"), "active");
	json_decref(j);
	free(text);
}

static size_t
count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

/* More recipients and more messages than one read transaction takes. */
static void
long_queue_goes_over_many_pages(void **state)
{
	struct index_recipient r = recipient_of("b@c", SLOT_WAITING, "");
	struct fixture *f = *state;
	struct index_message m;
	char *text;
	json_t *j;
	uint32_t i;

	for (i = 0; i < 2500; i++) {
		m = message_of(i);
		put(f, &m, &r, 1);
	}
	m = message_of(1000);
	m.n_recipients = 3000;
	OK(index_message_put(f->tx, &m, &f->err));
	for (i = 0; i < 3000; i++)
		OK(index_recipient_put(f->tx, &m.id, i, &r, &f->err));
	text = print(f, LISTING_POSTFIX, false);
	assert_int_equal(count(text, HEAD), 1);
	assert_int_equal(count(text, "alice@example.com\n"), 2500);
	assert_int_equal(count(text, AT41 "b@c\n"), 2499 + 3000);
	assert_non_null(strstr(text, " in 2500 Requests.\n"));
	free(text);
	text = print(f, LISTING_JSON, false);
	assert_int_equal(count(text, "\n"), 2500);
	j = line_of(text, 1000);
	assert_int_equal(json_array_size(json_object_get(j, "recipients")),
	    3000);
	json_decref(j);
	free(text);
}

/* One of two is in the index already, and is printed once. */
static void
mail_in_drop_follows_what_the_index_has(void **state)
{
	struct index_recipient r = recipient_of("b@c", SLOT_WAITING, "");
	struct fixture *f = *state;
	struct index_message m = message_of(1), other = message_of(2);
	struct untaken of[] = { { m.id, 4294967294, 999, 1764000000 },
		{ other.id, 4294967294, 1025, 1764000000 } };
	struct untaken_list list = { of, 2, 2 };
	struct listing_scope scope = { LISTING_POSTFIX, false, &everything,
		&list };
	json_t *j;
	char *text;

	put(f, &m, &r, 1);
	text = print_scope(f, &scope);
	assert_string_equal(text,
	    HEAD ID(
	        "01") "     1000 Mon Nov 24 16:00:00  alice@example.com\n" AT41
	              "b@c\n"
	              "\n" ID("02") "     1025 Mon Nov 24 16:00:00  uid "
	                            "4294967294\n"
	                            "                                          "
	                            "       (handed in, not taken in yet)\n"
	                            "\n"
	                            "-- 1 Kbytes in 2 Requests.\n");
	free(text);
	scope.format = LISTING_JSON;
	text = print_scope(f, &scope);
	j = line_of(text, 1);
	assert_string_equal(json_string_value(json_object_get(j, "queue_name")),
	    "maildrop");
	assert_string_equal(json_string_value(json_object_get(j, "queue_id")),
	    other.id.text);
	json_decref(j);
	free(text);
}

static void
failed_write_is_an_error(void **state)
{
	struct fixture *f = *state;
	const struct listing_scope scope = { LISTING_POSTFIX, false,
		&everything, NULL };
	FILE *out = fopen("/dev/full", "w");

	fill(f);
	assert_non_null(out);
	assert_int_equal(listing_print(f->ix, out, &scope, &f->err), -1);
	assert_int_equal(f->err.code, PO_EFULL);
	(void)fclose(out);
}

static void
show_prints_fields_recipients_and_attempts(void **state)
{
	static const char want[] = "queue id    " ID(
	    "02") "\n"
	          "state       waiting\n"
	          "sender      <>\n"
	          "uid         1000 (alice), made by po\n"
	          "size        1000 bytes\n"
	          "priority    medium\n"
	          "arrival     2025-11-07 07:20:00 +0000\n"
	          "due         2025-11-24 16:00:02 +0000\n"
	          "expires     2025-11-29 16:00:00 +0000\n"
	          "key         k\"1\n"
	          "attempts    0, 0 in doubt\n"
	          "recipient 1: \\x1b[2J@example.net: waiting 451 4.7.1\n"
	          "attempt 1: 2025-11-24 16:00:05 +0000, recipient 1, 1.31 s, "
	          "mx[192.0.2.1]:25, rcpt: deferred 451 4.7.1 "
	          "(try\\x0aagain)\n";
	const struct index_attempt a = { .attempt = 1,
		.recipient = 0,
		.time = 1764000005,
		.state = SLOT_DEFERRED,
		.delay_ms = 1310,
		.reply_code = 451,
		.status = "4.7.1",
		.phase = "rcpt",
		.relay = "mx[192.0.2.1]:25",
		.text = "try\nagain" };
	struct fixture *f = *state;
	struct queue_id id = id_of(2), none = id_of(99);
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	fill(f);
	OK(index_attempt_put(f->tx, &id, &a, &f->err));
	OK(index_commit(f->tx, &f->err));
	OK(listing_show(f->ix, &id, out, &f->err));
	(void)fclose(out);
	assert_string_equal(text, want);
	free(text);
	assert_int_equal(listing_show(f->ix, &none, stdout, &f->err), -1);
	assert_int_equal(f->err.code, PO_EDATA);
	OK(index_begin(f->ix, INDEX_WRITE, &f->tx, &f->err));
}

#define UNIT(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(queue_is_printed_as_postfix_prints_it),
		UNIT(empty_queue_and_one_message_have_their_own_words),
		UNIT(all_shows_finished_messages_and_recipients),
		UNIT(json_has_a_valid_object_on_each_line),
		UNIT(long_queue_goes_over_many_pages),
		UNIT(mail_in_drop_follows_what_the_index_has),
		UNIT(failed_write_is_an_error),
		UNIT(show_prints_fields_recipients_and_attempts),
	};

	if (setenv("TZ", "UTC", 1) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
