/* SPDX-License-Identifier: ISC */
/*
 * The steps of a tick, in this order, because each may feed the next: moves that are done leave the index, new messages
 * come in, results are settled, acts applied, due mail made ready, and claims taken for whoever has room. Jobs go out only
 * behind the commit.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "queue/act.h"
#include "queue/cleanup.h"
#include "queue/deal.h"
#include "queue/place.h"
#include "queue/recover.h"
#include "queue/retry.h"
#include "queue/runner_state.h"
#include "queue/settle.h"
#include "util/fd.h"
#include "util/wallclock.h"

static int
begin(struct runner *r, struct tick *t, struct po_err *err)
{
	memset(t, 0, sizeof(*t));
	arena_clear(&r->tick_arena);
	t->now = wallclock_now();
	t->after = r->after;
	t->hops = r->hops;
	t->spool = r->setup->spool;
	t->conf = r->setup->queue;
	t->deliver_conf = r->setup->deliver_conf;
	arena_init(&t->arena, 1u << 30);
	return index_begin(r->ix, INDEX_WRITE, &t->tx, err);
}

static int
forget_moved(struct runner *r, struct tick *t, struct po_err *err)
{
	const struct queue_id *ids;
	size_t i, n;

	ids = after_moved(r->after, &n);
	for (i = 0; i < n; i++)
		if (index_move_delete(t->tx, &ids[i], err) == -1)
			return -1;
	after_forget_moved(r->after);
	return 0;
}

/* ------------------------------------------------------------------ new messages */

static void
log_taken(struct tick *t, const struct index_message *m, const struct envelope *env)
{
	struct buf sender, msgid;

	buf_init(&sender, 2000);
	buf_init(&msgid, 2000);
	(void)log_escape(&sender, span_of(m->sender), 400);
	(void)log_escape(&msgid, span_of(env->msgid == NULL ? "<>" : env->msgid), 400);
	after_log(t->after, "po/pickup", LOG_LEVEL_INFO, "%s: uid=%u from=<%s>", m->id.text, m->uid, buf_str(&sender));
	after_log(t->after, "po/cleanup", LOG_LEVEL_INFO, "%s: message-id=%s", m->id.text, buf_str(&msgid));
	after_log(t->after, "po/qmgr", LOG_LEVEL_INFO, "%s: from=<%s>, size=%llu, nrcpt=%u (queue active)", m->id.text,
	    buf_str(&sender), (unsigned long long)m->size, m->n_recipients);
	buf_clear(&sender);
	buf_clear(&msgid);
}

static int
index_new(struct runner *r, struct tick *t, struct message_file *f, struct po_err *err)
{
	struct index_message m;
	struct envelope env;

	if (file_read_envelope(f, &t->arena, &env, err) == -1 || spool_index_file(f, t->tx, &t->arena, &m, err) == -1)
		return -1;
	log_taken(t, &m, &env);
	r->counts->taken++;
	return place_message(t, &m, err);
}

static int
take_in(struct runner *r, struct tick *t, const struct queue_id *id, struct po_err *err)
{
	struct index_message m;
	struct message_file f;
	bool in_done;
	int rc;

	rc = index_message_get(t->tx, id, &t->arena, &m, err);
	if (rc != 0)
		return rc == 1 ? 0 : -1; /* known: a repeat that was not released */
	rc = spool_find(t->spool, id, false, &f, &in_done, err);
	if (rc == 1) {
		rc = index_new(r, t, &f, err);
		file_close(&f);
	}
	if (rc == -1 && err->code == PO_ECORRUPT) {
		after_log(t->after, "po/pickup", LOG_LEVEL_ERROR, "%s: cannot be read back: %s", id->text, err->text);
		return 0;
	}
	return rc == -1 ? -1 : 0;
}

static int
take_in_all(struct runner *r, struct tick *t, struct po_err *err)
{
	size_t i;

	for (i = 0; i < r->n_taken; i++)
		if (take_in(r, t, &r->taken[i], err) == -1)
			return -1;
	if (r->n_taken > 0)
		r->ready_maybe = true;
	return 0;
}

/* ------------------------------------------------------------------ results */

static void
note_hop(struct runner *r, struct tick *t, uint32_t number, const struct wire_result *res)
{
	struct hop *hop = hops_by_number(r->hops, t->tx, number, NULL);

	if (hop == NULL)
		return;
	if (res->hop_down && hop->host.backoff_until <= t->now) {
		hop->host.failures++;
		hop->host.backoff_until = t->now + retry_hop_wait_s(hop->host.failures, (uint32_t)monotonic_ms());
		hop->dirty = true;
	} else if (!res->hop_down && res->state == DELIVERY_SENT && hop->host.failures > 0) {
		hop->host.failures = 0;
		hop->host.backoff_until = 0;
		hop->dirty = true;
	}
}

static void
count(struct runner *r, enum delivery_state s)
{
	switch (s) {
	case DELIVERY_SENT:
		r->counts->sent++;
		break;
	case DELIVERY_DEFERRED:
		r->counts->deferred++;
		break;
	case DELIVERY_FAILED:
		r->counts->failed++;
		break;
	case DELIVERY_IN_DOUBT:
		r->counts->in_doubt++;
		break;
	case DELIVERY_UNTOUCHED:
		break;
	}
}

static void
drop_job(struct runner *r, struct tick *t, struct child *ch, struct held_job *job)
{
	struct hop *hop = hops_by_number(r->hops, t->tx, job->hop, NULL);

	if (hop != NULL && hop->in_flight > 0)
		hop->in_flight--;
	crew_drop(ch, job);
	ch->done++;
	r->ready_maybe = true;
}

static int
settle_result(struct runner *r, struct tick *t, const struct pending_result *p, struct po_err *err)
{
	struct held_job *job = crew_find(p->child, &p->r.id, p->r.attempt);
	struct index_message m;
	int rc;

	if (job == NULL) {
		after_log(t->after, "po/qmgr", LOG_LEVEL_WARNING, "%s: a result from a worker that does not hold this job",
		    p->r.id.text);
		return 0;
	}
	rc = index_message_get(t->tx, &p->r.id, &t->arena, &m, err);
	if (rc != 1)
		return rc == 0 ? po_fail(err, PO_ECORRUPT, "%s: claimed, but not in the index", p->r.id.text) : -1;
	if (p->r.damaged) {
		rc = settle_damaged(t, &m, p->r.text, err);
		drop_job(r, t, p->child, job);
		return rc;
	}
	if (p->r.recipient == UINT32_MAX && p->r.state == DELIVERY_DEFERRED) {
		job->touched = true;
		after_log(t->after, "po/qmgr", LOG_LEVEL_ERROR, "%s: deferred: %s", p->r.id.text, p->r.text);
	} else if (p->r.recipient != UINT32_MAX) {
		job->touched = job->touched || p->r.state != DELIVERY_UNTOUCHED;
		job->in_doubt = job->in_doubt || p->r.state == DELIVERY_IN_DOUBT;
		note_hop(r, t, job->hop, &p->r);
		count(r, p->r.state);
		if (settle_recipient(t, &m, &p->r, err) == -1)
			return -1;
	}
	if (!p->r.last)
		return index_message_put(t->tx, &m, err);
	rc = settle_end(t, &m, p->r.attempt, job->touched, job->in_doubt, err);
	drop_job(r, t, p->child, job);
	return rc;
}

static int
settle_all(struct runner *r, struct tick *t, struct po_err *err)
{
	size_t i;

	for (i = 0; i < r->n_results; i++)
		if (settle_result(r, t, &r->results[i], err) == -1)
			return -1;
	if (r->n_results > 0)
		r->slots_dirty = true;
	return 0;
}

/* ------------------------------------------------------------------ dealing */

static struct child *
child_with_room(struct runner *r)
{
	struct child *best = NULL, *ch;
	size_t i;

	for (i = 1; i < r->crew.n; i++) {
		ch = &r->crew.all[i];
		if (ch->sock == -1 || ch->n_jobs >= ch->quota)
			continue;
		if (best == NULL || ch->n_jobs < best->n_jobs)
			best = ch;
	}
	return best;
}

/* A child holds about twice what it did since the last tick, so that it never waits for one. */
static void
set_quotas(struct runner *r)
{
	struct child *ch;
	size_t i;

	for (i = 1; i < r->crew.n; i++) {
		ch = &r->crew.all[i];
		ch->quota = 2 + 2 * ch->done;
		if (ch->quota > WORKER_MAX_JOBS)
			ch->quota = WORKER_MAX_JOBS;
		ch->done = 0;
	}
}

static bool
room_for(void **array, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap == 0 ? 64 : *cap * 2;
	void *p;

	if (n < *cap)
		return true;
	p = realloc(*array, more * size);
	if (p == NULL)
		return false;
	*array = p;
	*cap = more;
	return true;
}

static int
deal_one(struct runner *r, struct tick *t, struct child *ch, struct po_err *err)
{
	struct dealt_job *d;
	void *array = r->dealt;
	uint32_t hop;
	int rc;

	if (!room_for(&array, r->n_dealt, &r->cap_dealt, sizeof(*r->dealt)))
		return po_fail(err, PO_EOS, "no memory for %zu jobs", r->n_dealt);
	r->dealt = array;
	d = &r->dealt[r->n_dealt];
	rc = deal_next(t, &d->job, r->setup->only, &hop, err);
	if (rc != 1)
		return rc;
	d->child = ch;
	r->n_dealt++;
	if (ch->n_jobs == 0)
		ch->heard_ms = monotonic_ms();
	ch->jobs[ch->n_jobs++] = (struct held_job){ d->job.id, d->job.attempt, hop, false, false };
	return 1;
}

static int
deal_all(struct runner *r, struct tick *t, struct po_err *err)
{
	struct child *ch;
	int rc;

	if (r->stopping || r->setup->ingest_only)
		return 0;
	set_quotas(r);
	while ((ch = child_with_room(r)) != NULL) {
		rc = deal_one(r, t, ch, err);
		if (rc == -1)
			return -1;
		if (rc == 0) {
			r->ready_maybe = false;
			return 0;
		}
	}
	rc = deal_any(t, err);
	r->ready_maybe = rc == 1;
	return rc == -1 ? -1 : 0;
}

/* ------------------------------------------------------------------ behind the commit */

static void
add_result(struct runner *r, struct child *ch, const struct wire_result *res)
{
	void *array = r->results;

	if (!room_for(&array, r->n_results, &r->cap_results, sizeof(*r->results)))
		return; /* the claim stays; the next start settles it */
	r->results = array;
	r->results[r->n_results++] = (struct pending_result){ ch, *res };
}

/* The job could not be handed out: settle it in the next tick as if the worker had said so. */
static void
bounce_job(struct runner *r, const struct dealt_job *d, bool damaged, const char *why)
{
	char *text = arena_strdup(&r->results_arena, why);
	struct wire_result res = {
		.id = d->job.id,
		.attempt = d->job.attempt,
		.recipient = UINT32_MAX,
		.state = DELIVERY_UNTOUCHED,
		.last = true,
		.damaged = damaged,
		.status = "",
		.relay = "",
		.text = text == NULL ? "" : text,
	};

	add_result(r, d->child, &res);
}

static void
hand_out_one(struct runner *r, const struct dealt_job *d, struct buf *b)
{
	char folder[3], path[64];
	int fd;

	queue_id_folder(&d->job.id, folder);
	(void)snprintf(path, sizeof(path), "%s/%s", folder, d->job.id.text);
	fd = openat(r->setup->spool->queue, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1) {
		bounce_job(r, d, errno == ENOENT || errno == ELOOP, strerror(errno));
		return;
	}
	buf_reset(b);
	if (!wire_put_u8(b, WIRE_JOB) || !wire_put_job(b, &d->job) || wire_send(d->child->sock, b, fd, true) != 1)
		bounce_job(r, d, false, "");
	(void)close(fd);
}

static void
hand_out(struct runner *r)
{
	struct buf b;
	size_t i;

	buf_init(&b, WIRE_MAX_BYTES);
	for (i = 0; i < r->n_dealt; i++)
		hand_out_one(r, &r->dealt[i], &b);
	buf_clear(&b);
	r->n_dealt = 0;
}

static void
release(struct runner *r)
{
	struct child *ch = &r->crew.all[0];
	struct buf b;
	size_t i;

	buf_init(&b, WIRE_MAX_BYTES);
	(void)wire_put_u8(&b, WIRE_RELEASE);
	for (i = 0; i < r->n_taken; i++) {
		(void)wire_put_id(&b, &r->taken[i]);
		if (b.len + QUEUE_ID_LEN > WIRE_MAX_BYTES || i + 1 == r->n_taken) {
			if (ch->sock != -1)
				(void)wire_send(ch->sock, &b, -1, false);
			buf_reset(&b);
			(void)wire_put_u8(&b, WIRE_RELEASE);
		}
	}
	buf_clear(&b);
	r->n_taken = 0;
}

static int
look_ahead(struct runner *r, struct tick *t, struct po_err *err)
{
	struct queue_id id;
	int rc = index_due_first(t->tx, &r->next_due, &id, err);

	if (rc == 0)
		r->next_due = 0;
	return rc == -1 ? -1 : 0;
}

static int
make_ready(struct runner *r, struct tick *t, struct po_err *err)
{
	int n;

	if (r->setup->only != NULL) {
		if (r->only_done)
			return 0;
		n = act_make_due(t, r->setup->only, err);
		r->only_done = r->counts->only_found = n == 1;
		r->ready_maybe = n == 1;
		return n == -1 ? -1 : 0;
	}
	n = place_due(t, r->setup->queue->batch, err);
	if (n > 0)
		r->ready_maybe = true;
	r->due_more = n == r->setup->queue->batch;
	return n == -1 ? -1 : 0;
}

static int
steps(struct runner *r, struct tick *t, struct po_err *err)
{
	if (forget_moved(r, t, err) == -1 || take_in_all(r, t, err) == -1 || settle_all(r, t, err) == -1)
		return -1;
	if (act_apply_all(t, r->acts, r->n_acts, &r->cleanup, err) == -1)
		return -1;
	if (!r->setup->ingest_only && make_ready(r, t, err) == -1)
		return -1;
	if (r->cleanup.wanted && cleanup_step(t, &r->cleanup, err) == -1)
		return -1;
	if (deal_all(r, t, err) == -1 || hops_write(r->hops, t->tx, err) == -1)
		return -1;
	return look_ahead(r, t, err);
}

int
runner_tick(struct runner *r, struct po_err *err)
{
	struct tick t;
	int rc;

	if (begin(r, &t, err) == -1)
		return -1;
	rc = steps(r, &t, err);
	if (rc == -1)
		index_discard(t.tx);
	else
		rc = index_commit(t.tx, err);
	if (rc == 0) {
		r->n_results = 0;
		arena_clear(&r->results_arena);
		after_run(r->after, r->setup->spool);
		act_answer_all(r->acts, r->n_acts, r->setup->spool);
		r->n_acts = 0;
		release(r);
		hand_out(r);
		r->activity++;
	}
	arena_clear(&t.arena);
	return rc;
}

int
runner_recover(struct runner *r, struct po_err *err)
{
	char boot[40], before[64] = "";
	struct tick t;
	size_t claims = 0;
	int rc;

	lock_boot_id(boot);
	if (begin(r, &t, err) == -1)
		return -1;
	rc = index_meta_get(t.tx, "boot", before, sizeof(before), err);
	if (rc != -1)
		rc = recover_all(&t, strcmp(boot, before) != 0 && before[0] != '\0', &claims, err);
	if (rc == 0 && r->setup->flush)
		rc = act_flush(&t, err);
	if (rc == 0)
		rc = hops_write(r->hops, t.tx, err);
	if (rc == 0)
		rc = index_meta_put(t.tx, "boot", boot, err);
	if (rc == 0)
		rc = index_commit(t.tx, err);
	else
		index_discard(t.tx);
	if (rc == 0) {
		if (claims > 0)
			log_line(LOG_LEVEL_WARNING, "recovered %zu messages that a crash left in delivery", claims);
		after_run(r->after, r->setup->spool);
	}
	arena_clear(&t.arena);
	return rc;
}

static bool
can_deal(const struct runner *r)
{
	size_t i;

	if (!r->ready_maybe)
		return false;
	for (i = 1; i < r->crew.n; i++)
		if (r->crew.all[i].sock != -1 && r->crew.all[i].n_jobs < r->crew.all[i].quota)
			return true;
	return false;
}

bool
runner_has_work(const struct runner *r)
{
	size_t n;

	(void)after_moved(r->after, &n);
	if (n > 0 || r->n_results > 0 || r->n_taken > 0 || r->n_acts > 0)
		return true;
	if (r->stopping || r->setup->ingest_only)
		return false;
	if (can_deal(r) || r->cleanup.wanted)
		return true;
	if (r->setup->only != NULL)
		return false;
	return r->due_more || (r->next_due != 0 && r->next_due <= wallclock_now());
}
