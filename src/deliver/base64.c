/* SPDX-License-Identifier: ISC */
#include "deliver/base64.h"

#include <limits.h>
#include <openssl/evp.h>

bool
sasl_base64_put(struct buf *out, struct span s)
{
	int n;

	if (s.len > INT_MAX / 2 || !buf_reserve(out, (s.len + 2) / 3 * 4))
		return false;
	n = EVP_EncodeBlock((unsigned char *)out->p + out->len,
	    (const unsigned char *)s.p, (int)s.len);
	out->len += (size_t)n;
	return true;
}

static int
value_of(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (ascii_is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four letters, of which the last one or two may be '=': 1 to 3 bytes, or 0. */
static size_t
get_group(const char *p, unsigned char bytes[3])
{
	size_t letters = p[3] != '=' ? 4 : p[2] != '=' ? 3 : 2, i;
	uint32_t v = 0;
	int digit;

	for (i = 0; i < 4; i++) {
		digit = i < letters ? value_of((unsigned char)p[i]) : 0;
		if (digit == -1)
			return 0;
		v = v << 6 | (uint32_t)digit;
	}
	bytes[0] = (unsigned char)(v >> 16);
	bytes[1] = (unsigned char)(v >> 8);
	bytes[2] = (unsigned char)v;
	/* Bits that nothing stands for must be 0. */
	for (i = letters - 1; i < 3; i++)
		if (bytes[i] != 0)
			return 0;
	return letters - 1;
}

bool
sasl_base64_get(struct buf *out, struct span text)
{
	unsigned char bytes[3];
	size_t at, n;

	if (text.len % 4 != 0 || !buf_reserve(out, text.len / 4 * 3))
		return false;
	for (at = 0; at < text.len; at += 4) {
		n = get_group(text.p + at, bytes);
		if (n == 0 || (n < 3 && at + 4 < text.len) ||
		    !buf_put(out, bytes, n))
			return false;
	}
	return true;
}
