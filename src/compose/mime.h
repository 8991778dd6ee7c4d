/* SPDX-License-Identifier: ISC */
/*
 * The body of a mail as MIME (RFC 2045, 2046, 2183, 2387): text and html as
 * multipart/alternative, images that the html shows in multipart/related with
 * it, attachments around all in multipart/mixed. Everything is ASCII in lines
 * that any server takes: texts as 7bit, quoted-printable or base64, files as
 * base64, streamed. The same parts give the same bytes.
 */
#ifndef PO_COMPOSE_MIME_H
#define PO_COMPOSE_MIME_H

#include <stdbool.h>

#include "util/buf.h"
#include "util/err.h"
#include "util/sink.h"

struct mime_file {
	const char *name; /* as the reader sees it, UTF-8; a path counts as its
	                     last part */
	const char *type; /* "image/png"; NULL: by the name's suffix */
	const char *cid;  /* shown by the html as "cid:CID"; NULL: attached */
	const char *path; /* opened and read when it is written; or NULL: */
	struct span bytes;
};

struct mime_body {
	bool has_text, has_html;
	struct span text, html;
	const struct mime_file *files;
	size_t n_files;
};

/* The media type that a name's suffix means: application/octet-stream if none.
 */
const char *mime_type_of(const char *name);

/* May it stand in a header: a type and subtype of one part, no multipart/ nor
 * message/, which base64 must not wrap (RFC 2046, 5.2)? PO_EDATA. */
int mime_check_file(const struct mime_file *f, struct po_err *err);

/* MIME-Version, Content-Type..., an empty line, the body. A body without text
 * and html is an empty text. PO_ENOINPUT when a file cannot be read. */
int mime_write(const struct mime_body *m, struct sink out, struct po_err *err);

/*
 * In two halves, for what is spooled before its text is known: the files that
 * are attached as mime_write() would put them behind the text (nothing without
 * files), and the whole around a text and html of which `attached` is the
 * second half, written by `copy`. No file with a cid. */
int mime_write_attached(const struct mime_body *m, struct sink out,
    struct po_err *err);
int mime_write_around(const struct mime_body *m, struct sink out,
    int (*copy)(void *ctx, struct sink out, struct po_err *err), void *ctx,
    struct po_err *err);

#endif
