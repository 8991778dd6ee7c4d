/* SPDX-License-Identifier: ISC */
/*
 * Notices to senders, made while a tick's results are settled: each is a
 * message of its own with an id derived from the original's (queue_id_derive:
 * kind and number), written into queue/ at once and into the index by the
 * tick's transaction. So a notice and what it tells of are committed together;
 * notices_sync() comes before that commit.
 */
#ifndef PO_QUEUE_NOTICES_H
#define PO_QUEUE_NOTICES_H

#include "bounce/options.h"
#include "deliver/delivery.h"
#include "spool/index.h"
#include "util/err.h"

struct tick;

struct notice_setup {
	const struct bounce_conf *conf;
	const char *hostname;
	const char *domain; /* behind addresses without one */
};

/* What is known when a job ends, beside the message's record. */
struct attempt_end {
	uint32_t attempt;
	uint32_t hop;  /* its number; 0: not known */
	bool touched;  /* a recipient was tried: an attempt counts */
	bool in_doubt; /* one of them ended so */
	bool failed;   /* one of them failed for good */
	bool left;     /* one of them is open still, or may be */
	bool complete; /* all are known to be final; where that is not known,
	                  the recipients' rows tell */
	enum delivery_handover handover; /* of those that were sent */
};

/*
 * After an attempt, when m->state is decided and its rows are written: who
 * failed in it, who expired with it, who wants to hear of success, who is late.
 * Costs nothing when nothing of it is to be told.
 */
int notices_attempt(struct tick *t, const struct index_message *m,
    const struct attempt_end *end, struct po_err *err);

/* Is its sender perhaps to be told that it is late, and was not yet? Costs a
 * look into the index at most. */
bool notices_may_be_late(struct tick *t, const struct index_message *m);

/* It waits, and nothing else is to be told of it: is it late? */
int notices_late(struct tick *t, const struct index_message *m,
    struct po_err *err);

/* The message expired without an attempt. */
int notices_expired(struct tick *t, const struct index_message *m,
    struct po_err *err);

/* It was not let through: all its recipients, with an enhanced status of class
 * 5 and the cause in a sentence (printable ASCII, no final stop). Call it when
 * the refusal is on record in the tick; once a message. */
int notices_refused(struct tick *t, const struct index_message *m,
    const char *status, const char *why, struct po_err *err);

/* What was made in this tick is durable: before the commit. */
int notices_sync(struct tick *t, struct po_err *err);

#endif
