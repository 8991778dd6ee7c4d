/* SPDX-License-Identifier: ISC */
/*
 * The transport "capture": every envelope recipient gets a copy in one local
 * Maildir, with the lines a final delivery adds (RFC 5321, 4.4) and the
 * recipient's address. When all copies of a message are there, new/ is synced
 * once. The directory is trusted as far as its owner, and not followed if it is
 * a link.
 */
#include "deliver/setup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deliver/content.h"
#include "deliver/maildir_file.h"
#include "deliver/trace.h"
#include "util/buf.h"
#include "util/fd.h"
#include "util/wallclock.h"
#include "util/xalloc.h"

struct capture {
	const struct deliver_setup *setup;
	const volatile sig_atomic_t *stop;
	struct maildir dir;
	bool down;
	struct buf head;
};

static int
prepare(struct deliver_setup *setup, struct po_err *err)
{
	if (setup->conf->capture_dir[0] == '\0')
		return po_fail(err, PO_ECONFIG, "capture_dir is empty");
	/* Its parent is nothing that a worker may change. What is wrong with
	 * it is told when it is opened. */
	(void)mkdir(setup->conf->capture_dir, 0700);
	return 0;
}

static void
capture_needs(const struct deliver_setup *setup, struct deliver_needs *needs)
{
	deliver_needs_folder(needs, span_of(setup->conf->capture_dir));
}

static int
open_box(struct capture *c, struct po_err *err)
{
	int top, rc;

	if (c->dir.new != -1)
		return 0;
	top = maildir_make_folder(AT_FDCWD, c->setup->conf->capture_dir, 0700,
	    err);
	if (top == -1)
		return -1;
	rc = maildir_open(&c->dir, top, err);
	fd_close(&top);
	return rc;
}

static void
failed(struct capture *c, struct delivery *d, const struct po_err *err)
{
	(void)maildir_judge(err, d);
	c->down = true;
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
	if (open_box(c, &err) == 0)
		return 1;
	failed(c, &why, &err);
	delivery_fill(results, m->n, &why);
	return 0;
}

static int
write_copy(struct capture *c, const struct deliver_message *m, size_t i,
    struct po_err *err)
{
	buf_reset(&c->head);
	if (trace_put(&c->head, m, &m->env->recipients[m->which[i]],
	        TRACE_MAILBOX, wallclock_now(), err) == -1)
		return -1;
	return maildir_put(&c->dir, m, buf_span(&c->head), err);
}

static void
capture_send(void *state, const struct deliver_message *m,
    struct delivery *results, const struct deliver_message *next)
{
	struct capture *c = state;
	struct delivery why;
	struct po_err err;
	size_t i;

	(void)next;
	for (i = 0; i < m->n; i++) {
		if (c->stop != NULL && *c->stop != 0)
			break;
		if (write_copy(c, m, i, &err) == -1)
			failed(c, &results[i], &err);
		else {
			delivery_set(&results[i], DELIVERY_SENT, PHASE_LOCAL,
			    "2.0.0", "captured in %s",
			    c->setup->conf->capture_dir);
			results[i].handover = HANDOVER_DELIVERED;
		}
	}
	if (maildir_sync(&c->dir, &err) == 0)
		return;
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
capture_free(void *state)
{
	struct capture *c = state;

	maildir_close(&c->dir);
	buf_clear(&c->head);
	free(c->dir.block);
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
	c->dir = (struct maildir){ .tmp = -1,
		.new = -1,
		.mode = 0600,
		.host = setup->conf->hostname,
		.block = xcalloc(1, CONTENT_BLOCK_BYTES) };
	buf_init(&c->head, TRACE_MAX_BYTES);
	return c;
}

const struct transport transport_capture = {
	.name = "capture",
	.prepare = prepare,
	.needs = capture_needs,
	.open = capture_new,
	.begin = capture_begin,
	.send = capture_send,
	.relay = capture_relay,
	.hop_down = capture_down,
	.close = capture_free,
};
