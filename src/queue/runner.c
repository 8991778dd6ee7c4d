/* SPDX-License-Identifier: ISC */
/*
 * The loop around the ticks: children, sockets, signals, time. A tick begins when there is something to commit and the last
 * commit is done; nothing waits for a timer but what is due at a time.
 *
 * Children are forked when there is work for them and while the index is closed, so that a run that finds nothing to do costs one
 * fork, and an LMDB environment never crosses fork(2).
 */
#include "queue/runner.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "queue/intake.h"
#include "queue/notify.h"
#include "queue/recover.h"
#include "queue/runner_state.h"
#include "queue/status.h"
#include "queue/worker.h"
#include "spool/rebuild.h"
#include "util/fd.h"
#include "util/wallclock.h"

#define RESCAN_MS 1000	     /* of drop/, while a run without --watch is busy */
#define WATCH_RESCAN_MS 60000 /* with --watch: should an event be lost */
#define FORK_MS 1000	     /* a dead child is replaced at most this often */
#define STATUS_MS 1000
#define READER_CHECK_MS 60000
#define STUCK_MS (30 * 60 * 1000) /* longer than any message's phases together */
#define KILL_AFTER_MS 5000	 /* beyond stop_grace */

struct events {
	int signals; /* signalfd */
	int drop;    /* inotify, or -1 */
};

/* ------------------------------------------------------------------ the children */

struct child_ctx {
	const struct runner *r;
	const struct events *ev;
};

static int
child_run(void *ctx, enum child_kind kind, int sock, pid_t parent)
{
	const struct child_ctx *c = ctx;
	const struct runner_setup *s = c->r->setup;
	struct events ev = *c->ev;

	fd_close(&ev.signals);
	fd_close(&ev.drop);
	if (kind == CHILD_INTAKE) {
		struct intake_setup setup = { sock, parent, s->spool, s->ingest };

		log_set_program("po/pickup");
		return intake_main(&setup);
	}
	{
		struct worker_setup setup = { sock, parent, s->deliver, s->deliver_conf, s->queue->stop_grace_s };

		log_set_program("po/smtp");
		return worker_main(&setup);
	}
}

static int
open_index(struct runner *r, struct po_err *err)
{
	return index_open(r->setup->spool->dirfd, "index", INDEX_WRITE, &r->ix, err);
}

/* Fork what is missing: the ingester always, workers when `workers`. */
static int
fork_missing(struct runner *r, const struct events *ev, bool workers, struct po_err *err)
{
	struct child_ctx ctx = { r, ev };
	size_t i, n = workers ? r->crew.n : 1;
	int rc = 0;

	index_close(r->ix);
	r->ix = NULL;
	for (i = 0; i < n && rc == 0; i++)
		if (r->crew.all[i].pid == 0 && r->crew.all[i].sock == -1)
			rc = crew_fork(&r->crew, i, child_run, &ctx, err);
	r->fork_ms = monotonic_ms();
	if (open_index(r, err) == -1)
		return -1;
	return rc;
}

static bool
is_missing(const struct runner *r, bool workers)
{
	size_t i, n = workers ? r->crew.n : 1;

	for (i = 0; i < n; i++)
		if (r->crew.all[i].pid == 0 && r->crew.all[i].sock == -1)
			return true;
	return false;
}

static bool
has_worker(const struct runner *r)
{
	size_t i;

	for (i = 1; i < r->crew.n; i++)
		if (r->crew.all[i].sock != -1)
			return true;
	return false;
}

/* A child is gone: the slots of its jobs are the truth. */
static int
bury(struct runner *r, struct child *ch, struct po_err *err)
{
	struct tick t = {
		.now = wallclock_now(),
		.after = r->after,
		.hops = r->hops,
		.spool = r->setup->spool,
		.conf = r->setup->queue,
		.deliver_conf = r->setup->deliver_conf,
	};
	size_t i;
	int rc = 0;

	if (ch->n_jobs == 0)
		return 0;
	arena_init(&t.arena, 256u << 20);
	if (index_begin(r->ix, INDEX_WRITE, &t.tx, err) == -1)
		return -1;
	for (i = 0; i < ch->n_jobs && rc == 0; i++) {
		struct hop *hop = hops_by_number(r->hops, t.tx, ch->jobs[i].hop, NULL);

		if (hop != NULL && hop->in_flight > 0)
			hop->in_flight--;
		rc = recover_claim(&t, &ch->jobs[i].id, ch->jobs[i].attempt, false, err);
	}
	if (rc == 0)
		rc = index_commit(t.tx, err);
	else
		index_discard(t.tx);
	arena_clear(&t.arena);
	if (rc == 0)
		after_run(r->after, r->setup->spool);
	ch->n_jobs = 0;
	r->ready_maybe = true;
	r->activity++;
	return rc;
}

/* ------------------------------------------------------------------ what children say */

static bool
grow(void **array, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap == 0 ? 256 : *cap * 2;
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
read_results(struct runner *r, struct child *ch, struct wire_reader *in, struct po_err *err)
{
	struct wire_result res;
	void *array;

	while (in->left > 0) {
		if (!wire_get_result(in, &res))
			return po_fail(err, PO_EPROTOCOL, "worker %d sent a result that cannot be read", (int)ch->pid);
		array = r->results;
		if (!grow(&array, r->n_results, &r->cap_results, sizeof(*r->results)))
			return po_fail(err, PO_EOS, "no memory for results");
		r->results = array;
		res.status = arena_strdup(&r->results_arena, res.status);
		res.relay = arena_strdup(&r->results_arena, res.relay);
		res.text = arena_strdup(&r->results_arena, res.text);
		if (res.status == NULL || res.relay == NULL || res.text == NULL)
			return po_fail(err, PO_EOS, "no memory for results");
		r->results[r->n_results++] = (struct pending_result){ ch, res };
	}
	return 0;
}

static int
read_taken(struct runner *r, struct wire_reader *in, struct po_err *err)
{
	uint8_t end, more;
	struct queue_id id;
	void *array;

	if (!wire_get_u8(in, &end) || !wire_get_u8(in, &more))
		return po_fail(err, PO_EPROTOCOL, "the ingester sent a line that cannot be read");
	while (in->left > 0) {
		array = r->taken;
		if (!wire_get_id(in, &id) || !grow(&array, r->n_taken, &r->cap_taken, sizeof(*r->taken)))
			return po_fail(err, PO_EPROTOCOL, "the ingester sent an id that cannot be read");
		r->taken = array;
		r->taken[r->n_taken++] = id;
		r->scan_found = true;
	}
	if (end != 0) {
		r->scanning = false;
		if (more != 0)
			r->scan_found = true;
	}
	return 0;
}

static int
read_act(struct runner *r, struct wire_reader *in, int *fd, struct po_err *err)
{
	struct act *a;
	const char *name;
	void *array = r->acts;
	uint32_t uid;

	if (*fd == -1 || !wire_get_u32(in, &uid) || !wire_get_text(in, sizeof(a->name), &name))
		return po_fail(err, PO_EPROTOCOL, "the ingester sent a request that cannot be read");
	if (!grow(&array, r->n_acts, &r->cap_acts, sizeof(*r->acts)))
		return po_fail(err, PO_EOS, "no memory for a request");
	r->acts = array;
	a = &r->acts[r->n_acts++];
	memset(a, 0, sizeof(*a));
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
		return po_fail(err, PO_EPROTOCOL, "the ingester sent a note that cannot be read");
	r->counts->refused++;
	log_set_program("po/pickup");
	log_line(LOG_LEVEL_WARNING, "%s", text);
	log_set_program("po/queue");
	return 0;
}

static int
read_datagram(struct runner *r, struct child *ch, const void *space, size_t len, int *fd, struct po_err *err)
{
	struct wire_reader in = { space, len };
	uint8_t type;

	if (!wire_get_u8(&in, &type))
		return 0;
	if (ch->kind == CHILD_WORKER)
		return type == WIRE_RESULTS ? read_results(r, ch, &in, err) :
						    po_fail(err, PO_EPROTOCOL, "a worker sent something else than results");
	switch (type) {
	case WIRE_TAKEN:
		return read_taken(r, &in, err);
	case WIRE_ACT:
		return read_act(r, &in, fd, err);
	case WIRE_NOTE:
		return read_note(r, &in, err);
	default:
		return po_fail(err, PO_EPROTOCOL, "the ingester sent something unknown");
	}
}

/* Everything that a child has sent; at its end, or when it breaks the protocol, the socket is closed. */
static int
drain(struct runner *r, struct child *ch, struct po_err *err)
{
	static char space[WIRE_MAX_BYTES];
	ssize_t n;
	int fd, rc;

	while (ch->sock != -1) {
		n = wire_receive(ch->sock, space, &fd, true);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0) {
			crew_close(ch);
			return 0;
		}
		ch->heard_ms = monotonic_ms();
		rc = read_datagram(r, ch, space, (size_t)n, &fd, err);
		fd_close(&fd);
		if (rc == -1 && err->code == PO_EPROTOCOL) {
			log_line(LOG_LEVEL_ERROR, "%s; it is ended", err->text);
			(void)kill(ch->pid, SIGKILL);
			crew_close(ch);
			return 0;
		}
		if (rc == -1)
			return -1;
	}
	return 0;
}

static void
note_death(const struct child *ch, pid_t pid, int status)
{
	const char *what = ch->kind == CHILD_INTAKE ? "ingester" : "worker";

	if (WIFSIGNALED(status))
		log_line(LOG_LEVEL_ERROR, "%s %d was killed by signal %d (%s); its %zu messages are settled from their files",
		    what, (int)pid, WTERMSIG(status), strsignal(WTERMSIG(status)), ch->n_jobs);
	else if (WEXITSTATUS(status) != 0)
		log_line(LOG_LEVEL_ERROR, "%s %d ended with status %d", what, (int)pid, WEXITSTATUS(status));
}

static int
reap_all(struct runner *r, struct po_err *err)
{
	struct child *ch;
	ssize_t i;
	pid_t pid;
	int status;

	while ((i = crew_reap(&r->crew, &pid, &status)) != -1) {
		ch = &r->crew.all[i];
		if (drain(r, ch, err) == -1)
			return -1;
		note_death(ch, pid, status);
		/* What it reported is settled first, the rest from the slots. */
		if (r->n_results > 0 && runner_tick(r, err) == -1)
			return -1;
		crew_close(ch);
		if (i == 0)
			r->scanning = false;
		if (bury(r, ch, err) == -1)
			return -1;
	}
	return 0;
}

/* ------------------------------------------------------------------ asking the ingester */

static void
ask_scan(struct runner *r)
{
	struct child *ch = &r->crew.all[0];
	struct buf b;

	if (ch->sock == -1 || r->scanning)
		return;
	buf_init(&b, 16);
	if (wire_put_u8(&b, WIRE_SCAN) && wire_put_u8(&b, r->slots_dirty && monotonic_ms() >= r->slot_sync_ms ? 1 : 0) &&
	    wire_put_u32(&b, (uint32_t)r->setup->queue->batch) && wire_send(ch->sock, &b, -1, false) == 1) {
		r->scanning = true;
		r->scan_found = false;
		r->scan_activity = r->activity;
		r->scan_ms = monotonic_ms();
		if (b.p[1] == 1) {
			r->slots_dirty = false;
			r->slot_sync_ms = monotonic_ms() + r->setup->queue->slot_sync_s * 1000;
		}
	}
	buf_clear(&b);
}

/* ------------------------------------------------------------------ events and time */

static void
begin_stop(struct runner *r)
{
	if (r->stopping)
		return;
	r->stopping = true;
	r->stop_deadline_ms = monotonic_ms() + r->setup->queue->stop_grace_s * 1000 + KILL_AFTER_MS;
	log_line(LOG_LEVEL_INFO, "stopping: %zu messages in delivery are brought to an end", crew_jobs(&r->crew));
	crew_signal(&r->crew, SIGTERM);
	if (r->setup->watch)
		notify_manager("STOPPING=1");
}

static int
read_signals(struct runner *r, int fd, struct po_err *err)
{
	struct signalfd_siginfo si;
	bool child = false;

	while (read(fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo == SIGCHLD)
			child = true;
		else if (si.ssi_signo != SIGHUP)
			begin_stop(r);
	}
	return child ? reap_all(r, err) : 0;
}

static bool
read_drop_events(int fd)
{
	char space[4096];
	bool any = false;

	while (read(fd, space, sizeof(space)) > 0)
		any = true;
	return any;
}

static int
sooner(int64_t a_ms, int64_t now_ms, int timeout)
{
	int64_t left = a_ms - now_ms;

	if (left < 0)
		left = 0;
	return timeout == -1 || left < timeout ? (int)left : timeout;
}

/* How long nothing needs to be done, in ms. */
static int
time_left(const struct runner *r)
{
	int64_t now_ms = monotonic_ms(), now = wallclock_now(), wake;
	int timeout = LOCK_HEARTBEAT_S * 1000;

	if (runner_has_work(r))
		return 0;
	timeout = sooner(r->heartbeat_ms, now_ms, timeout);
	if (r->stopping)
		return sooner(r->stop_deadline_ms, now_ms, timeout);
	if (r->ready_maybe && is_missing(r, true))
		timeout = sooner(r->fork_ms + FORK_MS, now_ms, timeout);
	if (r->next_due > now)
		timeout = sooner(now_ms + (r->next_due - now) * 1000, now_ms, timeout);
	wake = hops_next_wake(r->hops, now);
	if (wake != 0)
		timeout = sooner(now_ms + (wake - now) * 1000, now_ms, timeout);
	return sooner(r->scan_ms + (r->setup->watch ? WATCH_RESCAN_MS : RESCAN_MS), now_ms, timeout);
}

static int
wait_for_events(struct runner *r, const struct events *ev, bool *drop_event, struct po_err *err)
{
	struct pollfd *p = calloc(r->crew.n + 2, sizeof(*p));
	size_t i;
	int n, rc = 0;

	if (p == NULL)
		return po_fail(err, PO_EOS, "no memory to wait");
	for (i = 0; i < r->crew.n; i++)
		p[i] = (struct pollfd){ r->crew.all[i].sock, POLLIN, 0 };
	p[i] = (struct pollfd){ ev->signals, POLLIN, 0 };
	p[i + 1] = (struct pollfd){ ev->drop, POLLIN, 0 };
	n = poll(p, (nfds_t)(r->crew.n + 2), time_left(r));
	for (i = 0; n > 0 && i < r->crew.n && rc == 0; i++)
		if (p[i].revents != 0)
			rc = drain(r, &r->crew.all[i], err);
	if (n > 0 && rc == 0 && p[r->crew.n].revents != 0)
		rc = read_signals(r, ev->signals, err);
	if (n > 0 && p[r->crew.n + 1].revents != 0)
		*drop_event = read_drop_events(ev->drop);
	free(p);
	return rc;
}

static void
kill_stuck(struct runner *r)
{
	int64_t now_ms = monotonic_ms();
	struct child *ch;
	size_t i;

	for (i = 1; i < r->crew.n; i++) {
		ch = &r->crew.all[i];
		if (ch->pid != 0 && ch->n_jobs > 0 && now_ms - ch->heard_ms > STUCK_MS) {
			log_line(LOG_LEVEL_ERROR, "worker %d said nothing for %d s and is killed", (int)ch->pid, STUCK_MS / 1000);
			(void)kill(ch->pid, SIGKILL);
			ch->heard_ms = now_ms;
		}
	}
}

static void
write_status(struct runner *r, const char *mode)
{
	struct index_totals totals;
	struct index_tx *tx;
	struct po_err err;
	int rc;

	if (index_begin(r->ix, INDEX_READ, &tx, &err) == -1)
		return;
	rc = index_totals_get(tx, &totals, &err);
	index_discard(tx);
	if (rc == -1 || status_write(r->setup->spool, &totals, mode, &err) == -1)
		log_line(LOG_LEVEL_WARNING, "%s", err.text);
}

static void
regular_work(struct runner *r)
{
	int64_t now_ms = monotonic_ms();

	if (now_ms >= r->heartbeat_ms) {
		lock_heartbeat(r->setup->lock);
		kill_stuck(r);
		r->heartbeat_ms = now_ms + LOCK_HEARTBEAT_S * 1000;
	}
	if (now_ms >= r->reader_check_ms) {
		index_reader_check(r->ix);
		r->reader_check_ms = now_ms + READER_CHECK_MS;
	}
	if (now_ms >= r->status_ms && r->activity != 0) {
		write_status(r, r->setup->watch ? "watch" : "once");
		r->status_ms = now_ms + STATUS_MS;
	}
}

/* ------------------------------------------------------------------ the run */

/* Nothing happened since the last scan was asked, and it found nothing. */
static bool
is_idle(const struct runner *r)
{
	return !r->scanning && !r->scan_found && r->scan_activity == r->activity && !runner_has_work(r) &&
	    (!r->ready_maybe || r->setup->ingest_only) && crew_jobs(&r->crew) == 0;
}

static bool
is_over(const struct runner *r)
{
	if (r->stopping)
		return (crew_jobs(&r->crew) == 0 && r->n_results == 0) || monotonic_ms() >= r->stop_deadline_ms;
	if (r->setup->only != NULL && r->only_done && crew_jobs(&r->crew) == 0 && !runner_has_work(r) && r->activity > 1)
		return true;
	return !r->setup->watch && is_idle(r);
}

static void
scan_if_wanted(struct runner *r, bool drop_event)
{
	int64_t since = monotonic_ms() - r->scan_ms;

	if (r->scanning || r->stopping)
		return;
	if (drop_event || r->scan_found || since >= (r->setup->watch ? WATCH_RESCAN_MS : RESCAN_MS) ||
	    (r->slots_dirty && monotonic_ms() >= r->slot_sync_ms))
		ask_scan(r);
	else if (!r->setup->watch && !runner_has_work(r) && crew_jobs(&r->crew) == 0 && r->scan_activity != r->activity)
		ask_scan(r);
}

static int
step(struct runner *r, const struct events *ev, bool *drop_event, struct po_err *err)
{
	if (wait_for_events(r, ev, drop_event, err) == -1)
		return -1;
	if (runner_has_work(r) && runner_tick(r, err) == -1)
		return -1;
	if (!r->stopping && r->ready_maybe && !r->setup->ingest_only && is_missing(r, true) &&
	    (!has_worker(r) || monotonic_ms() - r->fork_ms >= FORK_MS) && fork_missing(r, ev, true, err) == -1)
		return -1;
	if (!r->stopping && is_missing(r, false) && monotonic_ms() - r->fork_ms >= FORK_MS &&
	    fork_missing(r, ev, false, err) == -1)
		return -1;
	scan_if_wanted(r, *drop_event);
	if (r->scanning)
		*drop_event = false;
	regular_work(r);
	return 0;
}

static int
open_events(struct runner *r, struct events *ev, struct po_err *err)
{
	sigset_t set;
	char path[32];

	ev->signals = ev->drop = -1;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1 ||
	    (ev->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) == -1)
		return po_fail_sys(err, PO_EOS, "signalfd");
	if (!r->setup->watch)
		return 0;
	ev->drop = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", r->setup->spool->drop);
	if (ev->drop == -1 || inotify_add_watch(ev->drop, path, IN_CREATE | IN_MOVED_TO) == -1)
		return po_fail_sys(err, PO_EOS, "watch drop/");
	return 0;
}

static int
open_or_rebuild(struct runner *r, struct po_err *err)
{
	struct rebuild_report report;
	struct po_err why;
	int rc;

	rc = spool_open_index(r->setup->spool, &r->ix, &report, &why, err);
	if (rc == 1)
		log_line(LOG_LEVEL_WARNING, "%s; the index is rebuilt from the files: %llu messages, %llu damaged files left out",
		    why.text, (unsigned long long)report.messages, (unsigned long long)report.damaged);
	rebuild_report_clear(&report);
	return rc == -1 ? -1 : 0;
}

static void
end_children(struct runner *r)
{
	int64_t deadline_ms = monotonic_ms() + KILL_AFTER_MS;
	size_t i, alive;
	pid_t pid;
	int status;

	for (i = 0; i < r->crew.n; i++)
		crew_close(&r->crew.all[i]);
	for (;;) {
		while (crew_reap(&r->crew, &pid, &status) != -1)
			;
		for (i = 0, alive = 0; i < r->crew.n; i++)
			alive += r->crew.all[i].pid != 0;
		if (alive == 0)
			return;
		if (monotonic_ms() >= deadline_ms)
			crew_signal(&r->crew, SIGKILL);
		(void)poll(NULL, 0, 2);
	}
}

static void
clear(struct runner *r)
{
	crew_clear(&r->crew);
	index_close(r->ix);
	hops_free(r->hops);
	after_free(r->after);
	arena_clear(&r->tick_arena);
	arena_clear(&r->results_arena);
	free(r->results);
	free(r->taken);
	free(r->acts);
	free(r->dealt);
}

static int
run(struct runner *r, struct events *ev, struct po_err *err)
{
	bool drop_event = false;

	if (open_or_rebuild(r, err) == -1 || runner_recover(r, err) == -1)
		return -1;
	r->ready_maybe = true;
	if (fork_missing(r, ev, false, err) == -1)
		return -1;
	ask_scan(r);
	if (runner_tick(r, err) == -1) /* what is due already, and the time of what is not */
		return -1;
	if (r->setup->watch)
		notify_manager("READY=1");
	while (!is_over(r))
		if (step(r, ev, &drop_event, err) == -1)
			return -1;
	return 0;
}

int
runner_run(const struct runner_setup *setup, struct runner_counts *counts, struct po_err *err)
{
	struct runner r = { .setup = setup, .counts = counts };
	struct events ev = { -1, -1 };
	int rc = -1;

	memset(counts, 0, sizeof(*counts));
	arena_init(&r.results_arena, 1u << 30);
	arena_init(&r.tick_arena, 1u << 30);
	r.hops = hops_new();
	r.after = after_new();
	r.cleanup.days = -1;
	if (crew_init(&r.crew, setup->ingest_only ? 0 : (size_t)setup->queue->workers, err) == 0 &&
	    open_events(&r, &ev, err) == 0)
		rc = run(&r, &ev, err);
	if (rc == -1)
		crew_signal(&r.crew, SIGTERM);
	end_children(&r);
	if (r.slots_dirty)
		(void)syncfs(setup->spool->queue);
	if (r.ix != NULL)
		write_status(&r, "none");
	fd_close(&ev.signals);
	fd_close(&ev.drop);
	clear(&r);
	return rc;
}
