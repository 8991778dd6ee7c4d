/* SPDX-License-Identifier: ISC */
#include "spool/put.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spool/writer.h"
#include "util/fd.h"
#include "util/xalloc.h"

struct spool_put {
	const struct spool *s;
	const struct envelope *env;
	int64_t now, expires;
	int fd;
	bool named; /* no O_TMPFILE or no /proc: it is "xx/t.ID" so far */
	char folder[3];
	char name[QUEUE_ID_LEN + 4]; /* "xx/ID" */
	char temp[QUEUE_ID_LEN + 6]; /* "xx/t.ID" */
	struct file_writer writer;
};

static int
open_file(struct spool_put *p, struct po_err *err)
{
	p->fd = -1;
	if (access("/proc/self/fd", X_OK) == 0)
		p->fd = openat(p->s->queue, p->folder,
		    O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (p->fd == -1) {
		p->named = true;
		p->fd = openat(p->s->queue, p->temp,
		    O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	}
	if (p->fd == -1)
		return po_fail_sys(err, po_code_of_errno(errno, PO_EIO),
		    "make a notice in queue/%s", p->folder);
	return 0;
}

int
put_begin(const struct spool *s, const struct envelope *env, int64_t now,
    int64_t expires, struct spool_put **out, struct po_err *err)
{
	struct spool_put *p = xcalloc(1, sizeof(*p));

	p->s = s;
	p->env = env;
	p->now = now;
	p->expires = expires;
	queue_id_folder(&env->id, p->folder);
	(void)snprintf(p->name, sizeof(p->name), "%s/%s", p->folder,
	    env->id.text);
	(void)snprintf(p->temp, sizeof(p->temp), "%s/t.%s", p->folder,
	    env->id.text);
	if (open_file(p, err) == -1 ||
	    writer_begin(&p->writer, p->fd, "a notice in queue/", env, err) ==
	        -1) {
		put_free(p);
		return -1;
	}
	*out = p;
	return 0;
}

static int
take_content(void *ctx, const void *bytes, size_t len, struct po_err *err)
{
	struct spool_put *p = ctx;

	return writer_content(&p->writer, bytes, len, err);
}

struct sink
put_sink(struct spool_put *p)
{
	return (struct sink){ take_content, p };
}

/* What the ingester writes into its copies. */
static int
write_cells(struct spool_put *p, struct po_err *err)
{
	const struct head h = { .generation = 1,
		.state = MESSAGE_WAITING,
		.priority = p->env->priority,
		.due = p->now,
		.expires = p->expires,
		.changed = p->now };
	const struct slot slot = { .generation = 1,
		.state = SLOT_WAITING,
		.time = p->now };
	struct stamp stamp = { p->s->uid, p->now, "" };
	char cells[FILE_ENVELOPE_AT - FILE_HEAD_AT], cell[CELL_BYTES];
	struct preamble pre;
	size_t i;

	if (!p->s->own)
		(void)snprintf(stamp.login, sizeof(stamp.login), "po");
	cell_put_head(&h, cells);
	cell_put_blank(cells + CELL_BYTES);
	cell_put_stamp(&stamp, cells + FILE_STAMP_AT - FILE_HEAD_AT);
	cell_put_slot(&slot, cell);
	if (fd_pwrite_all(p->fd, cells, sizeof(cells), FILE_HEAD_AT, "cells",
	        err) == -1 ||
	    fd_pread_all(p->fd, cells, CELL_BYTES, 0, "preamble", err) == -1)
		return -1;
	if (!cell_get_preamble(cells, &pre))
		return po_fail(err, PO_EBUG, "the preamble just written");
	for (i = 0; i < pre.slots; i++)
		if (fd_pwrite_all(p->fd, cell, sizeof(cell),
		        file_slots_at(&pre) + (off_t)(i * CELL_BYTES), "slots",
		        err) == -1)
			return -1;
	return 0;
}

/* 0 and errno, or -1. */
static int
link_as(const struct spool_put *p, const char *name)
{
	char self[32];

	if (p->named)
		return linkat(p->s->queue, p->temp, p->s->queue, name, 0);
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", p->fd);
	return linkat(AT_FDCWD, self, p->s->queue, name, AT_SYMLINK_FOLLOW);
}

/* What lies under this id? */
static int
judge_there(const struct spool_put *p, enum put_result *result,
    struct po_err *err)
{
	struct message_file f;
	struct envelope env;
	struct stamp stamp;
	struct arena arena;
	int whole;

	*result = PUT_NEW;
	if (file_open(p->s->queue, p->name, false, &f, err) == -1)
		return err->code == PO_ECORRUPT ? 0 : -1;
	arena_init(&arena, ENVELOPE_MAX_BYTES);
	whole = file_verify(&f, err);
	if (whole == 1 && file_read_stamp(&f, &stamp, err) == 0 &&
	    file_read_envelope(&f, &arena, &env, err) == 0) {
		if (stamp.uid != p->s->uid || env.via != VIA_BOUNCE)
			*result = PUT_TAKEN;
		else if (env.msgid != NULL &&
		         strcmp(env.msgid, p->env->msgid) == 0)
			*result = PUT_KNOWN;
	}
	arena_clear(&arena);
	file_close(&f);
	return whole == -1 ? -1 : 0;
}

/* In one step, so that there is always one of the two. */
static int
replace(struct spool_put *p, struct po_err *err)
{
	if (!p->named) {
		(void)unlinkat(p->s->queue, p->temp, 0);
		if (link_as(p, p->temp) == -1)
			return po_fail_sys(err, PO_EIO, "name queue/%s",
			    p->temp);
	}
	if (renameat(p->s->queue, p->temp, p->s->queue, p->name) == -1)
		return po_fail_sys(err, PO_EIO, "replace queue/%s", p->name);
	return 0;
}

int
put_publish(struct spool_put *p, enum put_result *result, struct po_err *err)
{
	*result = PUT_NEW;
	if (writer_end(&p->writer, err) == -1 || write_cells(p, err) == -1)
		return -1;
	if (link_as(p, p->name) == 0)
		return 0;
	if (errno != EEXIST)
		return po_fail_sys(err, PO_EIO, "name queue/%s", p->name);
	if (judge_there(p, result, err) == -1)
		return -1;
	return *result == PUT_NEW ? replace(p, err) : 0;
}

void
put_free(struct spool_put *p)
{
	if (p == NULL)
		return;
	if (p->named)
		(void)unlinkat(p->s->queue, p->temp, 0);
	fd_close(&p->fd);
	free(p);
}

int
put_sync(const struct spool *s, struct po_err *err)
{
	return syncfs(s->queue) == -1
	           ? po_fail_sys(err, PO_EIO, "sync the notices in %s/queue",
	                 s->path)
	           : 0;
}
