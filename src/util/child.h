/* SPDX-License-Identifier: ISC */
/*
 * Programs that we run: fork, exec, wait, with a deadline. The child gets an
 * empty environment, default signals, /dev/null as standard input, our
 * standard error, no other descriptor of ours, and a process group of its own,
 * all of which is killed when the time is up.
 */
#ifndef PO_UTIL_CHILD_H
#define PO_UTIL_CHILD_H

#include "util/buf.h"
#include "util/err.h"

/*
 * Run argv[0] (an absolute path) and append its standard output to `out`, up
 * to the buffer's ceiling. 0 only when it exited with 0 within `timeout_s`;
 * else PO_ETEMP (time, signal, exit status) or PO_ECONFIG (cannot be run),
 * with `what` named. Never inside a transaction.
 */
int child_output(const char *what, char *const argv[], int64_t timeout_s,
    struct buf *out, struct po_err *err);

#endif
