/* SPDX-License-Identifier: ISC */
/* Where the mailbox of a recipient lies. */
#ifndef PO_DELIVER_MAILDIR_H
#define PO_DELIVER_MAILDIR_H

#include "deliver/options.h"
#include "util/buf.h"
#include "util/err.h"

#define MAILDIR_PATH_MAX 4096u

/*
 * The path for an address, in two parts: `base`, which the configuration alone
 * says, and `rest`, relative to it, whose parts come from the address. No part
 * of `rest` is "..", begins in the address with a dot, or has more bytes than a
 * name may have; one that is empty, or "." because there is no extension, is
 * left out. 1; 0 the address can have no mailbox here; -1 (PO_EOS).
 */
int maildir_path(const struct deliver_conf *conf, const struct maildir_conf *c,
    const char *address, struct buf *base, struct buf *rest,
    struct po_err *err);

#endif
