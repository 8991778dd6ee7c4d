/* SPDX-License-Identifier: ISC */
/* Base64 (RFC 4648, 4) in one piece, as SASL has it in a line. Nothing is
 * passed over: what another program could read otherwise is refused. For files
 * of this room. */
#ifndef PO_DELIVER_BASE64_H
#define PO_DELIVER_BASE64_H

#include <stdbool.h>

#include "util/buf.h"

/* Both append to `out`, which never moves when it was reserved; false when it
 * does not fit, or the text is not base64. */
bool sasl_base64_put(struct buf *out, struct span s);
bool sasl_base64_get(struct buf *out, struct span text);

#endif
