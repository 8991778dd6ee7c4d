/* SPDX-License-Identifier: ISC */
/*
 * What the children say. Results, ids and requests are gathered here until the
 * next tick; nothing of it touches the index.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "queue/runner_state.h"
#include "util/fd.h"
#include "util/grow.h"
#include "util/wallclock.h"

static int
read_results(struct runner *r, struct child *ch, struct wire_reader *in,
    struct po_err *err)
{
	struct wire_result res;
	void *array;

	while (in->left > 0) {
		if (!wire_get_result(in, &res))
			return po_fail(err, PO_EPROTOCOL,
			    "worker %d sent a result that cannot be read",
			    (int)ch->pid);
		array = grow_array(r->results, r->n_results, &r->cap_results,
		    sizeof(*r->results));
		if (array == NULL)
			return po_fail(err, PO_EOS, "no memory for results");
		r->results = array;
		res.status = arena_strdup(&r->results_arena, res.status);
		res.relay = arena_strdup(&r->results_arena, res.relay);
		res.text = arena_strdup(&r->results_arena, res.text);
		if (res.status == NULL || res.relay == NULL || res.text == NULL)
			return po_fail(err, PO_EOS, "no memory for results");
		if (r->n_results == 0)
			r->results_ms = monotonic_ms();
		r->results[r->n_results++] =
		    (struct pending_result){ .child = ch, .r = res };
	}
	return 0;
}

static int
read_taken(struct runner *r, struct wire_reader *in, struct po_err *err)
{
	uint8_t end, more;
	struct ingest_taken taken;
	void *array;

	if (!wire_get_u8(in, &end) || !wire_get_u8(in, &more))
		return po_fail(err, PO_EPROTOCOL,
		    "the ingester sent a line that cannot be read");
	while (in->left > 0) {
		if (!wire_get_taken(in, &taken))
			return po_fail(err, PO_EPROTOCOL,
			    "the ingester sent an id that cannot be read");
		array = grow_array(r->taken, r->n_taken, &r->cap_taken,
		    sizeof(*r->taken));
		if (array == NULL)
			return po_fail(err, PO_EOS,
			    "no memory for new messages");
		r->taken = array;
		r->taken[r->n_taken++] = taken;
		r->scan_found = true;
	}
	if (end != 0) {
		r->scanning = false;
		r->heard = true;
		if (more != 0)
			r->scan_found = true;
	}
	return 0;
}

static struct act *
new_act(struct runner *r, struct po_err *err)
{
	void *array =
	    grow_array(r->acts, r->n_acts, &r->cap_acts, sizeof(*r->acts));
	struct act *a;

	if (array == NULL) {
		(void)po_fail(err, PO_EOS, "no memory for a request");
		return NULL;
	}
	r->acts = array;
	a = &r->acts[r->n_acts++];
	memset(a, 0, sizeof(*a));
	a->fd = -1;
	return a;
}

/* A new ingester tells of those that are at work once more. */
static bool
knows_act(const struct runner *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->n_acts; i++)
		if (strcmp(r->acts[i].name, name) == 0)
			return true;
	return false;
}

static int
read_act(struct runner *r, struct wire_reader *in, int *fd, struct po_err *err)
{
	struct act *a;
	const char *name;
	uint32_t uid;

	if (*fd == -1 || !wire_get_u32(in, &uid) ||
	    !wire_get_text(in, sizeof(a->name), &name))
		return po_fail(err, PO_EPROTOCOL,
		    "the ingester sent a request that cannot be read");
	if (knows_act(r, name))
		return 0;
	a = new_act(r, err);
	if (a == NULL)
		return -1;
	a->uid = uid;
	a->fd = *fd;
	*fd = -1;
	(void)snprintf(a->name, sizeof(a->name), "%s", name);
	r->scan_found = true;
	return 0;
}

static int
read_note(struct runner *r, struct wire_reader *in, struct po_err *err)
{
	const char *text;

	if (!wire_get_text(in, 1024, &text))
		return po_fail(err, PO_EPROTOCOL,
		    "the ingester sent a note that cannot be read");
	r->counts->refused++;
	r->heard = true;
	log_set_program("po/pickup");
	log_line(LOG_LEVEL_WARNING, "%s", text);
	log_set_program("po/queue");
	return 0;
}

/* Behind the results that came before it. */
static int
read_closed(struct runner *r, struct child *ch, struct po_err *err)
{
	void *array = grow_array(r->results, r->n_results, &r->cap_results,
	    sizeof(*r->results));

	if (array == NULL)
		return po_fail(err, PO_EOS, "no memory for results");
	r->results = array;
	if (r->n_results == 0)
		r->results_ms = monotonic_ms();
	r->results[r->n_results++] =
	    (struct pending_result){ .child = ch, .closed = true };
	return 0;
}

static int
read_worker(struct runner *r, struct child *ch, uint8_t type,
    struct wire_reader *in, struct po_err *err)
{
	switch (type) {
	case WIRE_RESULTS:
		return read_results(r, ch, in, err);
	case WIRE_CLOSED:
		return read_closed(r, ch, err);
	default:
		return po_fail(err, PO_EPROTOCOL,
		    "a worker sent something else than results");
	}
}

static int
read_datagram(struct runner *r, struct child *ch, const void *space, size_t len,
    int *fd, struct po_err *err)
{
	struct wire_reader in = { space, len };
	uint8_t type;

	if (!wire_get_u8(&in, &type))
		return 0;
	if (ch->kind == CHILD_WORKER)
		return read_worker(r, ch, type, &in, err);
	switch (type) {
	case WIRE_TAKEN:
		return read_taken(r, &in, err);
	case WIRE_ACT:
		return read_act(r, &in, fd, err);
	case WIRE_NOTE:
		return read_note(r, &in, err);
	default:
		return po_fail(err, PO_EPROTOCOL,
		    "the ingester sent something unknown");
	}
}

/* A child that does not keep to the protocol. It may be dead and reaped by now:
 * then there is no pid to signal. */
static void
end_child(struct child *ch, const char *why)
{
	log_line(LOG_LEVEL_ERROR, "%s; it is ended", why);
	if (ch->pid != 0)
		(void)kill(ch->pid, SIGKILL);
	crew_close(ch);
}

int
runner_drain(struct runner *r, struct child *ch, size_t max, struct po_err *err)
{
	ssize_t n;
	int fd, rc;

	while (ch->sock != -1 && max-- > 0) {
		n = wire_receive(ch->sock, r->space, &fd, true);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0) {
			crew_close(ch);
			return 0;
		}
		rc = read_datagram(r, ch, r->space, (size_t)n, &fd, err);
		fd_close(&fd);
		if (rc == -1 && err->code != PO_EPROTOCOL)
			return -1;
		if (rc == -1)
			end_child(ch, err->text);
		else if (ch->kind == CHILD_WORKER) {
			ch->full = false;
			r->deaths = 0;
		}
	}
	return 0;
}

int
runner_ask_flush(struct runner *r, const struct selection *which,
    struct po_err *err)
{
	struct act *a = new_act(r, err);

	if (a == NULL)
		return -1;
	a->uid = r->setup->spool->uid;
	a->state = ACT_ERRAND;
	a->errand = errand_new(act_verb_find(SPAN_LIT("flush")), a->uid, which);
	return 0;
}

void
runner_ask_scan(struct runner *r)
{
	struct child *ch = &r->crew.all[0];
	struct buf b;

	if (ch->sock == -1 || r->scanning ||
	    r->n_taken > (size_t)r->setup->queue->batch) /* enough for now */
		return;
	buf_init(&b, 16);
	if (wire_put_u8(&b, WIRE_SCAN) &&
	    wire_put_u8(&b,
	        r->slots_dirty && monotonic_ms() >= r->slot_sync_ms ? 1 : 0) &&
	    wire_put_u32(&b, (uint32_t)r->setup->queue->batch) &&
	    wire_send(ch->sock, &b, -1, false) == 1) {
		r->scanning = true;
		r->scan_found = false;
		r->scan_activity = r->activity;
		r->scan_ms = monotonic_ms();
		if (b.p[1] == 1) {
			r->slots_dirty = false;
			r->slot_sync_ms = monotonic_ms() +
			                  r->setup->queue->slot_sync_s * 1000;
		}
	}
	buf_clear(&b);
}
