/* SPDX-License-Identifier: ISC */
/* The relay's password, from a file or a command. For files of this room. */
#ifndef PO_DELIVER_SECRET_H
#define PO_DELIVER_SECRET_H

#include "deliver/transport.h"
#include "util/buf.h"

#define SECRET_MAX_BYTES 4096u

/*
 * Nothing to do without relay.user; with it one of relay.password_file and
 * relay.password_command is needed (PO_ECONFIG). The file must be a regular
 * one of root or the effective uid, not writable by the group and closed to
 * others. One final newline does not count. Clear with secret_clear().
 */
int secret_load(const struct deliver_conf *conf, struct buf *out,
    struct po_err *err);
void secret_clear(struct buf *secret);

#endif
