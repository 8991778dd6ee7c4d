/* SPDX-License-Identifier: ISC */
/* AUTH (RFC 4954) with PLAIN (RFC 4616) or LOGIN. For files of this room. */
#ifndef PO_DELIVER_SASL_H
#define PO_DELIVER_SASL_H

#include "deliver/smtp.h"

/* The dialogue on a connection that may carry a password: the caller has
 * looked at TLS. False with *why, DEFERRED: the mail is not to blame. */
bool sasl_authenticate(struct smtp *s, struct delivery *why);

/* The response of PLAIN, base64 without a line end, into `out`. */
bool sasl_plain(struct buf *out, const char *user, struct span password);
/* Base64 (RFC 4648) of `s` appended to `out`. */
bool sasl_base64(struct buf *out, struct span s);

#endif
