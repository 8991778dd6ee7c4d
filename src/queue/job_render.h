/* SPDX-License-Identifier: ISC */
/*
 * A message that was queued as a template with its context (spool-layout.md,
 * "The content"), made into the mail it means, in memory.
 */
#ifndef PO_QUEUE_JOB_RENDER_H
#define PO_QUEUE_JOB_RENDER_H

#include "envelope/envelope.h"
#include "queue/library.h"

/* A descriptor of the mail, and what a trailer says of it. */
struct rendered_mail {
	int fd; /* the caller's to close */
	uint64_t length;
	uint32_t longest_line;
	bool has_8bit;
};

/*
 * Read the content at `at` of `fd`, render, write. All parts are rendered
 * before any is written. -1: PO_EDATA and PO_EUNAVAILABLE will be so again
 * (template, context, a version that is gone); anything else is a failure of
 * ours, a damaged template too (PO_EIO).
 */
int job_render(struct library *l, const struct envelope *env, int fd, off_t at,
    uint64_t length, struct rendered_mail *out, struct po_err *err);

#endif
