/* SPDX-License-Identifier: ISC */
/* The text of a listing, piece by piece, into a buffer; for listing*.c. */
#ifndef PO_CLI_LISTING_ROWS_H
#define PO_CLI_LISTING_ROWS_H

#include "cli/listing.h"
#include "util/buf.h"

struct listing_state {
	uint64_t messages;    /* begun so far */
	uint64_t bytes;       /* their content */
	uint64_t recipients;  /* printed so far of this message */
	const char *standing; /* of this message: why it is not sent, or "" */
	struct buf reason;    /* the last that was printed of this message */
	char holder[QUEUE_ID_LEN + 1]; /* whose key it asked for; "": its own */
};

/* One table row for each format. All return false when the buffer is full. */
struct listing_rows {
	bool (*message)(struct buf *b, struct listing_state *s,
	    const struct index_message *m);
	bool (*recipient)(struct buf *b, struct listing_state *s,
	    const struct index_recipient *r);
	bool (*message_end)(struct buf *b);
	/* All of it: what the index does not know has no recipients here. */
	bool (*untaken)(struct buf *b, struct listing_state *s,
	    const struct untaken *u);
	bool (*end)(struct buf *b, const struct listing_state *s);
};
extern const struct listing_rows listing_postfix;
extern const struct listing_rows listing_json;

/* The message that holds the key of one that was put aside for it, or "". */
int listing_find_holder(struct index_tx *tx, const struct index_message *m,
    char holder[QUEUE_ID_LEN + 1], struct po_err *err);

/* Whose it is: a login, or "uid N". */
#define UNTAKEN_WHO_BYTES 48
void listing_untaken_who(const struct untaken *u, char who[UNTAKEN_WHO_BYTES]);

/* Foreign text, escaped. */
bool listing_put_text(struct buf *b, const char *text);
/* Local time with its offset: "2026-11-24 06:43:12 +0000". */
bool listing_put_time(struct buf *b, int64_t t);

#endif
