/* SPDX-License-Identifier: ISC */
/*
 * The content of a message on its way from a file to the wire: LF becomes
 * CRLF, a dot that begins a line is doubled (RFC 5321, 4.5.2), in passing.
 */
#ifndef PO_DELIVER_CONTENT_H
#define PO_DELIVER_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "deliver/stream.h"
#include "deliver/transport.h"
#include "util/err.h"

#define CONTENT_BLOCK_BYTES ((size_t)65536)

/* `len` bytes of the content from `done` on, as they are. */
int content_read(const struct deliver_message *m, uint64_t done, char *block,
    size_t len, struct po_err *err);

/*
 * Put the content of `m` into `st`, ended by a line end, without the last dot.
 * `block` has CONTENT_BLOCK_BYTES and is scratch. The deadline starts anew with
 * each block. 0; -1 when the stream failed (err->code stays PO_OK) or the file
 * cannot be read (err is set): then the connection must be closed without a
 * dot.
 */
int content_put(struct stream *st, const struct deliver_message *m,
    int64_t block_timeout_ms, char *block, struct po_err *err);

/*
 * The same content in pieces of a known length, as BDAT wants it (RFC 3030):
 * CRLF line ends, no dot doubled, a line end at the very end. Begin with a
 * cursor of zeros.
 */
#define CONTENT_CHUNK_BYTES ((size_t)65536)

struct content_cursor {
	uint64_t done; /* bytes of the file */
	bool after_cr, within_line;
};

/*
 * The next piece into `out` (CONTENT_CHUNK_BYTES); `block` is scratch as above.
 * Its length, which is 0 only for an empty message or one that ends in bytes
 * that are dropped; *last is set with the final one. -1 when the file cannot be
 * read.
 */
ssize_t content_chunk(const struct deliver_message *m, struct content_cursor *c,
    char *block, char *out, bool *last, struct po_err *err);

/*
 * Make a block fit for the wire in place: CR LF and a lone CR become LF, NUL
 * is dropped. *after_cr carries over from block to block (false at first).
 * Returns the new length. Files of ours have neither; a file that somebody
 * else made must not smuggle a line end in.
 */
size_t content_clean(char *p, size_t len, bool *after_cr);

#endif
