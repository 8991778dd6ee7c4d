/* SPDX-License-Identifier: ISC */
/*
 * What sendmail does when a message is accepted: urgent mail of an own spool is
 * delivered at once, --wait asks what the queue says. Nothing that goes wrong
 * here makes it less accepted.
 */
#ifndef PO_CLI_SENDMAIL_AFTER_H
#define PO_CLI_SENDMAIL_AFTER_H

#include <stddef.h>

#include "cli/arguments.h"
#include "cli/sendmail_tell.h"
#include "envelope/envelope.h"
#include "util/err.h"

/* The exit status. With --wait in an own spool it may not return: po-queue
 * tells in our name. */
int sendmail_after_queuing(const struct sendmail_settings *s,
    const struct arguments *a, const struct envelope *env);

/* A sink of the dialogue, its context the settings: the id of a message of
 * class now. Always 0. */
int sendmail_deliver_urgent(void *settings, const void *id, size_t len,
    struct po_err *err);

#endif
