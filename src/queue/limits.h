/* SPDX-License-Identifier: ISC */
/*
 * Limits of delivery, over all workers and runs: how many connections a relay
 * gets, and how many messages a relay, a sender and a user in a second, minute,
 * hour and day (po.conf(5)). The parent keeps them when it deals, so waiting is
 * no attempt.
 *
 * A relay's messages count from the moment they are dealt to a second (minute,
 * ...) after their result, so that its own clock cannot see more, however long
 * they took. What a sender or user may not send yet is put off, each message to
 * a turn of its own, so that it stands in nobody's way. Inside a tick.
 */
#ifndef PO_QUEUE_LIMITS_H
#define PO_QUEUE_LIMITS_H

#include "queue/rate.h"
#include "queue/tick.h"
#include "queue/wire.h"

/* Entries of "sender_limits" that name nobody: PO_ECONFIG. */
int limits_check_conf(const struct queue_conf *conf, struct po_err *err);

/* What is configured. `relay` NULL: none. */
struct rate_limits limits_of_relay(const struct relay_conf *relay);
struct rate_limits limits_of_sender(const struct queue_conf *conf,
    const char *sender);
struct rate_limits limits_of_uid(const struct queue_conf *conf, uint32_t uid,
    const char *login);

/* May t->worker have a connection to this relay? Else t->connections_full is
 * set. */
bool limits_may_connect(struct tick *t, uint32_t relay);

/* What a result tells of the pace that the relay bears (pace.h). *alive: it
 * only asked for less, and is not down. */
int limits_note_pace(struct tick *t, uint32_t relay,
    const struct wire_result *res, bool *alive, struct po_err *err);

/* May a message go to this relay now? 1, 0 (t->limited_until_ms), -1. */
int limits_allow_relay(struct tick *t, uint32_t relay, struct po_err *err);

/* A message of the relay has passed. */
int limits_note_relay(struct tick *t, uint32_t relay, struct po_err *err);

/* May this message be dealt? 1, and it is counted; 0 it is put off until *due
 * (seconds UTC), by the limit *waits; -1. */
int limits_take(struct tick *t, const struct index_message *m, int64_t *due,
    enum index_waits *waits, struct po_err *err);

/* It was handed back untouched. */
int limits_give_back(struct tick *t, const struct index_message *m,
    struct po_err *err);

/* Rows that count nothing any more go. */
int limits_forget(struct tick *t, struct po_err *err);

#endif
