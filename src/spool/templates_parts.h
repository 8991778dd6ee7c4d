/* SPDX-License-Identifier: ISC */
/* What the files of the store share; included by src/spool/templates*.c alone.
 */
#ifndef PO_SPOOL_TEMPLATES_PARTS_H
#define PO_SPOOL_TEMPLATES_PARTS_H

#include "spool/templates.h"

/* Every name in a folder below templates/, in no order, as long as `visit`
 * returns 0. A folder that is not there has none. */
typedef int templates_visit(void *ctx, const char *name, struct po_err *err);
int templates_each(const struct templates *t, const char *path,
    templates_visit *visit, void *ctx, struct po_err *err);

#endif
