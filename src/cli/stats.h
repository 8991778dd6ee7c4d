/* SPDX-License-Identifier: ISC */
/* Figures of the queue for people and for monitoring: po-queue --stats. */
#ifndef PO_CLI_STATS_H
#define PO_CLI_STATS_H

#include <stdio.h>

#include "spool/index.h"
#include "spool/untaken.h"

enum stats_format {
	STATS_TEXT,
	STATS_PROMETHEUS /* the text exposition format, version 0.0.4 */
};

struct stats_scope {
	enum stats_format format;
	int64_t now; /* seconds since 1970 */
	bool up;     /* a runner has the lock */
	struct untaken_list untaken; /* what lies in drop/; the caller's */
};

/* Walks over all messages, at most 1,000 in one read transaction. `ix` NULL:
 * there is no index yet, so what it counts is 0. Runs as the spool's owner. */
int stats_print(struct index *ix, const struct stats_scope *scope, FILE *out,
    struct po_err *err);

#endif
