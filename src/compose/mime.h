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
 * In two halves, for what is spooled before its text is known. First the files
 * as mime_write() would put them, images of the html before what is attached,
 * each kind up to its last boundary (nothing where there is none of that kind).
 */
int mime_write_files(const struct mime_body *m, struct sink out,
    struct po_err *err);

/* Then the whole around them: each function writes its kind again; NULL, there
 * is none. Files of `m` do not count. Without html no image is written. */
struct mime_files {
	int (*images)(void *ctx, struct sink out, struct po_err *err);
	int (*attached)(void *ctx, struct sink out, struct po_err *err);
	void *ctx;
};
int mime_write_around(const struct mime_body *m, const struct mime_files *files,
    struct sink out, struct po_err *err);

/* The lines that the images begin and end with, LF before and behind. */
extern const char mime_images_begin[], mime_images_end[];

#endif
