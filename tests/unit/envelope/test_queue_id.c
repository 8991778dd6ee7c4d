/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include "envelope/queue_id.h"

#include <cmocka.h>
#include <regex.h>
#include <string.h>

/* What `n` is in bytes was worked out by hand: 5 bits a digit, highest first.
 */
static const struct {
	const char *text;
	unsigned char bytes[QUEUE_ID_BYTES];
} pairs[] = {
	{ "00000000000000000000000000", { 0 } },
	{ "00000000000000000000000001", { [15] = 1 } },
	{ "0000000000000000000000000B", { [15] = 10 } },
	{ "0000000000000000000000000H", { [15] = 16 } },
	{ "0000000000000000000000000L", { [15] = 19 } },
	{ "0000000000000000000000000Z", { [15] = 31 } },
	{ "00000000000000000000000010", { [15] = 32 } },
	{ "7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
	    { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	        255, 255, 255 } },
	{ "40000000000000000000000000", { [0] = 128 } },
	{ "01000000000000000000000000", { [0] = 1 } },
};

static void
sixteen_bytes_are_26_digits_and_back(void **state)
{
	unsigned char bytes[QUEUE_ID_BYTES];
	struct queue_id id;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		queue_id_of_bytes(pairs[i].bytes, &id);
		assert_string_equal(id.text, pairs[i].text);
		assert_true(queue_id_parse(span_of(pairs[i].text), &id));
		assert_true(queue_id_bytes(&id, bytes));
		assert_memory_equal(bytes, pairs[i].bytes, QUEUE_ID_BYTES);
	}
}

static const struct {
	const char *name, *text;
	bool is_id;
} texts[] = {
	{ "an id", "01LBR000000000000000000001", true },
	{ "every letter but A I O U", "0BCDEFGHJKLMNPQRSTVWXYZ000", true },
	{ "an A", "01LBR00000000000000000000A", false },
	{ "an I", "01LBR00000000000000000000I", false },
	{ "an O", "01LBR00000000000000000000O", false },
	{ "a U", "01LBR00000000000000000000U", false },
	{ "lower case", "01lbr000000000000000000001", false },
	{ "more than 128 bits", "81LBR000000000000000000001", false },
	{ "a digit missing", "01LBR00000000000000000001", false },
	{ "a digit more", "01LBR0000000000000000000001", false },
	{ "a path", "../../../../../../etc/pass", false },
	{ "a blank", "01LBR00000000000000000000 ", false },
	{ "nothing", "", false },
};

static void
only_the_canonical_form_is_an_id(void **state)
{
	struct queue_id id;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (queue_id_parse(span_of(texts[i].text), &id) !=
		    texts[i].is_id)
			fail_msg("%s", texts[i].name);
	assert_false(queue_id_parse((struct span){ "01LBR0000000000000000000"
	                                           "\0"
	                                           "1",
	                                26 },
	    &id));
}

/* Times in milliseconds, rising; the random bits of the earlier one are all
 * set, those of the later one all clear. */
static void
the_order_of_texts_is_the_order_of_times(void **state)
{
	static const uint64_t times[] = { 0, 1, 9, 10, 31, 32, 1023, 1024,
		1764072000000, 1764072000001, 1764072000009, 1764072000010,
		1764072000015, 1764072000016, 1764072000031, 1764072000032,
		4102444800000, (1ULL << 45) - 1, 1ULL << 45, (1ULL << 48) - 1 };
	struct queue_id before, after;
	unsigned char bytes[QUEUE_ID_BYTES];
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		for (j = 0; j < 6; j++)
			bytes[j] = (unsigned char)(times[i] >> (40 - 8 * j));
		memset(bytes + 6, 0, 10);
		queue_id_of_bytes(bytes, &after);
		assert_int_equal(queue_id_time_ms(&after), times[i]);
		if (i > 0)
			assert_true(strcmp(before.text, after.text) < 0);
		memset(bytes + 6, 255, 10);
		queue_id_of_bytes(bytes, &before);
		assert_true(strcmp(after.text, before.text) < 0);
	}
}

/* Patterns of programs that read mailq or the log. */
static void
readers_of_postfix_know_an_id(void **state)
{
	static const char *const patterns[] = {
		"^([A-F0-9]+|[0-9B-Zb-z]+)$",        /* Postfix::Parse::Mailq */
		"^[A-F0-9]",                         /* mailq | grep -c */
		"^([0-9A-F]{6,}|[0-9a-zA-Z]{12,})$", /* the usual log pattern */
	};
	struct queue_id id;
	struct po_err err;
	regex_t re;
	size_t i;
	int n;

	(void)state;
	for (i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		assert_int_equal(regcomp(&re, patterns[i],
		                     REG_EXTENDED | REG_NOSUB),
		    0);
		for (n = 0; n < 1000; n++) {
			assert_int_equal(queue_id_make(&id, &err), 0);
			if (regexec(&re, id.text, 0, NULL, 0) != 0)
				fail_msg("%s does not match %s", id.text,
				    patterns[i]);
		}
		regfree(&re);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sixteen_bytes_are_26_digits_and_back),
		cmocka_unit_test(only_the_canonical_form_is_an_id),
		cmocka_unit_test(the_order_of_texts_is_the_order_of_times),
		cmocka_unit_test(readers_of_postfix_know_an_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
