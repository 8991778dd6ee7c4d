/* SPDX-License-Identifier: ISC */
/* What libconfig takes without a word and means otherwise. */
#ifndef PO_CONF_SCAN_H
#define PO_CONF_SCAN_H

#include "util/err.h"
#include "util/span.h"

/*
 * Refuse in the text of a file: NUL bytes and "\x00" (strings end there),
 * integers that do not fit (they would wrap), and integers with a leading
 * zero (they look octal and are read as decimal). Grammar is not checked.
 * Returns 0 or -1 (PO_ECONFIG, "FILE:LINE: ...").
 */
int conf_scan(struct span text, const char *file, struct po_err *err);

#endif
