/* SPDX-License-Identifier: ISC */
/* The parts of a notice, as text. For this room. All append to a buffer and
 * return false at its ceiling. */
#ifndef PO_BOUNCE_PARTS_H
#define PO_BOUNCE_PARTS_H

#include "bounce/original.h"
#include "util/buf.h"

#define PART_WIDTH 76u /* of a line of text */

/* Append `text`, escaped and at most `max` bytes of it, broken at blanks into
 * lines that begin with `indent` ("" for the first: it stands already). */
bool parts_wrap(struct buf *out, struct span text, size_t max, size_t column,
    const char *indent);

/* Escaped as for a log line; where `ascii`, what is not ASCII too. */
bool parts_escape(struct buf *out, struct span text, size_t max, bool ascii);

/* What an enhanced status means, for a person: one or two sentences; and
 * whether its cause lies with the relay or with this host. Never NULL. */
const char *advice_for(const char *status, int reply_code);

/* The status as the report says it: its class made that of the action. */
void parts_status(const struct notice_recipient *r, char out[12]);

/* The part for a person. `whole`: the message is attached, else its header. */
bool text_part(const struct notice *n, const struct original *o, bool whole,
    struct buf *out);

/* The fields of message/delivery-status, or with `utf8` of its global twin. */
bool status_fields(const struct notice *n, bool utf8, struct buf *out);

/* The text of a digest, all that there is in it. */
bool digest_part(const struct notice *n, struct buf *out);

#endif
