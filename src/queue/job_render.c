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
	off_t rest; /* what is attached */
	uint64_t rest_bytes;
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
	in->rest = at + (off_t)used;
	in->rest_bytes = length - used;
	return 0;
}

static int
copy_rest(void *ctx, struct sink out, struct po_err *err)
{
	const struct input *in = ctx;
	uint64_t left = in->rest_bytes;
	char block[16384];
	off_t at = in->rest;
	size_t n;

	for (; left > 0; left -= n, at += (off_t)n) {
		n = left < sizeof(block) ? (size_t)left : sizeof(block);
		if (fd_pread_all(in->fd, block, n, at, "message", err) == -1 ||
		    sink_write(out, block, n, err) == -1)
			return -1;
	}
	return 0;
}

/* ------------------------------------------------------------------ render */

static int
render(struct library *l, const struct envelope *env, struct span context,
    struct mail_rendered *out, struct po_err *err)
{
	char name[TEMPLATES_NAME_MAX + 1];
	const struct mail_template *t;
	struct templates_id id;
	int rc;

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

	if (sink_write(out, in->header.p, in->header.len, err) == -1 ||
	    put_subject(r, out, err) == -1 ||
	    mime_write_around(&body, out, in->rest_bytes > 0 ? copy_rest : NULL,
	        in, err) == -1)
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
