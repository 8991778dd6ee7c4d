/* SPDX-License-Identifier: ISC */
/*
 * The difference of two texts, line by line, in the unified form that patch(1)
 * reads: three lines of context, "\ No newline at end of file".
 */
#ifndef PO_UTIL_LINE_DIFF_H
#define PO_UTIL_LINE_DIFF_H

#include <stdbool.h>

#include "util/buf.h"

/*
 * Append it to `out`, with a "---" and a "+++" line; nothing when both are
 * equal. Where more than about a thousand lines differ, what lies between the
 * first and the last of them is one change: time and memory stay bounded. False
 * without memory or room.
 */
bool line_diff(struct span a, struct span b, const char *name_a,
    const char *name_b, struct buf *out);

#endif
