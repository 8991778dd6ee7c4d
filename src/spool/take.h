/* SPDX-License-Identifier: ISC */
/* One file of drop/ becomes one file of queue/: copy, check, cells, name. Used
 * by ingest alone. */
#ifndef PO_SPOOL_TAKE_H
#define PO_SPOOL_TAKE_H

#include <sys/stat.h>

#include "spool/ingest.h"
#include "spool/message_check.h"

struct taker;

enum take_result {
	TAKE_NEW,     /* a copy is in queue/, not synced */
	TAKE_REPEAT,  /* it was there before, or the same message was, damaged,
	                 and is replaced */
	TAKE_REFUSED, /* err->text says why */
	TAKE_UNREADABLE, /* the original cannot be read */
};

int taker_new(const struct spool *s, const struct ingest_conf *conf,
    struct taker **out, struct po_err *err);
void taker_free(struct taker *t);

/* `fd` is the original, `st` what fstat(2) says of it, taken->id its id; the
 * rest of *taken is set for a message that has a key. 0 with *result set, -1: a
 * failure of ours, nothing was made. */
int take_file(struct taker *t, int fd, const struct stat *st,
    struct ingest_taken *taken, enum take_result *result, struct po_err *err);

/* Remove a copy that take_file() made as TAKE_NEW. */
int take_undo(struct taker *t, const struct queue_id *id, struct po_err *err);

#endif
