/* SPDX-License-Identifier: ISC */
#include "queue/tick.h"

int
tick_end(struct tick *t, int rc, struct po_err *err)
{
	if (rc == 0)
		rc = notices_sync(t, err);
	if (rc == 0)
		rc = index_commit(t->tx, err);
	else
		index_discard(t->tx);
	t->tx = NULL;
	return rc;
}
