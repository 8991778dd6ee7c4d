/* SPDX-License-Identifier: ISC */
#include "compose/quote.h"

#include <string.h>
#include <unistr.h>

#include "compose/render.h"

static bool
is_unreserved(unsigned char c)
{
	return ascii_is_alnum(c) || c == '_' || c == '.' || c == '-' ||
	       c == '~';
}

void
tpl_quote_url(struct builder *b, struct span s, struct span safe)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t i;

	for (i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (is_unreserved(c) ||
		    (c < 128 && memchr(safe.p, c, safe.len) != NULL)) {
			tpl_build_char(b, (char)c);
		} else {
			tpl_build_char(b, '%');
			tpl_build_char(b, hex[c >> 4]);
			tpl_build_char(b, hex[c & 15]);
		}
	}
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)ascii_lower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void
put_valid(struct builder *b, const char *p, size_t len)
{
	ucs4_t c;
	int n;

	while (len > 0) {
		n = u8_mbtouc(&c, (const uint8_t *)p, len);
		tpl_build_code(b, c); /* U+FFFD where it is invalid */
		p += n;
		len -= (size_t)n;
	}
}

void
tpl_unquote_url(struct builder *b, struct span s, bool plus)
{
	struct span plain;
	size_t i = 0;
	size_t n = 0;
	char *p;

	p = tpl_alloc(b->r, s.len);
	if (p == NULL) {
		b->failed = true;
		return;
	}
	while (i < s.len) {
		if (s.p[i] == '%' && i + 2 < s.len &&
		    hex_digit(s.p[i + 1]) >= 0 && hex_digit(s.p[i + 2]) >= 0) {
			p[n++] = (char)(hex_digit(s.p[i + 1]) << 4 |
			                hex_digit(s.p[i + 2]));
			i += 3;
		} else {
			p[n++] = plus && s.p[i] == '+' ? ' ' : s.p[i];
			i++;
		}
	}
	plain = (struct span){ p, n };
	put_valid(b, plain.p, plain.len);
}
