/* SPDX-License-Identifier: ISC */
#include "util/xalloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static void *
need(void *p)
{
	if (p == NULL) {
		(void)fputs("po: out of memory\n", stderr);
		_exit(EX_TEMPFAIL);
	}
	return p;
}

void *
xcalloc(size_t n, size_t size)
{
	return need(calloc(n, size));
}

void *
xmalloc(size_t size)
{
	return need(malloc(size));
}

char *
xstrdup(const char *s)
{
	return need(strdup(s));
}
