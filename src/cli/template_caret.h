/* SPDX-License-Identifier: ISC */
/* Where an error is, shown to who wrote the template. */
#ifndef PO_CLI_TEMPLATE_CARET_H
#define PO_CLI_TEMPLATE_CARET_H

#include <stdio.h>

#include "compose/template.h"

/* The line of `source` (UTF-8) that `where` names, cut to one that fits a
 * terminal, and a caret under the column. Control characters are not passed
 * on. */
void template_caret_print(FILE *to, struct span source,
    const struct template_place *where);

#endif
