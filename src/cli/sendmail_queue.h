/* SPDX-License-Identifier: ISC */
/*
 * sendmail as another name of po-queue: mailq and -q. They run po-queue in our
 * place, where the caller may read the spool; anybody else gets the totals.
 */
#ifndef PO_CLI_SENDMAIL_QUEUE_H
#define PO_CLI_SENDMAIL_QUEUE_H

#include <stdbool.h>

#include "cli/arguments.h"
#include "cli/sendmail_tell.h"

/* Where it is installed. */
extern const char sendmail_po_queue[];

/* Runs it in the place of this process; returns when that failed (errno). */
void sendmail_exec_po_queue(char *const argv[]);

/* Is the spool the caller's own (spool-layout.md, "Paths, owners, modes")? Then
 * nobody else delivers from it. */
bool sendmail_is_own_spool(const struct sendmail_settings *s);

/* The exit status: mailq, -bp. */
int sendmail_list(struct sendmail_settings *s, const struct arguments *a);

/* -q, -q30m: deferred mail is due, one run; -qItext, -qRtext, -qStext: that
 * which matches; -qI and a whole id: that message, due or not. */
int sendmail_run_queue(struct sendmail_settings *s, const struct arguments *a);

#endif
