/* SPDX-License-Identifier: ISC */
/*
 * Text as Python sees it: UTF-8 in memory, but counted, cut and classified by
 * code points. All text that comes here is valid UTF-8: sources are checked
 * when compiled, contexts when parsed.
 */
#ifndef PO_COMPOSE_TEXT_H
#define PO_COMPOSE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/span.h"

bool tpl_text_valid(struct span s, size_t *bad_at);

/* The code point at *p, which moves behind it; p < end. */
uint32_t tpl_text_next(const char **p, const char *end);

/* The code point before *p, which moves in front of it; start < p. */
uint32_t tpl_text_previous(const char *start, const char **p);

/* How many bytes `c` takes; they go into `out`. */
size_t tpl_text_encode(uint32_t c, char out[4]);

/* Code points: the columns that it takes. */
size_t tpl_text_count(struct span s);

/* The place of code point `n`, or the end where there are fewer. */
const char *tpl_text_skip(struct span s, size_t n);

bool tpl_text_is_space(uint32_t c); /* str.isspace(), which is also \s */
bool tpl_text_is_word(uint32_t c);  /* \w */
bool tpl_text_is_printable(uint32_t c);

struct span tpl_text_strip(struct span s);

/* str.split(): the next word of *rest, which moves behind it; false when none
 * is left. */
bool tpl_text_word(struct span *rest, struct span *word);

/* str.splitlines(True): the text up to the next line break and with it; *rest
 * moves behind it. */
struct span tpl_text_line(struct span *rest);

/* `needle` in `s` at or behind byte `from`; NULL where there is none. Not for
 * an empty needle. */
const char *tpl_text_find(struct span s, size_t from, struct span needle);

#endif
