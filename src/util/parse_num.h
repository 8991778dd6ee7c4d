/* SPDX-License-Identifier: ISC */
/* Numbers come in here and nowhere else: decimal digits only, no sign where the
 * range has none, no blanks, a range. */
#ifndef PO_UTIL_PARSE_NUM_H
#define PO_UTIL_PARSE_NUM_H

#include <stdbool.h>
#include <stdint.h>

#include "util/span.h"

/* True and *out set when the whole of `s` is a number in [min, max]. */
bool parse_u64(struct span s, uint64_t min, uint64_t max, uint64_t *out);
bool parse_i64(struct span s, int64_t min, int64_t max, int64_t *out);
bool parse_hex64(struct span s, uint64_t max,
    uint64_t *out); /* upper or lower case, 1 to 16 digits */

/* "10", "10k", "10M", "2G" (powers of 1024) in bytes. */
bool parse_size(struct span s, uint64_t *bytes);

/* "90", "90s", "5m", "4h", "5d", "2w", also joined: "1h30m"; in seconds, at
 * most 10 years. */
bool parse_duration(struct span s, int64_t *seconds);

#endif
