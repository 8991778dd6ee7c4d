/* SPDX-License-Identifier: ISC */
/*
 * The content is a header, an empty line, the context in one line, and parts
 * that are attached, ready to be sent. The mail goes into a file of memory
 * (memfd_create(2)): the rendered text never touches the disk, and what
 * delivers it reads a descriptor, as always.
 */
#include "queue/job_render.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "compose/host.h"
#include "compose/mime.h"
#include "message/phrase.h"
#include "util/fd.h"
#include "util/wallclock.h"

#define HEAD_MAX (4u << 20) /* header and context; each has its own limit */
#define BLOCK 65536u

/* ------------------------------------------------------------------ output */

struct output {
	int fd;
	struct buf block;
	uint64_t length;
	uint32_t longest, column;
	unsigned char high; /* all bytes, or-ed */
};

static int
flush(struct output *o, struct po_err *err)
{
	int rc = fd_write_all(o->fd, buf_str(&o->block), o->block.len,
	    "a rendered mail", err);

	buf_reset(&o->block);
	return rc;
}

static int
put(void *ctx, const void *p, size_t len, struct po_err *err)
{
	struct output *o = ctx;
	const char *s = p;
	size_t i;

	for (i = 0; i < len; i++) {
		o->column = s[i] == '\n' ? 0 : o->column + 1;
		o->high |= (unsigned char)s[i];
		o->longest = o->column > o->longest ? o->column : o->longest;
	}
	o->length += len;
	if (o->block.len + len > o->block.max && flush(o, err) == -1)
		return -1;
	if (len > o->block.max)
		return fd_write_all(o->fd, p, len, "a rendered mail", err);
	return buf_put(&o->block, p, len)
	           ? 0
	           : po_fail(err, PO_EOS, "no memory for a mail");
}

/* ------------------------------------------------------------------- input */

struct input {
	struct buf head; /* the first bytes of the content */
	struct span header, context;
	int fd;
	/* files, ready to be sent: images of the html, what is attached */
	struct range {
		off_t at;
		uint64_t length;
	} images, attached;
};

/* Header, empty line, one line. */
static bool
split(struct input *in)
{
	struct span s = buf_span(&in->head);
	const char *end = memmem(s.p, s.len, "\n\n", 2), *lf;

	if (end == NULL)
		return false;
	in->header = (struct span){ s.p, (size_t)(end - s.p) + 1 };
	s.len -= in->header.len + 1;
	s.p = end + 2;
	lf = memchr(s.p, '\n', s.len);
	if (lf == NULL)
		return false;
	in->context = (struct span){ s.p, (size_t)(lf - s.p) };
	return true;
}

/* Where `mark` begins in the range: an offset, or UINT64_MAX. */
static int
find_mark(const struct input *in, const struct range *r, const char *mark,
    uint64_t *found, struct po_err *err)
{
	size_t len = strlen(mark), n;
	char block[16384];
	const char *hit = NULL;
	uint64_t at;

	/* Blocks overlap by what a mark may have in the one before. */
	*found = UINT64_MAX;
	for (at = 0; hit == NULL && r->length - at >= len;
	     at += n - (len - 1)) {
		n = r->length - at < sizeof(block) ? (size_t)(r->length - at)
		                                   : sizeof(block);
		if (fd_pread_all(in->fd, block, n, r->at + (off_t)at, "message",
		        err) == -1)
			return -1;
		hit = memmem(block, n, mark, len);
		if (hit != NULL)
			*found = at + (uint64_t)(hit - block);
	}
	return 0;
}

/* Images come first, and end with a line of their own. */
static int
split_files(struct input *in, off_t at, uint64_t length, struct po_err *err)
{
	size_t begin = strlen(mime_images_begin), end = strlen(mime_images_end);
	char first[80];
	uint64_t found;

	in->images = (struct range){ at, 0 };
	in->attached = (struct range){ at, length };
	if (length < begin)
		return 0;
	if (fd_pread_all(in->fd, first, begin, at, "message", err) == -1)
		return -1;
	if (memcmp(first, mime_images_begin, begin) != 0)
		return 0;
	if (find_mark(in, &in->attached, mime_images_end, &found, err) == -1)
		return -1;
	if (found == UINT64_MAX)
		return po_fail(err, PO_EDATA, "the images have no end");
	in->images.length = found + end;
	in->attached.at += (off_t)in->images.length;
	in->attached.length -= in->images.length;
	return 0;
}

static int
read_input(struct input *in, int fd, off_t at, uint64_t length,
    struct po_err *err)
{
	size_t want = length < HEAD_MAX ? (size_t)length : HEAD_MAX, used;

	buf_init(&in->head, HEAD_MAX);
	if (!buf_reserve(&in->head, want + 1))
		return po_fail(err, PO_EOS, "no memory for a mail");
	if (fd_pread_all(fd, in->head.p, want, at, "message", err) == -1)
		return -1;
	in->head.len = want;
	if (!split(in))
		return po_fail(err, PO_EDATA,
		    "the content is no header with a context behind it");
	used = (size_t)(in->context.p - in->head.p) + in->context.len + 1;
	in->fd = fd;
	return split_files(in, at + (off_t)used, length - used, err);
}

static int
copy_range(const struct input *in, const struct range *r, struct sink out,
    struct po_err *err)
{
	uint64_t left = r->length;
	char block[16384];
	off_t at = r->at;
	size_t n;

	for (; left > 0; left -= n, at += (off_t)n) {
		n = left < sizeof(block) ? (size_t)left : sizeof(block);
		if (fd_pread_all(in->fd, block, n, at, "message", err) == -1 ||
		    sink_write(out, block, n, err) == -1)
			return -1;
	}
	return 0;
}

static int
copy_images(void *ctx, struct sink out, struct po_err *err)
{
	const struct input *in = ctx;

	return copy_range(in, &in->images, out, err);
}

static int
copy_attached(void *ctx, struct sink out, struct po_err *err)
{
	const struct input *in = ctx;

	return copy_range(in, &in->attached, out, err);
}

/* ------------------------------------------------------------------ render */

static int
render_as_named(struct library *l, const struct envelope *env,
    struct span context, struct mail_rendered *out, struct po_err *err)
{
	char name[TEMPLATES_NAME_MAX + 1];
	const struct mail_template *t;
	struct templates_id id;
	int rc;

	library_use_zone(l, env->zone != NULL);
	if (library_use_versions(l, env->templates, env->n_templates, err) ==
	    -1)
		return -1;
	if (!templates_id_parse(span_of(env->templates[0]), &id) ||
	    !templates_name_decode(id.folder, name))
		return po_fail(err, PO_EDATA, "\"%.200s\" is no template",
		    env->templates[0]);
	rc = library_get(l, name, &t, err);
	if (rc == 0)
		return po_fail(err, PO_EDATA,
		    "the template %.200s is not there any more",
		    env->templates[0]);
	return rc == -1 ? -1
	                : library_render(l, t, context,
	                      wallclock_now_ms() * 1000, out, err);
}

/* In the zone of its dates, which whoever queued it named. */
static int
render(struct library *l, const struct envelope *env, struct span context,
    struct mail_rendered *out, struct po_err *err)
{
	struct template_zone_borrow zone = { false, NULL };
	int rc;

	if (env->zone != NULL && !template_zone_borrow(&zone, env->zone))
		rc = po_fail(err, PO_EIO,
		    "there is no time zone '%.100s' on this host", env->zone);
	else
		rc = render_as_named(l, env, context, out, err);
	template_zone_return(&zone);
	return rc;
}

static int
put_subject(const struct mail_rendered *r, struct sink out, struct po_err *err)
{
	struct buf line;
	int rc;

	if (!r->has[PART_SUBJECT])
		return 0;
	buf_init(&line, 4u << 20);
	if (buf_puts(&line, "Subject: ") &&
	    unstructured_put(&line, buf_span(&r->part[PART_SUBJECT]), 9) &&
	    buf_putc(&line, '\n'))
		rc = sink_write(out, line.p, line.len, err);
	else
		rc = po_fail(err, PO_EDATA, "the subject is too long");
	buf_clear(&line);
	return rc;
}

static int
write_mail(struct input *in, const struct mail_rendered *r, struct output *o,
    struct po_err *err)
{
	struct sink out = { put, o };
	const struct mime_body body = { r->has[PART_TEXT], r->has[PART_HTML],
		buf_span(&r->part[PART_TEXT]), buf_span(&r->part[PART_HTML]),
		NULL, 0 };
	const struct mime_files files = { in->images.length > 0 ? copy_images
		                                                : NULL,
		in->attached.length > 0 ? copy_attached : NULL, in };

	if (sink_write(out, in->header.p, in->header.len, err) == -1 ||
	    put_subject(r, out, err) == -1 ||
	    mime_write_around(&body, &files, out, err) == -1)
		return -1;
	return flush(o, err);
}

int
job_render(struct library *l, const struct envelope *env, int fd, off_t at,
    uint64_t length, struct rendered_mail *out, struct po_err *err)
{
	struct input in = { .fd = -1 };
	struct output o = { .fd = -1 };
	struct mail_rendered r;
	int rc = -1;

	memset(&r, 0, sizeof(r));
	buf_init(&o.block, BLOCK);
	if (read_input(&in, fd, at, length, err) == 0 &&
	    render(l, env, in.context, &r, err) == 0) {
		o.fd = memfd_create("po-mail", MFD_CLOEXEC);
		rc = o.fd == -1 ? po_fail_sys(err, PO_EOS, "memory for a mail")
		                : write_mail(&in, &r, &o, err);
	}
	if (rc == -1)
		fd_close(&o.fd);
	/* The message is whole, whatever became of the template's file. */
	if (rc == -1 && err->code == PO_ECORRUPT)
		err->code = PO_EIO;
	*out =
	    (struct rendered_mail){ o.fd, o.length, o.longest, o.high >= 0x80 };
	mail_rendered_clear(&r);
	buf_clear(&in.head);
	buf_clear(&o.block);
	return rc;
}
