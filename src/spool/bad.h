/* SPDX-License-Identifier: ISC */
/*
 * bad/: what was refused, with a reason beside it; never delivered, never read
 * again by po. Bounded for each uid, so that nobody fills the disk with refused
 * files: beyond it they are only counted.
 */
#ifndef PO_SPOOL_BAD_H
#define PO_SPOOL_BAD_H

#include <sys/stat.h>

#include "spool/spool.h"

#define BAD_FILE_MAX (1 << 20) /* bytes: larger ones leave the reason alone */
#define BAD_FILES_PER_UID 100u
#define BAD_BYTES_PER_UID (10u << 20)

struct bad;

/* Reads what lies there, to count it. */
int bad_new(const struct spool *s, struct bad **out, struct po_err *err);
void bad_free(struct bad *b);

/*
 * Keep a refused file: "ID" (or "ID-2" to "ID-9" when that is taken) is a copy
 * of fd, as long as st says, and "ID.reason" says uid, time, size and why. No
 * copy when fd is -1, the file is empty or too large. No sync. 1 kept, 0 only
 * counted because its uid has filled its share, -1 our failure.
 */
int bad_put(struct bad *b, const struct queue_id *id, int fd,
    const struct stat *st, const char *reason, struct po_err *err);

#endif
