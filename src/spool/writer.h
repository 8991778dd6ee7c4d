/* SPDX-License-Identifier: ISC */
/*
 * A new message file, front to back through one buffer: preamble, blank cells,
 * envelope, blank slots, content, trailer. Where the file stands, and when it
 * gets its name, is the caller's: drop.h for anybody, put.h for po itself.
 */
#ifndef PO_SPOOL_WRITER_H
#define PO_SPOOL_WRITER_H

#include "envelope/envelope.h"
#include "spool/cell.h"
#include "spool/content_scan.h"
#include "util/err.h"

#define WRITER_BUFFER_BYTES 65536u

struct file_writer {
	int fd;           /* the caller's */
	const char *what; /* names the file in errors; the caller's */
	uint32_t crc;
	struct content_scan scan;
	uint64_t flushed; /* bytes written to fd */
	size_t used;
	char buffer[WRITER_BUFFER_BYTES];
};

/* All up to the content. PO_EDATA when the envelope cannot be written. */
int writer_begin(struct file_writer *w, int fd, const char *what,
    const struct envelope *env, struct po_err *err);

/* Content: LF-only lines without NUL; writer_end() refuses others (PO_EBUG). */
int writer_content(struct file_writer *w, const void *p, size_t len,
    struct po_err *err);

/* The trailer; all bytes are written then. No sync. */
int writer_end(struct file_writer *w, struct po_err *err);

#endif
