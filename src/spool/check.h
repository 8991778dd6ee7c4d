/* SPDX-License-Identifier: ISC */
/*
 * po-queue --check: looks, changes nothing. Prints lines "error: ...",
 * "warning: ..." and "ok: ..."; returns 0 all is well, 1 there were warnings, 2
 * errors.
 *
 * The caller asks for the layout first (as root or as the spool's owner),
 * becomes the owner, opens the spool, tries to take the run lock, and asks for
 * the content; the largest answer is the exit status.
 */
#ifndef PO_SPOOL_CHECK_H
#define PO_SPOOL_CHECK_H

#include <stdio.h>

#include "spool/spool.h"

/* Owners and modes of the entries, the account and its group, no set-id bit and
 * no capability on a program below `bindir` (SBINDIR). */
int spool_check_layout(const char *path, const char *bindir, FILE *out);

/*
 * What lies in the folders: strays, damaged files, mail that nobody takes in;
 * the index against the files. `locked`: the run lock is held, so the index may
 * be read page by page and must agree exactly; else only what is still so at a
 * second look is said.
 */
int spool_check_content(const struct spool *s, bool locked, FILE *out);

#endif
