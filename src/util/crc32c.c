/* SPDX-License-Identifier: ISC */
/*
 * The CPU's own instruction where it has one (about 8 bytes a clock), else
 * slicing by 8 over tables that are made at the first call. sendmail starts
 * thousands of times a minute: the tables are made only where they are needed.
 */
#include "util/crc32c.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <stdbool.h>
#include <string.h>

#define POLY 0x82f63b78u /* 0x1EDC6F41, bits reversed */

static void
make_tables(uint32_t t[8][256])
{
	uint32_t crc;
	unsigned i, k;

	for (i = 0; i < 256; i++) {
		crc = i;
		for (k = 0; k < 8; k++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? POLY : 0);
		t[0][i] = crc;
	}
	for (i = 0; i < 256; i++)
		for (k = 1; k < 8; k++)
			t[k][i] = (t[k - 1][i] >> 8) ^ t[0][t[k - 1][i] & 0xff];
}

static uint32_t
crc_by_table(uint32_t crc, const unsigned char *p, size_t len)
{
	static uint32_t t[8][256];
	static bool made;
	uint32_t a, b;

	if (!made) {
		make_tables(t);
		made = true;
	}
	for (; len >= 8; p += 8, len -= 8) {
		a = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 |
		              (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
		b = (uint32_t)p[4] | (uint32_t)p[5] << 8 |
		    (uint32_t)p[6] << 16 | (uint32_t)p[7] << 24;
		crc = t[7][a & 0xff] ^ t[6][(a >> 8) & 0xff] ^
		      t[5][(a >> 16) & 0xff] ^ t[4][a >> 24] ^ t[3][b & 0xff] ^
		      t[2][(b >> 8) & 0xff] ^ t[1][(b >> 16) & 0xff] ^
		      t[0][b >> 24];
	}
	for (; len > 0; p++, len--)
		crc = (crc >> 8) ^ t[0][(crc ^ *p) & 0xff];
	return crc;
}

#if defined(__x86_64__)
/*
 * Leaf 1 alone, which every 64-bit processor has: a CPUID is a trap of many
 * microseconds in a virtual machine, and what asks for more than one (the
 * compiler's __builtin_cpu_supports() runs some ten before main()) costs
 * sendmail more than its whole work.
 */
static bool
has_instruction(void)
{
	static signed char known = -1;
	unsigned a, b, c, d;

	if (known == -1) {
		__cpuid(1, a, b, c, d);
		known = (c & bit_SSE4_2) != 0;
	}
	return known == 1;
}

__attribute__((target("sse4.2"))) static uint32_t
crc_by_cpu(uint32_t crc, const unsigned char *p, size_t len)
{
	uint64_t wide = crc, word;

	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&word, p, 8);
		wide = __builtin_ia32_crc32di(wide, word);
	}
	crc = (uint32_t)wide;
	for (; len > 0; p++, len--)
		crc = __builtin_ia32_crc32qi(crc, *p);
	return crc;
}
#endif

uint32_t
crc32c(uint32_t crc, const void *p, size_t len)
{
	crc = ~crc;
#if defined(__x86_64__)
	if (has_instruction())
		return ~crc_by_cpu(crc, p, len);
#endif
	return ~crc_by_table(crc, p, len);
}
