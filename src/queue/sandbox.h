/* SPDX-License-Identifier: ISC */
/*
 * What the children of the runner give up before they read the first byte from
 * the network, or from a user: they keep what their work needs, and cannot get
 * anything back. Call in the child only, while it has one thread.
 */
#ifndef PO_QUEUE_SANDBOX_H
#define PO_QUEUE_SANDBOX_H

#include <stdbool.h>

#include "deliver/transport.h"
#include "util/err.h"

/* Everybody: no core, and no /proc/PID for others of its uid (but where a
 * sanitizer looks for leaks through it). */
int sandbox_hide(struct po_err *err);

/* What this kernel lacks for the two below, one reason for each i from 0 on;
 * NULL: no more. They leave that part out. */
const char *sandbox_lacks(size_t i);

/*
 * A worker of the spool at `spool`, whose transports need `needs`:
 *
 *	no new privileges, few open files, no message queues
 *	seccomp(2)	no listening socket, no program, no process of its own,
 *			no signal to others, no memory that is made executable;
 *			files are made, renamed and removed only where
 *			needs->n_folders is not 0; what is not allowed fails
 *			with EPERM
 *	landlock(7)	opens what names, certificates and shared libraries need
 *			for reading, templates/, the log file and needs->folders
 *			for writing; nothing else of any file system
 *
 * Descriptors that are open stay as they are. A worker that runs programs
 * (needs->commands) gives its limits to them, and of the rest what takes over
 * other processes (ptrace(2) and its like) and what in the kernel no program of
 * mail needs; which files they open is not ours to know. With `limits_only` the
 * first line alone, and so too where a sanitizer is compiled in: its runtime
 * opens and maps what it wants.
 */
int sandbox_worker(const char *spool, const struct deliver_needs *needs,
    bool limits_only, struct po_err *err);

/* The ingester: the same, but for sockets of the Internet, and with the folders
 * of the spool that mail is taken in through instead of needs->folders. */
int sandbox_ingester(const char *spool, bool limits_only, struct po_err *err);

#endif
