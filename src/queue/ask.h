/* SPDX-License-Identifier: ISC */
/* The tool's side of an act (queue/act.h). Runs as anybody and knows no index:
 * sendmail has it too. */
#ifndef PO_QUEUE_ASK_H
#define PO_QUEUE_ASK_H

#include "util/buf.h"
#include "util/err.h"

/*
 * Put a request into drop/ of the spool at this path and wait for the answer,
 * which is appended to *answer ("at" lines are the runner's signs of life): up
 * to timeout_ms, anew from each sign of life. 1 answered, 0 asked but not
 * confirmed in time, -1 error.
 */
int act_ask(const char *spool, const char *request, int64_t timeout_ms,
    struct buf *answer, struct po_err *err);

/* The same, but what is not answered in time is withdrawn. */
int act_ask_while(const char *spool, const char *request, int64_t timeout_ms,
    struct buf *answer, struct po_err *err);

#endif
