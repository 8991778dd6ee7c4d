/* SPDX-License-Identifier: ISC */
/*
 * A small message costs one write(2). The checksum covers preamble, envelope
 * and content, but no cell.
 */
#include "spool/writer.h"

#include <string.h>

#include "spool/file.h"
#include "util/crc32c.h"
#include "util/fd.h"

static int
flush(struct file_writer *w, struct po_err *err)
{
	size_t len = w->used;

	w->used = 0;
	w->flushed += len;
	return fd_write_all(w->fd, w->buffer, len, w->what, err);
}

static int
put(struct file_writer *w, const void *p, size_t len, struct po_err *err)
{
	const char *from = p;
	size_t some;

	while (len > 0) {
		if (w->used == WRITER_BUFFER_BYTES && flush(w, err) == -1)
			return -1;
		some = WRITER_BUFFER_BYTES - w->used;
		if (some > len)
			some = len;
		memcpy(w->buffer + w->used, from, some);
		w->used += some;
		from += some;
		len -= some;
	}
	return 0;
}

static int
put_summed(struct file_writer *w, const void *p, size_t len, struct po_err *err)
{
	w->crc = crc32c(w->crc, p, len);
	return put(w, p, len, err);
}

static int
put_blanks(struct file_writer *w, size_t cells, struct po_err *err)
{
	char blank[CELL_BYTES];

	cell_put_blank(blank);
	for (; cells > 0; cells--)
		if (put(w, blank, sizeof(blank), err) == -1)
			return -1;
	return 0;
}

int
writer_begin(struct file_writer *w, int fd, const char *what,
    const struct envelope *env, struct po_err *err)
{
	static const char padding[CELL_BYTES] =
	    "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"
	    "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n";
	struct preamble p;
	struct buf text;
	char cell[CELL_BYTES];
	int rc = -1;

	w->fd = fd;
	w->what = what;
	w->crc = 0;
	w->scan = (struct content_scan){ 0 };
	w->flushed = 0;
	w->used = 0;
	buf_init(&text, ENVELOPE_MAX_BYTES);
	if (envelope_encode(env, &text, err) == -1)
		goto out;
	p.envelope_bytes = (uint32_t)text.len;
	p.slots = (uint32_t)env->n_recipients;
	cell_put_preamble(&p, cell);
	if (put_summed(w, cell, sizeof(cell), err) == 0 &&
	    put_blanks(w, FILE_ENVELOPE_AT / CELL_BYTES - 1, err) == 0 &&
	    put_summed(w, text.p, text.len, err) == 0 &&
	    put_summed(w, padding, -text.len % CELL_BYTES, err) == 0)
		rc = put_blanks(w, p.slots, err);
out:
	buf_clear(&text);
	return rc;
}

int
writer_content(struct file_writer *w, const void *p, size_t len,
    struct po_err *err)
{
	content_scan_take(&w->scan, p, len);
	return put_summed(w, p, len, err);
}

int
writer_end(struct file_writer *w, struct po_err *err)
{
	struct trailer t;
	char cell[CELL_BYTES];

	if (w->scan.bad_byte)
		return po_fail(err, PO_EBUG, "a NUL or CR in the content");
	content_scan_end(&w->scan);
	t.content_bytes = w->scan.bytes;
	t.crc = w->crc;
	t.longest_line = w->scan.longest_line;
	t.has_8bit = w->scan.has_8bit;
	cell_put_trailer(&t, cell);
	return put(w, cell, sizeof(cell), err) == -1 ? -1 : flush(w, err);
}
