/* SPDX-License-Identifier: ISC */
/* An array that grows: the one place where its capacity is doubled. */
#ifndef PO_UTIL_GROW_H
#define PO_UTIL_GROW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/*
 * Make room for element `n` of *array (elements of `size` bytes, *cap of them
 * allocated; NULL and 0 at first): the array, perhaps at another address, to be
 * stored by the caller, or NULL when there is no memory, with the old one as it
 * was.
 */
static inline void *
grow_array(void *array, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap == 0 ? 64 : *cap * 2;
	void *p;

	if (n < *cap)
		return array;
	if (more > SIZE_MAX / size)
		return NULL;
	p = realloc(array, more * size);
	if (p != NULL)
		*cap = more;
	return p;
}

#endif
