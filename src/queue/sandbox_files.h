/* SPDX-License-Identifier: ISC */
/*
 * Which files a process can still open, make, rename and remove (landlock(7)):
 * none but those that are permitted. What is open already stays as it is.
 */
#ifndef PO_QUEUE_SANDBOX_FILES_H
#define PO_QUEUE_SANDBOX_FILES_H

#include <stdint.h>

#include "util/err.h"

enum files_use {
	FILES_READ,   /* and list */
	FILES_APPEND, /* write, and make new ones */
	FILES_CHANGE, /* files and folders */
	FILES_ANY     /* sockets, FIFOs and links too, which others made */
};

struct files {
	int rules; /* -1: this kernel has no landlock, and nothing is done */
	uint64_t known;
};

/* Why files stay open to all, for a line of the log; NULL: they do not. */
const char *files_why_not(void);

/* A list that permits nothing yet; always end it with files_clear(). */
int files_init(struct files *f, struct po_err *err);
void files_clear(struct files *f);

/* Permit `path` and what is below it; a path that is missing is passed over. */
int files_permit(struct files *f, const char *path, enum files_use use,
    struct po_err *err);
/* What names, certificates and shared libraries need, for reading. */
int files_permit_system(struct files *f, struct po_err *err);

/* For good, for this process and what it makes. Signals to processes outside
 * are refused too where the kernel knows how (Linux 6.12). It needs
 * PR_SET_NO_NEW_PRIVS. */
int files_restrict(const struct files *f, struct po_err *err);

#endif
