/* SPDX-License-Identifier: ISC */
/* A sink into a buffer, and what was written as a C string. */
#ifndef PO_TESTS_GATHER_H
#define PO_TESTS_GATHER_H

#include "util/buf.h"
#include "util/sink.h"

static inline int
gather_put(void *ctx, const void *p, size_t len, struct po_err *err)
{
	return buf_put(ctx, p, len) ? 0 : po_fail(err, PO_EOS, "no room");
}

static inline struct sink
gather_into(struct buf *b)
{
	buf_init(b, 16u << 20);
	return (struct sink){ gather_put, b };
}

#endif
