/* SPDX-License-Identifier: ISC */
/* One value of one option: from text into the field, and back to text. */
#ifndef PO_CONF_VALUE_H
#define PO_CONF_VALUE_H

#include "conf/conf.h"
#include "util/buf.h"
#include "util/span.h"

/*
 * Store `text` (as in the file, without quotes) in the field of `o` within
 * `target`; a string that was there is freed. `where` begins the error text
 * ("FILE:LINE" or "command line"). -1: refused, PO_ECONFIG, field unchanged.
 */
int conf_value_set(const struct conf_option *o, void *target, struct span text,
    const char *where, struct po_err *err);

/* Make the field of a new target empty, then store the fallback. */
void conf_value_init(const struct conf_option *o, void *target);

/* Store the fallback. A fallback that its own option refuses is a bug. */
void conf_value_reset(const struct conf_option *o, void *target);

/* Free what the field owns and empty it. */
void conf_value_clear(const struct conf_option *o, void *target);

/* Append the value as a file would write it. False: no room in `out`. */
bool conf_value_put(const struct conf_option *o, const void *target,
    struct buf *out);

#endif
