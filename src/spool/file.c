/* SPDX-License-Identifier: ISC */
/*
 * All reads are pread(2) and all writes pwrite(2): descriptors are passed
 * between processes, and a shared file offset would mix them up. The two heads
 * are written in turn: the cell being overwritten is never the one that is
 * valid, so a torn write loses the change, not the state.
 */
#include "spool/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/crc32c.h"
#include "util/fd.h"

#define CHUNK_BYTES 65536u
#define SLOTS_AT_ONCE 64u

off_t
file_slots_at(const struct preamble *p)
{
	off_t cells = ((off_t)p->envelope_bytes + CELL_BYTES - 1) / CELL_BYTES;

	return FILE_ENVELOPE_AT + cells * CELL_BYTES;
}

off_t
file_content_at(const struct preamble *p)
{
	return file_slots_at(p) + (off_t)p->slots * CELL_BYTES;
}

/* From the cache where it holds all of it, else from the file. */
static int
read_at(const struct message_file *f, void *p, size_t len, off_t at,
    const char *what, struct po_err *err)
{
	if (at >= 0 && (uint64_t)at + len <= f->cached) {
		memcpy(p, f->cache + at, len);
		return 0;
	}
	return fd_pread_all(f->fd, p, len, at, what, err);
}

static int
write_at(struct message_file *f, const void *p, size_t len, off_t at,
    const char *what, struct po_err *err)
{
	if (fd_pwrite_all(f->fd, p, len, at, what, err) == -1)
		return -1;
	if ((uint64_t)at + len <= f->cached)
		memcpy(f->cache + at, p, len);
	return 0;
}

static int
fill_cache(struct message_file *f, struct po_err *err)
{
	ssize_t n;

	do {
		n = pread(f->fd, f->cache, sizeof(f->cache), 0);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return po_fail_sys(err, PO_EIO, "read message file");
	f->cached = (size_t)n;
	return 0;
}

static int
read_geometry(struct message_file *f, struct po_err *err)
{
	char cell[CELL_BYTES];
	struct stat st;

	if (fstat(f->fd, &st) == -1)
		return po_fail_sys(err, PO_EIO, "look at message file");
	if (!S_ISREG(st.st_mode))
		return po_fail(err, PO_ECORRUPT, "message file: not a file");
	f->size = st.st_size;
	if (fill_cache(f, err) == -1 ||
	    read_at(f, cell, sizeof(cell), 0, "preamble", err) == -1)
		return -1;
	if (!cell_get_preamble(cell, &f->preamble))
		return po_fail(err, PO_ECORRUPT, "damaged preamble");
	f->slots_at = file_slots_at(&f->preamble);
	f->content_at = file_content_at(&f->preamble);
	if (f->size < f->content_at + CELL_BYTES)
		return po_fail(err, PO_ECORRUPT, "message file is cut");
	if (read_at(f, cell, sizeof(cell), f->size - CELL_BYTES, "trailer",
	        err) == -1)
		return -1;
	if (!cell_get_trailer(cell, &f->trailer))
		return po_fail(err, PO_ECORRUPT, "damaged trailer");
	if (f->trailer.content_bytes !=
	    (uint64_t)(f->size - CELL_BYTES - f->content_at))
		return po_fail(err, PO_ECORRUPT,
		    "the trailer names another content length");
	return 0;
}

int
file_adopt(int fd, struct message_file *f, struct po_err *err)
{
	f->fd = fd;
	f->cached = 0;
	if (read_geometry(f, err) == -1) {
		file_close(f);
		return -1;
	}
	return 0;
}

int
file_open(int dirfd, const char *path, bool writable, struct message_file *f,
    struct po_err *err)
{
	struct po_err why;
	int fd;

	f->fd = -1;
	fd = fd_open_beneath(dirfd, path, writable ? O_RDWR : O_RDONLY, 0);
	/* Somebody laid a link there, or changed its owner or mode: that is the
	 * matter of this message, and of no other. */
	if (fd == -1)
		return po_fail_sys(err,
		    errno == ELOOP || errno == EACCES ? PO_ECORRUPT : PO_EIO,
		    "open %s", path);
	if (file_adopt(fd, f, &why) == 0)
		return 0;
	if (err != NULL) {
		(void)po_fail(err, why.code, "%s: %s", path, why.text);
		err->sys = why.sys;
	}
	return -1;
}

void
file_close(struct message_file *f)
{
	fd_close(&f->fd);
}

int
file_read_envelope(const struct message_file *f, struct arena *arena,
    struct envelope *env, struct po_err *err)
{
	size_t len = f->preamble.envelope_bytes;
	char *text = arena_alloc(arena, len);

	if (text == NULL)
		return po_fail(err, PO_EOS, "no memory for an envelope");
	if (read_at(f, text, len, FILE_ENVELOPE_AT, "envelope", err) == -1 ||
	    envelope_decode((struct span){ text, len }, arena, env, err) == -1)
		return -1;
	if (env->n_recipients != f->preamble.slots)
		return po_fail(err, PO_ECORRUPT,
		    "envelope: %zu recipients, but %u slots", env->n_recipients,
		    f->preamble.slots);
	return 0;
}

int
file_read_stamp(const struct message_file *f, struct stamp *s,
    struct po_err *err)
{
	char cells[2 * CELL_BYTES];

	if (read_at(f, cells, sizeof(cells), FILE_STAMP_AT, "stamp", err) == -1)
		return -1;
	if (!cell_get_stamp(cells, s))
		return po_fail(err, PO_ECORRUPT, "damaged stamp");
	return 0;
}

/* ------------------------------------------------------------ heads */

int
file_read_head(const struct message_file *f, struct head *h, int *which,
    struct po_err *err)
{
	char cells[2][CELL_BYTES];
	struct head a, b;
	bool a_ok, b_ok;

	if (read_at(f, cells, sizeof(cells), FILE_HEAD_AT, "heads", err) == -1)
		return -1;
	a_ok = cell_get_head(cells[0], &a);
	b_ok = cell_get_head(cells[1], &b);
	if (!a_ok && !b_ok)
		return po_fail(err, PO_ECORRUPT, "both heads are damaged");
	*which = b_ok && (!a_ok || b.generation > a.generation);
	*h = *which == 1 ? b : a;
	return 0;
}

int
file_write_head(struct message_file *f, struct head *h, struct po_err *err)
{
	char cell[CELL_BYTES];
	struct head now = { 0 };
	int which = 0;

	if (file_read_head(f, &now, &which, err) == -1)
		return -1;
	if (now.generation == UINT32_MAX)
		return po_fail(err, PO_EUNAVAILABLE, "no generation is left");
	h->generation = now.generation + 1;
	cell_put_head(h, cell);
	return write_at(f, cell, sizeof(cell),
	    FILE_HEAD_AT + (which == 0 ? CELL_BYTES : 0), "head", err);
}

/* ------------------------------------------------------------ slots */

int
file_read_slots(const struct message_file *f, size_t first, size_t n,
    struct slot *out, struct po_err *err)
{
	char cells[SLOTS_AT_ONCE][CELL_BYTES];
	size_t i, some;

	if (first > f->preamble.slots || n > f->preamble.slots - first)
		return po_fail(err, PO_EBUG, "no such slot");
	for (; n > 0; first += some, out += some, n -= some) {
		some = n < SLOTS_AT_ONCE ? n : SLOTS_AT_ONCE;
		if (read_at(f, cells, some * CELL_BYTES,
		        f->slots_at + (off_t)(first * CELL_BYTES), "slots",
		        err) == -1)
			return -1;
		for (i = 0; i < some; i++)
			if (!cell_get_slot(cells[i], &out[i]))
				out[i] =
				    (struct slot){ .state = SLOT_IN_DOUBT };
	}
	return 0;
}

int
file_write_slot(struct message_file *f, size_t n, struct slot *s,
    struct po_err *err)
{
	char cell[CELL_BYTES];

	if (n >= f->preamble.slots)
		return po_fail(err, PO_EBUG, "no such slot");
	if (s->generation == UINT32_MAX)
		return po_fail(err, PO_EUNAVAILABLE, "no generation is left");
	s->generation++;
	cell_put_slot(s, cell);
	return write_at(f, cell, sizeof(cell),
	    f->slots_at + (off_t)(n * CELL_BYTES), "slot", err);
}

/* ------------------------------------------------------------ the whole */

static int
sum(const struct message_file *f, off_t from, off_t to, char *chunk,
    uint32_t *crc, struct po_err *err)
{
	size_t some;

	for (; from < to; from += (off_t)some) {
		some =
		    to - from < CHUNK_BYTES ? (size_t)(to - from) : CHUNK_BYTES;
		if (fd_pread_all(f->fd, chunk, some, from, "message", err) ==
		    -1)
			return -1;
		*crc = crc32c(*crc, chunk, some);
	}
	return 0;
}

const char *
file_content_in_memory(const struct message_file *f)
{
	return (uint64_t)f->size <= f->cached ? f->cache + f->content_at : NULL;
}

static int
verify_in_memory(const struct message_file *f)
{
	size_t content_at = (size_t)f->content_at;
	uint32_t crc;

	crc = crc32c(0, f->cache, CELL_BYTES);
	crc = crc32c(crc, f->cache + FILE_ENVELOPE_AT,
	    (size_t)f->slots_at - FILE_ENVELOPE_AT);
	crc = crc32c(crc, f->cache + content_at,
	    (size_t)f->size - CELL_BYTES - content_at);
	return crc == f->trailer.crc;
}

static int
verify_on_disk(const struct message_file *f, struct po_err *err)
{
	char *chunk = malloc(CHUNK_BYTES);
	uint32_t crc = 0;
	int rc = -1;

	if (chunk == NULL)
		return po_fail_sys(err, PO_EOS, "verify a message");
	if (sum(f, 0, CELL_BYTES, chunk, &crc, err) == 0 &&
	    sum(f, FILE_ENVELOPE_AT, f->slots_at, chunk, &crc, err) == 0 &&
	    sum(f, f->content_at, f->size - CELL_BYTES, chunk, &crc, err) == 0)
		rc = crc == f->trailer.crc;
	free(chunk);
	return rc;
}

int
file_verify(const struct message_file *f, struct po_err *err)
{
	return (uint64_t)f->size <= f->cached ? verify_in_memory(f)
	                                      : verify_on_disk(f, err);
}

enum message_state
file_state(const struct head *h, const struct slot *slots, size_t n)
{
	unsigned seen = 0;
	size_t i;

	if (message_is_final(h->state) || n == 0)
		return h->state;
	for (i = 0; i < n; i++) {
		if (!slot_is_final(slots[i].state))
			return h->state;
		seen |= 1u << slots[i].state;
	}
	if ((seen & 1u << SLOT_FAILED) != 0)
		return MESSAGE_FAILED;
	if ((seen & 1u << SLOT_EXPIRED) != 0)
		return MESSAGE_EXPIRED;
	return (seen & 1u << SLOT_CANCELLED) != 0 ? MESSAGE_CANCELLED
	                                          : MESSAGE_SENT;
}
