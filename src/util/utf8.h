/* SPDX-License-Identifier: ISC */
/* UTF-8 as RFC 3629 defines it: shortest form, no surrogates, to U+10FFFF. */
#ifndef PO_UTIL_UTF8_H
#define PO_UTIL_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "util/span.h"

/* Bytes (1 to 4) of the valid sequence that `len` bytes at `p` begin with;
 * 0 when they begin with none. */
size_t utf8_sequence(const char *p, size_t len);

/* Is all of `s` valid? */
bool utf8_is_valid(struct span s);

/* Has `s` no byte above 0x7f? */
bool utf8_is_ascii(struct span s);

#endif
