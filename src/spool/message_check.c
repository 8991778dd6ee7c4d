/* SPDX-License-Identifier: ISC */
#include "spool/message_check.h"

#include <stdlib.h>

#include "spool/content_scan.h"
#include "spool/templates_name.h"
#include "util/crc32c.h"
#include "util/fd.h"

#define CHUNK_BYTES 65536u
#define TEMPLATES_MAX 64u /* of one message */
#define DAY_S INT64_C(86400)
#define HEADER_ROOM                                                            \
	INT64_C(1048576) /* fields that submit adds to a message               \
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

/* "NAME/LANG/VERSION", in the one form that the store and the index know. */
static int
check_templates(const struct envelope *env, struct po_err *err)
{
	struct templates_id id;
	size_t i;

	if (env->n_templates > TEMPLATES_MAX)
		return po_fail(err, PO_EDATA, "more than %u templates",
		    TEMPLATES_MAX);
	for (i = 0; i < env->n_templates; i++)
		if (!templates_id_parse(span_of(env->templates[i]), &id))
			return po_fail(err, PO_EDATA,
			    "a template that is no NAME/LANG/VERSION");
	return 0;
}

static int
check_envelope(const struct message_origin *from,
    const struct message_rules *rules, const struct envelope *env,
    struct po_err *err)
{
	if (check_templates(env, err) == -1)
		return -1;
	if (env->via == VIA_BOUNCE && from->uid != rules->po_uid)
		return po_fail(err, PO_EDATA, "only po itself makes bounces");
	if (env->expires != 0 && env->expires <= env->due)
		return po_fail(err, PO_EDATA,
		    "it would expire before it is due");
	return 0;
}

struct pass {
	const struct message_file *f;
	char *chunk;
	uint32_t crc;
	struct content_scan scan;
};

/* Add [from, to) to the checksum, and to the scan if it is content. */
static int
read_part(struct pass *p, off_t from, off_t to, bool content,
    struct po_err *err)
{
	size_t some;

	for (; from < to; from += (off_t)some) {
		some =
		    to - from < CHUNK_BYTES ? (size_t)(to - from) : CHUNK_BYTES;
		if (fd_pread_all(p->f->fd, p->chunk, some, from, "copy", err) ==
		    -1)
			return -1;
		p->crc = crc32c(p->crc, p->chunk, some);
		if (content)
			content_scan_take(&p->scan, p->chunk, some);
	}
	return 0;
}

static int
compare(struct pass *p, struct po_err *err)
{
	const struct trailer *t = &p->f->trailer;

	content_scan_end(&p->scan);
	if (p->crc != t->crc)
		return po_fail(err, PO_ECORRUPT, "wrong checksum");
	if (p->scan.bad_byte)
		return po_fail(err, PO_EDATA, "a NUL or CR in the content");
	if (p->scan.longest_line != t->longest_line ||
	    p->scan.has_8bit != t->has_8bit)
		return po_fail(err, PO_EDATA,
		    "the trailer does not describe the content");
	return 0;
}

static int
check_content(const struct message_file *f, const struct message_rules *rules,
    struct po_err *err)
{
	struct pass p = { .f = f };
	int rc = -1;

	if (rules->content_max > 0 &&
	    f->trailer.content_bytes >
	        (uint64_t)rules->content_max + (uint64_t)HEADER_ROOM)
		return po_fail(err, PO_EDATA, "larger than message_size_limit");
	p.chunk = malloc(CHUNK_BYTES);
	if (p.chunk == NULL)
		return po_fail_sys(err, PO_EOS, "check a message");
	if (read_part(&p, 0, CELL_BYTES, false, err) == 0 &&
	    read_part(&p, FILE_ENVELOPE_AT, f->slots_at, false, err) == 0 &&
	    read_part(&p, f->content_at, f->size - CELL_BYTES, true, err) == 0)
		rc = compare(&p, err);
	free(p.chunk);
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
