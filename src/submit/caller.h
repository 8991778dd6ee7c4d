/* SPDX-License-Identifier: ISC */
/* Who calls: asked only when a name is needed, because the answer may cost a
 * visit to a name service. */
#ifndef PO_SUBMIT_CALLER_H
#define PO_SUBMIT_CALLER_H

#include <sys/types.h>

#include "util/arena.h"
#include "util/err.h"

struct caller {
	uid_t uid;
	const char *login;     /* the number where the uid has no name */
	const char *full_name; /* from GECOS; "" where there is none */
};

/* The caller by its real uid; strings live in `arena`. $LOGNAME and $USER are
 * not believed. -1 (PO_EOS): no memory. */
int caller_find(struct caller *c, struct arena *arena, struct po_err *err);

#endif
