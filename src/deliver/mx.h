/* SPDX-License-Identifier: ISC */
/*
 * The transport "mx": right to the hosts that take a domain's mail (RFC 5321,
 * 5.1). Its hop is "mx:DOMAIN", or "mx/PROFILE:DOMAIN". It only finds and
 * reaches the host; the dialogue is that of smtp.h. For files of this room
 * only.
 */
#ifndef PO_DELIVER_MX_H
#define PO_DELIVER_MX_H

#include "deliver/smtp.h"

struct mx;
struct mx_memory;

int mx_prepare(struct deliver_setup *setup, struct po_err *err);
/* What a process knows of hosts that could not be reached. */
void mx_memory_free(struct mx_memory *memory);

/* Sets s->mx and the peer; -1: the hop is of another time. */
int mx_open(const struct deliver_setup *setup, const char *hop, struct smtp *s,
    struct po_err *err);
void mx_free(struct mx *mx);

/* smtp_open() for a domain: *why can also be FAILED, when there is no host that
 * would ever take it. */
bool mx_connect(struct mx *mx, struct smtp *s, struct delivery *why);

#endif
