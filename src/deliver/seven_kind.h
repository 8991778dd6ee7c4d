/* SPDX-License-Identifier: ISC */
/* What a header block says of the body behind it (RFC 2045). For files of this
 * room. */
#ifndef PO_DELIVER_SEVEN_KIND_H
#define PO_DELIVER_SEVEN_KIND_H

#include <stdbool.h>
#include <stddef.h>

#include "util/span.h"

#define SEVEN_BOUNDARY_BYTES ((size_t)200) /* RFC 2046 allows 70 */
#define SEVEN_SPACE_BYTES (SEVEN_BOUNDARY_BYTES + 1)

/* Content-Transfer-Encoding as it is. */
enum seven_encoding { ENC_PLAIN, ENC_QP, ENC_BASE64, ENC_OTHER };

struct seven_kind {
	bool mime_version, has_type, text, message, multipart, sealed, digest;
	enum seven_encoding encoding;
	struct span boundary; /* empty: none, or too long; in the header or in
	                         `space` */
};

/* LF-only fields; in_digest: without a type it is a message (RFC 2046, 5.1.5).
 */
void seven_kind_read(struct span header, bool in_digest,
    char space[SEVEN_SPACE_BYTES], struct seven_kind *k);

/* Has a field, as it stands in a block, that name? */
bool seven_is_field(struct span raw, struct span name);

#endif
