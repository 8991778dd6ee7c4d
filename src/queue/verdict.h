/* SPDX-License-Identifier: ISC */
/*
 * What became of a message that was just submitted: whether it was let through,
 * or what its first attempt came to. A request of this verb waits in the runner
 * until there is an answer ("ok ID: queued"); sendmail --wait and po-queue
 * --only ask so.
 */
#ifndef PO_QUEUE_VERDICT_H
#define PO_QUEUE_VERDICT_H

#include "spool/index.h"
#include "spool/spool.h"
#include "util/buf.h"

enum verdict_until {
	VERDICT_TAKEN, /* it is in the index, or refused */
	VERDICT_TRIED  /* nor is it ready or in delivery */
};

struct verdict {
	struct queue_id id;
	enum verdict_until until;
	uint32_t uid; /* who asks */
};

/* The lines of a request for it; false when the buffer is full. */
bool verdict_put(const struct verdict *v, struct buf *request);
/* "taken" or "tried"; false: neither. */
bool verdict_until_parse(struct span s, enum verdict_until *until);

/*
 * 1 and a line in *answer ("ok ID: queued", "ok ID: duplicate of ID2", "no ID:
 * refused: why", "no ID: no such message": somebody else's too, unless root or
 * the spool's owner asks); 0 it is to be awaited; -1.
 */
int verdict_look(const struct verdict *v, const struct spool *s,
    struct index_tx *tx, struct buf *answer, struct po_err *err);

#endif
