/* SPDX-License-Identifier: ISC */
/*
 * Bytes that somebody else owns: a pointer and a length, no NUL at the end. For
 * parsing without copies. The ascii_* tests know ASCII alone, whatever the
 * locale says: mail grammar is ASCII.
 */
#ifndef PO_UTIL_SPAN_H
#define PO_UTIL_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const char *p;
	size_t len;
};

#define SPAN_LIT(literal) ((struct span){ (literal), sizeof(literal) - 1 })

static inline struct span
span_of(const char *s)
{
	return (struct span){ s, strlen(s) };
}

static inline bool
span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static inline bool
ascii_is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
ascii_is_alpha(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static inline bool
ascii_is_alnum(unsigned char c)
{
	return ascii_is_digit(c) || ascii_is_alpha(c);
}

static inline bool
ascii_is_blank(unsigned char c)
{
	return c == ' ' || c == '\t';
}

static inline bool
ascii_is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

static inline unsigned char
ascii_lower(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') ? (unsigned char)(c + ('a' - 'A')) : c;
}

/* Equal but for the case of ASCII letters. */
bool span_eq_nocase(struct span a, struct span b);

/* The same for spans that are equal so. For tables in memory: it has no
 * secret. */
uint32_t span_hash_nocase(struct span s);

/* Does `s` begin with `prefix`, ASCII case aside? */
bool span_has_prefix_nocase(struct span s, struct span prefix);

/* `s` without blanks, tabs, CR and LF at both ends. */
struct span span_trim(struct span s);

/* Cut `*rest` at the first `c`: returns what is before it and leaves what is
 * behind it in *rest (empty at the end). */
struct span span_cut(struct span *rest, char c);

#endif
