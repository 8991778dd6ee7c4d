/* SPDX-License-Identifier: ISC */
/* A configuration file: read, checked, and each setting put where the tables
 * say. Only conf includes this. */
#ifndef PO_CONF_PARSE_H
#define PO_CONF_PARSE_H

#include <stdbool.h>

#include "conf/conf.h"

/* 0, also when it is not there and may be; or -1 (PO_ECONFIG). */
int conf_parse_file(struct conf *c, const char *path, bool may_be_missing,
    struct po_err *err);

#endif
