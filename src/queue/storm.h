/* SPDX-License-Identifier: ISC */
/*
 * Against storms of notices: more than bounce_storm_count of one kind to one
 * address within bounce_storm_time are counted, and told in one digest when
 * that time is over. The counts are small values of the index, so they outlive
 * the runner. Works inside a tick.
 */
#ifndef PO_QUEUE_STORM_H
#define PO_QUEUE_STORM_H

#include "bounce/notice.h"
#include "queue/tick.h"

/* One more notice about message `about`: 1 it is only counted, 0 send it. An
 * address of more than 120 bytes is not counted. */
int storm_count(struct tick *t, enum notice_kind kind, const char *to,
    const struct queue_id *about, struct po_err *err);

/* Digests of what is over, old counts away; *t->storm_next is when to come
 * again (0: nothing is counted). */
int storm_sweep(struct tick *t, struct po_err *err);

#endif
