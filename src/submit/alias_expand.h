/* SPDX-License-Identifier: ISC */
/* What an aliases file does: to recipients, and to whoever wrote it. */
#ifndef PO_SUBMIT_ALIAS_EXPAND_H
#define PO_SUBMIT_ALIAS_EXPAND_H

#include "submit/options.h"
#include "submit/recipients.h"
#include "submit/warnings.h"
#include "util/arena.h"
#include "util/err.h"

/*
 * Put what they stand for in the place of recipients of this host (written
 * without a domain, or submit_is_local()). A recipient that would vanish, or
 * has no alias, stays. What is put in has the NOTIFY of the original, and its
 * ORCPT, or one made of its address (RFC 3461, 5.2.7), in `arena`. The file is
 * opened only when there is such a recipient. -1: PO_EDATA, there are too many;
 * PO_ECONFIG, the file (alias_file_read()); PO_EOS; then *to is as it was.
 */
int alias_expand(const struct submit_conf *conf, const struct submit_host *host,
    struct recipients *to, struct arena *arena, struct warnings *w,
    struct po_err *err);

/*
 * newaliases: everything that is wrong with the file, "FILE:LINE: ...", each a
 * warning. 0: mail goes where the file says; 1: not all of it; -1 as above.
 * No file is no fault where none was configured.
 */
int alias_check(const struct submit_conf *conf, const struct submit_host *host,
    struct warnings *w, struct po_err *err);

#endif
