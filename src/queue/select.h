/* SPDX-License-Identifier: ISC */
/*
 * Which messages an act or a listing means: those whose id, an open recipient
 * or the sender contains a text, or does not. As with sendmail's -qI, -qR and
 * -qS: of terms on one field one must hold, and this for each field that has
 * any. An id is compared as it is, addresses without regard to the case of
 * ASCII letters. A negated recipient means: no recipient contains it.
 * Recipients that are final count in finished mail only: what was sent is not
 * to be sent.
 */
#ifndef PO_QUEUE_SELECT_H
#define PO_QUEUE_SELECT_H

#include "spool/index.h"
#include "util/buf.h"

enum select_field { SELECT_ID, SELECT_RECIPIENT, SELECT_SENDER };
#define SELECT_FIELDS 3
#define SELECT_MAX 16

struct selection {
	struct select_term {
		enum select_field field;
		bool negate;
		struct span text; /* not empty; the caller's */
	} terms[SELECT_MAX];
	size_t n; /* 0: every message */
};

/* "id", "recipient", "sender": as options and lines of a request are called. */
const char *select_field_name(enum select_field field);

/* Add TEXT or !TEXT; PO_EUSAGE: empty, a line end in it, or too many. */
int selection_add(struct selection *s, enum select_field field,
    struct span text, struct po_err *err);

/* "match-FIELD=TEXT" lines, as a request has them; false when the buffer is
 * full. */
bool selection_put(const struct selection *s, struct buf *out);
/* Take such a line, cut at its "=". 1 taken, 0 it is no such line, -1 it is one
 * that cannot be taken: then less must not become more. */
int selection_take(struct selection *s, struct span name, struct span text);

/* 1, 0, or -1 when the index fails. */
int selection_matches(const struct selection *s, struct index_tx *tx,
    const struct index_message *m, struct po_err *err);

#endif
