/* SPDX-License-Identifier: ISC */
/*
 * Where bytes go: the one callback of po. A producer (stdin, compose, a bounce)
 * writes into a sink without knowing what stands behind it.
 */
#ifndef PO_UTIL_SINK_H
#define PO_UTIL_SINK_H

#include <stddef.h>

#include "util/err.h"

struct sink {
	/* Takes all `len` bytes or returns -1 with *err set; errors are sticky
	 * by the caller's care: stop at the first. */
	int (*write)(void *ctx, const void *p, size_t len, struct po_err *err);
	void *ctx;
};

static inline int
sink_write(struct sink s, const void *p, size_t len, struct po_err *err)
{
	return len == 0 ? 0 : s.write(s.ctx, p, len, err);
}

#endif
