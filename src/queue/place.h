/* SPDX-License-Identifier: ISC */
/*
 * Where a waiting message stands: due later, or ready now for its next hop with
 * a turn that is fair between uids.
 */
#ifndef PO_QUEUE_PLACE_H
#define PO_QUEUE_PLACE_H

#include "queue/tick.h"

/* The key under which the turn last dealt in a class is kept (index_turn_put);
 * no process can have this uid. */
#define PLACE_DEALT_UID UINT32_MAX

/*
 * Put *m where its state and due time say: into `ready` when it is waiting and
 * due, into `due` when it is waiting and not, nowhere else; a waiting message
 * whose time is over becomes expired. The next hop is that of its first open
 * recipient. Writes the record.
 */
int place_message(struct tick *t, struct index_message *m, struct po_err *err);

/* The log lines of a message that is new to the index: who brought it, its
 * Message-ID (NULL: none), its size. */
void place_announce(struct tick *t, const struct index_message *m,
    const char *msgid);

/* The clock went back: retries that are due absurdly late are pulled nearer
 * (retry_clamp_due); what was scheduled and never tried stays. */
int place_after_clock_jump(struct tick *t, struct po_err *err);

/* Make up to `max` due messages ready. Returns how many, -1 on error. */
int place_due(struct tick *t, int64_t max, struct po_err *err);

#endif
