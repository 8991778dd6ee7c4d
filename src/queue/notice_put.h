/* SPDX-License-Identifier: ISC */
/* One notice, made and put into the queue; for queue/notices.c. */
#ifndef PO_QUEUE_NOTICE_PUT_H
#define PO_QUEUE_NOTICE_PUT_H

#include "bounce/notice.h"
#include "queue/tick.h"

/* What a notice is about. */
struct notice_case {
	struct tick *t;
	const struct index_message *m; /* the message */
	struct arena arena;
	struct message_file file; /* fd -1: it is not at hand */
	struct envelope env;      /* of the file; without it: zero */
	struct notice_original original;
};

/*
 * Tell the sender, or for a notice of ours that failed the postmaster, or
 * nobody (the null sender, an answering machine, a storm). `number` tells
 * notices of one kind about one message apart. Repeating a call whose tick was
 * committed does nothing.
 */
int notice_put(struct notice_case *c, enum notice_kind kind, uint32_t number,
    const struct notice_recipient *list, size_t n, struct po_err *err);

/* The digest of a storm whose first message was `first`. */
int notice_put_digest(struct tick *t, const struct queue_id *first,
    const char *to, const struct notice_digest *d, struct po_err *err);

#endif
