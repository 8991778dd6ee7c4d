/* SPDX-License-Identifier: ISC */
#include "spool/record_field.h"

#include <string.h>

void
record_write_bytes(struct record_writer *w, const void *p, size_t len)
{
	if (!w->ok || len > sizeof(w->r->p) - w->r->len) {
		w->ok = false;
		return;
	}
	if (len > 0)
		memcpy(w->r->p + w->r->len, p, len);
	w->r->len += len;
}

void
record_write_uint(struct record_writer *w, uint64_t n, unsigned bytes)
{
	unsigned char b[8];
	unsigned i;

	for (i = 0; i < bytes; i++)
		b[i] = (unsigned char)(n >> (8 * (bytes - 1 - i)));
	record_write_bytes(w, b, bytes);
}

void
record_write_u8(struct record_writer *w, unsigned n)
{
	record_write_uint(w, n, 1);
}

void
record_write_u32(struct record_writer *w, uint32_t n)
{
	record_write_uint(w, n, 4);
}

void
record_write_u64(struct record_writer *w, uint64_t n)
{
	record_write_uint(w, n, 8);
}

void
record_write_time(struct record_writer *w, int64_t t)
{
	if (t < 0)
		w->ok = false;
	record_write_uint(w, (uint64_t)t, 8);
}

void
record_write_text(struct record_writer *w, const char *s, size_t max)
{
	size_t len = s == NULL ? 0 : strlen(s);

	if (s == NULL || len > max) {
		w->ok = false;
		return;
	}
	record_write_uint(w, len, 2);
	record_write_bytes(w, s, len);
}

void
record_write_cut(struct record_writer *w, const char *s, size_t max)
{
	size_t len = s == NULL ? 0 : strnlen(s, max);

	record_write_uint(w, len, 2);
	record_write_bytes(w, s, len);
}

struct record_writer
record_write_begin(struct record *r)
{
	struct record_writer w = { r, true };

	r->len = 0;
	record_write_u8(&w, RECORD_VERSION);
	return w;
}

static const unsigned char *
take(struct record_reader *r, size_t len)
{
	const unsigned char *p = r->p;

	if (!r->ok || len > r->left) {
		r->ok = false;
		return NULL;
	}
	r->p += len;
	r->left -= len;
	return p;
}

uint64_t
record_read_uint(struct record_reader *r, unsigned bytes)
{
	const unsigned char *p = take(r, bytes);
	uint64_t n = 0;
	unsigned i;

	for (i = 0; p != NULL && i < bytes; i++)
		n = n << 8 | p[i];
	return n;
}

uint32_t
record_read_u32(struct record_reader *r)
{
	return (uint32_t)record_read_uint(r, 4);
}

uint64_t
record_read_u64(struct record_reader *r)
{
	return record_read_uint(r, 8);
}

int64_t
record_read_time(struct record_reader *r)
{
	uint64_t n = record_read_uint(r, 8);

	if (n > (uint64_t)INT64_MAX)
		r->ok = false;
	return r->ok ? (int64_t)n : 0;
}

unsigned
record_read_below(struct record_reader *r, unsigned end)
{
	unsigned n = (unsigned)record_read_uint(r, 1);

	if (n >= end)
		r->ok = false;
	return r->ok ? n : 0;
}

static struct span
take_span(struct record_reader *r, size_t max)
{
	size_t len = (size_t)record_read_uint(r, 2);
	const unsigned char *p = take(r, len);

	if (p == NULL || len > max || memchr(p, '\0', len) != NULL) {
		r->ok = false;
		return (struct span){ "", 0 };
	}
	return (struct span){ (const char *)p, len };
}

const char *
record_read_text(struct record_reader *r, size_t max)
{
	struct span s = take_span(r, max);
	const char *copy;

	if (!r->ok || r->arena == NULL)
		return NULL;
	copy = arena_strndup(r->arena, s.p, s.len);
	if (copy == NULL)
		r->ok = false;
	return copy;
}

void
record_read_field(struct record_reader *r, char *field, size_t size)
{
	struct span s = take_span(r, size - 1);

	if (s.len > 0)
		memcpy(field, s.p, s.len);
	field[s.len] = '\0';
}

struct record_reader
record_read_begin(struct span v, struct arena *arena)
{
	struct record_reader r = { (const unsigned char *)v.p, v.len, arena,
		true };

	if (record_read_uint(&r, 1) != RECORD_VERSION)
		r.ok = false;
	return r;
}

bool
record_read_ended(const struct record_reader *r)
{
	return r->ok && r->left == 0;
}
