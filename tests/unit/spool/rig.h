/* SPDX-License-Identifier: ISC */
/* What the spool's tests share: a folder of their own, and other uids. */
#ifndef PO_TESTS_UNIT_SPOOL_RIG_H
#define PO_TESTS_UNIT_SPOOL_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "envelope/envelope.h"

#define RIG_PO 2000u
#define RIG_ALICE 2001u
#define RIG_BOB 2002u

/* A new empty folder, 0755, in $TMPDIR or /tmp; the caller frees the path. */
char *rig_dir(void);
void rig_remove(char *dir); /* with all that is in it; frees */

/* "DIR/NAME" in one of a few static buffers. */
const char *rig_path(const char *dir, const char *name);
void rig_mkdir(const char *path, unsigned mode, uid_t uid, gid_t gid);

/* Run fn in a child as uid and gid without other groups (needs root unless uid
 * is the caller's); returns its exit status, 200 + signal when killed. */
int rig_as(uid_t uid, int (*fn)(void *ctx), void *ctx);

/* The names in a folder but for "." and "..", counted. */
size_t rig_count(const char *path);

/* A fresh envelope with one recipient. */
struct envelope rig_envelope(struct recipient *r);

void rig_write(const char *path, const void *p, size_t len, unsigned mode);
char *rig_read(const char *path, size_t *len); /* the caller frees */

#endif
