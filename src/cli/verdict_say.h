/* SPDX-License-Identifier: ISC */
/* The answer to a verdict (queue/verdict.h), told by sendmail --wait and
 * po-queue. */
#ifndef PO_CLI_VERDICT_SAY_H
#define PO_CLI_VERDICT_SAY_H

#include "util/span.h"

/* "ok" lines to stdout, "no" lines to stderr behind PROGRAM. The exit status:
 * 0, or 65 with a "no" line. */
int verdict_say(struct span answer, const char *program);

#endif
