/* SPDX-License-Identifier: ISC */
#include "spool/content_scan.h"

#include <string.h>

static bool
any_8bit(const char *p, size_t len)
{
	uint64_t word, seen = 0;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		seen |= word;
	}
	for (; len > 0; p++, len--)
		seen |= (unsigned char)*p;
	return (seen & UINT64_C(0x8080808080808080)) != 0;
}

void
content_scan_end(struct content_scan *c)
{
	if (c->line > c->longest_line)
		c->longest_line =
		    c->line > UINT32_MAX ? UINT32_MAX : (uint32_t)c->line;
	c->line = 0;
}

void
content_scan_take(struct content_scan *c, const void *bytes, size_t len)
{
	const char *p = bytes, *lf;

	c->bytes += len;
	if (memchr(p, '\0', len) != NULL || memchr(p, '\r', len) != NULL)
		c->bad_byte = true;
	if (!c->has_8bit)
		c->has_8bit = any_8bit(p, len);
	while ((lf = memchr(p, '\n', len)) != NULL) {
		c->line += (uint64_t)(lf - p);
		content_scan_end(c);
		len -= (size_t)(lf - p) + 1;
		p = lf + 1;
	}
	c->line += len;
}
