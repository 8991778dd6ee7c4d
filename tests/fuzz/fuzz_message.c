/* SPDX-License-Identifier: ISC */
/*
 * A file as it may lie in drop/: geometry, checksum, envelope, content. What
 * passes must hold what the rest of po relies on. To get past the checksums,
 * the target repairs them: the last byte of the input says which.
 */
#include "spool/message_check.h"

#include <assert.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/crc32c.h"

#define CELL_CRC_AT 55

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
repair_cell(char *cell)
{
	char text[9];

	(void)snprintf(text, sizeof(text), "%08x",
	    crc32c(0, cell, CELL_CRC_AT));
	memcpy(cell + CELL_CRC_AT, text, 8);
}

static void
repair(char *file, size_t size)
{
	char *trailer = file + size - CELL_BYTES, text[9];
	struct preamble p;
	uint32_t crc;

	repair_cell(file);
	if (!cell_get_preamble(file, &p) ||
	    file_content_at(&p) + CELL_BYTES > (off_t)size)
		return;
	crc = crc32c(0, file, CELL_BYTES);
	crc = crc32c(crc, file + FILE_ENVELOPE_AT,
	    (size_t)file_slots_at(&p) - FILE_ENVELOPE_AT);
	crc = crc32c(crc, file + file_content_at(&p),
	    size - CELL_BYTES - (size_t)file_content_at(&p));
	(void)snprintf(text, sizeof(text), "%08x", crc);
	memcpy(trailer + 20, text, 8);
	repair_cell(trailer);
}

static void
judge(struct message_file *f)
{
	struct message_origin from = { .uid = 1000, .ctime = 1700000000 };
	const struct message_rules rules = { 1 << 20, 2000 };
	struct arena arena;
	struct envelope env;
	struct po_err err = { .text = "" };
	size_t i;
	int ok;

	arena_init(&arena, 16 << 20);
	(void)queue_id_parse(SPAN_LIT("01JG7YBT000000000000000001"), &from.id);
	ok = message_check(f, &from, &rules, &arena, &env, &err);
	assert(ok != -1);
	assert(ok == 1 || err.text[0] != '\0');
	if (ok == 1) {
		assert(env.n_recipients == f->preamble.slots);
		assert(strcmp(env.id.text, from.id.text) == 0);
		for (i = 0; i < env.n_recipients; i++)
			assert(
			    strpbrk(env.recipients[i].address, "\r\n") == NULL);
		assert(file_verify(f, &err) == 1);
	}
	arena_clear(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *file;
	struct message_file f;
	int fd;

	if (size < 2 * CELL_BYTES || size > 1 << 20)
		return 0;
	file = malloc(size);
	fd = memfd_create("message", MFD_CLOEXEC);
	assert(file != NULL && fd != -1);
	memcpy(file, data, size);
	if (data[size - 1] != '!') {
		file[size - 1] = '\n';
		repair(file, size);
	}
	assert(write(fd, file, size) == (ssize_t)size);
	if (file_adopt(fd, &f, NULL) == 0)
		judge(&f);
	file_close(&f);
	free(file);
	return 0;
}
