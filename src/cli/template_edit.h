/* SPDX-License-Identifier: ISC */
/* An editor over the parts of a template, run as the caller. */
#ifndef PO_CLI_TEMPLATE_EDIT_H
#define PO_CLI_TEMPLATE_EDIT_H

#include "message/parts.h"
#include "util/buf.h"
#include "util/err.h"

/* Files in a folder of their own below $TMPDIR. */
struct template_edit {
	char folder[200];
};

/* Write each part that is there into a file. */
int template_edit_begin(struct template_edit *e, const struct mail_source *s,
    struct po_err *err);

/* $VISUAL, $EDITOR or vi over the files of those parts; then they are read into
 * `out`. Files that are gone are parts that are not there any more. */
int template_edit_run(const struct template_edit *e, bool has[MAIL_PARTS],
    struct buf out[MAIL_PARTS], struct po_err *err);

/* Ask on standard error, read standard input: shall it go on? End of input is
 * no. */
bool template_edit_again(void);

/* Remove the files; `keep`: say where they are instead. */
void template_edit_end(const struct template_edit *e, bool keep);

#endif
