/* SPDX-License-Identifier: ISC */
/*
 * As whom a caller sends: from_policy says which senders are believed,
 * masquerade hides the names of hosts, and the rules of `sender` make what the
 * relay takes of them, in this order (po.conf(5)). The null sender is nobody's
 * business.
 */
#ifndef PO_SUBMIT_IDENTITY_H
#define PO_SUBMIT_IDENTITY_H

#include <stdbool.h>

#include "submit/caller.h"
#include "submit/options.h"
#include "util/arena.h"
#include "util/err.h"

struct identity {
	const struct submit_conf *conf;
	const struct submit_host *host;
	struct arena *arena; /* all that comes out lives there */
	bool known;          /* `caller` was asked for */
	struct caller caller;
	const char *own; /* login@domain, or NULL: not known yet */
};

/* Is what the configuration says right? PO_ECONFIG names the place. */
int identity_check(const struct submit_conf *conf, struct po_err *err);

void identity_init(struct identity *id, const struct submit_conf *conf,
    const struct submit_host *host, struct arena *arena);

/* Is there anything to do beyond believing? Else nobody asks who calls. */
bool identity_is_active(const struct identity *id);

/* Who calls, and his address: login@domain. NULL: PO_EOS. */
const struct caller *identity_caller(struct identity *id, struct po_err *err);
const char *identity_own(struct identity *id, struct po_err *err);

/* Does from_policy let the caller say that he is `address`? 0, or -1: PO_EPERM
 * says who may not be whom. */
int identity_believe(struct identity *id, const char *address,
    struct po_err *err);

struct identity_result {
	const char *address; /* "": nobody knows */
	bool rewritten;      /* by more than masquerade */
	bool reply_to;       /* the rule wants the old one there */
};

/* What `address` becomes; "" is one that cannot be read. `in_header`:
 * masquerade is only for those who want it there. */
int identity_map(struct identity *id, const char *address, bool in_header,
    struct identity_result *out, struct po_err *err);

#endif
