/* SPDX-License-Identifier: ISC */
/*
 * When two submissions with one idempotency key are the same mail: a SHA-256
 * over envelope sender, recipients and content without what differs in every
 * repeat by its nature (spool-layout.md, "Idempotency keys").
 */
#ifndef PO_SPOOL_DIGEST_H
#define PO_SPOOL_DIGEST_H

#include "spool/file.h"
#include "util/sha256.h"

/* Reads the content of f once. `env` is f's. 0 or -1 (PO_EIO, PO_EOS). */
int digest_message(const struct message_file *f, const struct envelope *env,
    unsigned char digest[SHA256_BYTES], struct po_err *err);

/* The same over content in memory: the part of it that counts. For tests and
 * fuzzing; in pieces of at most `piece` bytes. */
int digest_content(const char *content, size_t len, size_t piece,
    unsigned char digest[SHA256_BYTES], struct po_err *err);

#endif
