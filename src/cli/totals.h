/* SPDX-License-Identifier: ISC */
/* What mailq tells those who may not read the spool: the last line of Postfix's
 * layout, from the figures that the runner publishes. */
#ifndef PO_CLI_TOTALS_H
#define PO_CLI_TOTALS_H

#include <stdio.h>

#include "util/err.h"

/* "-- K Kbytes in N Requests." or "Mail queue is empty". PO_ETEMP: SPOOL has no
 * public/status, which says that no runner was there yet; PO_ECORRUPT. A line into
 * `notes` (NULL: nowhere) where the figures are older than the mail that waits
 * in drop/. */
int totals_print(const char *spool, FILE *out, FILE *notes, struct po_err *err);

#endif
