/* SPDX-License-Identifier: ISC */
/*
 * Orders to po that stand in the header, for programs that can set nothing
 * else: X-PO-Priority, X-PO-Schedule, X-PO-Expires, X-PO-Key, X-PO-Tag. They
 * are never sent. One that cannot be understood refuses the message, because
 * mail that leaves at the wrong time cannot be called back.
 */
#ifndef PO_SUBMIT_ORDERS_H
#define PO_SUBMIT_ORDERS_H

#include <stdint.h>

#include "envelope/envelope.h"
#include "message/header.h"
#include "util/arena.h"
#include "util/err.h"

/* Read them into *env; `now` is what "+2h" counts from. Strings live in
 * `arena`. PO_EDATA names the field and the value. */
int orders_read(const struct header *h, int64_t now, struct arena *arena,
    struct envelope *env, struct po_err *err);

#endif
