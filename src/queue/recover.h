/* SPDX-License-Identifier: ISC */
/*
 * What a crash left behind, made right at the start of a runner, before
 * anything is dealt (spool-layout.md, "State x crash point"). Also for one
 * message whose worker died.
 */
#ifndef PO_QUEUE_RECOVER_H
#define PO_QUEUE_RECOVER_H

#include "queue/tick.h"

/* What ended the holder of a claim. */
enum recover_from {
	FROM_DEATH, /* a worker died, the others are at work */
	FROM_CRASH, /* nobody is at work */
	FROM_BOOT   /* likewise, and what was not synced is lost */
};

/*
 * Settle one claimed message from its file: results that its slots hold,
 * "sending" as in doubt, the rest untouched; of a message with several next
 * hops the recipients of this claim's. FROM_BOOT a slot without a result of
 * this attempt is in doubt whatever it says, because it may not have reached
 * the disk.
 */
int recover_claim(struct tick *t, const struct index_claim *claim,
    enum recover_from from, struct po_err *err);

/*
 * The same boot, and nobody knows why workers die of it: what is untouched
 * counts as an attempt that was deferred, so that it is not tried without end.
 */
int recover_suspect(struct tick *t, const struct index_claim *claim,
    struct po_err *err);

/* All claims, all moves; FROM_BOOT also slots that are older than the
 * index's results. *n_claims is how many claims there were. */
int recover_all(struct tick *t, enum recover_from from, size_t *n_claims,
    struct po_err *err);

/* A result is in the index alone, for its slot could not be written: the next
 * start writes it. */
int recover_slots_later(struct tick *t, struct po_err *err);

#endif
