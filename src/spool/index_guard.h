/* SPDX-License-Identifier: ISC */
/*
 * What is to be done when LMDB, or who reads what it points to, falls over a
 * damaged page. For index*.c alone.
 */
#ifndef PO_SPOOL_INDEX_GUARD_H
#define PO_SPOOL_INDEX_GUARD_H

#include <lmdb.h>

/* An empty file in index/: the next writer makes the index again. */
#define INDEX_SUSPECT "suspect"

/* From here to the end a crash over a page (SIGSEGV, SIGBUS, an assertion of
 * LMDB's) ends the process with the exit status of PO_EINDEX, one line on
 * stderr, and INDEX_SUSPECT in the folder `home`. One index at a time; a
 * handler that somebody else has installed stays. */
void index_guard_begin(int home);
/* What is found damaged while it is opened is told to the opener alone; from
 * here on index_guard_suspect() leaves the mark. */
void index_guard_opened(void);
/* To be told of LMDB's assertions; before `env` is used. */
void index_guard_watch(MDB_env *env);
void index_guard_end(void);
/* What was read is damaged: leave INDEX_SUSPECT, if a guard is on. */
void index_guard_suspect(void);

#endif
