/* SPDX-License-Identifier: ISC */
#include "compose/text.h"

#include <string.h>
#include <unictype.h>
#include <unistr.h>

bool
tpl_text_valid(struct span s, size_t *bad_at)
{
	const uint8_t *bad =
	    s.len == 0 ? NULL : u8_check((const uint8_t *)s.p, s.len);

	if (bad != NULL)
		*bad_at = (size_t)(bad - (const uint8_t *)s.p);
	return bad == NULL;
}

uint32_t
tpl_text_next(const char **p, const char *end)
{
	const unsigned char *s = (const unsigned char *)*p;
	uint32_t c = s[0];
	unsigned more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;

	if (more == 0 || (size_t)(end - *p) <= more) {
		(*p)++;
		return c;
	}
	c &= 0x3fu >> more;
	*p += more + 1;
	for (s++; more > 0; more--)
		c = c << 6 | (*s++ & 0x3fu);
	return c;
}

uint32_t
tpl_text_previous(const char *start, const char **p)
{
	const char *end = *p;
	const char *at = end - 1;

	while (at > start && ((unsigned char)*at & 0xc0) == 0x80)
		at--;
	*p = at;
	return tpl_text_next(&at, end);
}

size_t
tpl_text_encode(uint32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

size_t
tpl_text_count(struct span s)
{
	size_t n = 0;
	size_t i;

	for (i = 0; i < s.len; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

const char *
tpl_text_skip(struct span s, size_t n)
{
	const char *end = s.p + s.len;

	while (n > 0 && s.p < end) {
		s.p++;
		while (s.p < end && ((unsigned char)*s.p & 0xc0) == 0x80)
			s.p++;
		n--;
	}
	return s.p;
}

bool
tpl_text_is_space(uint32_t c)
{
	if (c < 0x80)
		return (c >= 9 && c <= 13) || (c >= 28 && c <= 32);
	return c == 0x85 || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
	       c == 0x202f || c == 0x205f || c == 0x3000;
}

bool
tpl_text_is_word(uint32_t c)
{
	if (c < 0x80)
		return ascii_is_alnum((unsigned char)c) || c == '_';
	return uc_is_general_category_withtable(c,
	    UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_N);
}

bool
tpl_text_is_printable(uint32_t c)
{
	if (c < 0x7f)
		return c >= 0x20;
	return !uc_is_general_category_withtable(c,
	    UC_CATEGORY_MASK_C | UC_CATEGORY_MASK_Z);
}

/* ASCII that is no blank, as both ends of most texts are. */
static bool
is_graph(char c)
{
	return c > ' ' && c < 0x7f;
}

struct span
tpl_text_strip(struct span s)
{
	const char *end = s.p + s.len;
	const char *p = s.p;

	if (s.len > 0 && is_graph(s.p[0]) && is_graph(end[-1]))
		return s;
	while (s.p < end && tpl_text_is_space(tpl_text_next(&p, end)))
		s.p = p;
	for (p = end;
	     s.p < end && tpl_text_is_space(tpl_text_previous(s.p, &p));
	     end = p)
		;
	s.len = (size_t)(end - s.p);
	return s;
}

bool
tpl_text_word(struct span *rest, struct span *word)
{
	const char *end = rest->p + rest->len;
	const char *p = rest->p;

	for (word->p = p; p < end && tpl_text_is_space(tpl_text_next(&p, end));
	     word->p = p)
		;
	if (word->p == end) {
		*rest = (struct span){ end, 0 };
		return false;
	}
	for (p = rest->p = word->p;
	     p < end && !tpl_text_is_space(tpl_text_next(&p, end)); rest->p = p)
		;
	word->len = (size_t)(rest->p - word->p);
	rest->len = (size_t)(end - rest->p);
	return true;
}

struct span
tpl_text_line(struct span *rest)
{
	const char *end = rest->p + rest->len;
	const char *p = rest->p;
	struct span line = { rest->p, 0 };
	uint32_t c;

	while (p < end) {
		c = tpl_text_next(&p, end);
		if (c == '\r' && p < end && *p == '\n')
			p++;
		if ((c >= '\n' && c <= '\r') || (c >= 0x1c && c <= 0x1e) ||
		    c == 0x85 || c == 0x2028 || c == 0x2029)
			break;
	}
	line.len = (size_t)(p - rest->p);
	*rest = (struct span){ p, (size_t)(end - p) };
	return line;
}

const char *
tpl_text_find(struct span s, size_t from, struct span needle)
{
	return from > s.len
	           ? NULL
	           : memmem(s.p + from, s.len - from, needle.p, needle.len);
}
