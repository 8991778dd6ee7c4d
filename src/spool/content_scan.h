/* SPDX-License-Identifier: ISC */
/* What is noted about content as it passes: by the submitter into the trailer,
 * by ingest to compare. */
#ifndef PO_SPOOL_CONTENT_SCAN_H
#define PO_SPOOL_CONTENT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct content_scan { /* begin with a zeroed one */
	uint64_t bytes;
	uint64_t line;         /* bytes of the line that has not ended yet */
	uint32_t longest_line; /* complete after content_scan_end() */
	bool has_8bit;
	bool bad_byte; /* a NUL or CR, which content never holds */
};

void content_scan_take(struct content_scan *c, const void *p, size_t len);
void content_scan_end(struct content_scan *c);

#endif
