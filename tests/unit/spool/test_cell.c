/* SPDX-License-Identifier: ISC */
/*
 * Expected cells are written out by hand from spool-layout.md, their checksums
 * by a bitwise CRC-32C that gives 0xe3069283 for "123456789" (RFC 3720).
 */
#include "spool/cell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char preamble_text[] =
    "PO1 0000004d 00000002                                  0b80a284\n";
static const char head_text[] =
    "H1 00000007 H1 000003 006553f100 00655a8880 006553f10a e0b83223\n";
static const char stamp_text[] =
    "U1 000003e8 006553f100                                 702e438d\n"
    "L1 alice                                               c4166989\n";
static const char slot_text[] =
    "S1 00000002 d 000003 006553f10a 450 4.2.2              249a5d8b\n";
static const char trailer_text[] =
    "T1 0000000000001388 89abcdef 000003e6 8                1fc01d8f\n";

static const struct head a_head = { 7, MESSAGE_HELD, HOLD_REQUEST,
	PRIORITY_HIGH, 3, 1700000000, 1700432000, 1700000010 };
static const struct stamp a_stamp = { 1000, 1700000000, "alice" };
static const struct slot a_slot = { 2, SLOT_DEFERRED, 3, 1700000010, 450,
	"4.2.2" };
static const struct trailer a_trailer = { 5000, 0x89abcdef, 998, true };

static void
the_preamble_stands_byte_for_byte_as_the_page_says(void **state)
{
	const struct preamble p = { 77, 2 };
	struct preamble q;
	char cell[CELL_BYTES];

	(void)state;
	cell_put_preamble(&p, cell);
	assert_memory_equal(cell, preamble_text, CELL_BYTES);
	assert_true(cell_get_preamble(preamble_text, &q));
	assert_int_equal(q.envelope_bytes, 77);
	assert_int_equal(q.slots, 2);
}

static void
a_head_stands_byte_for_byte_as_the_page_says(void **state)
{
	struct head h;
	char cell[CELL_BYTES];

	(void)state;
	cell_put_head(&a_head, cell);
	assert_memory_equal(cell, head_text, CELL_BYTES);
	assert_true(cell_get_head(head_text, &h));
	assert_int_equal(h.generation, 7);
	assert_int_equal(h.state, MESSAGE_HELD);
	assert_int_equal(h.priority, PRIORITY_HIGH);
	assert_int_equal(h.attempts, 3);
	assert_true(h.due == 1700000000 && h.expires == 1700432000);
	assert_true(h.changed == 1700000010);
}

static void
a_stamp_stands_byte_for_byte_as_the_page_says(void **state)
{
	struct stamp s;
	char cells[2 * CELL_BYTES];

	(void)state;
	cell_put_stamp(&a_stamp, cells);
	assert_memory_equal(cells, stamp_text, sizeof(cells));
	assert_true(cell_get_stamp(stamp_text, &s));
	assert_int_equal(s.uid, 1000);
	assert_true(s.arrival == 1700000000);
	assert_string_equal(s.login, "alice");
}

static void
a_slot_stands_byte_for_byte_as_the_page_says(void **state)
{
	struct slot s;
	char cell[CELL_BYTES];

	(void)state;
	cell_put_slot(&a_slot, cell);
	assert_memory_equal(cell, slot_text, CELL_BYTES);
	assert_true(cell_get_slot(slot_text, &s));
	assert_int_equal(s.generation, 2);
	assert_int_equal(s.state, SLOT_DEFERRED);
	assert_int_equal(s.attempt, 3);
	assert_true(s.time == 1700000010);
	assert_int_equal(s.reply_code, 450);
	assert_string_equal(s.status, "4.2.2");
}

static void
a_trailer_stands_byte_for_byte_as_the_page_says(void **state)
{
	struct trailer t;
	char cell[CELL_BYTES];

	(void)state;
	cell_put_trailer(&a_trailer, cell);
	assert_memory_equal(cell, trailer_text, CELL_BYTES);
	assert_true(cell_get_trailer(trailer_text, &t));
	assert_true(t.content_bytes == 5000 && t.crc == 0x89abcdef);
	assert_int_equal(t.longest_line, 998);
	assert_true(t.has_8bit);
}

/* ------------------------------------------------------------ damage */

static bool
get_preamble(const char *cell)
{
	struct preamble p;

	return cell_get_preamble(cell, &p);
}

static bool
get_head(const char *cell)
{
	struct head h;

	return cell_get_head(cell, &h);
}

static bool
get_stamp(const char *cells)
{
	struct stamp s;

	return cell_get_stamp(cells, &s);
}

static bool
get_slot(const char *cell)
{
	struct slot s;

	return cell_get_slot(cell, &s);
}

static bool
get_trailer(const char *cell)
{
	struct trailer t;

	return cell_get_trailer(cell, &t);
}

static const struct {
	const char *name;
	const char *text;
	size_t len;
	bool (*get)(const char *);
} kinds[] = {
	{ "preamble", preamble_text, CELL_BYTES, get_preamble },
	{ "head", head_text, CELL_BYTES, get_head },
	{ "stamp", stamp_text, 2 * CELL_BYTES, get_stamp },
	{ "slot", slot_text, CELL_BYTES, get_slot },
	{ "trailer", trailer_text, CELL_BYTES, get_trailer },
};

static void
one_flipped_bit_anywhere_makes_a_cell_invalid(void **state)
{
	char cell[2 * CELL_BYTES];
	size_t i, bit;

	(void)state;
	for (i = 0; i < COUNT(kinds); i++) {
		for (bit = 0; bit < kinds[i].len * 8; bit++) {
			memcpy(cell, kinds[i].text, kinds[i].len);
			cell[bit / 8] ^= (char)(1 << bit % 8);
			if (kinds[i].get(cell))
				fail_msg("%s, bit %zu", kinds[i].name, bit);
		}
	}
}

/* What power loss leaves of a write over an older cell, at every byte. */
static void
a_torn_write_reads_as_the_old_or_the_new_cell_or_as_damaged(void **state)
{
	struct slot old = { 1, SLOT_SENDING, 3, 1700000001, 0, "" }, got;
	char before[CELL_BYTES], after[CELL_BYTES], torn[CELL_BYTES];
	size_t cut;

	(void)state;
	cell_put_slot(&old, before);
	cell_put_slot(&a_slot, after);
	for (cut = 0; cut <= CELL_BYTES; cut++) {
		memcpy(torn, after, cut);
		memcpy(torn + cut, before + cut, CELL_BYTES - cut);
		if (!cell_get_slot(torn, &got))
			continue;
		assert_true(memcmp(torn, before, CELL_BYTES) == 0 ||
		            memcmp(torn, after, CELL_BYTES) == 0);
	}
}

static void
a_blank_or_empty_cell_is_none(void **state)
{
	char cells[2 * CELL_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(kinds); i++) {
		memset(cells, 0, sizeof(cells));
		assert_false(kinds[i].get(cells));
		cell_put_blank(cells);
		cell_put_blank(cells + CELL_BYTES);
		assert_int_equal(cells[63], '\n');
		assert_false(kinds[i].get(cells));
	}
}

static void
no_kind_of_cell_is_taken_for_another(void **state)
{
	char cells[2 * CELL_BYTES];
	size_t i, k;

	(void)state;
	for (i = 0; i < COUNT(kinds); i++) {
		memcpy(cells, kinds[i].text, CELL_BYTES);
		memcpy(cells + CELL_BYTES, kinds[i].text, CELL_BYTES);
		for (k = 0; k < COUNT(kinds); k++)
			if (k != i && kinds[k].get(cells))
				fail_msg("%s read as %s", kinds[i].name,
				    kinds[k].name);
	}
}

static void
a_preamble_out_of_bounds_is_refused(void **state)
{
	static const struct {
		const char *name;
		struct preamble p;
		bool valid;
	} cases[] = {
		{ "no envelope", { 0, 1 }, false },
		{ "no slot", { 1, 0 }, false },
		{ "the least", { 1, 1 }, true },
		{ "the most", { ENVELOPE_MAX_BYTES, ENVELOPE_MAX_RECIPIENTS },
		    true },
		{ "envelope too long", { ENVELOPE_MAX_BYTES + 1, 1 }, false },
		{ "too many slots", { 1, ENVELOPE_MAX_RECIPIENTS + 1 }, false },
		{ "wraps", { UINT32_MAX, UINT32_MAX }, false },
	};
	char cell[CELL_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		cell_put_preamble(&cases[i].p, cell);
		if (get_preamble(cell) != cases[i].valid)
			fail_msg("%s", cases[i].name);
	}
}

static void
foreign_text_cannot_leave_its_field(void **state)
{
	struct stamp s = { 1, 2, "a b\nc\x1b\xc3\xa9" }, t;
	struct slot x = { 1, SLOT_SENT, 1, 2, 250, "2.0\n0" }, y;
	char cells[2 * CELL_BYTES];

	(void)state;
	cell_put_stamp(&s, cells);
	assert_true(cell_get_stamp(cells, &t));
	assert_string_equal(t.login, "a?b?c???");
	cell_put_slot(&x, cells);
	assert_true(cell_get_slot(cells, &y));
	assert_string_equal(y.status, "");
}

static void
values_beyond_a_field_are_cut_to_its_largest(void **state)
{
	struct head h = { 1, MESSAGE_WAITING, HOLD_REQUEST, PRIORITY_NOW,
		UINT32_MAX, INT64_MAX, INT64_MAX, -5 };
	struct slot s = { 1, SLOT_SENT, UINT32_MAX, INT64_MAX, 1000, "" };
	char cell[CELL_BYTES];

	(void)state;
	cell_put_head(&h, cell);
	assert_true(cell_get_head(cell, &h));
	assert_int_equal(h.attempts, 0xffffff);
	assert_true(h.due == INT64_C(0xffffffffff) && h.changed == 0);
	cell_put_slot(&s, cell);
	assert_true(cell_get_slot(cell, &s));
	assert_int_equal(s.reply_code, 0);
}

/* ------------------------------------------------------------ states */

/* Rows and columns in the order of the page: W H S F C E R D. */
static void
a_message_moves_as_the_page_says_and_no_other_way(void **state)
{
	static const enum message_state order[] = { MESSAGE_WAITING,
		MESSAGE_HELD, MESSAGE_SENT, MESSAGE_FAILED, MESSAGE_CANCELLED,
		MESSAGE_EXPIRED, MESSAGE_REFUSED, MESSAGE_DUPLICATE };
	static const char letters[] = "WHSFCERD";
	static const char *const table[] = {
		"yyyyyyyy", /* W */
		"y---yy--", /* H */
		"--------", /* S */
		"y-------", /* F */
		"y-------", /* C */
		"y-------", /* E */
		"--------", /* R */
		"--------", /* D */
	};
	static const char final[] = "--yyyyyy";
	size_t i, k;

	(void)state;
	assert_int_equal(COUNT(order), MESSAGE_STATES);
	for (i = 0; i < MESSAGE_STATES; i++) {
		assert_int_equal(message_state_letter(order[i]), letters[i]);
		assert_int_equal(message_is_final(order[i]), final[i] == 'y');
		for (k = 0; k < MESSAGE_STATES; k++)
			if (message_may_move(order[i], order[k]) !=
			    (table[i][k] == 'y'))
				fail_msg("%c to %c", letters[i], letters[k]);
	}
}

/* Rows and columns: W s S d F ? C E. */
static void
a_slot_moves_as_the_page_says_and_no_other_way(void **state)
{
	static const enum slot_state order[] = { SLOT_WAITING, SLOT_SENDING,
		SLOT_SENT, SLOT_DEFERRED, SLOT_FAILED, SLOT_IN_DOUBT,
		SLOT_CANCELLED, SLOT_EXPIRED };
	static const char letters[] = "WsSdF?CE";
	static const char *const table[] = {
		"-yyyyyyy", /* W */
		"y-yyyy--", /* s */
		"--------", /* S */
		"-yyyyyyy", /* d */
		"y-------", /* F */
		"yyyyyyyy", /* ? */
		"y-------", /* C */
		"y-------", /* E */
	};
	static const char final[] = "--y-y-yy";
	size_t i, k;

	(void)state;
	assert_int_equal(COUNT(order), SLOT_STATES);
	for (i = 0; i < SLOT_STATES; i++) {
		assert_int_equal(slot_state_letter(order[i]), letters[i]);
		assert_int_equal(slot_is_final(order[i]), final[i] == 'y');
		for (k = 0; k < SLOT_STATES; k++)
			if (slot_may_move(order[i], order[k]) !=
			    (table[i][k] == 'y'))
				fail_msg("%c to %c", letters[i], letters[k]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_preamble_stands_byte_for_byte_as_the_page_says),
		cmocka_unit_test(a_head_stands_byte_for_byte_as_the_page_says),
		cmocka_unit_test(a_stamp_stands_byte_for_byte_as_the_page_says),
		cmocka_unit_test(a_slot_stands_byte_for_byte_as_the_page_says),
		cmocka_unit_test(
		    a_trailer_stands_byte_for_byte_as_the_page_says),
		cmocka_unit_test(one_flipped_bit_anywhere_makes_a_cell_invalid),
		cmocka_unit_test(
		    a_torn_write_reads_as_the_old_or_the_new_cell_or_as_damaged),
		cmocka_unit_test(a_blank_or_empty_cell_is_none),
		cmocka_unit_test(no_kind_of_cell_is_taken_for_another),
		cmocka_unit_test(a_preamble_out_of_bounds_is_refused),
		cmocka_unit_test(foreign_text_cannot_leave_its_field),
		cmocka_unit_test(values_beyond_a_field_are_cut_to_its_largest),
		cmocka_unit_test(
		    a_message_moves_as_the_page_says_and_no_other_way),
		cmocka_unit_test(
		    a_slot_moves_as_the_page_says_and_no_other_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
