/* SPDX-License-Identifier: ISC */
/*
 * The 64-byte cells of a message file: printable text, version, CRC-32C, LF. A
 * cell is written by one pwrite(2) at a multiple of 64, so that it lies in one
 * sector; a torn or damaged one is recognised and reads "unknown". Byte for
 * byte in spool-layout.md, "Cells". No file is touched here.
 */
#ifndef PO_SPOOL_CELL_H
#define PO_SPOOL_CELL_H

#include <stdbool.h>
#include <stdint.h>

#include "envelope/envelope.h"

#define CELL_BYTES 64

/* A message's state; the letter stands in the head cell. Allowed moves:
 * message_may_move(). */
enum message_state {
	MESSAGE_WAITING, /* W  to be delivered; due says when */
	MESSAGE_HELD, /* H  an administrator, its owner, or a quota holds it */
	MESSAGE_SENT, /* S  every recipient reached (derived from the slots) */
	MESSAGE_FAILED, /* F  finished, at least one recipient failed (derived
	                   from the slots) */
	MESSAGE_CANCELLED, /* C */
	MESSAGE_EXPIRED,   /* E  too old: give_up_after, or its own expiry */
	MESSAGE_REFUSED,   /* R  same idempotency key, other content */
	MESSAGE_DUPLICATE, /* D  an equal repeat of an idempotency key:
	                      recorded, not sent */
	MESSAGE_STATES
};

/* Why a message is held; the letter stands in the head cell. */
enum message_hold {
	HOLD_REQUEST, /* ' ' by somebody's request, or not held at all */
	HOLD_DOUBT,   /* d   the last attempt is in doubt (in_doubt = hold) */
	HOLD_QUOTA,   /* q   its uid has too much waiting */
	HOLD_RATE,    /* r   its uid sent too much in too short a time */
	HOLD_SIZE, /* s   larger, or to more recipients, than submission takes
	            */
	HOLDS
};

/* A recipient's state; the letter stands in the slot cell. Allowed moves:
 * slot_may_move(). */
enum slot_state {
	SLOT_WAITING, /* W  never tried, or handed back */
	SLOT_SENDING, /* s  the content may be leaving: without a result this is
	                 in doubt */
	SLOT_SENT,    /* S  final */
	SLOT_DEFERRED,  /* d  a temporary failure; will be tried again */
	SLOT_FAILED,    /* F  final */
	SLOT_IN_DOUBT,  /* ?  the last dot left and nobody knows; tried again or
	                   held by `in_doubt` */
	SLOT_CANCELLED, /* C  final: its message was cancelled, refused or a
	                   duplicate */
	SLOT_EXPIRED,   /* E  final */
	SLOT_STATES
};

struct head {
	uint32_t generation; /* the higher valid one of the two cells wins; 1 is
	                        the first */
	enum message_state state; /* WAITING, HELD, CANCELLED, EXPIRED, REFUSED,
	                             DUPLICATE; SENT, FAILED are derived */
	enum message_hold hold;   /* of HELD; else HOLD_REQUEST */
	enum priority priority;
	uint32_t attempts; /* attempts so far of the message as a whole */
	int64_t due;       /* seconds UTC */
	int64_t expires;   /* seconds UTC, never 0 */
	int64_t changed;   /* seconds UTC of this write */
};

struct stamp {
	uint32_t uid;    /* st_uid of the file in drop/ */
	int64_t arrival; /* seconds UTC: its ctime */
	char login[41];  /* its login name at ingest, or "" */
};

struct slot {
	uint32_t generation; /* counts writes */
	enum slot_state state;
	uint32_t attempt; /* of the message, 1 is the first; 0: none yet */
	int64_t time;     /* seconds UTC of this write */
	int reply_code;   /* 0: none */
	char status[12];  /* "2.0.0", or "" */
};

struct preamble {
	uint32_t envelope_bytes; /* of the text, without its padding */
	uint32_t slots;
};

struct trailer {
	uint64_t content_bytes;
	uint32_t crc; /* CRC-32C of preamble, envelope with padding, content, in
	                 this order */
	uint32_t longest_line; /* bytes without LF */
	bool has_8bit;
};

/* Write the text of a cell, or read it: false when the cell is not valid in
 * every byte. */
void cell_put_preamble(const struct preamble *p, char cell[CELL_BYTES]);
bool cell_get_preamble(const char cell[CELL_BYTES], struct preamble *p);
void cell_put_head(const struct head *h, char cell[CELL_BYTES]);
bool cell_get_head(const char cell[CELL_BYTES], struct head *h);
void cell_put_stamp(const struct stamp *s, char cells[2 * CELL_BYTES]);
bool cell_get_stamp(const char cells[2 * CELL_BYTES], struct stamp *s);
void cell_put_slot(const struct slot *s, char cell[CELL_BYTES]);
bool cell_get_slot(const char cell[CELL_BYTES], struct slot *s);
void cell_put_trailer(const struct trailer *t, char cell[CELL_BYTES]);
bool cell_get_trailer(const char cell[CELL_BYTES], struct trailer *t);
void cell_put_blank(
    char cell[CELL_BYTES]); /* 63 blanks and LF: what a submitter writes where
                               cells will stand */

char message_state_letter(enum message_state s);
const char *message_state_name(
    enum message_state s); /* "waiting", "held", ... */
bool message_may_move(enum message_state from, enum message_state to);
/* Is it held by a limit, to be released when its uid is within it again? */
bool message_hold_is_quota(enum message_hold hold);
const char *message_hold_name(enum message_hold hold); /* one word */
const char *message_hold_text(enum message_hold hold); /* for a person */
bool message_is_final(enum message_state s);
char slot_state_letter(enum slot_state s);
const char *slot_state_name(enum slot_state s);
bool slot_may_move(enum slot_state from, enum slot_state to);
bool slot_is_final(enum slot_state s);

#endif
