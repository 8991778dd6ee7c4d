/* SPDX-License-Identifier: ISC */
/*
 * What a worker gives up before it reads the first byte from the network: it
 * keeps what the transports need that the configuration leads to, and cannot
 * get anything back.
 */
#ifndef PO_QUEUE_SANDBOX_H
#define PO_QUEUE_SANDBOX_H

#include "deliver/transport.h"
#include "util/err.h"

struct sandbox {
	const char *spool; /* its path: of it templates/ stays readable */
	struct deliver_needs needs;
	bool limits_only; /* the first line below */
};

/*
 * For good, for this process and all that it makes:
 *
 *	no new privileges, no core, no /proc/PID of it for others of its uid
 *	seccomp(2)	no listening socket, no program, no process of its own,
 *			no signal to others, no memory that is made executable;
 *			files are made, renamed and removed only where
 *			needs.n_folders is not 0; what is not allowed fails with
 *			EPERM
 *	landlock(7)	opens what names, certificates and shared libraries need
 *			for reading, templates/, the log file and needs.folders
 *			for writing; nothing else of any file system
 *
 * Descriptors that are open stay as they are. A transport that runs programs
 * (needs.commands) gets the first line only: they inherit the rest, and what
 * they do is not ours to know.
 *
 * Where the kernel has no landlock, that part is left out. -1 when something
 * else is refused.
 */
int sandbox_enter(const struct sandbox *box, struct po_err *err);

#endif
