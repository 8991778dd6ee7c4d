/* SPDX-License-Identifier: ISC */
/* po-queue --setup: makes the spool, or puts its owners and modes right. Safe
 * to repeat; never touches a message. */
#ifndef PO_SPOOL_SETUP_H
#define PO_SPOOL_SETUP_H

#include <stdbool.h>
#include <sys/types.h>

#include "util/err.h"

/*
 * user_profile false: the system spool. Needs root (PO_EPERM); makes the
 * account and the group po where they are missing, the entries as root through
 * descriptors, then BECOMES po for what lies below them, and stays po.
 * user_profile true: an own spool of the effective uid; missing parents are
 * made 0700. Parents that others may change are refused. PO_ECONFIG names what
 * stands in the way and the remedy.
 */
int spool_setup(const char *path, bool user_profile, struct po_err *err);

/* The folders alone, of an account that exists (`own`: 0700 for the caller,
 * else the system's modes). Becomes uid. */
int spool_setup_folders(const char *path, bool own, uid_t uid, gid_t gid,
    struct po_err *err);

/* Find the account and the group po, or make them with useradd(8) and
 * groupadd(8). Needs root. */
int spool_setup_account(const char *home, uid_t *uid, gid_t *gid,
    struct po_err *err);

#endif
