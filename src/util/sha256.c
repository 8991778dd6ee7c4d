/* SPDX-License-Identifier: ISC */
/* A failure in the middle is remembered, and told at the end. */
#include "util/sha256.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>

#include "util/xalloc.h"

struct sha256 {
	EVP_MD_CTX *ctx;
	bool failed;
};

static int
fail(struct po_err *err)
{
	return po_fail(err, PO_EOS, "SHA-256: the crypto library refuses");
}

int
sha256_begin(struct sha256 **out, struct po_err *err)
{
	struct sha256 *s = xcalloc(1, sizeof(*s));

	s->ctx = EVP_MD_CTX_new();
	if (s->ctx == NULL ||
	    EVP_DigestInit_ex(s->ctx, EVP_sha256(), NULL) != 1) {
		sha256_discard(s);
		return fail(err);
	}
	*out = s;
	return 0;
}

void
sha256_take(struct sha256 *s, const void *p, size_t len)
{
	if (len > 0 && EVP_DigestUpdate(s->ctx, p, len) != 1)
		s->failed = true;
}

int
sha256_end(struct sha256 *s, unsigned char digest[SHA256_BYTES],
    struct po_err *err)
{
	unsigned len = 0;
	bool ok = !s->failed && EVP_DigestFinal_ex(s->ctx, digest, &len) == 1;

	sha256_discard(s);
	return ok && len == SHA256_BYTES ? 0 : fail(err);
}

void
sha256_discard(struct sha256 *s)
{
	if (s == NULL)
		return;
	EVP_MD_CTX_free(s->ctx);
	free(s);
}
