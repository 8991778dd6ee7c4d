/* SPDX-License-Identifier: ISC */
/* Cells: what is read as valid is written again to the same 64 bytes. */
#include "spool/cell.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>

#include "util/crc32c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_each(const char cells[2 * CELL_BYTES])
{
	char again[2 * CELL_BYTES];
	struct preamble p;
	struct head h;
	struct stamp s;
	struct slot x;
	struct trailer t;

	if (cell_get_preamble(cells, &p)) {
		cell_put_preamble(&p, again);
		assert(memcmp(cells, again, CELL_BYTES) == 0);
	}
	if (cell_get_head(cells, &h)) {
		assert(h.state < MESSAGE_STATES && h.priority < PRIORITIES);
		cell_put_head(&h, again);
		assert(memcmp(cells, again, CELL_BYTES) == 0);
	}
	if (cell_get_slot(cells, &x)) {
		assert(x.state < SLOT_STATES && strlen(x.status) <= 11);
		cell_put_slot(&x, again);
		assert(memcmp(cells, again, CELL_BYTES) == 0);
	}
	if (cell_get_trailer(cells, &t)) {
		cell_put_trailer(&t, again);
		assert(memcmp(cells, again, CELL_BYTES) == 0);
	}
	if (cell_get_stamp(cells, &s)) {
		assert(strlen(s.login) <= 40);
		cell_put_stamp(&s, again);
		assert(memcmp(cells, again, sizeof(again)) == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char cells[2 * CELL_BYTES], text[9];
	size_t i;

	if (size != CELL_BYTES && size != sizeof(cells))
		return 0;
	memcpy(cells, data, CELL_BYTES);
	memcpy(cells + CELL_BYTES, data + size - CELL_BYTES, CELL_BYTES);
	try_each(cells);
	for (i = 0; i < sizeof(cells); i += CELL_BYTES) {
		(void)snprintf(text, sizeof(text), "%08x",
		    crc32c(0, cells + i, 55));
		memcpy(cells + i + 55, text, 8);
	}
	try_each(cells);
	return 0;
}
