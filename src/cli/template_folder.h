/* SPDX-License-Identifier: ISC */
/*
 * Templates as plain files, as they lie in a repository:
 *
 *   FOLDER/NAME/LANG/subject.txt text.txt html.html description.txt
 *
 * NAME is encoded as in the store (spool/templates_name.h). A part without a
 * file is not there; an empty file text.auto says that the text is made from
 * the html. Files hold the bytes of the part and nothing else, so what was
 * written is read back the same. All as the caller.
 */
#ifndef PO_CLI_TEMPLATE_FOLDER_H
#define PO_CLI_TEMPLATE_FOLDER_H

#include "spool/templates_version.h"

enum { TEMPLATE_FILES = MAIL_PARTS + 1 }; /* the description is the last */

/* v.id.version counts for nothing here. */
struct template_item {
	struct templates_version v;
	struct buf file[TEMPLATE_FILES];
};

struct template_items {
	struct template_item *v;
	size_t n, cap;
	size_t bytes; /* of all files */
};
void template_items_clear(struct template_items *l);

/*
 * Read all of `folder`, by name and language. Names that begin with a dot and
 * files beside the folders of templates are passed over; anything else that is
 * not as above is refused: a folder that is no template's name, a file of
 * another name, a link, what is too large. PO_EDATA, PO_ENOINPUT.
 */
int template_folder_read(const char *folder, struct template_items *out,
    struct po_err *err);

/* Write one below `folder`, made where it is not there; files of parts that it
 * has not are removed. PO_ECREATE. */
int template_folder_write(const char *folder, const struct templates_version *v,
    struct po_err *err);

#endif
