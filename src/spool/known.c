/* SPDX-License-Identifier: ISC */
/*
 * Every cell that says who the first message is (preamble, stamp, trailer) is
 * compared as far as it can be read. One that differs means another message.
 */
#include "spool/known.h"

#include <sys/stat.h>

#include "util/fd.h"

static bool
read_cells(int fd, off_t at, char *cells, size_t n)
{
	struct po_err ignored;

	return at >= 0 &&
	       fd_pread_all(fd, cells, n * CELL_BYTES, at, "", &ignored) == 0;
}

/* One valid head, and every slot. */
static bool
cells_are_valid(int fd, const struct message_file *f)
{
	char cells[2 * CELL_BYTES];
	struct head h;
	struct slot s;
	size_t i;

	if (!read_cells(fd, FILE_HEAD_AT, cells, 2) ||
	    (!cell_get_head(cells, &h) &&
	        !cell_get_head(cells + CELL_BYTES, &h)))
		return false;
	for (i = 0; i < f->preamble.slots; i++)
		if (!read_cells(fd, f->slots_at + (off_t)(i * CELL_BYTES),
		        cells, 1) ||
		    !cell_get_slot(cells, &s))
			return false;
	return true;
}

enum known_verdict
known_judge(int fd, const struct message_file *f, uint32_t uid)
{
	char cells[2 * CELL_BYTES];
	struct message_file old = { .fd = fd };
	struct preamble p;
	struct stamp s;
	struct trailer t;
	struct stat st;
	unsigned read = 0;

	if (fstat(fd, &st) == -1)
		return KNOWN_DAMAGED;
	if (read_cells(fd, 0, cells, 1) && cell_get_preamble(cells, &p)) {
		read++;
		if (p.envelope_bytes != f->preamble.envelope_bytes ||
		    p.slots != f->preamble.slots)
			return KNOWN_OTHER;
	}
	if (read_cells(fd, FILE_STAMP_AT, cells, 2) &&
	    cell_get_stamp(cells, &s)) {
		read++;
		if (s.uid != uid)
			return KNOWN_OTHER;
	}
	if (read_cells(fd, st.st_size - CELL_BYTES, cells, 1) &&
	    cell_get_trailer(cells, &t)) {
		read++;
		if (t.content_bytes != f->trailer.content_bytes ||
		    t.crc != f->trailer.crc)
			return KNOWN_OTHER;
	}
	if (read < 3 || st.st_size != f->size)
		return KNOWN_DAMAGED;
	/* Equal geometry: the places of the parts are those of the copy. */
	old.preamble = f->preamble;
	old.slots_at = f->slots_at;
	old.content_at = f->content_at;
	old.size = f->size;
	old.trailer = f->trailer;
	return file_verify(&old, NULL) == 1 && cells_are_valid(fd, f)
	           ? KNOWN_SAME
	           : KNOWN_DAMAGED;
}

/* Carry over the heads that are valid; *touched: more than the first one. */
static int
keep_heads(int old, const struct message_file *f, bool *touched,
    struct po_err *err)
{
	char cell[CELL_BYTES];
	struct head h;
	off_t at;

	*touched = false;
	for (at = FILE_HEAD_AT; at < (off_t)FILE_STAMP_AT; at += CELL_BYTES) {
		if (!read_cells(old, at, cell, 1) || !cell_get_head(cell, &h))
			continue;
		*touched = *touched || h.generation > 1;
		if (fd_pwrite_all(f->fd, cell, sizeof(cell), at, "head", err) ==
		    -1)
			return -1;
	}
	return 0;
}

static bool
any_slot_touched(int old, const struct message_file *f)
{
	char cell[CELL_BYTES];
	struct slot s;
	size_t i;

	for (i = 0; i < f->preamble.slots; i++)
		if (read_cells(old, f->slots_at + (off_t)(i * CELL_BYTES), cell,
		        1) &&
		    cell_get_slot(cell, &s) && s.generation > 1)
			return true;
	return false;
}

/* As they are, damaged ones too: those read as in doubt. */
static int
keep_slots(int old, const struct message_file *f, struct po_err *err)
{
	char cell[CELL_BYTES];
	size_t i;
	off_t at;

	for (i = 0; i < f->preamble.slots; i++) {
		at = f->slots_at + (off_t)(i * CELL_BYTES);
		if (!read_cells(old, at, cell, 1))
			cell_put_blank(cell);
		if (fd_pwrite_all(f->fd, cell, sizeof(cell), at, "slot", err) ==
		    -1)
			return -1;
	}
	return 0;
}

/*
 * A copy that nobody has worked on yet (it was torn before its first sync) is
 * replaced by a fresh one. Else what was worked out stays.
 */
int
known_keep_cells(int old, const struct message_file *f, struct po_err *err)
{
	bool touched;

	if (keep_heads(old, f, &touched, err) == -1)
		return -1;
	if (!touched && !any_slot_touched(old, f))
		return 0;
	return keep_slots(old, f, err);
}
