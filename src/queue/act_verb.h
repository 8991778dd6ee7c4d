/* SPDX-License-Identifier: ISC */
/* What each verb of a request does to one message, and who may. For act.c and
 * errand.c. */
#ifndef PO_QUEUE_ACT_VERB_H
#define PO_QUEUE_ACT_VERB_H

#include "queue/tick.h"

struct act_verb {
	const char *name;
	bool on_messages; /* takes ids or a selection; else the queue as a
	                     whole, which a selection may narrow */
	bool owner_may;   /* the message's own uid may do it */
	const char *done; /* "%llu messages DONE" */
	/* Is a message of a selection one for it? Else it is passed over. */
	bool (*means)(const struct index_message *m);
	/* 1 done, 0 its file is damaged, -1 (PO_EUSAGE: not in this state) */
	int (*message)(struct tick *t, struct index_message *m,
	    struct po_err *err);
};

/* NULL: there is none of this name. */
const struct act_verb *act_verb_find(struct span name);

/* Root, and the spool's owner. */
bool act_is_admin(const struct tick *t, uint32_t uid);

/* May this uid do it to this message, which is his own or he is an
 * administrator? False: *why says why not. */
bool act_may(const struct tick *t, uint32_t uid, const struct act_verb *v,
    const struct index_message *m, struct po_err *why);

#endif
