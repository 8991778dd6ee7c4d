/* SPDX-License-Identifier: ISC */
/*
 * How much one uid may have in the queue, and hand in within a minute, an hour,
 * a day. What is beyond is held where everybody sees it, and let go in the
 * order it came as soon as the uid is within its limits again (po.conf(5),
 * "limits"). Submission asks nothing of this: who writes into drop/ himself is
 * bound as well.
 */
#ifndef PO_QUEUE_QUOTA_H
#define PO_QUEUE_QUOTA_H

#include "queue/tick.h"

/* An entry of "limits" that names neither or both of uid and login, or one that
 * another names: PO_ECONFIG. */
int quota_check_conf(const struct queue_conf *conf, struct po_err *err);

/* What holds for a uid, whose login it is ("": none). */
struct quota quota_of(const struct queue_conf *conf, uint32_t uid,
    const char *login);

/*
 * May a message that has just got its record be let through? 1 it may, and is
 * counted; 0 it is to be held, *hold says why; -1. Inside a tick.
 */
int quota_admit(struct tick *t, const struct index_message *m,
    enum message_hold *hold, struct po_err *err);

/* Release what is within its limits now, at most `max`: how many, -1. */
int quota_release(struct tick *t, int64_t max, struct po_err *err);

/* At the start of a run, when the limits may be others: every uid is to be
 * looked at. */
int quota_wake_all(struct tick *t, struct po_err *err);

/* Rates whose windows are over count nothing: true if one went. */
bool quota_forget_rates(struct index_uid *u, int64_t now);

#endif
