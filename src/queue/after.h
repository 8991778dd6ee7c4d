/* SPDX-License-Identifier: ISC */
/*
 * What a tick does when its transaction is committed, in this order: log lines,
 * history, moves to done/, damaged files to bad/. Gathered while the
 * transaction is open, thrown away when it fails: what is logged is committed.
 */
#ifndef PO_QUEUE_AFTER_H
#define PO_QUEUE_AFTER_H

#include "log/log.h"
#include "spool/history.h"
#include "spool/spool.h"

struct after;

struct after *after_new(void);
void after_free(struct after *a);
void after_reset(struct after *a);

/* `program` is a constant string: "po/qmgr", "po/smtp". Lines that do not fit
 * into memory are lost, and that is said. */
void after_log(struct after *a, const char *program, enum log_level level,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void after_attempt(struct after *a, const struct queue_id *id,
    const char *address, const struct index_attempt *row);
void after_move(struct after *a, const struct queue_id *id);
/* It is not to be moved after all: it goes on. */
void after_no_move(struct after *a, const struct queue_id *id);
void after_trash(struct after *a, const struct queue_id *id);
void after_damaged(struct after *a, const struct queue_id *id, const char *why);

/* Do it all and reset. A failure is logged and leaves the rest to the next
 * start: moves are rows in the index until done. */
void after_run(struct after *a, const struct spool *s);

/* The ids whose move is done, to be taken out of the index by the next tick;
 * valid until the next after_run(). */
const struct queue_id *after_moved(const struct after *a, size_t *n);
void after_forget_moved(struct after *a);

#endif
