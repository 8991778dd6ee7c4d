/* SPDX-License-Identifier: ISC */
/*
 * Which system calls a process keeps (seccomp(2)). A program of constants, put
 * together on the stack: it cannot fail for want of memory, and no library is
 * asked what a number is.
 */
#ifndef PO_QUEUE_SANDBOX_CALLS_H
#define PO_QUEUE_SANDBOX_CALLS_H

#include <stdbool.h>

#include "util/err.h"

enum calls {
	CALLS_NETWORK = 1, /* sockets of the Internet, and threads: the C
	                      library's resolver makes some */
	CALLS_FILES = 2    /* files are made, renamed, removed */
};

/* Why there is no filter here, for a line of the log; NULL: there is. */
const char *calls_why_not(void);

/* For good, for this process and the programs that it runs, which keep all but
 * what takes over other processes and the parts of the kernel that no program
 * of mail needs. -1: the kernel refused. */
int calls_restrict_commands(struct po_err *err);

/*
 * For good, for this process and what it makes: descriptors, sockets of this
 * host, memory that is never executable, its own clocks and signals, and what
 * the bits of enum calls add. Everything else fails with EPERM. It needs
 * PR_SET_NO_NEW_PRIVS. -1: the kernel refused.
 */
int calls_restrict(unsigned more, struct po_err *err);

#endif
