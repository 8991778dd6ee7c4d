/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "compose/builder.h"
#include "compose/entities.h"
#include "compose/text.h"

#define NAME_MAX_CHARS 32

/* Numbers that stand for bytes of Windows-1252. */
static uint32_t
windows_1252(uint32_t c)
{
	static const uint16_t codes[32] = { 0x20ac, 0x81, 0x201a, 0x192, 0x201e,
		0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152,
		0x8d, 0x17d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
		0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0x9d,
		0x17e, 0x178 };

	return codes[c - 0x80];
}

static bool
is_no_character(uint32_t c)
{
	return (c >= 1 && c <= 8) || c == 0xb || (c >= 0xe && c <= 0x1f) ||
	       c == 0x7f || (c >= 0xfdd0 && c <= 0xfdef) ||
	       (c & 0xfffe) == 0xfffe;
}

/* What a number stands for: its bytes into `room`. */
static struct span
number_text(uint32_t c, char room[4])
{
	if (c >= 0x80 && c <= 0x9f)
		c = windows_1252(c);
	else if (c == 0 || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		c = 0xfffd;
	else if (is_no_character(c))
		return (struct span){ room, 0 };
	return (struct span){ room, tpl_text_encode(c, room) };
}

static int
digit(char c, bool hex)
{
	char low = (char)ascii_lower((unsigned char)c);

	if (ascii_is_digit((unsigned char)c))
		return c - '0';
	return hex && low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

/* "#38;" at s; returns its length, 0 where it is none. */
static size_t
number(struct span s, struct span *text, char room[4])
{
	bool hex = s.len > 1 && (s.p[1] == 'x' || s.p[1] == 'X');
	size_t from = hex ? 2 : 1;
	size_t i = from;
	uint32_t c = 0;

	for (; i < s.len && digit(s.p[i], hex) >= 0; i++)
		if (c < 0x1000000)
			c = c * (hex ? 16 : 10) + (uint32_t)digit(s.p[i], hex);
	if (i == from)
		return 0;
	*text = number_text(c, room);
	return i < s.len && s.p[i] == ';' ? i + 1 : i;
}

/* "amp;" at s: the longest name that there is; returns its length, 0 where it
 * is none. */
static size_t
name(struct span s, struct span *out)
{
	const char *text;
	size_t chars = 0;
	size_t n;

	for (n = 0; n < s.len && memchr("\t\n\f <&#;", s.p[n], 8) == NULL;
	     n++) {
		if (((unsigned char)s.p[n] & 0xc0) != 0x80 &&
		    ++chars > NAME_MAX_CHARS)
			break;
	}
	if (n > 0 && n < s.len && s.p[n] == ';')
		n++;
	for (; n > 1; n--) {
		text = tpl_entity_text((struct span){ s.p, n });
		if (text != NULL) {
			*out = span_of(text);
			return n;
		}
	}
	return 0;
}

size_t
tpl_reference(struct span s, struct span *text, char room[4])
{
	if (s.len == 0)
		return 0;
	return s.p[0] == '#' ? number(s, text, room) : name(s, text);
}

void
tpl_unescape_html(struct builder *b, struct span s)
{
	struct span text;
	char room[4];
	size_t from = 0;
	size_t i;
	size_t n;

	for (i = 0; i < s.len; i++) {
		struct span rest = { s.p + i + 1, s.len - i - 1 };

		if (s.p[i] != '&' || rest.len == 0)
			continue;
		tpl_build_put(b, s.p + from, i - from);
		from = i;
		n = tpl_reference(rest, &text, room);
		if (n > 0) {
			tpl_build_put(b, text.p, text.len);
			i += n;
			from = i + 1;
		}
	}
	tpl_build_put(b, s.p + from, s.len - from);
}
