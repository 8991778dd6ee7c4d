/* SPDX-License-Identifier: ISC */
/*
 * A growing string of bytes with a ceiling. Appending past the ceiling, or
 * without memory, fails and leaves the buffer as it was; so whatever an input
 * can make large has a bound. `p` is always NUL-terminated behind `len` (never
 * NULL after the first append; use buf_str() where it may be empty).
 */
#ifndef PO_UTIL_BUF_H
#define PO_UTIL_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/span.h"

struct buf {
	char *p;
	size_t len;
	size_t cap;
	size_t max; /* ceiling of len in bytes */
};

void buf_init(struct buf *b, size_t max);
void buf_clear(struct buf
        *b); /* frees; harmless on a zeroed or cleared one; keeps the ceiling */
void buf_reset(struct buf *b); /* empties, keeps the memory */

/* All return false when the ceiling (errno EFBIG) or the memory (ENOMEM) is
 * reached; then nothing was appended. */
bool buf_put(struct buf *b, const void *p, size_t len);
bool buf_puts(struct buf *b, const char *s);
bool buf_putc(struct buf *b, char c);
bool buf_put_span(struct buf *b, struct span s);
bool buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
bool buf_reserve(struct buf *b, size_t more);

/* Remove the first `n` bytes (n <= len). */
void buf_consume(struct buf *b, size_t n);

static inline const char *
buf_str(const struct buf *b)
{
	return b->p == NULL ? "" : b->p;
}

static inline struct span
buf_span(const struct buf *b)
{
	return (struct span){ buf_str(b), b->len };
}

#endif
