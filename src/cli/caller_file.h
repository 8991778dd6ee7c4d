/* SPDX-License-Identifier: ISC */
/* Files that a command line names. */
#ifndef PO_CLI_CALLER_FILE_H
#define PO_CLI_CALLER_FILE_H

#include <stddef.h>

#include "util/buf.h"
#include "util/err.h"

/* All of a file, as whoever we are now; "-" is standard input. *out is begun
 * with `max` as its ceiling; clear it, whatever comes back. -1: PO_ENOINPUT, or
 * PO_EDATA where the file is larger. */
int caller_file_read(const char *path, size_t max, struct buf *out,
    struct po_err *err);

#endif
