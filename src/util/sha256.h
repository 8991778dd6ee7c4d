/* SPDX-License-Identifier: ISC */
/*
 * SHA-256 (FIPS 180-4), where a text is taken for equal because its digest is:
 * what a stranger may have chosen. OpenSSL's, which uses the machine's own
 * instructions; so a program that needs this file links libcrypto, and sendmail
 * must not need it.
 */
#ifndef PO_UTIL_SHA256_H
#define PO_UTIL_SHA256_H

#include <stddef.h>

#include "util/err.h"

#define SHA256_BYTES 32u

struct sha256;

/* -1 (PO_EOS): no memory, or a library without SHA-256. */
int sha256_begin(struct sha256 **out, struct po_err *err);
void sha256_take(struct sha256 *s, const void *p, size_t len);
/* The digest of all that was taken; 0 or -1 (PO_EOS). Frees s. */
int sha256_end(struct sha256 *s, unsigned char digest[SHA256_BYTES],
    struct po_err *err);
void sha256_discard(struct sha256 *s); /* NULL is harmless */

#endif
