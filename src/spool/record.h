/* SPDX-License-Identifier: ISC */
/*
 * The values of the index as bytes: a version byte, then fields of fixed width
 * (integers big-endian), then texts with their length before them. Byte for
 * byte in spool-layout.md, "The index". Nothing is read or written here, and
 * decode believes no byte: a wrong version, a length that does not fit, a
 * number out of range or a byte left over makes it return false.
 */
#ifndef PO_SPOOL_RECORD_H
#define PO_SPOOL_RECORD_H

#include "spool/index.h"
#include "util/arena.h"
#include "util/span.h"

#define RECORD_VERSION 1
#define RECORD_MAX 2048

/* Longer texts are cut. */
#define RECORD_MAX_TEXT 500
#define RECORD_MAX_RELAY 400
#define RECORD_MAX_PHASE 30

struct record {
	unsigned char p[RECORD_MAX];
	size_t len;
};

/* False when a text that may not be cut (sender, tag, key, address, status) is
 * too long, a required one NULL, or a time before 1970. */
bool record_put_message(const struct index_message *m, struct record *r);
bool record_put_recipient(const struct index_recipient *rec, struct record *r);
bool record_put_attempt(const struct index_attempt *a, struct record *r);
bool record_put_uid(const struct index_uid *u, struct record *r);
bool record_put_part(const struct index_part *part, struct record *r);
bool record_put_limit(const struct index_limit *l, struct record *r);
bool record_put_host(const struct index_host *h, struct record *r);
void record_put_totals(const struct index_totals *t, struct record *r);

/*
 * False when damaged, or when the arena is full. m->id, a->attempt,
 * a->recipient, part->hop, h->name, l->kind and l->name are part of the key and
 * left alone.
 * `arena` NULL: texts are checked, and left NULL.
 */
bool record_get_message(struct span v, struct arena *arena,
    struct index_message *m);
bool record_get_recipient(struct span v, struct arena *arena,
    struct index_recipient *rec);
bool record_get_attempt(struct span v, struct arena *arena,
    struct index_attempt *a);
bool record_get_uid(struct span v, struct index_uid *u);
bool record_get_part(struct span v, struct index_part *part);
bool record_get_limit(struct span v, struct index_limit *l);
bool record_get_host(struct span v, struct index_host *h);
bool record_get_totals(struct span v, struct index_totals *t);

/* One integer behind the version byte. */
void record_put_u32(uint32_t n, struct record *r);
void record_put_u64(uint64_t n, struct record *r);
bool record_get_u32(struct span v, uint32_t *n);
bool record_get_u64(struct span v, uint64_t *n);

/* A row whose key says all: the version byte alone. */
void record_put_mark(struct record *r);
bool record_get_mark(struct span v);

/* Bytes behind the version byte (a queue id, a short text); at most
 * RECORD_MAX - 1. */
bool record_put_bytes(const void *p, size_t len, struct record *r);
bool record_get_bytes(struct span v, struct span *out);

#endif
