/* SPDX-License-Identifier: ISC */
/*
 * history/YYYYMMDD (UTC): one line for each recipient and attempt, appended
 * after the commit that settled it. The index's `attempt` rows are made again
 * from it; people grep it. The line's form is in spool-layout.md, "history/".
 * The runner's parent alone appends; anybody who may read the spool reads.
 */
#ifndef PO_SPOOL_HISTORY_H
#define PO_SPOOL_HISTORY_H

#include "spool/index.h"
#include "spool/spool.h"
#include "util/buf.h"

#define HISTORY_LINE_MAX 8192

struct history_row {
	struct queue_id id;
	const char *address; /* the recipient's */
	struct index_attempt a;
};

/*
 * Append rows to the files of their days (a.time), with one write(2) for each
 * run of rows of one day. Not synced: a lost line is a lost line of history,
 * no mail. What a crash left of a line is closed before the next one.
 */
int history_append(const struct spool *s, const struct history_row *rows,
    size_t n, struct po_err *err);

/* All rows of all days, oldest day first. A line that is damaged, or was
 * written by a newer version, is skipped and counted. */
struct history;
int history_open(const struct spool *s, struct history **out,
    struct po_err *err);
/* 1 a row (its texts in `arena`), 0 the end. */
int history_next(struct history *h, struct arena *arena,
    struct history_row *row, struct po_err *err);
uint64_t history_skipped(const struct history *h);
void history_close(struct history *h); /* NULL is harmless */

/* Remove the files of all days that ended before `before` (seconds UTC).
 * Returns how many, or -1. */
int history_expire(const struct spool *s, int64_t before, struct po_err *err);

/* One line, both ways; for history.c, its test and its fuzzer. */
bool history_put_line(struct buf *out, const struct history_row *row);
bool history_get_line(struct span line, struct arena *arena,
    struct history_row *row);

#endif
