/* SPDX-License-Identifier: ISC */
/* Stands in for spool/drop: keeps what would have been queued. */
#ifndef PO_TESTS_UNIT_SUBMIT_FAKE_DROP_H
#define PO_TESTS_UNIT_SUBMIT_FAKE_DROP_H

#include <stdbool.h>

#include "spool/drop.h"
#include "util/arena.h"
#include "util/buf.h"

struct drop {
	struct arena arena; /* of env */
	struct envelope env;
	struct buf content;
	unsigned begun, published, discarded;
	bool fail_begin, fail_publish;
	size_t fail_after; /* writing fails behind so many bytes; 0: never */
	bool open;
};

/* What drop_open() gives out; NULL: it fails. */
extern struct drop *fake_drop_to_open;

void fake_drop_init(struct drop *d);
void fake_drop_clear(struct drop *d);

#endif
