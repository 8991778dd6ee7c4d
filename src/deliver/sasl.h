/* SPDX-License-Identifier: ISC */
/* AUTH (RFC 4954): a mechanism of deliver/mechanism.h over a connection. For
 * files of this room. */
#ifndef PO_DELIVER_SASL_H
#define PO_DELIVER_SASL_H

#include "deliver/smtp.h"

/* The mechanisms that a relay's `auth` allows, as bits. PO_ECONFIG names what
 * is none. */
int sasl_allowed(const struct relay_conf *conf, unsigned *out,
    struct po_err *err);

/* The dialogue on a connection that may carry a password: the caller has
 * looked at TLS. False with *why, DEFERRED: the mail is not to blame. */
bool sasl_authenticate(struct smtp *s, struct delivery *why);

#endif
