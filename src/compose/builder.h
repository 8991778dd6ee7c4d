/* SPDX-License-Identifier: ISC */
/*
 * Text that a filter makes, growing in the render's pool up to the limit of
 * output. Failures stick: put freely, ask once in tpl_build_done().
 */
#ifndef PO_COMPOSE_BUILDER_H
#define PO_COMPOSE_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compose/value.h"
#include "util/span.h"

struct builder {
	struct render *r;
	char *p;
	size_t len;
	size_t cap;
	bool failed;
};

/* `guess`: bytes to begin with. */
void tpl_build(struct builder *b, struct render *r, size_t guess);
void tpl_build_put(struct builder *b, const char *p, size_t len);
void tpl_build_span(struct builder *b, struct span s);
void tpl_build_str(struct builder *b, const char *s);
void tpl_build_char(struct builder *b, char c);
void tpl_build_code(struct builder *b, uint32_t c); /* a code point */
void tpl_build_fill(struct builder *b, char c, size_t n);
/* `i` in decimal, with zeros before it up to `width` digits. */
void tpl_build_number(struct builder *b, int64_t i, size_t width);
void tpl_build_printf(struct builder *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));                /* <= 200 bytes */
void tpl_build_escaped(struct builder *b, struct span s); /* for HTML */
void tpl_build_value(struct builder *b, const struct value *v); /* str(v) */
void tpl_build_repr(struct builder *b, const struct value *v);  /* repr(v) */
void tpl_build_conditional(struct builder *b,
    const struct value *v); /* str(v), escaped unless it is safe text */

/* The text as a value, not safe. False: a failure was noted. */
bool tpl_build_done(struct builder *b, struct value *out);

#endif
