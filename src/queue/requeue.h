/* SPDX-License-Identifier: ISC */
/* Mail that failed, expired or was cancelled goes on: its recipients that were
 * not reached are to be tried again. */
#ifndef PO_QUEUE_REQUEUE_H
#define PO_QUEUE_REQUEUE_H

#include "queue/tick.h"

/*
 * Due now, with give_up_after from now; the requeue counts as an attempt, so
 * that what is told of the next failure has another number than what was told
 * before (notices have derived ids). 1 done; 0 its file is damaged and in bad/;
 * -1, PO_EUSAGE when its state is none of these.
 */
int requeue_finished(struct tick *t, struct index_message *m,
    struct po_err *err);

#endif
