/* SPDX-License-Identifier: ISC */
#include "util/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ NULL, 0, 0, max };
}

void
buf_clear(struct buf *b)
{
	free(b->p);
	b->p = NULL;
	b->len = b->cap = 0;
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	if (b->p != NULL)
		b->p[0] = '\0';
}

bool
buf_reserve(struct buf *b, size_t more)
{
	size_t cap = b->cap == 0 ? 64 : b->cap;
	char *p;

	if (more > b->max || b->len > b->max - more)
		return errno = EFBIG, false;
	if (b->p != NULL && b->len + more < b->cap)
		return true;
	while (cap <= b->len + more) {
		if (cap > SIZE_MAX / 2)
			return errno = EFBIG, false;
		cap *= 2;
	}
	p = realloc(b->p, cap); /* sets errno */
	if (p == NULL)
		return false;
	b->p = p;
	b->cap = cap;
	b->p[b->len] = '\0';
	return true;
}

bool
buf_put(struct buf *b, const void *p, size_t len)
{
	if (!buf_reserve(b, len))
		return false;
	if (len > 0)
		memcpy(b->p + b->len, p, len);
	b->len += len;
	b->p[b->len] = '\0';
	return true;
}

bool
buf_puts(struct buf *b, const char *s)
{
	return buf_put(b, s, strlen(s));
}

bool
buf_putc(struct buf *b, char c)
{
	return buf_put(b, &c, 1);
}

bool
buf_put_span(struct buf *b, struct span s)
{
	return buf_put(b, s.p, s.len);
}

bool
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !buf_reserve(b, (size_t)n))
		return false;
	va_start(ap, fmt);
	(void)vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return true;
}

void
buf_consume(struct buf *b, size_t n)
{
	if (n == 0)
		return;
	memmove(b->p, b->p + n, b->len - n + 1);
	b->len -= n;
}
