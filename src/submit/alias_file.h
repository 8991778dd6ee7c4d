/* SPDX-License-Identifier: ISC */
/* Where the aliases stand (aliases in po.conf(5)), and their text. */
#ifndef PO_SUBMIT_ALIAS_FILE_H
#define PO_SUBMIT_ALIAS_FILE_H

#include <stddef.h>

#include "submit/options.h"
#include "util/buf.h"
#include "util/err.h"

#define ALIAS_FILE_MAX_BYTES ((size_t)16 << 20)

struct alias_file {
	struct buf path;
	char *text;
	size_t len;
};

/*
 * Read all of it: 1; 0 when no file was configured and there is none beside
 * po.conf; -1 (PO_ECONFIG): it is not there, is no regular file, cannot be
 * read, or is larger than ALIAS_FILE_MAX_BYTES. Never waits for a writer of a
 * FIFO. alias_file_clear() ends it whatever came out; f->path is set but for no
 * memory.
 */
int alias_file_read(const struct submit_conf *conf, struct alias_file *f,
    struct po_err *err);
void alias_file_clear(struct alias_file *f);

#endif
