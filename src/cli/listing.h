/* SPDX-License-Identifier: ISC */
/*
 * The queue on paper: what mailq and po-queue --list print. Reads at most
 * 1,000 records in one read transaction, ends it, then writes, so that a
 * stopped pager never keeps the index from reusing pages. Runs as the spool's
 * owner. All that came from outside is escaped (log/log.h).
 */
#ifndef PO_CLI_LISTING_H
#define PO_CLI_LISTING_H

#include <stdio.h>

#include "queue/select.h"
#include "spool/untaken.h"

enum listing_format {
	LISTING_POSTFIX, /* the layout of Postfix's postqueue -p */
	LISTING_JSON     /* one object a line, as postqueue -j, and more */
};

struct listing_scope {
	enum listing_format format;
	bool all; /* also what is finished, and every recipient */
	const struct selection *which;
	const struct untaken_list *untaken; /* of drop/; NULL: not asked for */
};

/* What waits or is held, with its open recipients, by queue id, then what was
 * not taken in yet. `ix` NULL: there is no index. */
int listing_print(struct index *ix, FILE *out,
    const struct listing_scope *scope, struct po_err *err);

/* One message: its fields, its recipients, each attempt. PO_ENOINPUT when
 * there is none of this id. */
int listing_show(struct index *ix, const struct queue_id *id, FILE *out,
    struct po_err *err);

#endif
