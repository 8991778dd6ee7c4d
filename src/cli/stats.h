/* SPDX-License-Identifier: ISC */
/* Figures of the queue for people and for monitoring: po-queue --stats. */
#ifndef PO_CLI_STATS_H
#define PO_CLI_STATS_H

#include <stdio.h>

#include "spool/index.h"

enum stats_format {
	STATS_TEXT,
	STATS_PROMETHEUS /* the text exposition format, version 0.0.4 */
};

/* Walks over all messages, at most 1,000 in one read transaction; `up`: a
 * runner has the lock. NULL: there is no index yet, so all are 0. Runs as the
 * spool's owner. */
int stats_print(struct index *ix, int64_t now, bool up,
    enum stats_format format, FILE *out, struct po_err *err);

#endif
