/* SPDX-License-Identifier: ISC */
#include "envelope/queue_id.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "util/wallclock.h"

static const char alphabet[] = "0123456789BCDEFGHJKLMNPQRSTVWXYZ";

static int
digit_of(char c)
{
	const char *at = c == '\0' ? NULL : strchr(alphabet, c);

	return at == NULL ? -1 : (int)(at - alphabet);
}

/* 128 bits in 26 digits of 5: the first digit holds the top 3 bits. */
void
queue_id_of_bytes(const unsigned char bytes[QUEUE_ID_BYTES],
    struct queue_id *id)
{
	unsigned acc = 0, bits = 2, i, n = 0;

	for (i = 0; i < QUEUE_ID_BYTES; i++) {
		acc = acc << 8 | bytes[i];
		bits += 8;
		while (bits >= 5) {
			bits -= 5;
			id->text[n++] = alphabet[(acc >> bits) & 31];
		}
	}
	id->text[n] = '\0';
}

bool
queue_id_bytes(const struct queue_id *id, unsigned char bytes[QUEUE_ID_BYTES])
{
	unsigned acc = 0, bits = 0, i, n = 0;
	int d;

	for (i = 0; i < QUEUE_ID_LEN; i++) {
		d = digit_of(id->text[i]);
		if (d == -1 || (i == 0 && d > 7))
			return false;
		acc = acc << 5 | (unsigned)d;
		bits += i == 0 ? 3 : 5;
		if (bits >= 8) {
			bits -= 8;
			bytes[n++] = (unsigned char)(acc >> bits);
		}
	}
	return true;
}

int
queue_id_make(struct queue_id *id, struct po_err *err)
{
	unsigned char bytes[QUEUE_ID_BYTES];
	uint64_t ms = (uint64_t)wallclock_now_ms();
	unsigned i;

	for (i = 0; i < 6; i++)
		bytes[i] = (unsigned char)(ms >> (40 - 8 * i));
	/* Up to 256 bytes come whole or not at all (getrandom(2)). */
	if (getrandom(bytes + 6, 10, 0) != 10)
		return po_fail_sys(err, PO_EOS, "random bytes for a queue id");
	queue_id_of_bytes(bytes, id);
	return 0;
}

/* The finalizer of splitmix64: every bit of `x` reaches every bit of it. */
static uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static uint64_t
mix_all(uint64_t seed, const unsigned char bytes[QUEUE_ID_BYTES],
    uint64_t number)
{
	uint64_t h = seed, word;
	size_t i, k;

	for (i = 0; i < QUEUE_ID_BYTES; i += 8) {
		for (word = 0, k = 0; k < 8; k++)
			word = word << 8 | bytes[i + k];
		h = mix(h + UINT64_C(0x9e3779b97f4a7c15) + word);
	}
	return mix(h + UINT64_C(0x9e3779b97f4a7c15) + number);
}

void
queue_id_derive(const struct queue_id *from, uint32_t kind, uint32_t number,
    struct queue_id *id)
{
	unsigned char in[QUEUE_ID_BYTES] = { 0 }, out[QUEUE_ID_BYTES];
	uint64_t what = (uint64_t)kind << 32 | number, a, b;
	size_t i;

	(void)queue_id_bytes(from, in);
	a = mix_all(1, in, what);
	b = mix_all(a, in, what);
	memcpy(out, in, 6);
	for (i = 0; i < 8; i++)
		out[6 + i] = (unsigned char)(a >> (8 * i));
	out[14] = (unsigned char)b;
	out[15] = (unsigned char)(b >> 8);
	queue_id_of_bytes(out, id);
}

bool
queue_id_parse(struct span s, struct queue_id *id)
{
	unsigned char bytes[QUEUE_ID_BYTES];
	struct queue_id out;

	if (s.len != QUEUE_ID_LEN)
		return false;
	memcpy(out.text, s.p, QUEUE_ID_LEN);
	out.text[QUEUE_ID_LEN] = '\0';
	if (!queue_id_bytes(&out, bytes))
		return false;
	*id = out;
	return true;
}

int64_t
queue_id_time_ms(const struct queue_id *id)
{
	unsigned char bytes[QUEUE_ID_BYTES];
	uint64_t ms = 0;
	unsigned i;

	if (!queue_id_bytes(id, bytes))
		return 0;
	for (i = 0; i < 6; i++)
		ms = ms << 8 | bytes[i];
	return (int64_t)ms;
}

void
queue_id_folder(const struct queue_id *id, char folder[3])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char bytes[QUEUE_ID_BYTES];

	if (!queue_id_bytes(id, bytes))
		bytes[QUEUE_ID_BYTES - 1] = 0;
	folder[0] = hex[bytes[QUEUE_ID_BYTES - 1] >> 4];
	folder[1] = hex[bytes[QUEUE_ID_BYTES - 1] & 15];
	folder[2] = '\0';
}
