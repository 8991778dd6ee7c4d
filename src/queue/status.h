/* SPDX-License-Identifier: ISC */
/*
 * public/status: what everybody may know of the queue. "key=value" lines,
 * replaced by rename: messages, bytes, deferred, held, runner (once, watch,
 * none), updated (seconds UTC). mailq reads it for those who may not read the
 * spool.
 */
#ifndef PO_QUEUE_STATUS_H
#define PO_QUEUE_STATUS_H

#include "spool/spool.h"

/* `runner` is "once", "watch" or "none". At most once a second is the caller's
 * care. */
int status_write(const struct spool *s, const struct index_totals *t,
    const char *runner, struct po_err *err);

#endif
