/* SPDX-License-Identifier: ISC */
/* A message from a descriptor: a pipe, a file at any offset, a terminal. */
#ifndef PO_SUBMIT_INPUT_H
#define PO_SUBMIT_INPUT_H

#include <stdint.h>

#include "submit/submission.h"
#include "util/err.h"

/*
 * Read `fd` into the submission until its end, a lone dot where that counts, or
 * `timeout_s` seconds from now, then end the submission. 0: queued. -1:
 * PO_ENOINPUT when reading fails, PO_ETEMP when the time is over.
 */
int input_submit(int fd, int64_t timeout_s, struct submission *s,
    struct po_err *err);

#endif
