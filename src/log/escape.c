/* SPDX-License-Identifier: ISC */
/*
 * One character (or one byte that is none) at a time: how many bytes it has
 * in the input, and what it becomes. The "..." has its place reserved: the
 * length up to which the rest would still fit is remembered, and the output
 * is cut there when it turns out that not all fits.
 */
#include <stdint.h>

#include "log/log.h"

/* The length of the valid UTF-8 sequence at `p` (RFC 3629), 0 if none. */
static size_t
utf8_decode(const unsigned char *p, size_t len, uint32_t *code)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n, i;

	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (n > len)
		return 0;
	*code = p[0] & (0x7fU >> n);
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (p[i] & 0x3fU);
	}
	if (*code < smallest[n] || *code > 0x10ffff ||
	    (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return n;
}

/* Characters that move the cursor, end the line or turn the reading order:
 * C1 controls, LINE and PARAGRAPH SEPARATOR, Bidi_Control of Unicode, and the
 * byte order mark, which nobody sees. */
static bool
is_unsafe(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = { { 0x80, 0x9f }, { 0x61c, 0x61c }, { 0x200e, 0x200f },
		{ 0x2028, 0x202e }, { 0x2066, 0x2069 }, { 0xfeff, 0xfeff } };
	size_t i;

	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

/* How many bytes at `p` may stay; 0: escape one byte. */
static size_t
safe_length(const unsigned char *p, size_t len)
{
	uint32_t code;
	size_t n;

	if (*p < 0x80)
		return !ascii_is_control(*p);
	n = utf8_decode(p, len, &code);
	return n == 0 || is_unsafe(code) ? 0 : n;
}

bool
log_escape(struct buf *out, struct span s, size_t max_bytes)
{
	static const char hex[] = "0123456789abcdef";
	size_t start = out->len, dots = max_bytes < 3 ? max_bytes : 3;
	size_t cut = 0, i = 0, n, width;
	const unsigned char *p;
	char escaped[4];
	bool ok = true;

	while (ok && i < s.len) {
		p = (const unsigned char *)s.p + i;
		n = safe_length(p, s.len - i);
		width = n == 0 ? sizeof(escaped) : n;
		if (out->len - start + width > max_bytes) {
			out->len = start + cut;
			ok = buf_put(out, "...", dots);
			break;
		}
		if (n == 0) {
			escaped[0] = '\\';
			escaped[1] = 'x';
			escaped[2] = hex[*p >> 4];
			escaped[3] = hex[*p & 15];
			ok = buf_put(out, escaped, sizeof(escaped));
		} else {
			ok = buf_put(out, s.p + i, n);
		}
		i += n == 0 ? 1 : n;
		if (ok && out->len - start + dots <= max_bytes)
			cut = out->len - start;
	}
	if (!ok && out->p != NULL) {
		out->len = start;
		out->p[start] = '\0';
	}
	return ok;
}
