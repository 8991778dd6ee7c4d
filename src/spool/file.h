/* SPDX-License-Identifier: ISC */
/*
 * One message file of queue/ or done/: an open descriptor and where its parts
 * lie. Layout in spool-layout.md, "The message file". Heads are written by the
 * runner's parent only, a slot by the holder of the claim only.
 */
#ifndef PO_SPOOL_FILE_H
#define PO_SPOOL_FILE_H

#include <sys/types.h>

#include "spool/cell.h"
#include "util/arena.h"
#include "util/err.h"

#define FILE_HEAD_AT 64u   /* two cells */
#define FILE_STAMP_AT 192u /* two cells */
#define FILE_ENVELOPE_AT                                                       \
	320u /* padded with LF to a multiple of 64; then the slots, the        \
	        content, the trailer */

/* Most messages are read from the disk by one call: what lies in the first
 * bytes is kept. */
#define FILE_CACHE_BYTES 8192u

struct message_file {
	int fd;
	struct preamble preamble;
	off_t slots_at;
	off_t content_at;
	off_t size; /* of the whole file */
	struct trailer trailer;
	size_t cached; /* bytes of cache[]; own writes are in it, those of other
	                  processes are not */
	char cache[FILE_CACHE_BYTES];
};

/* Offsets that a preamble means. */
off_t file_slots_at(const struct preamble *p);
off_t file_content_at(const struct preamble *p);

/* Open `path` below `dirfd` (no symlinks; O_RDWR when `writable`) and read its
 * geometry, or take over an open fd. PO_ECORRUPT when it is none, or
 * may not be opened; errno ENOENT is in err->sys. On failure f->fd is -1 (an fd
 * given is closed). */
int file_open(int dirfd, const char *path, bool writable,
    struct message_file *f, struct po_err *err);
int file_adopt(int fd, struct message_file *f, struct po_err *err);
void file_close(struct message_file *f);

int file_read_envelope(const struct message_file *f, struct arena *arena,
    struct envelope *env, struct po_err *err);
int file_read_stamp(const struct message_file *f, struct stamp *s,
    struct po_err *err);

/* The valid head with the higher generation; *which is 0 or 1. PO_ECORRUPT when
 * neither is valid. */
int file_read_head(const struct message_file *f, struct head *h, int *which,
    struct po_err *err);

/* Write *h with the next generation into the other cell; h->generation is
 * updated. No sync. */
int file_write_head(struct message_file *f, struct head *h, struct po_err *err);

/* Slots [first, first + n). A damaged cell reads as SLOT_IN_DOUBT with
 * generation 0. */
int file_read_slots(const struct message_file *f, size_t first, size_t n,
    struct slot *out, struct po_err *err);
/* Write slot `n` with generation + 1 (updated in *s). No sync. */
int file_write_slot(struct message_file *f, size_t n, struct slot *s,
    struct po_err *err);

/* The content, when all of it is in memory already (valid as long as *f), else
 * NULL. */
const char *file_content_in_memory(const struct message_file *f);

/* Recompute the checksum over the whole file: 1 it is right, 0 damaged, -1
 * cannot be read. */
int file_verify(const struct message_file *f, struct po_err *err);

/* The state that head and slots together mean: head's own when that is not
 * WAITING or HELD; SENT or FAILED (EXPIRED, CANCELLED) when all slots are
 * final; else the head's. */
enum message_state file_state(const struct head *h, const struct slot *slots,
    size_t n);

#endif
