/* SPDX-License-Identifier: ISC */
/*
 * The fields of a record: a writer that cannot overflow and a reader that
 * cannot run past the end. After the first field that does not fit, `ok` is
 * false and stays so, and further fields change nothing.
 */
#ifndef PO_SPOOL_RECORD_FIELD_H
#define PO_SPOOL_RECORD_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/record.h"
#include "util/arena.h"
#include "util/span.h"

struct record_writer {
	struct record *r;
	bool ok;
};

/* Empties `r` and writes the version. */
struct record_writer record_write_begin(struct record *r);

/* Integers are big-endian; record_write_uint(): of 1 to 8 bytes. */
void record_write_uint(struct record_writer *w, uint64_t n, unsigned bytes);
void record_write_u8(struct record_writer *w, unsigned n);
void record_write_u32(struct record_writer *w, uint32_t n);
void record_write_u64(struct record_writer *w, uint64_t n);

/* Seconds UTC; a time before 1970 is no time. */
void record_write_time(struct record_writer *w, int64_t t);

/* Two bytes of length, then the text. record_write_text() takes no NULL and
 * none longer than `max`; record_write_cut() cuts, and NULL is empty. */
void record_write_text(struct record_writer *w, const char *s, size_t max);
void record_write_cut(struct record_writer *w, const char *s, size_t max);

/* As they are, without a length. */
void record_write_bytes(struct record_writer *w, const void *p, size_t len);

struct record_reader {
	const unsigned char *p;
	size_t left;
	struct arena *arena;
	bool ok;
};

/* Reads the version: another one is not `ok`. Texts go to `arena`; NULL: they
 * are checked, and NULL comes back. */
struct record_reader record_read_begin(struct span v, struct arena *arena);

/* Was every field right, and is nothing left? */
bool record_read_ended(const struct record_reader *r);

/* What is not `ok` reads as 0. */
uint64_t record_read_uint(struct record_reader *r, unsigned bytes);
uint32_t record_read_u32(struct record_reader *r);
uint64_t record_read_u64(struct record_reader *r);
int64_t record_read_time(struct record_reader *r);

/* One byte, a number below `end`: enums and flags. */
unsigned record_read_below(struct record_reader *r, unsigned end);

/* A text without NUL, of `max` bytes at most; record_read_field(): into a field
 * of `size` bytes, with its NUL. */
const char *record_read_text(struct record_reader *r, size_t max);
void record_read_field(struct record_reader *r, char *field, size_t size);

#endif
