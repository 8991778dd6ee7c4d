/* SPDX-License-Identifier: ISC */
/*
 * TLS on a stream: 1.2 at least, SNI, and at level verify the chain and the
 * host's name, at level fingerprint the certificate itself, or the connection
 * is not used. A context keeps the last session, so that the next connection to
 * the same host resumes it. For files of this room only.
 */
#ifndef PO_DELIVER_TLS_H
#define PO_DELIVER_TLS_H

#include "deliver/transport.h"
#include "deliver/stream.h"

/* *out stays NULL at TLS_NONE. Made before fork, used after. PO_ECONFIG when
 * the CA file, the certificate or the key cannot be used. */
int tls_context_new(const struct relay_conf *conf, SSL_CTX **out,
    struct po_err *err);

void tls_context_free(SSL_CTX *ctx); /* NULL is harmless */

/* Handshake until the stream's deadline. `host` is a name or an address, with
 * or without brackets. False with the cause in st->text, "TLS: ...". */
bool tls_start(struct stream *st, SSL_CTX *ctx, enum tls_level level,
    const char *host);

#endif
