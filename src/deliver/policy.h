/* SPDX-License-Identifier: ISC */
/*
 * What a server's answer means: for whom, and whether trying again helps. One
 * table for all phases of a session (RFC 5321, 4.2.1 and 4.5.3.1.10; RFC 3463;
 * RFC 4954, 6). Pure. When to try again is queue/retry.h's.
 */
#ifndef PO_DELIVER_POLICY_H
#define PO_DELIVER_POLICY_H

#include <stdbool.h>

#include "deliver/delivery.h"

enum policy_scope {
	SCOPE_RECIPIENT, /* this recipient of this message */
	SCOPE_MESSAGE, /* all recipients of this message in this transaction */
	SCOPE_RELAY    /* the next hop: no use to go on with other mail */
};

struct policy_verdict {
	enum delivery_state
	    state; /* DEFERRED, FAILED; SENT for 2xx to the dot */
	enum policy_scope scope;
	bool slow; /* the relay asks for less at a time, of all mail */
};

/* `status` is the reply's enhanced status, "" when it has none. */
struct policy_verdict policy_judge(enum delivery_phase phase, int code,
    const char *status);

/* Is this the reply to one RCPT more than a transaction may have (RFC 5321,
 * 4.5.3.1.10)? A full disk or mailbox has a 452 too, by its status. */
bool policy_is_too_many(int code, const char *status);

#endif
