/* SPDX-License-Identifier: ISC */
/* A set of 64-bit numbers with a ceiling: what was seen already (inodes, hashes
 * of names). */
#ifndef PO_UTIL_U64_SET_H
#define PO_UTIL_U64_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct u64_set {
	uint64_t *slots; /* 0: empty; the number 0 is kept as 1 */
	size_t n;
	size_t cap; /* a power of two, at most half full */
	size_t max;
};

void u64_set_init(struct u64_set *s, size_t max);
void u64_set_clear(struct u64_set *s); /* frees; may be used again */

bool u64_set_has(const struct u64_set *s, uint64_t v);
/* False when it was not added: it is in it already, or the ceiling or the
 * memory is reached. */
bool u64_set_add(struct u64_set *s, uint64_t v);
void u64_set_remove(struct u64_set *s, uint64_t v);

#endif
