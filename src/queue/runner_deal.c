/* SPDX-License-Identifier: ISC */
/*
 * Who gets what: claims are taken inside the tick, for children that have room,
 * and the jobs are handed out behind its commit.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "queue/runner_state.h"
#include "util/grow.h"
#include "util/wallclock.h"

#define AHEAD_MAX_MS 640u
#define FILES_KEPT 128u /* of the limit: what is open for other reasons */

static bool
has_room(const struct child *ch)
{
	return ch->sock != -1 && !ch->full && !ch->probing &&
	       !ch->passed_over && ch->n_jobs < ch->quota;
}

static struct child *
child_with_room(struct runner *r)
{
	struct child *best = NULL, *ch;
	size_t i;

	for (i = 1; i < r->crew.n; i++) {
		ch = &r->crew.all[i];
		if (!has_room(ch))
			continue;
		if (best == NULL || ch->n_jobs < best->n_jobs)
			best = ch;
	}
	return best;
}

/*
 * The kernel counts the descriptors on their way between processes against the
 * limit of open files, so the limit is shared by all workers.
 */
static uint32_t
most_jobs(const struct runner *r)
{
	struct rlimit files;
	rlim_t share;

	if (getrlimit(RLIMIT_NOFILE, &files) == -1 ||
	    files.rlim_cur <= FILES_KEPT)
		return 2;
	share =
	    (files.rlim_cur - FILES_KEPT) / (r->crew.n == 0 ? 1 : r->crew.n);
	return share > WORKER_MAX_JOBS ? WORKER_MAX_JOBS
	       : share < 2             ? 2
	                               : (uint32_t)share;
}

/*
 * A child holds what it does in ahead_ms by its own pace, so that it never
 * waits for a commit, and little where the server is slow, so that no message
 * stands behind a stalled one without need. One that was given all it may hold
 * and was through with it all the same waited: its pace says nothing then (it
 * is that of the commits), and it needs more to last for as long as a commit
 * takes here and now.
 */
static void
set_quota(struct child *ch, uint32_t most, int64_t now_ms)
{
	int64_t elapsed_ms = now_ms - ch->quota_ms;
	uint64_t wanted;

	if (ch->done == 0 || elapsed_ms <= 0)
		return;
	wanted = 2 + (uint64_t)ch->done * ch->ahead_ms / (uint64_t)elapsed_ms;
	if (ch->starved) {
		ch->ahead_ms = ch->ahead_ms * 2 > AHEAD_MAX_MS
		                   ? AHEAD_MAX_MS
		                   : ch->ahead_ms * 2;
		if (wanted < ch->quota * UINT64_C(2))
			wanted = ch->quota * UINT64_C(2);
	} else {
		ch->ahead_ms -= (ch->ahead_ms - CREW_AHEAD_MS) / 32;
		wanted = (ch->quota + wanted + 1) / 2;
	}
	ch->quota = wanted > most ? most : (uint32_t)wanted;
	ch->starved = false;
	ch->done = 0;
	ch->quota_ms = now_ms;
}

static void
set_quotas(struct runner *r)
{
	uint32_t most = most_jobs(r);
	int64_t now_ms = monotonic_ms();
	size_t i;

	for (i = 1; i < r->crew.n; i++)
		set_quota(&r->crew.all[i], most, now_ms);
}

static int
deal_one(struct runner *r, struct tick *t, struct child *ch, struct po_err *err)
{
	struct dealt_job *d;
	void *array;
	int rc;

	array =
	    grow_array(r->dealt, r->n_dealt, &r->cap_dealt, sizeof(*r->dealt));
	if (array == NULL)
		return po_fail(err, PO_EOS, "no memory for %zu jobs",
		    r->n_dealt);
	r->dealt = array;
	d = &r->dealt[r->n_dealt];
	t->worker = ch;
	rc = deal_next(t, &d->deal, r->setup->only,
	    ch->run < DEAL_RUN ? ch->hop : 0, err);
	if (rc != 1)
		return rc;
	d->child = ch;
	ch->run =
	    ch->hop == d->deal.hop && ch->run < DEAL_RUN ? ch->run + 1 : 1;
	ch->hop = d->deal.hop;
	r->n_dealt++;
	if (ch->n_jobs == 0)
		ch->heard_ms = monotonic_ms();
	ch->jobs[ch->n_jobs++] = (struct held_job){ .id = d->deal.job.id,
		.attempt = d->deal.job.attempt,
		.hop = d->deal.hop,
		.relay = d->deal.relay,
		.probe = d->deal.probe,
		.end = { .attempt = d->deal.job.attempt, .hop = d->deal.hop } };
	ch->probing = d->deal.probe;
	crew_add_relay(ch, d->deal.relay);
	return 1;
}

/* Until nobody has room (1), or nothing can be dealt to anybody (0). A relay
 * that has all its connections takes more from those who hold them. */
static int
deal_round(struct runner *r, struct tick *t, struct po_err *err)
{
	struct child *ch;
	size_t i;
	int rc = 1;

	for (i = 1; i < r->crew.n; i++)
		r->crew.all[i].passed_over = false;
	while (rc == 1 && (ch = child_with_room(r)) != NULL) {
		t->connections_full = false;
		rc = deal_one(r, t, ch, err);
		if (rc == 0 && t->connections_full) {
			ch->passed_over = true;
			rc = 1;
		}
	}
	for (i = 1; i < r->crew.n; i++) {
		ch = &r->crew.all[i];
		if (rc == 1 && ch->passed_over)
			rc = 0;
		ch->passed_over = false;
		ch->filled = ch->n_jobs >= ch->quota;
	}
	return rc;
}

int
runner_deal(struct runner *r, struct tick *t, struct po_err *err)
{
	int rc;

	if (r->stopping || r->setup->ingest_only)
		return 0;
	set_quotas(r);
	t->crew = &r->crew;
	rc = deal_round(r, t, err);
	if (rc == 1) {
		t->worker = NULL;
		rc = deal_any(t, err);
	}
	r->ready_maybe = rc == 1;
	/* Not every deal looks at all hops. */
	if (r->limited_until_ms <= t->now_ms ||
	    (t->limited_until_ms != 0 &&
	        t->limited_until_ms < r->limited_until_ms))
		r->limited_until_ms = t->limited_until_ms;
	return rc == -1 ? -1 : 0;
}

static void
add_result(struct runner *r, struct child *ch, const struct wire_result *res)
{
	void *array = grow_array(r->results, r->n_results, &r->cap_results,
	    sizeof(*r->results));

	if (array == NULL)
		return; /* the claim stays; the next start settles it */
	r->results = array;
	r->results[r->n_results++] =
	    (struct pending_result){ .child = ch, .r = *res };
}

/* The job could not be handed out: settle it in the next tick as if the worker
 * had said so. */
static void
bounce_job(struct runner *r, const struct dealt_job *d, bool damaged,
    bool counts, const char *why)
{
	char *text = arena_strdup(&r->results_arena, why);
	struct wire_result res = {
		.id = d->deal.job.id,
		.attempt = d->deal.job.attempt,
		.recipient = UINT32_MAX,
		.state = counts ? DELIVERY_DEFERRED : DELIVERY_UNTOUCHED,
		.last = true,
		.damaged = damaged,
		.status = "",
		.relay = "",
		.text = text == NULL ? "" : text,
	};

	add_result(r, d->child, &res);
}

/*
 * What it cannot be sent to: 0 its socket is full of jobs, so that it will be
 * heard of; it is ending (EPIPE); or a failure of ours, tried again later.
 */
static void
bounce_unsent(struct runner *r, const struct dealt_job *d, int rc, int error)
{
	bool counts = rc == -1 && error != EPIPE && error != ECONNRESET;

	d->child->full = rc == 0;
	bounce_job(r, d, false, counts, counts ? strerror(error) : "");
}

/* The file of a job, or -1: it is not handed out. */
static int
open_file(struct runner *r, const struct dealt_job *d)
{
	char folder[3], path[64];
	bool gone;
	int fd;

	queue_id_folder(&d->deal.job.id, folder);
	(void)snprintf(path, sizeof(path), "%s/%s", folder,
	    d->deal.job.id.text);
	fd = openat(r->setup->spool->queue, path,
	    O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1) {
		/* What is there and cannot be opened now is tried again later,
		 * as an attempt: at once would be without end. */
		gone = errno == ENOENT || errno == ELOOP;
		bounce_job(r, d, gone, !gone, strerror(errno));
	}
	return fd;
}

/* Jobs of one child that go out with one datagram. */
struct parcel {
	struct buf bytes;
	const struct dealt_job *jobs[WIRE_MAX_FILES];
	int fds[WIRE_MAX_FILES];
	size_t n;
};

static void
send_parcel(struct runner *r, struct parcel *p)
{
	size_t i;
	int rc, error;

	if (p->n == 0)
		return;
	rc = wire_send_files(p->jobs[0]->child->sock, &p->bytes, p->fds, p->n,
	    true);
	error = errno;
	for (i = 0; i < p->n; i++) {
		if (rc != 1)
			bounce_unsent(r, p->jobs[i], rc, error);
		(void)close(p->fds[i]);
	}
	buf_reset(&p->bytes);
	p->n = 0;
}

static void
pack(struct runner *r, struct parcel *p, const struct dealt_job *d)
{
	int fd = open_file(r, d);
	size_t before;

	if (fd == -1)
		return;
	if (p->n == WIRE_MAX_FILES ||
	    p->bytes.len + WIRE_MAX_JOB > WIRE_MAX_BYTES)
		send_parcel(r, p);
	before = p->bytes.len;
	if ((before > 0 || wire_put_u8(&p->bytes, WIRE_JOBS)) &&
	    wire_put_job(&p->bytes, &d->deal.job)) {
		p->jobs[p->n] = d;
		p->fds[p->n++] = fd;
		return;
	}
	p->bytes.len = before;
	bounce_unsent(r, d, -1, ENOMEM);
	(void)close(fd);
}

void
runner_hand_out(struct runner *r)
{
	struct parcel p = { .n = 0 };
	size_t i, k;

	if (r->n_dealt == 0)
		return;
	buf_init(&p.bytes, WIRE_MAX_BYTES);
	for (i = 0; i < r->n_dealt; i++) {
		struct deal *d = &r->dealt[i].deal;

		d->job.shared = crew_holders(&r->crew, d->relay) > 1;
	}
	for (k = 1; k < r->crew.n; k++) {
		for (i = 0; i < r->n_dealt; i++)
			if (r->dealt[i].child == &r->crew.all[k])
				pack(r, &p, &r->dealt[i]);
		send_parcel(r, &p);
	}
	buf_clear(&p.bytes);
	r->n_dealt = 0;
}

bool
runner_can_deal(const struct runner *r)
{
	size_t i;

	if (!r->ready_maybe)
		return false;
	for (i = 1; i < r->crew.n; i++)
		if (has_room(&r->crew.all[i]))
			return true;
	return false;
}
