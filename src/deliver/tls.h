/* SPDX-License-Identifier: ISC */
/*
 * TLS on a stream: 1.2 at least, SNI, and at level verify the chain and the
 * host's name, or the connection is not used. For files of this room only.
 */
#ifndef PO_DELIVER_TLS_H
#define PO_DELIVER_TLS_H

#include "deliver/transport.h"
#include "deliver/stream.h"

/* *out stays NULL at TLS_NONE. Made before fork, used after. PO_ECONFIG when
 * the CA file cannot be read. */
int tls_context_new(const struct relay_conf *conf, SSL_CTX **out,
    struct po_err *err);

/* Handshake until the stream's deadline. `host` is a name or an address, with
 * or without brackets. False with the cause in st->text, "TLS: ...". */
bool tls_start(struct stream *st, SSL_CTX *ctx, enum tls_level level,
    const char *host);

#endif
