/* SPDX-License-Identifier: ISC */
/*
 * The transport "capture": every envelope recipient gets a copy in one local
 * Maildir, with the lines a final delivery adds (RFC 5321, 4.4) and the
 * recipient's address. A copy is written into tmp/, synced, linked into new/;
 * when all are there, new/ is synced once. The directory is trusted as far as
 * its owner, and not followed if it is a link.
 */
#include "deliver/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/fd.h"
#include "util/wallclock.h"
#include "util/xalloc.h"

#define BLOCK_BYTES 65536u
#define HEAD_BYTES 4096u

struct capture {
	const struct deliver_setup *setup;
	const volatile sig_atomic_t *stop;
	int tmp, new; /* -1: not opened yet */
	uint64_t count;
	bool down;
	struct buf head;
	char *block;
};

static int
prepare(struct deliver_setup *setup, struct po_err *err)
{
	if (setup->conf->capture_dir[0] == '\0')
		return po_fail(err, PO_ECONFIG, "capture_dir is empty");
	return 0;
}

/* Make `name` below `at` if it is missing and open it. */
static int
open_folder(int at, const char *name, struct po_err *err)
{
	int fd;

	if (mkdirat(at, name, 0700) == -1 && errno != EEXIST)
		return po_fail_sys(err, PO_ECREATE, "capture: mkdir %s", name);
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return po_fail_sys(err, PO_EIO, "capture: open %s", name);
	return fd;
}

static int
open_maildir(struct capture *c, struct po_err *err)
{
	int top, cur = -1, rc = -1;

	if (c->new != -1)
		return 0;
	top = open_folder(AT_FDCWD, c->setup->conf->capture_dir, err);
	if (top == -1)
		return -1;
	c->tmp = open_folder(top, "tmp", err);
	if (c->tmp != -1)
		cur = open_folder(top, "cur", err);
	if (cur != -1)
		c->new = open_folder(top, "new", err);
	if (c->new != -1 && fsync(top) == -1)
		(void)po_fail_sys(err, PO_EIO, "capture: fsync");
	else if (c->new != -1)
		rc = 0;
	if (rc == -1) {
		fd_close(&c->tmp);
		fd_close(&c->new);
	}
	fd_close(&cur);
	fd_close(&top);
	return rc;
}

static void
failed(struct capture *c, struct delivery *d, const struct po_err *err)
{
	delivery_set(d, DELIVERY_DEFERRED, PHASE_LOCAL,
	    err->code == PO_EFULL ? "4.3.1" : "4.3.0", "%s", err->text);
	c->down = true;
}

/* A control byte in an address would make a header line of its own. */
static bool
put_field(struct buf *b, const char *name, const char *open, const char *value,
    const char *close)
{
	const char *p;

	for (p = value; *p != '\0'; p++)
		if (ascii_is_control((unsigned char)*p))
			return false;
	return buf_puts(b, name) && buf_puts(b, open) && buf_puts(b, value) &&
	       buf_puts(b, close);
}

static int
make_head(struct capture *c, const struct deliver_message *m,
    const char *address, struct po_err *err)
{
	buf_reset(&c->head);
	if (put_field(&c->head, "Return-Path: ", "<", m->env->sender, ">\n") &&
	    put_field(&c->head, "Delivered-To: ", "", address, "\n") &&
	    put_field(&c->head, "X-Original-To: ", "", address, "\n"))
		return 0;
	return po_fail(err, PO_EDATA, "capture: bad address");
}

static int
copy_content(struct capture *c, const struct deliver_message *m, int to,
    struct po_err *err)
{
	uint64_t left = m->length;
	off_t at = m->at;
	size_t n;

	while (left > 0) {
		n = left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;
		if (fd_pread_all(m->fd, c->block, n, at, "message", err) ==
		        -1 ||
		    fd_write_all(to, c->block, n, "capture", err) == -1)
			return -1;
		at += (off_t)n;
		left -= n;
	}
	return 0;
}

/* Unique as Maildir wants it: time, process and a count. */
static void
make_name(struct capture *c, char *name, size_t max)
{
	int64_t now = wallclock_now_ms();

	(void)snprintf(name, max, "%" PRId64 ".M%dP%dQ%" PRIu64 ".%s",
	    now / 1000, (int)(now % 1000) * 1000, (int)getpid(), ++c->count,
	    c->setup->conf->hostname[0] == '\0' ? "localhost"
	                                        : c->setup->conf->hostname);
	for (; *name != '\0'; name++)
		if (*name == '/' || *name == ':')
			*name = '_';
}

static int
write_copy(struct capture *c, const struct deliver_message *m,
    const char *address, struct po_err *err)
{
	char name[300];
	int fd, rc = -1;

	make_name(c, name, sizeof(name));
	fd = openat(c->tmp, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return po_fail_sys(err, PO_ECREATE, "capture: tmp/%s", name);
	if (make_head(c, m, address, err) == -1 ||
	    fd_write_all(fd, c->head.p, c->head.len, "capture", err) == -1 ||
	    copy_content(c, m, fd, err) == -1)
		goto out;
	if (fsync(fd) == -1) {
		(void)po_fail_sys(err, PO_EIO, "capture: fsync tmp/%s", name);
		goto out;
	}
	if (linkat(c->tmp, name, c->new, name, 0) == -1) {
		(void)po_fail_sys(err, PO_EIO, "capture: link new/%s", name);
		goto out;
	}
	rc = 0;
out:
	(void)unlinkat(c->tmp, name, 0);
	fd_close(&fd);
	return rc;
}

static int
capture_begin(void *state, const struct deliver_message *m,
    struct delivery *results)
{
	struct capture *c = state;
	struct delivery why = { .state = DELIVERY_UNTOUCHED };
	struct po_err err;
	size_t i;

	c->down = false;
	for (i = 0; i < m->n; i++)
		results[i] = why;
	if (c->stop != NULL && *c->stop != 0)
		return 0;
	if (open_maildir(c, &err) == 0)
		return 1;
	failed(c, &why, &err);
	delivery_fill(results, m->n, &why);
	return 0;
}

static void
capture_send(void *state, const struct deliver_message *m,
    struct delivery *results, const struct deliver_message *next)
{
	struct capture *c = state;
	struct delivery why;
	struct po_err err;
	const char *address;
	size_t i;

	(void)next;
	for (i = 0; i < m->n; i++) {
		if (c->stop != NULL && *c->stop != 0)
			break;
		address = m->env->recipients[m->which[i]].address;
		if (write_copy(c, m, address, &err) == -1)
			failed(c, &results[i], &err);
		else {
			delivery_set(&results[i], DELIVERY_SENT, PHASE_LOCAL,
			    "2.0.0", "captured in %s",
			    c->setup->conf->capture_dir);
			results[i].handover = HANDOVER_DELIVERED;
		}
	}
	if (fsync(c->new) == 0)
		return;
	(void)po_fail_sys(&err, PO_EIO, "capture: fsync new");
	failed(c, &why, &err);
	for (i = 0; i < m->n; i++)
		if (results[i].state == DELIVERY_SENT)
			results[i] = why;
}

static const char *
capture_relay(const void *state)
{
	(void)state;
	return "capture";
}

static bool
capture_down(const void *state)
{
	const struct capture *c = state;

	return c->down;
}

static void
capture_idle(void *state)
{
	(void)state;
}

static void
capture_free(void *state)
{
	struct capture *c = state;

	fd_close(&c->tmp);
	fd_close(&c->new);
	buf_clear(&c->head);
	free(c->block);
	free(c);
}

static void *
capture_new(const struct deliver_setup *setup, const char *hop,
    const volatile sig_atomic_t *stop, int64_t stop_grace_s, struct po_err *err)
{
	struct capture *c = xcalloc(1, sizeof(*c));

	(void)hop;
	(void)stop_grace_s;
	(void)err;
	c->setup = setup;
	c->stop = stop;
	c->tmp = c->new = -1;
	buf_init(&c->head, HEAD_BYTES);
	c->block = xcalloc(1, BLOCK_BYTES);
	return c;
}

const struct transport transport_capture = {
	.name = "capture",
	.prepare = prepare,
	.open = capture_new,
	.begin = capture_begin,
	.send = capture_send,
	.relay = capture_relay,
	.hop_down = capture_down,
	.idle = capture_idle,
	.close = capture_free,
};
