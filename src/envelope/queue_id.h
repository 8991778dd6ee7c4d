/* SPDX-License-Identifier: ISC */
/*
 * The queue id: 26 characters of a base32, 48 bits of milliseconds UTC and 80
 * random bits, made by the submitter. Byte order of ids is time order; nobody
 * can guess one before it is used. It is the name of the message in drop/
 * ("n.ID"), in queue/xx/ and done/xx/, where xx is two lower-case hex digits of
 * its last random byte.
 *
 * The digits are 0 to 9 and B to Z without I, O and U. Programs that read
 * mailq or the log of Postfix take a word for a queue id when it is hexadecimal
 * or a long one of Postfix's, which has no vowels: [0-9B-Zb-z] is the narrowest
 * pattern met (Postfix::Parse::Mailq), so there is no A. The first digit is 0
 * until the year 3084, so a line that begins with an id also begins with a
 * hexadecimal digit.
 */
#ifndef PO_ENVELOPE_QUEUE_ID_H
#define PO_ENVELOPE_QUEUE_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"
#include "util/span.h"

#define QUEUE_ID_LEN 26
#define QUEUE_ID_BYTES 16

struct queue_id {
	char text[QUEUE_ID_LEN + 1]; /* NUL-terminated, upper case */
};

/* A new id; fails only when the kernel gives no random bytes (PO_EOS). */
int queue_id_make(struct queue_id *id, struct po_err *err);

/* The id of these 16 bytes: for derived ids (bounces), where the same input
 * must give the same id. */
void queue_id_of_bytes(const unsigned char bytes[QUEUE_ID_BYTES],
    struct queue_id *id);

/* The id of what follows from `from` and these numbers: the same time, other
 * random bits. For notices: making one again gives the same id. */
void queue_id_derive(const struct queue_id *from, uint32_t kind,
    uint32_t number, struct queue_id *id);

/* And back: the 16 bytes of an id; false when it is not one. Their order is the
 * text's. */
bool queue_id_bytes(const struct queue_id *id,
    unsigned char bytes[QUEUE_ID_BYTES]);

/* True when `s` is an id in canonical form (26 of 0-9 B-Z without I O U,
 * first 0 to 7). */
bool queue_id_parse(struct span s, struct queue_id *id);

int64_t queue_id_time_ms(const struct queue_id *id);

/* The folder's name "xx" below queue/ and done/. */
void queue_id_folder(const struct queue_id *id, char folder[3]);

#endif
