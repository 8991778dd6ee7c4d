/* SPDX-License-Identifier: ISC */
/*
 * Many letters, each a line of JSON. Whatever has come is queued by one sync,
 * and then told; so a program may send one line and wait for the answer, or
 * write a million without looking.
 */
#ifndef PO_CLI_MAIL_BATCH_H
#define PO_CLI_MAIL_BATCH_H

#include "cli/mail_args.h"
#include "cli/mail_send.h"

/* The exit status for an error of a letter. */
int mail_status_of(const struct po_err *err);

/* Read `fd` to its end; a line of JSON for each on standard output. 0 and
 * *status (of the last letter that was refused, or 0); -1: the input cannot be
 * read. */
int mail_batch_run(struct mail_sender *s, const struct mail_args *a, int fd,
    int *status, struct po_err *err);

/* One letter over what the command line says for all. */
int mail_batch_one(struct mail_sender *s, const struct mail_args *a,
    struct span json, struct queue_id *id, struct po_err *err);

#endif
