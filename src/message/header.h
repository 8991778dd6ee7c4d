/* SPDX-License-Identifier: ISC */
/*
 * The header block of a message (RFC 5322, 2.2), taken from a stream and read
 * once: while its bytes arrive, fields and their names are noted. What follows
 * it, the body, is never held here.
 *
 * The block ends at an empty line, or before the first line that cannot be part
 * of a field: that line is text, and all of it is kept. "From " and ">From "
 * lines at the beginning (mbox, UUCP) are dropped.
 */
#ifndef PO_MESSAGE_HEADER_H
#define PO_MESSAGE_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/err.h"
#include "util/span.h"

#define HEADER_MAX_FIELDS 20000u

/* The fields that po knows; a table in header.c has a row for each. */
enum field_id {
	FIELD_OTHER,
	FIELD_BCC,
	FIELD_CC,
	FIELD_DATE,
	FIELD_FROM,
	FIELD_MESSAGE_ID,
	FIELD_RECEIVED,
	FIELD_REPLY_TO,
	FIELD_RESENT_BCC,
	FIELD_RESENT_CC,
	FIELD_RESENT_DATE,
	FIELD_RESENT_FROM,
	FIELD_RESENT_MESSAGE_ID,
	FIELD_RESENT_REPLY_TO,
	FIELD_RESENT_SENDER,
	FIELD_RESENT_TO,
	FIELD_RETURN_PATH,
	FIELD_SENDER,
	FIELD_TO,
	FIELD_X_PO_EXPIRES,
	FIELD_X_PO_KEY,
	FIELD_X_PO_PRIORITY,
	FIELD_X_PO_SCHEDULE,
	FIELD_X_PO_TAG,
	FIELD_IDS
};

/* What a field is, or-ed. */
enum field_kind {
	KIND_ADDRESSES = 1,  /* holds a list of addresses */
	KIND_RECIPIENTS = 2, /* names recipients (-t) */
	KIND_RESENT = 4,     /* RFC 5322, 3.6.6 */
	KIND_DROPPED = 8,    /* never sent: Bcc, Return-Path (RFC 5321, 4.4) */
	KIND_PO = 16         /* an order to po, and never sent */
};

/* Offsets into the block. */
struct header_field {
	enum field_id id;
	uint32_t at;    /* of the name */
	uint32_t colon; /* of the ':' */
	uint32_t end;   /* behind its last LF */
};

enum header_state {
	HEADER_LINE,  /* at the beginning of a line */
	HEADER_NAME,  /* in what may be a name */
	HEADER_SPACE, /* blanks behind a name (RFC 5322, 4.5) */
	HEADER_VALUE,
	HEADER_MBOX, /* in a From_ line */
	HEADER_DONE
};

struct header {
	struct buf text; /* the block so far, LF-only lines */
	struct header_field *fields;
	size_t n, cap;
	enum header_state state;
	size_t line; /* where the line in hand begins */
};

/* `max_bytes` (at most 1 GiB) is the ceiling of the block. */
void header_init(struct header *h, size_t max_bytes);
void header_clear(struct header *h);

/*
 * Take bytes of clean lines (message/clean.h). 1: the block is complete: *used
 * of them belonged to it, the others are body, and so is what `*text` holds,
 * which stands before them (the line that was no field; valid until
 * header_clear). 0: more, please. -1: PO_EDATA, larger than allowed; PO_EOS.
 */
int header_write(struct header *h, const char *p, size_t len, size_t *used,
    struct span *text, struct po_err *err);

/* The input ended: complete the block, as above. 0 or -1. */
int header_end(struct header *h, struct span *text, struct po_err *err);

struct span header_name(const struct header *h, const struct header_field *f);

/* What is behind the ':', folds and final LF included. */
struct span header_value(const struct header *h, const struct header_field *f);
struct span header_raw(const struct header *h, const struct header_field *f);

/* The first field of that id with anything but white space in it, or NULL. */
const struct header_field *header_find(const struct header *h,
    enum field_id id);

/* Take the next field, its folds and LF included, off a block of LF-only lines
 * that lies in memory. */
struct span header_cut_field(struct span *block);

const char *field_name(enum field_id id);
unsigned field_kind(enum field_id id);

#endif
