/* SPDX-License-Identifier: ISC */
/*
 * Boundaries are constants: "=_" is in no line of quoted-printable or base64,
 * and a text with a line that begins like one of them is not sent as 7bit
 * (encoding_of_text). So no part can hold one, and the same parts are the same
 * bytes, which idempotency keys count on.
 */
#include "compose/mime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compose/encoding.h"
#include "util/fd.h"
#include "util/utf8.h"

#define MIXED "=_po-mixed"
#define RELATED "=_po-related"
#define ALTERNATIVE "=_po-alternative"

const char mime_images_begin[] = "\n--" RELATED "\n";
const char mime_images_end[] = "\n--" RELATED "--\n";

static const struct {
	const char *suffix, *type;
} types[] = {
	{ "7z", "application/x-7z-compressed" },
	{ "avif", "image/avif" },
	{ "bmp", "image/bmp" },
	{ "bz2", "application/x-bzip2" },
	{ "css", "text/css" },
	{ "csv", "text/csv" },
	{ "doc", "application/msword" },
	{ "docx", "application/"
	          "vnd.openxmlformats-officedocument.wordprocessingml."
	          "document" },
	{ "epub", "application/epub+zip" },
	{ "gif", "image/gif" },
	{ "gz", "application/gzip" },
	{ "htm", "text/html" },
	{ "html", "text/html" },
	{ "ico", "image/vnd.microsoft.icon" },
	{ "ics", "text/calendar" },
	{ "jpeg", "image/jpeg" },
	{ "jpg", "image/jpeg" },
	{ "js", "text/javascript" },
	{ "json", "application/json" },
	{ "log", "text/plain" },
	{ "md", "text/markdown" },
	{ "mp3", "audio/mpeg" },
	{ "mp4", "video/mp4" },
	{ "odp", "application/vnd.oasis.opendocument.presentation" },
	{ "ods", "application/vnd.oasis.opendocument.spreadsheet" },
	{ "odt", "application/vnd.oasis.opendocument.text" },
	{ "ogg", "audio/ogg" },
	{ "pdf", "application/pdf" },
	{ "pem", "application/x-pem-file" },
	{ "png", "image/png" },
	{ "ppt", "application/vnd.ms-powerpoint" },
	{ "pptx", "application/"
	          "vnd.openxmlformats-officedocument.presentationml."
	          "presentation" },
	{ "ps", "application/postscript" },
	{ "rtf", "application/rtf" },
	{ "svg", "image/svg+xml" },
	{ "tar", "application/x-tar" },
	{ "tif", "image/tiff" },
	{ "tiff", "image/tiff" },
	{ "txt", "text/plain" },
	{ "vcf", "text/vcard" },
	{ "wav", "audio/x-wav" },
	{ "webm", "video/webm" },
	{ "webp", "image/webp" },
	{ "xls", "application/vnd.ms-excel" },
	{ "xlsx", "application/"
	          "vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
	{ "xml", "application/xml" },
	{ "xz", "application/x-xz" },
	{ "zip", "application/zip" },
	{ "zst", "application/zstd" },
};

const char *
mime_type_of(const char *name)
{
	const char *dot = strrchr(name, '.');
	size_t i;

	for (i = 0; dot != NULL && i < sizeof(types) / sizeof(types[0]); i++)
		if (span_eq_nocase(span_of(dot + 1), span_of(types[i].suffix)))
			return types[i].type;
	return "application/octet-stream";
}

/* RFC 2045, 5.1. */
static bool
is_token(struct span s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] <= ' ' ||
		    (unsigned char)s.p[i] >= 0x7f ||
		    strchr("()<>@,;:\\\"/[]?=", s.p[i]) != NULL)
			return false;
	return s.len > 0 && s.len <= 127;
}

int
mime_check_file(const struct mime_file *f, struct po_err *err)
{
	struct span rest, type;

	if (f->type != NULL) {
		rest = span_of(f->type);
		type = span_cut(&rest, '/');
		if (!is_token(type) || !is_token(rest) ||
		    span_eq_nocase(type, SPAN_LIT("multipart")) ||
		    span_eq_nocase(type, SPAN_LIT("message")))
			return po_fail(err, PO_EDATA,
			    "\"%.80s\" is no type for an attachment", f->type);
	}
	/* RFC 2392: what may stand in a URL and in a Message-ID. */
	if (f->cid != NULL) {
		rest = span_of(f->cid);
		type = span_cut(&rest, '@');
		if (!is_token(type) || (rest.len > 0 && !is_token(rest)))
			return po_fail(err, PO_EDATA,
			    "\"%.80s\" is no name for an image of the html",
			    f->cid);
	}
	if (!utf8_is_valid(span_of(f->name)))
		return po_fail(err, PO_EDATA,
		    "the name of an attachment is no UTF-8");
	return 0;
}

/* ------------------------------------------------------------------ names */

static struct span
last_part(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct span s = span_trim(span_of(slash == NULL ? path : slash + 1));

	return s.len > 0 ? s : SPAN_LIT("attachment");
}

static bool
is_plain_name(struct span s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] >= 0x7f ||
		    (unsigned char)s.p[i] < ' ' || s.p[i] == '"' ||
		    s.p[i] == '\\')
			return false;
	return s.len <= 60;
}

/* A byte of a name as RFC 2231 writes it; returns how many bytes that takes. */
static size_t
percent(unsigned char c, char to[3])
{
	static const char hex[] = "0123456789ABCDEF";

	if (ascii_is_control(c))
		c = '_';
	if (ascii_is_alnum(c) || c == '.' || c == '-' || c == '_') {
		to[0] = (char)c;
		return 1;
	}
	to[0] = '%';
	to[1] = hex[c >> 4];
	to[2] = hex[c & 15];
	return 3;
}

/* "; filename=...", or percent-encoded, in pieces where it is long (RFC 2231).
 */
static bool
put_file_name(struct buf *out, struct span name)
{
	size_t column = 0, i, n;
	unsigned piece = 0;
	bool ok = true;
	char code[3];

	if (is_plain_name(name))
		return buf_puts(out, ";\n\tfilename=\"") &&
		       buf_put_span(out, name) && buf_putc(out, '"');
	if (name.len <= 18)
		ok = buf_puts(out, ";\n\tfilename*=UTF-8''");
	for (i = 0; ok && i < name.len; i++) {
		if (name.len > 18 && (column == 0 || column > 50)) {
			ok = buf_printf(out, ";\n\tfilename*%u*=%s", piece,
			    piece == 0 ? "UTF-8''" : "");
			piece++;
			column = 1;
		}
		n = percent((unsigned char)name.p[i], code);
		ok = ok && buf_put(out, code, n);
		column += n;
	}
	return ok;
}

/* ------------------------------------------------------------------ parts */

static int
put(struct sink out, const char *s, struct po_err *err)
{
	return sink_write(out, s, strlen(s), err);
}

static int
put_boundary(struct sink out, const char *b, const char *end,
    struct po_err *err)
{
	char line[80];

	(void)snprintf(line, sizeof(line), "\n--%s%s\n", b, end);
	return put(out, line, err);
}

static int
begin_multipart(struct sink out, const char *kind, const char *boundary,
    const char *more, struct po_err *err)
{
	char line[200];

	(void)snprintf(line, sizeof(line),
	    "Content-Type: multipart/%s;%s\n\tboundary=\"%s\"\n", kind, more,
	    boundary);
	return put(out, line, err);
}

static int
put_text(struct span text, const char *subtype, struct sink out,
    struct po_err *err)
{
	enum encoding e = encoding_of_text(text);
	char head[160];

	(void)snprintf(head, sizeof(head),
	    "Content-Type: text/%s; charset=utf-8\n"
	    "Content-Transfer-Encoding: %s\n\n",
	    subtype, encoding_names[e]);
	return put(out, head, err) == -1 ? -1
	                                 : encoding_put_text(e, text, out, err);
}

static int
put_file_head(const struct mime_file *f, struct sink out, struct po_err *err)
{
	struct buf head;
	int rc = -1;

	buf_init(&head, 65536);
	if (!buf_printf(&head,
	        "Content-Type: %s\nContent-Transfer-Encoding: base64\n",
	        f->type != NULL ? f->type : mime_type_of(f->name)) ||
	    (f->cid != NULL &&
	        !buf_printf(&head, "Content-ID: <%s>\n", f->cid)) ||
	    !buf_printf(&head, "Content-Disposition: %s",
	        f->cid != NULL ? "inline" : "attachment") ||
	    !put_file_name(&head, last_part(f->name)) ||
	    !buf_puts(&head, "\n\n"))
		po_fail(err, PO_EDATA, "the name of an attachment is too long");
	else
		rc = sink_write(out, head.p, head.len, err);
	buf_clear(&head);
	return rc;
}

static int
copy_file(const struct mime_file *f, struct base64 *b, struct po_err *err)
{
	char block[57 * 512];
	int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY), rc = 0;
	ssize_t n = 1;

	if (fd == -1)
		return po_fail_sys(err, PO_ENOINPUT, "open %s", f->path);
	while (rc == 0 && n != 0) {
		n = read(fd, block, sizeof(block));
		if (n == -1 && errno != EINTR)
			rc = po_fail_sys(err, PO_ENOINPUT, "read %s", f->path);
		else if (n > 0)
			rc = base64_write(b, block, (size_t)n, err);
	}
	fd_close(&fd);
	return rc;
}

static int
put_file(const struct mime_file *f, struct sink out, struct po_err *err)
{
	struct base64 b = { .out = out };
	int rc;

	if (put_file_head(f, out, err) == -1)
		return -1;
	rc = f->path != NULL ? copy_file(f, &b, err)
	                     : base64_write(&b, f->bytes.p, f->bytes.len, err);
	return rc == 0 ? base64_end(&b, err) : -1;
}

static size_t
count_files(const struct mime_body *m, bool inlined)
{
	size_t i, n = 0;

	for (i = 0; i < m->n_files; i++)
		n += (m->files[i].cid != NULL) == inlined;
	return n;
}

/* Every file of a kind, each behind its boundary, and the last boundary. */
static int
put_files(const struct mime_body *m, bool inlined, const char *boundary,
    struct sink out, struct po_err *err)
{
	size_t i;

	for (i = 0; i < m->n_files; i++)
		if ((m->files[i].cid != NULL) == inlined &&
		    (put_boundary(out, boundary, "", err) == -1 ||
		        put_file(&m->files[i], out, err) == -1))
			return -1;
	return put_boundary(out, boundary, "--", err);
}

/* ------------------------------------------------------------------ bodies */

static int
put_html(const struct mime_body *m, const struct mime_files *files,
    struct sink out, struct po_err *err)
{
	if (files->images == NULL)
		return put_text(m->html, "html", out, err);
	if (begin_multipart(out, "related", RELATED, " type=\"text/html\";",
	        err) == -1 ||
	    put_boundary(out, RELATED, "", err) == -1 ||
	    put_text(m->html, "html", out, err) == -1)
		return -1;
	return files->images(files->ctx, out, err);
}

/* Text and html, without what is attached. */
static int
put_readable(const struct mime_body *m, const struct mime_files *files,
    struct sink out, struct po_err *err)
{
	if (!m->has_html)
		return put_text(m->has_text ? m->text : SPAN_LIT(""), "plain",
		    out, err);
	if (!m->has_text)
		return put_html(m, files, out, err);
	if (begin_multipart(out, "alternative", ALTERNATIVE, "", err) == -1 ||
	    put_boundary(out, ALTERNATIVE, "", err) == -1 ||
	    put_text(m->text, "plain", out, err) == -1 ||
	    put_boundary(out, ALTERNATIVE, "", err) == -1 ||
	    put_html(m, files, out, err) == -1)
		return -1;
	return put_boundary(out, ALTERNATIVE, "--", err);
}

int
mime_write_around(const struct mime_body *m, const struct mime_files *files,
    struct sink out, struct po_err *err)
{
	if (put(out, "MIME-Version: 1.0\n", err) == -1)
		return -1;
	if (files->attached == NULL)
		return put_readable(m, files, out, err);
	if (begin_multipart(out, "mixed", MIXED, "", err) == -1 ||
	    put_boundary(out, MIXED, "", err) == -1 ||
	    put_readable(m, files, out, err) == -1)
		return -1;
	return files->attached(files->ctx, out, err);
}

static int
write_images(void *ctx, struct sink out, struct po_err *err)
{
	return put_files(ctx, true, RELATED, out, err);
}

static int
write_attached(void *ctx, struct sink out, struct po_err *err)
{
	return put_files(ctx, false, MIXED, out, err);
}

static struct mime_files
files_of(struct mime_body *m)
{
	return (
	    struct mime_files){ count_files(m, true) > 0 ? write_images : NULL,
		count_files(m, false) > 0 ? write_attached : NULL, m };
}

int
mime_write_files(const struct mime_body *m, struct sink out, struct po_err *err)
{
	struct mime_body copy = *m;
	struct mime_files files = files_of(&copy);

	if (files.images != NULL && files.images(files.ctx, out, err) == -1)
		return -1;
	return files.attached == NULL ? 0 : files.attached(files.ctx, out, err);
}

int
mime_write(const struct mime_body *m, struct sink out, struct po_err *err)
{
	struct mime_body copy = *m;
	struct mime_files files = files_of(&copy);

	return mime_write_around(m, &files, out, err);
}
