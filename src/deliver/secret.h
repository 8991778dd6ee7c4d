/* SPDX-License-Identifier: ISC */
/* A relay's password, from a file or a command. For files of this room. */
#ifndef PO_DELIVER_SECRET_H
#define PO_DELIVER_SECRET_H

#include "deliver/transport.h"
#include "util/buf.h"

#define SECRET_MAX_BYTES 4096u

/*
 * Nothing to do without a user; with it one of password_file and
 * password_command is needed (PO_ECONFIG). The file must be a regular
 * one of root or the effective uid, not writable by the group and closed to
 * others. One final newline does not count. Clear with secret_clear().
 * Errors call the relay "relay" or by its name.
 */
const char *secret_owner(const struct relay_conf *conf);
int secret_load(const struct relay_conf *conf, struct buf *out,
    struct po_err *err);
/* May what is open there hold a secret? `what` is its option. */
int secret_check_file(int fd, const char *who, const char *what,
    const char *path, struct po_err *err);
/* Is its password file there, and root's? */
bool secret_is_roots(const struct relay_conf *conf);
void secret_clear(struct buf *secret);

#endif
