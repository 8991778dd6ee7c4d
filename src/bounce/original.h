/* SPDX-License-Identifier: ISC */
/* The message that a notice is about: its header, read once. For this room. */
#ifndef PO_BOUNCE_ORIGINAL_H
#define PO_BOUNCE_ORIGINAL_H

#include "bounce/notice.h"
#include "message/header.h"

#define ORIGINAL_HEADER_MAX (1u << 20) /* bytes; what is longer is cut */

struct original {
	struct header header;
};

/* The header block; without `from`'s content it is empty. original_clear()
 * either way. */
int original_read(struct original *o, const struct notice_original *from,
    struct po_err *err);
void original_clear(struct original *o);

/* The value of the first field of that name, trimmed, folds and all; empty when
 * there is none. */
struct span original_field(const struct original *o, const char *name);

/* All of the content, fit for a message: CR and NUL, which content never has,
 * as '?', and a line end at the end. */
int original_copy(const struct notice_original *from, struct sink out,
    struct po_err *err);

#endif
