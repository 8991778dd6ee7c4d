/* SPDX-License-Identifier: ISC */
/* The recipients of a message, each once: in the order in which they came,
 * domains compared without case, local parts with (RFC 5321, 2.4). */
#ifndef PO_SUBMIT_RECIPIENTS_H
#define PO_SUBMIT_RECIPIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "envelope/address.h"
#include "envelope/envelope.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/span.h"

/* How an address was written, or-ed: it may have come in both forms. */
enum recipient_written {
	RECIPIENT_BARE = 1, /* without a domain */
	RECIPIENT_FULL = 2
};

struct recipients {
	struct recipient *v;
	unsigned char *written; /* of each */
	size_t n, cap;
	size_t max;
	uint32_t *slots; /* hash table of indices + 1; `mask` + 1 of them */
	size_t mask;
	bool utf8; /* one of them wants SMTPUTF8 */
	struct arena arena;
};

void recipients_init(struct recipients *r, size_t max);
void recipients_clear(struct recipients *r);

/*
 * Add the addresses of the list in `s`, qualified with `domain`. `option_like`:
 * may an address begin with '-'? (not when it stood among options). Returns
 * how many addresses and groups the list has, or -1: PO_EDATA names the address
 * and says why, also for too many; PO_EOS.
 */
int recipients_add(struct recipients *r, struct span s, const char *domain,
    bool option_like, struct po_err *err);

/* Add one as it is (SMTP has parsed it). 1 added, 0 it was there, -1. */
int recipients_add_one(struct recipients *r, const struct address *a,
    struct po_err *err);

#endif
