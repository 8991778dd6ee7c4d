/* SPDX-License-Identifier: ISC */
/*
 * The loop around the ticks: children, sockets, signals, time. A tick begins
 * when there is something to commit and the last commit is done; nothing waits
 * for a timer but what is due at a time.
 */
#include "queue/runner.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "queue/notify.h"
#include "queue/runner_state.h"
#include "queue/status.h"
#include "spool/rebuild.h"
#include "util/fd.h"
#include "util/wallclock.h"
#include "util/xalloc.h"

#define RESCAN_MS 1000 /* of drop/, while a run without --watch is busy */
#define WATCH_RESCAN_MS 60000 /* with --watch: should an event be lost */
#define FORK_MS 1000          /* a dead child is replaced at most this often */
#define STATUS_MS 1000
#define DRAIN_AT_ONCE 64 /* datagrams of one child, then the others */
#define READER_CHECK_MS 60000
#define LIMIT_PATIENCE_MS 10000 /* what a run without --watch waits for */

static int
read_signals(struct runner *r, int fd, struct po_err *err)
{
	struct signalfd_siginfo si;
	bool child = false;

	while (read(fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo == SIGCHLD)
			child = true;
		else if (si.ssi_signo != SIGHUP)
			runner_begin_stop(r);
	}
	return child ? runner_reap_all(r, err) : 0;
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

/* ------------------------------------------------------------ time */

static int
sooner(int64_t at_ms, int64_t now_ms, int timeout)
{
	int64_t left = at_ms - now_ms;

	if (left < 0)
		left = 0;
	return left < timeout ? (int)left : timeout;
}

/* A moment of the wall clock, which may be any number: far is far enough. */
static int
sooner_utc(int64_t at, int64_t now, int timeout)
{
	if (at <= now || at - now > timeout / 1000)
		return timeout;
	return (int)(at - now) * 1000;
}

/* When the ingester is to be asked again; while it answers, or there is none,
 * nothing is to be waited for. */
static int
scan_time(const struct runner *r, int64_t now_ms, int timeout)
{
	if (r->scanning || r->crew.all[0].sock == -1)
		return timeout;
	if (r->slots_dirty)
		timeout = sooner(r->slot_sync_ms, now_ms, timeout);
	return sooner(r->scan_ms +
	                  (r->setup->watch ? WATCH_RESCAN_MS : RESCAN_MS),
	    now_ms, timeout);
}

int
runner_time_left(const struct runner *r)
{
	int64_t now_ms = monotonic_ms(), now = wallclock_now();
	int timeout = LOCK_HEARTBEAT_S * 1000;

	if (runner_has_work(r))
		return 0;
	timeout = sooner(r->heartbeat_ms, now_ms, timeout);
	if (r->n_results > 0)
		timeout =
		    sooner(r->results_ms + RUNNER_GATHER_MS, now_ms, timeout);
	if (r->stopping)
		return sooner(r->stop_deadline_ms, now_ms, timeout);
	if (runner_is_missing(r, r->ready_maybe))
		timeout = sooner(r->fork_ms + FORK_MS, now_ms, timeout);
	if (r->limited_until_ms != 0)
		timeout =
		    sooner(r->limited_until_ms, wallclock_now_ms(), timeout);
	timeout = sooner_utc(r->next_due, now, timeout);
	timeout = sooner_utc(r->next_release, now, timeout);
	timeout = sooner_utc(r->next_wake, now, timeout);
	timeout = sooner_utc(r->next_storm, now, timeout);
	timeout = sooner_utc(r->late.next, now, timeout);
	return scan_time(r, now_ms, timeout);
}

/* ------------------------------------------------------------ events */

static int
wait_for_events(struct runner *r, const struct runner_events *ev,
    bool *drop_event, struct po_err *err)
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
	n = poll(p, (nfds_t)(r->crew.n + 2), runner_time_left(r));
	for (i = 0; n > 0 && i < r->crew.n && rc == 0; i++)
		if (p[i].revents != 0)
			rc = runner_drain(r, &r->crew.all[i], DRAIN_AT_ONCE,
			    err);
	if (n > 0 && rc == 0 && p[r->crew.n].revents != 0)
		rc = read_signals(r, ev->signals, err);
	if (n > 0 && p[r->crew.n + 1].revents != 0)
		*drop_event = read_drop_events(ev->drop);
	free(p);
	return rc;
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
	if (rc == -1 ||
	    status_write(r->setup->spool, &totals, mode, &err) == -1)
		log_line(LOG_LEVEL_WARNING, "%s", err.text);
}

static void
regular_work(struct runner *r)
{
	int64_t now_ms = monotonic_ms();

	if (now_ms >= r->heartbeat_ms) {
		lock_heartbeat(r->setup->lock);
		runner_kill_stuck(r);
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

/* A limit of the second or the like ends soon: the next run may be a minute
 * away. */
static bool
limit_ends_soon(const struct runner *r)
{
	return r->limited_until_ms != 0 && !r->setup->ingest_only &&
	       r->limited_until_ms - wallclock_now_ms() <= LIMIT_PATIENCE_MS;
}

/* Nothing happened since the last scan was asked, and it found nothing. */
static bool
is_idle(const struct runner *r)
{
	return !r->scanning && !r->scan_found && !limit_ends_soon(r) &&
	       r->scan_activity == r->activity && !runner_has_work(r) &&
	       (!r->ready_maybe || r->setup->ingest_only) &&
	       crew_jobs(&r->crew) == 0;
}

static bool
is_over(const struct runner *r)
{
	if (r->stopping)
		return (crew_jobs(&r->crew) == 0 && r->n_results == 0) ||
		       monotonic_ms() >= r->stop_deadline_ms;
	if (r->setup->only != NULL && r->only_done &&
	    crew_jobs(&r->crew) == 0 && !runner_has_work(r) && r->activity > 1)
		return true;
	return !r->setup->watch && is_idle(r);
}

static void
scan_if_wanted(struct runner *r, bool drop_event)
{
	int64_t since = monotonic_ms() - r->scan_ms;

	if (r->scanning || r->stopping)
		return;
	if (drop_event || r->scan_found ||
	    since >= (r->setup->watch ? WATCH_RESCAN_MS : RESCAN_MS) ||
	    (r->slots_dirty && monotonic_ms() >= r->slot_sync_ms))
		runner_ask_scan(r);
	else if (!r->setup->watch && !runner_has_work(r) &&
	         crew_jobs(&r->crew) == 0 && r->scan_activity != r->activity)
		runner_ask_scan(r);
}

/*
 * At most once in FORK_MS, whatever kills them. A fork that fails is tried
 * again while there is somebody to do the work, or where the run stays anyway.
 */
static int
fork_if_wanted(struct runner *r, const struct runner_events *ev,
    struct po_err *err)
{
	int rc;

	if (r->stopping || !runner_is_missing(r, r->ready_maybe) ||
	    monotonic_ms() - r->fork_ms < FORK_MS)
		return 0;
	rc = runner_fork_missing(r, ev, r->ready_maybe, err);
	if (rc != 1)
		return rc;
	if (!r->setup->watch &&
	    (r->crew.all[0].pid == 0 || !runner_has_worker(r)))
		return -1;
	log_line(LOG_LEVEL_ERROR, "%s; tried again", err->text);
	return 0;
}

static int
step(struct runner *r, const struct runner_events *ev, bool *drop_event,
    struct po_err *err)
{
	if (wait_for_events(r, ev, drop_event, err) == -1)
		return -1;
	if (runner_has_work(r) && runner_tick(r, err) == -1)
		return -1;
	if (fork_if_wanted(r, ev, err) == -1)
		return -1;
	scan_if_wanted(r, *drop_event);
	if (r->scanning)
		*drop_event = false;
	regular_work(r);
	return 0;
}

static int
open_events(struct runner *r, struct runner_events *ev, struct po_err *err)
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
	(void)signal(SIGXFSZ, SIG_IGN); /* EFBIG tells it, and is handled */
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1 ||
	    (ev->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) ==
	        -1)
		return po_fail_sys(err, PO_EOS, "signalfd");
	if (!r->setup->watch)
		return 0;
	ev->drop = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d",
	    r->setup->spool->drop);
	if (ev->drop == -1 ||
	    inotify_add_watch(ev->drop, path, IN_CREATE | IN_MOVED_TO) == -1)
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
		log_line(LOG_LEVEL_WARNING,
		    "%s; the index is rebuilt from the files: %llu messages, "
		    "%llu damaged files left out",
		    why.text, (unsigned long long)report.messages,
		    (unsigned long long)report.damaged);
	rebuild_report_clear(&report);
	return rc == -1 ? -1 : 0;
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
	act_end_all(r->acts, r->n_acts, r->setup->spool);
	free(r->space);
	free(r->suspects);
	free(r->results);
	free(r->taken);
	free(r->acts);
	free(r->dealt);
}

static int
run(struct runner *r, struct runner_events *ev, struct po_err *err)
{
	bool drop_event = false;

	if (open_or_rebuild(r, err) == -1 || runner_recover(r, err) == -1)
		return -1;
	if (r->setup->flush &&
	    runner_ask_flush(r, &r->setup->flush_which, err) == -1)
		return -1;
	late_begin(&r->late, wallclock_now());
	if (runner_fork_missing(r, ev, r->ready_maybe, err) != 0)
		return -1;
	r->ready_maybe = true;
	r->fork_ms -= FORK_MS; /* the workers need not wait */
	runner_ask_scan(r);
	if (runner_tick(r, err) ==
	    -1) /* what is due already, and the time of what is not */
		return -1;
	if (r->setup->watch)
		notify_manager("READY=1");
	while (!is_over(r))
		if (step(r, ev, &drop_event, err) == -1)
			return -1;
	return 0;
}

int
runner_run(const struct runner_setup *setup, struct runner_counts *counts,
    struct po_err *err)
{
	struct runner r = { .setup = setup, .counts = counts };
	struct runner_events ev = { -1, -1 };
	int rc = -1;

	memset(counts, 0, sizeof(*counts));
	arena_init(&r.results_arena, 1u << 30);
	arena_init(&r.tick_arena, 1u << 30);
	r.hops = hops_new();
	r.after = after_new();
	r.space = xcalloc(1, WIRE_MAX_BYTES);
	if (crew_init(&r.crew,
	        setup->ingest_only ? 0 : (size_t)setup->queue->workers,
	        err) == 0 &&
	    open_events(&r, &ev, err) == 0)
		rc = run(&r, &ev, err);
	if (rc == -1 && r.ix != NULL &&
	    (err->code == PO_EINDEX || err->code == PO_ECORRUPT))
		index_distrust(r.ix);
	if (rc == -1)
		crew_signal(&r.crew, SIGTERM);
	runner_end_children(&r, ev.signals,
	    rc == -1 ? setup->queue->stop_grace_s : 0);
	if (r.slots_dirty)
		(void)syncfs(setup->spool->queue);
	if (r.ix != NULL)
		write_status(&r, "none");
	fd_close(&ev.signals);
	fd_close(&ev.drop);
	clear(&r);
	return rc;
}
