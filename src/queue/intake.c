/* SPDX-License-Identifier: ISC */
#include "queue/intake.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "log/log.h"
#include "queue/sandbox.h"
#include "queue/wire.h"

#define IDLE_MS                                                                \
	200 /* without a request for so long there is time to unlink           \
	     */
#define UNLINK_AT_ONCE 256
#define BATCH_MAX 4096u

struct intake {
	const struct intake_setup *setup;
	struct ingest *ingest;
	struct ingest_taken *taken; /* BATCH_MAX */
	struct queue_id *ids;       /* BATCH_MAX */
	char *space;                /* WIRE_MAX_BYTES */
	struct buf out;
	bool ended;
};

static void
send_out(struct intake *in)
{
	if (wire_send(in->setup->sock, &in->out, -1, false) != 1)
		in->ended = true;
}

static void
send_note(struct intake *in, const char *text)
{
	buf_reset(&in->out);
	if (wire_put_u8(&in->out, WIRE_NOTE) && wire_put_text(&in->out, text))
		send_out(in);
}

static void
send_refusals(struct intake *in)
{
	const struct ingest_refusal *r;
	char text[512];
	size_t i, n, unsaid;

	r = ingest_refusals(in->ingest, &n, &unsaid);
	for (i = 0; i < n; i++) {
		(void)snprintf(text, sizeof(text), "refused: uid=%u, %s",
		    r[i].uid, r[i].text);
		send_note(in, text);
	}
	if (unsaid > 0) {
		(void)snprintf(text, sizeof(text), "refused: %zu more files",
		    unsaid);
		send_note(in, text);
	}
}

static void
send_acts(struct intake *in)
{
	struct ingest_act *a;
	size_t i, n;

	a = ingest_acts(in->ingest, &n);
	for (i = 0; i < n && !in->ended; i++) {
		buf_reset(&in->out);
		if (wire_put_u8(&in->out, WIRE_ACT) &&
		    wire_put_u32(&in->out, a[i].uid) &&
		    wire_put_text(&in->out, a[i].name) &&
		    wire_send(in->setup->sock, &in->out, a[i].fd, false) != 1)
			in->ended = true;
	}
}

/* They in as many datagrams as they need; the last one says that the answer is
 * over, and whether there is more. */
static void
send_taken(struct intake *in, size_t n, bool more)
{
	size_t i = 0;
	bool end;

	do {
		size_t room = (WIRE_MAX_BYTES - 3) / WIRE_MAX_TAKEN;

		end = n - i <= room;
		buf_reset(&in->out);
		(void)wire_put_u8(&in->out, WIRE_TAKEN);
		(void)wire_put_u8(&in->out, end);
		(void)wire_put_u8(&in->out, more);
		for (; room > 0 && i < n; room--, i++)
			(void)wire_put_taken(&in->out, &in->taken[i]);
		send_out(in);
	} while (!end && !in->ended);
}

static void
scan(struct intake *in, struct wire_reader *r)
{
	uint32_t max;
	uint8_t sync;
	struct po_err err;
	size_t n = 0;
	bool more = false;

	if (!wire_get_u8(r, &sync) || !wire_get_u32(r, &max) || max == 0 ||
	    max > BATCH_MAX) {
		in->ended = true;
		return;
	}
	/* The slots that workers wrote; the parent must not wait for a disk. */
	if (sync != 0 && syncfs(in->setup->spool->queue) == -1)
		send_note(in,
		    "the results in message files could not be synced");
	if (ingest_batch(in->ingest, max, in->taken, &n, &more, &err) == -1) {
		send_note(in, err.text);
		n = 0;
		more = false;
	}
	send_refusals(in);
	send_acts(in);
	send_taken(in, n, more);
}

static void
release(struct intake *in, struct wire_reader *r)
{
	struct po_err err;
	size_t n = 0;

	while (n < BATCH_MAX && r->left > 0 && wire_get_id(r, &in->ids[n]))
		n++;
	if (ingest_release(in->ingest, in->ids, n, &err) == -1)
		send_note(in, err.text);
}

static void
serve_one(struct intake *in)
{
	struct wire_reader r;
	uint8_t type;
	ssize_t len;
	int fd;

	len = wire_receive(in->setup->sock, in->space, &fd, false);
	if (fd != -1)
		(void)close(fd);
	if (len == -1 && errno == EINTR)
		return;
	r = (struct wire_reader){ (const unsigned char *)in->space,
		len < 0 ? 0 : (size_t)len };
	if (len <= 0 || !wire_get_u8(&r, &type)) {
		in->ended = true;
		return;
	}
	if (type == WIRE_SCAN)
		scan(in, &r);
	else if (type == WIRE_RELEASE)
		release(in, &r);
}

/* Unlinking is slow and nobody waits for it: between requests, until trash/ is
 * empty. */
static void
serve(struct intake *in)
{
	struct pollfd p = { in->setup->sock, POLLIN, 0 };
	bool trash = true;
	int n;

	while (!in->ended) {
		n = poll(&p, 1, trash ? IDLE_MS : -1);
		if (n == -1 && errno != EINTR)
			return;
		if (n == 0) {
			trash =
			    ingest_idle(in->ingest, UNLINK_AT_ONCE, NULL) > 0;
			continue;
		}
		if (n > 0) {
			serve_one(in);
			trash = true;
		}
	}
}

int
intake_main(const struct intake_setup *setup)
{
	struct intake in = { .setup = setup };
	struct po_err err;

	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) == -1 ||
	    getppid() != setup->parent)
		return 75;
	in.taken = calloc(BATCH_MAX, sizeof(*in.taken));
	in.ids = calloc(BATCH_MAX, sizeof(*in.ids));
	in.space = malloc(WIRE_MAX_BYTES);
	buf_init(&in.out, WIRE_MAX_BYTES);
	if (in.taken == NULL || in.ids == NULL || in.space == NULL)
		return 75;
	if (sandbox_ingester(setup->spool->path, !setup->sandbox, &err) == -1) {
		log_line(LOG_LEVEL_ERROR, "%s (sandbox = false does without)",
		    err.text);
		return 75;
	}
	if (ingest_new(setup->spool, setup->conf, &in.ingest, &err) == -1) {
		log_line(LOG_LEVEL_ERROR, "%s", err.text);
		return 75;
	}
	serve(&in);
	(void)ingest_idle(in.ingest, UNLINK_AT_ONCE, NULL);
	ingest_free(in.ingest);
	buf_clear(&in.out);
	free(in.space);
	free(in.taken);
	free(in.ids);
	return 0;
}
