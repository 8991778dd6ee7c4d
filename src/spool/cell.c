/* SPDX-License-Identifier: ISC */
/*
 * Fixed columns, so that one table of offsets serves both directions. Numbers
 * are lower-case hexadecimal with leading zeros; only the reply code and the
 * enhanced status stand as they are in SMTP. Reading takes the fields without
 * looking hard, writes them again and compares all 64 bytes: a cell is valid
 * when it is, to the byte, what the writer would have written.
 *
 *	preamble  "PO1" 4 envelope bytes (8)  13 slots (8)
 *	head      "H1" 3 generation (8) 12 state 13 priority 14 hold 15 attempts
 *(6) 22 due (10) 33 expires (10) 44 changed (10) stamp     "U1" 3 uid (8) 12
 *arrival (10);  "L1" 3 login (40) slot      "S1" 3 generation (8) 12 state 14
 *attempt (6) 21 time (10) 32 reply code (3, decimal) 36 status (11) trailer
 *"T1" 3 content bytes (16) 20 CRC (8) 29 longest line (8) 38 '8' or '7' all 55
 *CRC-32C of bytes 0 to 54 (8) 63 LF
 */
#include "spool/cell.h"

#include <string.h>

#include "util/crc32c.h"
#include "util/parse_num.h"
#include "util/span.h"

#define CRC_AT 55
#define LF_AT 63
#define LOGIN_MAX 40
#define STATUS_MAX 11
#define ATTEMPTS_MAX 0xffffffu
#define TIME_MAX INT64_C(0xffffffffff) /* the year 36812 */

static const char hex[] = "0123456789abcdef";

#define BIT(s) (1u << (s))

/*
 * moves: one bit for each state that may follow (spool-layout.md). To sent,
 * failed, expired and cancelled a slot moves from every open state: recovery
 * writes back what the index knows and the file lost (crash point 19).
 */
static const struct {
	const char *name;
	unsigned moves;
	char letter;
	bool final;
} messages[MESSAGE_STATES] = {
	[MESSAGE_WAITING] = { "waiting",
	    BIT(MESSAGE_WAITING) | BIT(MESSAGE_HELD) | BIT(MESSAGE_SENT) |
	        BIT(MESSAGE_FAILED) | BIT(MESSAGE_CANCELLED) |
	        BIT(MESSAGE_EXPIRED) | BIT(MESSAGE_REFUSED) |
	        BIT(MESSAGE_DUPLICATE),
	    'W', false },
	[MESSAGE_HELD] = { "held",
	    BIT(MESSAGE_WAITING) | BIT(MESSAGE_CANCELLED) |
	        BIT(MESSAGE_EXPIRED),
	    'H', false },
	[MESSAGE_SENT] = { "sent", 0, 'S', true },
	[MESSAGE_FAILED] = { "failed", BIT(MESSAGE_WAITING), 'F', true },
	[MESSAGE_CANCELLED] = { "cancelled", BIT(MESSAGE_WAITING), 'C', true },
	[MESSAGE_EXPIRED] = { "expired", BIT(MESSAGE_WAITING), 'E', true },
	[MESSAGE_REFUSED] = { "refused", 0, 'R', true },
	[MESSAGE_DUPLICATE] = { "duplicate", 0, 'D', true },
};

static const struct {
	char letter;
	bool quota;
	const char *name, *text;
} holds[HOLDS] = {
	[HOLD_REQUEST] = { ' ', false, "request", "by request" },
	[HOLD_DOUBT] = { 'd', false, "doubt", "the last attempt is in doubt" },
	[HOLD_QUOTA] = { 'q', true, "quota",
	    "over the queue quota of its user" },
	[HOLD_RATE] = { 'r', true, "rate", "over the rate of its user" },
	[HOLD_SIZE] = { 's', false, "size",
	    "larger than the limits for submission" },
};

static const struct {
	const char *name;
	unsigned moves;
	char letter;
	bool final;
} slots[SLOT_STATES] = {
	[SLOT_WAITING] = { "waiting",
	    BIT(SLOT_SENDING) | BIT(SLOT_SENT) | BIT(SLOT_DEFERRED) |
	        BIT(SLOT_FAILED) | BIT(SLOT_IN_DOUBT) | BIT(SLOT_CANCELLED) |
	        BIT(SLOT_EXPIRED),
	    'W', false },
	[SLOT_SENDING] = { "sending",
	    BIT(SLOT_WAITING) | BIT(SLOT_SENT) | BIT(SLOT_DEFERRED) |
	        BIT(SLOT_FAILED) | BIT(SLOT_IN_DOUBT),
	    's', false },
	[SLOT_SENT] = { "sent", 0, 'S', true },
	[SLOT_DEFERRED] = { "deferred",
	    BIT(SLOT_SENDING) | BIT(SLOT_SENT) | BIT(SLOT_DEFERRED) |
	        BIT(SLOT_FAILED) | BIT(SLOT_IN_DOUBT) | BIT(SLOT_CANCELLED) |
	        BIT(SLOT_EXPIRED),
	    'd', false },
	[SLOT_FAILED] = { "failed", BIT(SLOT_WAITING), 'F', true },
	[SLOT_IN_DOUBT] = { "in doubt",
	    BIT(SLOT_WAITING) | BIT(SLOT_SENDING) | BIT(SLOT_SENT) |
	        BIT(SLOT_DEFERRED) | BIT(SLOT_FAILED) | BIT(SLOT_IN_DOUBT) |
	        BIT(SLOT_CANCELLED) | BIT(SLOT_EXPIRED),
	    '?', false },
	[SLOT_CANCELLED] = { "cancelled", BIT(SLOT_WAITING), 'C', true },
	[SLOT_EXPIRED] = { "expired", BIT(SLOT_WAITING), 'E', true },
};

/* ------------------------------------------------------------ fields */

static void
put_hex(char *cell, unsigned at, unsigned width, uint64_t v)
{
	while (width > 0) {
		width--;
		cell[at + width] = hex[v & 15];
		v >>= 4;
	}
}

/* What is not hexadecimal reads as 0; the comparison in same() finds it. */
static uint64_t
take_hex(const char *cell, unsigned at, unsigned width)
{
	uint64_t v = 0;

	(void)parse_hex64((struct span){ cell + at, width }, UINT64_MAX, &v);
	return v;
}

static void
put_time(char *cell, unsigned at, int64_t t)
{
	if (t < 0)
		t = 0;
	put_hex(cell, at, 10, (uint64_t)(t > TIME_MAX ? TIME_MAX : t));
}

static int64_t
take_time(const char *cell, unsigned at)
{
	return (int64_t)take_hex(cell, at, 10);
}

static void
put_count(char *cell, unsigned at, uint32_t n)
{
	put_hex(cell, at, 6, n > ATTEMPTS_MAX ? ATTEMPTS_MAX : n);
}

/* A word of at most `max` bytes without blanks, padded with blanks. */
static void
put_word(char *cell, unsigned at, const char *word, size_t max)
{
	size_t i;
	unsigned char c;

	for (i = 0; i < max && word[i] != '\0'; i++) {
		c = (unsigned char)word[i];
		if (c <= ' ' || c >= 0x7f)
			c = '?';
		cell[at + i] = (char)c;
	}
}

static void
take_word(const char *cell, unsigned at, char *word, size_t max)
{
	size_t n = 0;

	while (n < max && cell[at + n] != ' ' && cell[at + n] != '\0')
		n++;
	memcpy(word, cell + at, n);
	memset(word + n, 0, max + 1 - n);
}

static void
begin(char cell[CELL_BYTES], const char *kind)
{
	cell_put_blank(cell);
	for (; *kind != '\0'; kind++, cell++)
		*cell = *kind;
}

static void
seal(char cell[CELL_BYTES])
{
	put_hex(cell, CRC_AT, 8, crc32c(0, cell, CRC_AT));
}

static bool
same(const char a[CELL_BYTES], const char b[CELL_BYTES])
{
	return memcmp(a, b, CELL_BYTES) == 0;
}

void
cell_put_blank(char cell[CELL_BYTES])
{
	memset(cell, ' ', LF_AT);
	cell[LF_AT] = '\n';
}

/* ------------------------------------------------------------ preamble */

void
cell_put_preamble(const struct preamble *p, char cell[CELL_BYTES])
{
	begin(cell, "PO1");
	put_hex(cell, 4, 8, p->envelope_bytes);
	put_hex(cell, 13, 8, p->slots);
	seal(cell);
}

bool
cell_get_preamble(const char cell[CELL_BYTES], struct preamble *p)
{
	char again[CELL_BYTES];

	p->envelope_bytes = (uint32_t)take_hex(cell, 4, 8);
	p->slots = (uint32_t)take_hex(cell, 13, 8);
	cell_put_preamble(p, again);
	return same(cell, again) && p->envelope_bytes > 0 &&
	       p->envelope_bytes <= ENVELOPE_MAX_BYTES && p->slots > 0 &&
	       p->slots <= ENVELOPE_MAX_RECIPIENTS;
}

/* ------------------------------------------------------------ head */

void
cell_put_head(const struct head *h, char cell[CELL_BYTES])
{
	begin(cell, "H1");
	put_hex(cell, 3, 8, h->generation);
	cell[12] = messages[h->state].letter;
	cell[13] = (char)('0' + h->priority);
	cell[14] = h->state == MESSAGE_HELD ? holds[h->hold].letter : ' ';
	put_count(cell, 15, h->attempts);
	put_time(cell, 22, h->due);
	put_time(cell, 33, h->expires);
	put_time(cell, 44, h->changed);
	seal(cell);
}

bool
cell_get_head(const char cell[CELL_BYTES], struct head *h)
{
	char again[CELL_BYTES];
	unsigned s, hold;

	for (s = 0; s < MESSAGE_STATES; s++)
		if (cell[12] == messages[s].letter)
			break;
	for (hold = 0; hold < HOLDS; hold++)
		if (cell[14] == holds[hold].letter)
			break;
	if (s == MESSAGE_STATES || hold == HOLDS || cell[13] < '0' ||
	    cell[13] >= '0' + PRIORITIES)
		return false;
	h->generation = (uint32_t)take_hex(cell, 3, 8);
	h->state = (enum message_state)s;
	h->hold = (enum message_hold)hold;
	h->priority = (enum priority)(cell[13] - '0');
	h->attempts = (uint32_t)take_hex(cell, 15, 6);
	h->due = take_time(cell, 22);
	h->expires = take_time(cell, 33);
	h->changed = take_time(cell, 44);
	cell_put_head(h, again);
	return same(cell, again);
}

/* ------------------------------------------------------------ stamp */

void
cell_put_stamp(const struct stamp *s, char cells[2 * CELL_BYTES])
{
	begin(cells, "U1");
	put_hex(cells, 3, 8, s->uid);
	put_time(cells, 12, s->arrival);
	seal(cells);
	begin(cells + CELL_BYTES, "L1");
	put_word(cells + CELL_BYTES, 3, s->login, LOGIN_MAX);
	seal(cells + CELL_BYTES);
}

bool
cell_get_stamp(const char cells[2 * CELL_BYTES], struct stamp *s)
{
	char again[2 * CELL_BYTES];

	s->uid = (uint32_t)take_hex(cells, 3, 8);
	s->arrival = take_time(cells, 12);
	take_word(cells + CELL_BYTES, 3, s->login, LOGIN_MAX);
	cell_put_stamp(s, again);
	return same(cells, again) &&
	       same(cells + CELL_BYTES, again + CELL_BYTES);
}

/* ------------------------------------------------------------ slot */

/* Only what RFC 3463 allows in it: digits and dots. */
static bool
is_status(const char *s)
{
	return strspn(s, "0123456789.") == strlen(s);
}

void
cell_put_slot(const struct slot *s, char cell[CELL_BYTES])
{
	unsigned code = s->reply_code < 0 || s->reply_code > 999
	                    ? 0
	                    : (unsigned)s->reply_code;

	begin(cell, "S1");
	put_hex(cell, 3, 8, s->generation);
	cell[12] = slots[s->state].letter;
	put_count(cell, 14, s->attempt);
	put_time(cell, 21, s->time);
	cell[32] = (char)('0' + code / 100);
	cell[33] = (char)('0' + code / 10 % 10);
	cell[34] = (char)('0' + code % 10);
	put_word(cell, 36, is_status(s->status) ? s->status : "", STATUS_MAX);
	seal(cell);
}

bool
cell_get_slot(const char cell[CELL_BYTES], struct slot *s)
{
	char again[CELL_BYTES];
	uint64_t code = 0;
	unsigned i;

	for (i = 0; i < SLOT_STATES; i++)
		if (cell[12] == slots[i].letter)
			break;
	if (i == SLOT_STATES)
		return false;
	s->generation = (uint32_t)take_hex(cell, 3, 8);
	s->state = (enum slot_state)i;
	s->attempt = (uint32_t)take_hex(cell, 14, 6);
	s->time = take_time(cell, 21);
	(void)parse_u64((struct span){ cell + 32, 3 }, 0, 999, &code);
	s->reply_code = (int)code;
	take_word(cell, 36, s->status, STATUS_MAX);
	cell_put_slot(s, again);
	return same(cell, again);
}

/* ------------------------------------------------------------ trailer */

void
cell_put_trailer(const struct trailer *t, char cell[CELL_BYTES])
{
	begin(cell, "T1");
	put_hex(cell, 3, 16, t->content_bytes);
	put_hex(cell, 20, 8, t->crc);
	put_hex(cell, 29, 8, t->longest_line);
	cell[38] = t->has_8bit ? '8' : '7';
	seal(cell);
}

bool
cell_get_trailer(const char cell[CELL_BYTES], struct trailer *t)
{
	char again[CELL_BYTES];

	t->content_bytes = take_hex(cell, 3, 16);
	t->crc = (uint32_t)take_hex(cell, 20, 8);
	t->longest_line = (uint32_t)take_hex(cell, 29, 8);
	t->has_8bit = cell[38] == '8';
	cell_put_trailer(t, again);
	return same(cell, again);
}

/* ------------------------------------------------------------ states */

char
message_state_letter(enum message_state s)
{
	return messages[s].letter;
}

const char *
message_state_name(enum message_state s)
{
	return messages[s].name;
}

bool
message_may_move(enum message_state from, enum message_state to)
{
	return (messages[from].moves & BIT(to)) != 0;
}

bool
message_hold_is_quota(enum message_hold hold)
{
	return holds[hold].quota;
}

const char *
message_hold_name(enum message_hold hold)
{
	return holds[hold].name;
}

const char *
message_hold_text(enum message_hold hold)
{
	return holds[hold].text;
}

bool
message_is_final(enum message_state s)
{
	return messages[s].final;
}

char
slot_state_letter(enum slot_state s)
{
	return slots[s].letter;
}

const char *
slot_state_name(enum slot_state s)
{
	return slots[s].name;
}

bool
slot_may_move(enum slot_state from, enum slot_state to)
{
	return (slots[from].moves & BIT(to)) != 0;
}

bool
slot_is_final(enum slot_state s)
{
	return slots[s].final;
}
