/* SPDX-License-Identifier: ISC */
/*
 * One version of a stored template as bytes of a file (spool-layout.md,
 * "Templates"): written once, never changed.
 */
#ifndef PO_SPOOL_TEMPLATES_VERSION_H
#define PO_SPOOL_TEMPLATES_VERSION_H

#include <stdint.h>

#include "message/parts.h"
#include "spool/templates_name.h"
#include "util/buf.h"
#include "util/err.h"

#define TEMPLATES_PART_MAX (1u << 20)        /* bytes of a part */
#define TEMPLATES_DESCRIPTION_MAX 4096u      /* bytes */
#define TEMPLATES_FILE_MAX (4u * (1u << 20)) /* bytes of the file */

struct templates_version {
	struct templates_id id;
	char name[TEMPLATES_NAME_MAX + 1];
	int64_t created; /* seconds UTC: the first version of this language */
	int64_t updated; /* this version */
	struct span description;
	struct mail_source source;
	struct buf text; /* the file; the spans point into it */
};

/* Append the file. PO_EDATA for a part that is too large or no UTF-8. */
int templates_version_encode(const struct templates_version *v, struct buf *out,
    struct po_err *err);

/* Read v->text and fill in the rest. PO_ECORRUPT: damaged. */
int templates_version_decode(struct templates_version *v, struct po_err *err);

/* Same parts and description? */
bool templates_version_same(const struct templates_version *a,
    const struct templates_version *b);

void templates_version_init(struct templates_version *v);
void templates_version_clear(struct templates_version *v);

#endif
