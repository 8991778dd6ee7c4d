/* SPDX-License-Identifier: ISC */
/* Rows of the index that say nothing any more go: counts of limits that are
 * over, turns that were dealt, uids without mail, domains that no mail goes to.
 * Inside a tick. */
#ifndef PO_QUEUE_FORGET_H
#define PO_QUEUE_FORGET_H

#include "queue/tick.h"

#define FORGET_HOSTS_S (INT64_C(30) * 86400)
#define FORGET_HOSTS_AT_ONCE 4096u

/* 1 there may be more domains, 0, -1. */
int forget_old(struct tick *t, struct po_err *err);

#endif
