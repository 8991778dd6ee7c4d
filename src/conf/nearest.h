/* SPDX-License-Identifier: ISC */
/* Which known name was meant by an unknown one. */
#ifndef PO_CONF_NEAREST_H
#define PO_CONF_NEAREST_H

#include "util/span.h"

/* Smallest number of insertions, deletions, replacements and swaps of
 * neighbours that make `b` of `a`; names longer than 63 bytes are far (99). */
unsigned conf_distance(struct span a, struct span b);

/* Is `distance` small enough for a name of `len` bytes to be a slip? */
bool conf_is_slip(unsigned distance, size_t len);

#endif
