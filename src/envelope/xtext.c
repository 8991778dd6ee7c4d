/* SPDX-License-Identifier: ISC */
#include "envelope/xtext.h"

#include "util/utf8.h"

static int
upper_hex(char c)
{
	if (ascii_is_digit((unsigned char)c))
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool
xtext_is_valid(struct span s)
{
	int high, low;
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '=')
			return false;
		if (s.p[i] != '+')
			continue;
		if (s.len - i < 3)
			return false;
		high = upper_hex(s.p[i + 1]);
		low = upper_hex(s.p[i + 2]);
		if (high == -1 || low == -1 ||
		    ascii_is_control((unsigned char)(high * 16 + low)))
			return false;
		i += 2;
	}
	return true;
}

bool
xtext_is_orcpt(struct span s)
{
	struct span type = span_cut(&s, ';');
	size_t i;

	for (i = 0; i < type.len; i++)
		if (!ascii_is_alnum((unsigned char)type.p[i]) &&
		    type.p[i] != '-')
			return false;
	return type.len > 0 && s.len > 0 && xtext_is_valid(s);
}

static unsigned long
code_point(const char *p, size_t len)
{
	static const unsigned char first[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	unsigned long c = (unsigned char)p[0] & first[len];
	size_t i;

	for (i = 1; i < len; i++)
		c = c << 6 | ((unsigned char)p[i] & 0x3fu);
	return c;
}

bool
xtext_put_utf8(struct buf *out, struct span s)
{
	size_t i, n;
	bool ok = true;
	char c;

	for (i = 0; i < s.len && ok; i += n) {
		n = utf8_sequence(s.p + i, s.len - i);
		c = s.p[i];
		if (n == 0)
			ok = buf_putc(out, '?');
		else if (n > 1)
			ok =
			    buf_printf(out, "\\x{%lX}", code_point(s.p + i, n));
		else if (c == '\\' || c == '+' || c == '=' || c <= ' ' ||
		         c == 0x7f)
			ok = buf_printf(out, "\\x{%X}", (unsigned)c);
		else
			ok = buf_putc(out, c);
		n = n == 0 ? 1 : n;
	}
	return ok;
}

static bool
put_xtext(struct buf *out, struct span s)
{
	size_t i;
	bool ok = true;

	for (i = 0; ok && i < s.len; i++)
		ok = s.p[i] > ' ' && s.p[i] <= '~' && s.p[i] != '+' &&
		             s.p[i] != '='
		         ? buf_putc(out, s.p[i])
		         : buf_printf(out, "+%02X", (unsigned char)s.p[i]);
	return ok;
}

bool
xtext_put_orcpt(struct buf *out, struct span address)
{
	if (utf8_is_ascii(address))
		return buf_puts(out, "rfc822;") && put_xtext(out, address);
	return buf_puts(out, "utf-8;") && xtext_put_utf8(out, address);
}

bool
xtext_decode(struct buf *out, struct span s)
{
	size_t i;
	bool ok = true;

	for (i = 0; i < s.len && ok; i++)
		if (s.p[i] == '+' && i + 2 < s.len &&
		    upper_hex(s.p[i + 1]) >= 0 && upper_hex(s.p[i + 2]) >= 0) {
			ok = buf_putc(out, (char)(upper_hex(s.p[i + 1]) * 16 +
			                          upper_hex(s.p[i + 2])));
			i += 2;
		} else {
			ok = buf_putc(out, s.p[i]);
		}
	return ok;
}
