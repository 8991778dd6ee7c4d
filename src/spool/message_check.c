/* SPDX-License-Identifier: ISC */
#include "spool/message_check.h"

#include <stdlib.h>

#include "spool/content_scan.h"
#include "util/crc32c.h"
#include "util/fd.h"

#define CHUNK_BYTES 65536u
#define DAY_S INT64_C(86400)
#define HEADER_ROOM INT64_C(1048576) /* fields that submit adds to a message   \
	                              */

bool
message_is_at_fault(const struct po_err *err)
{
	return err->code == PO_ECORRUPT || err->code == PO_EDATA;
}

static int
check_name(const struct message_origin *from, const struct envelope *env,
    struct po_err *err)
{
	int64_t made = queue_id_time_ms(&env->id) / 1000;

	if (strcmp(env->id.text, from->id.text) != 0)
		return po_fail(err, PO_EDATA, "the envelope has another id");
	if (made < from->ctime - DAY_S || made > from->ctime + DAY_S)
		return po_fail(err, PO_EDATA,
		    "the id is more than a day from the file's ctime");
	return 0;
}

static int
check_envelope(const struct message_origin *from,
    const struct message_rules *rules, const struct envelope *env,
    struct po_err *err)
{
	if (env->via == VIA_BOUNCE && from->uid != rules->po_uid)
		return po_fail(err, PO_EDATA, "only po itself makes bounces");
	if (env->expires != 0 && env->expires <= env->due)
		return po_fail(err, PO_EDATA,
		    "it would expire before it is due");
	return 0;
}

/* Add [from, to) to the checksum, and to the scan where one is given. */
static int
pass(const struct message_file *f, off_t from, off_t to, char *chunk,
    uint32_t *crc, struct content_scan *scan, struct po_err *err)
{
	size_t some;

	for (; from < to; from += (off_t)some) {
		some =
		    to - from < CHUNK_BYTES ? (size_t)(to - from) : CHUNK_BYTES;
		if (fd_pread_all(f->fd, chunk, some, from, "copy", err) == -1)
			return -1;
		*crc = crc32c(*crc, chunk, some);
		if (scan != NULL)
			content_scan_take(scan, chunk, some);
	}
	return 0;
}

static int
compare(const struct trailer *t, uint32_t crc, struct content_scan *scan,
    struct po_err *err)
{
	content_scan_end(scan);
	if (crc != t->crc)
		return po_fail(err, PO_ECORRUPT, "wrong checksum");
	if (scan->bad_byte)
		return po_fail(err, PO_EDATA, "a NUL or CR in the content");
	if (scan->longest_line != t->longest_line ||
	    scan->has_8bit != t->has_8bit)
		return po_fail(err, PO_EDATA,
		    "the trailer does not describe the content");
	return 0;
}

static int
check_content(const struct message_file *f, const struct message_rules *rules,
    struct po_err *err)
{
	struct content_scan scan = { 0 };
	uint32_t crc = 0;
	char *chunk;
	int rc = -1;

	if (rules->content_max > 0 &&
	    f->trailer.content_bytes >
	        (uint64_t)rules->content_max + (uint64_t)HEADER_ROOM)
		return po_fail(err, PO_EDATA, "larger than message_size_limit");
	chunk = malloc(CHUNK_BYTES);
	if (chunk == NULL)
		return po_fail_sys(err, PO_EOS, "check a message");
	if (pass(f, 0, CELL_BYTES, chunk, &crc, NULL, err) == 0 &&
	    pass(f, FILE_ENVELOPE_AT, f->slots_at, chunk, &crc, NULL, err) ==
	        0 &&
	    pass(f, f->content_at, f->size - CELL_BYTES, chunk, &crc, &scan,
	        err) == 0)
		rc = compare(&f->trailer, crc, &scan, err);
	free(chunk);
	return rc;
}

/* The envelope's text ends at envelope_bytes; up to the slots all is LF. */
static int
check_padding(const struct message_file *f, struct po_err *err)
{
	char pad[CELL_BYTES];
	off_t at = FILE_ENVELOPE_AT + (off_t)f->preamble.envelope_bytes;
	size_t i, len = (size_t)(f->slots_at - at);

	if (fd_pread_all(f->fd, pad, len, at, "copy", err) == -1)
		return -1;
	for (i = 0; i < len; i++)
		if (pad[i] != '\n')
			return po_fail(err, PO_ECORRUPT,
			    "text behind the envelope");
	return 0;
}

int
message_check(const struct message_file *f, const struct message_origin *from,
    const struct message_rules *rules, struct arena *arena,
    struct envelope *env, struct po_err *err)
{
	if (check_content(f, rules, err) == 0 && check_padding(f, err) == 0 &&
	    file_read_envelope(f, arena, env, err) == 0 &&
	    check_name(from, env, err) == 0 &&
	    check_envelope(from, rules, env, err) == 0)
		return 1;
	return message_is_at_fault(err) ? 0 : -1;
}
