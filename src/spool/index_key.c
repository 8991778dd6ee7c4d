/* SPDX-License-Identifier: ISC */
/*
 * Keys: fields one behind the other, big-endian, so that memcmp(3) order, which
 * is LMDB's, is the order of the fields. A queue id is its 16 bytes; their
 * order is that of its text.
 */
#include "spool/index_db.h"

void
key_clear(struct index_key *k)
{
	k->len = 0;
	k->bad = false;
}

void
key_bytes(struct index_key *k, const void *p, size_t len)
{
	if (len > sizeof(k->p) - k->len) {
		k->bad = true;
		return;
	}
	if (len > 0)
		memcpy(k->p + k->len, p, len);
	k->len += len;
}

static void
key_uint(struct index_key *k, uint64_t n, unsigned bytes)
{
	unsigned char b[8];
	unsigned i;

	for (i = 0; i < bytes; i++)
		b[i] = (unsigned char)(n >> (8 * (bytes - 1 - i)));
	key_bytes(k, b, bytes);
}

void
key_u8(struct index_key *k, unsigned n)
{
	key_uint(k, n, 1);
}

void
key_u32(struct index_key *k, uint32_t n)
{
	key_uint(k, n, 4);
}

void
key_u64(struct index_key *k, uint64_t n)
{
	key_uint(k, n, 8);
}

void
key_time(struct index_key *k, int64_t t)
{
	key_uint(k, t < 0 ? 0 : (uint64_t)t, 8);
}

void
key_id(struct index_key *k, const struct queue_id *id)
{
	unsigned char b[QUEUE_ID_BYTES] = { 0 };

	if (!queue_id_bytes(id, b))
		k->bad = true;
	key_bytes(k, b, sizeof(b));
}

static bool
take_uint(struct span *k, unsigned bytes, uint64_t *n)
{
	unsigned i;

	if (k->len < bytes)
		return false;
	*n = 0;
	for (i = 0; i < bytes; i++)
		*n = *n << 8 | (unsigned char)k->p[i];
	k->p += bytes;
	k->len -= bytes;
	return true;
}

bool
key_take_u8(struct span *k, unsigned *n)
{
	uint64_t v;

	if (!take_uint(k, 1, &v))
		return false;
	*n = (unsigned)v;
	return true;
}

bool
key_take_u32(struct span *k, uint32_t *n)
{
	uint64_t v;

	if (!take_uint(k, 4, &v))
		return false;
	*n = (uint32_t)v;
	return true;
}

bool
key_take_u64(struct span *k, uint64_t *n)
{
	return take_uint(k, 8, n);
}

bool
key_take_time(struct span *k, int64_t *t)
{
	uint64_t v;

	if (!take_uint(k, 8, &v) || v > (uint64_t)INT64_MAX)
		return false;
	*t = (int64_t)v;
	return true;
}

bool
key_take_id(struct span *k, struct queue_id *id)
{
	unsigned char b[QUEUE_ID_BYTES];

	if (k->len < sizeof(b))
		return false;
	memcpy(b, k->p, sizeof(b));
	queue_id_of_bytes(b, id);
	k->p += sizeof(b);
	k->len -= sizeof(b);
	return true;
}
