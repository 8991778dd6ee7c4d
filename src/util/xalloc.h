/* SPDX-License-Identifier: ISC */
/*
 * Small, fixed allocations that cannot sensibly fail: without memory the
 * process says so and ends with EX_TEMPFAIL (75), which the order of commits
 * makes as safe as a kill. Never for sizes that input decides (struct buf,
 * arena).
 */
#ifndef PO_UTIL_XALLOC_H
#define PO_UTIL_XALLOC_H

#include <stddef.h>

void *xcalloc(size_t n, size_t size);

/* Not cleared: for a large buffer, of which pages that nothing is read into
 * then cost nothing. */
void *xmalloc(size_t size);

char *xstrdup(const char *s);

#endif
