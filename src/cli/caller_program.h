/* SPDX-License-Identifier: ISC */
/*
 * A program of the caller's own choice (VISUAL, BROWSER), run over files. It
 * has the caller's environment, terminal and user; programs that must have
 * none of these are for util/child.
 */
#ifndef PO_CLI_CALLER_PROGRAM_H
#define PO_CLI_CALLER_PROGRAM_H

#include "util/err.h"

/* At most so many files. */
#define CALLER_PROGRAM_FILES 3

/*
 * Run `command`, which may come with arguments, over `files` (ends with NULL),
 * and wait for its end; keys that interrupt it do not end us. -1: PO_EOS, it
 * was not started; PO_EDATA, it is not there or failed.
 */
int caller_program_run(const char *command, const char *const files[],
    struct po_err *err);

#endif
