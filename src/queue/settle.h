/* SPDX-License-Identifier: ISC */
/*
 * What becomes of a message after an attempt: sent, deferred until a time,
 * failed, expired, held, in doubt. Works inside a tick; log, history and moves
 * are gathered for after its commit. The policy's numbers are in retry.h.
 */
#ifndef PO_QUEUE_SETTLE_H
#define PO_QUEUE_SETTLE_H

#include "queue/tick.h"
#include "queue/wire.h"

/*
 * One recipient's result: its recipient and attempt rows, the log line. *m is
 * read by the caller and put by settle_end(). 1 it counts; 0 it does not:
 * untouched, no such recipient, or known already (final, or a second result of
 * one attempt).
 */
int settle_recipient(struct tick *t, struct index_message *m,
    const struct wire_result *r, struct po_err *err);

/*
 * The job is over: decide the message's state and due time, write its head when
 * it goes on, end the claim, write the record, tell its sender what there is to
 * tell.
 */
int settle_end(struct tick *t, struct index_message *m,
    const struct attempt_end *end, struct po_err *err);

/* For jitter. */
uint32_t settle_random(void);

/* The message's file is damaged: out of the index, the file to bad/. */
int settle_damaged(struct tick *t, struct index_message *m, const char *why,
    struct po_err *err);

/* The head of its file, once cancelled or expired, was written and a crash came
 * before the commit: the record is made from the file, and the claim ends. */
int settle_over(struct tick *t, struct index_message *m, uint32_t attempt,
    struct po_err *err);

/*
 * Move a message into another state by an act or by age: head written, record
 * put, log line. 1 done; 0 its file turned out damaged, and settle_damaged()
 * was done instead; -1, PO_EUSAGE when the move is not allowed (the text says
 * from and to).
 */
int settle_move(struct tick *t, struct index_message *m, enum message_state to,
    int64_t due, const char *why, struct po_err *err);

/* What its record says into the head of its file, which is open for writing. */
int settle_put_head(struct tick *t, const struct index_message *m,
    struct message_file *f, struct po_err *err);

/* Hold a message that nobody has begun. As settle_move(). */
int settle_hold(struct tick *t, struct index_message *m, enum message_hold hold,
    struct po_err *err);

#endif
