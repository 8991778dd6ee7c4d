/* SPDX-License-Identifier: ISC */
/* What rules lead to on this host: entries of po.conf, checked and found by
 * name. For files of this room only. */
#ifndef PO_DELIVER_LOCAL_H
#define PO_DELIVER_LOCAL_H

#include "deliver/options.h"
#include "util/err.h"

/* Names, paths and placeholders of all entries; PO_ECONFIG with file and line.
 */
int local_check(const struct deliver_conf *conf, struct po_err *err);

/* The Maildir of that name; name NULL or "": the only one. PO_ECONFIG begins
 * with `place`. */
int local_find_maildir(const struct deliver_conf *conf, const char *name,
    const char *place, const struct maildir_conf **out, struct po_err *err);
int local_find_pipe(const struct deliver_conf *conf, const char *name,
    const char *place, const struct pipe_conf **out, struct po_err *err);

/* Letters that pipes[].flags may have. */
#define LOCAL_PIPE_FLAGS "BDFORXhu"

#endif
