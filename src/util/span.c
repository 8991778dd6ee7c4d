/* SPDX-License-Identifier: ISC */
#include "util/span.h"

bool
span_eq_nocase(struct span a, struct span b)
{
	size_t i;

	if (a.len != b.len)
		return false;
	for (i = 0; i < a.len; i++)
		if (ascii_lower((unsigned char)a.p[i]) !=
		    ascii_lower((unsigned char)b.p[i]))
			return false;
	return true;
}

bool
span_has_prefix_nocase(struct span s, struct span prefix)
{
	return s.len >= prefix.len &&
	       span_eq_nocase((struct span){ s.p, prefix.len }, prefix);
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

uint32_t
span_hash_nocase(struct span s)
{
	uint32_t h = 2166136261u; /* FNV-1a */
	size_t i;

	for (i = 0; i < s.len; i++)
		h = (h ^ ascii_lower((unsigned char)s.p[i])) * 16777619u;
	return h ^ h >> 15;
}

struct span
span_trim(struct span s)
{
	while (s.len > 0 && is_space(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && is_space(s.p[s.len - 1]))
		s.len--;
	return s;
}

struct span
span_cut(struct span *rest, char c)
{
	const char *at = rest->len == 0 ? NULL : memchr(rest->p, c, rest->len);
	struct span head = *rest;

	if (at == NULL) {
		rest->p += rest->len;
		rest->len = 0;
		return head;
	}
	head.len = (size_t)(at - head.p);
	rest->len -= head.len + 1;
	rest->p = at + 1;
	return head;
}
