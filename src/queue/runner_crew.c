/* SPDX-License-Identifier: ISC */
/*
 * The children of a run: forked when there is work for them and while the index
 * is closed, so that a run that finds nothing to do costs one fork, and an LMDB
 * environment never crosses fork(2). A dead one's messages are settled from
 * their files.
 */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "queue/intake.h"
#include "queue/notify.h"
#include "queue/recover.h"
#include "queue/runner_state.h"
#include "queue/sandbox.h"
#include "util/fd.h"
#include "util/grow.h"
#include "util/wallclock.h"

#define STUCK_MS                                                               \
	(30 * 60 * 1000) /* longer than any message's phases together */
#define END_WAIT_MS 100
#define SUSPECT_DEATHS 3 /* then a message counts as tried */
#define SUSPECTS_MAX 4096u
#define DEATHS_MAX 20      /* in a row, without a word between them */
#define KILL_AFTER_MS 5000 /* beyond stop_grace */

struct child_ctx {
	const struct runner *r;
	const struct runner_events *ev;
};

static int
child_run(void *ctx, enum child_kind kind, int sock, pid_t parent)
{
	const struct child_ctx *c = ctx;
	const struct runner_setup *s = c->r->setup;
	struct runner_events ev = *c->ev;
	size_t i;

	fd_close(&ev.signals);
	fd_close(&ev.drop);
	for (i = 0; i < c->r->n_acts; i++)
		(void)close(c->r->acts[i].fd);
	if (kind == CHILD_INTAKE) {
		struct intake_setup setup = { sock, parent, s->spool, s->ingest,
			s->queue->sandbox };

		/* It holds passwords and keys. */
		deliver_setup_free(s->deliver);
		log_set_program("po/pickup");
		return intake_main(&setup);
	}
	{
		struct worker_setup setup = { sock, parent, s->deliver,
			s->routes, s->queue->stop_grace_s, s->spool->path,
			s->queue->sandbox };

		spool_close_folders(s->spool);
		log_set_program("po/smtp");
		return worker_main(&setup);
	}
}

static int
open_index(struct runner *r, struct po_err *err)
{
	return index_open(r->setup->spool->dirfd, "index", INDEX_WRITE, &r->ix,
	    err);
}

/* Once a run, and in one that delivers. */
static void
say_what_is_lacking(struct runner *r)
{
	const char *lack;
	size_t i;

	if (r->lacks_said || !r->setup->queue->sandbox)
		return;
	r->lacks_said = true;
	for (i = 0; (lack = sandbox_lacks(i)) != NULL; i++)
		log_line(LOG_LEVEL_WARNING, "sandbox: %s; children do without",
		    lack);
}

int
runner_fork_missing(struct runner *r, const struct runner_events *ev,
    bool workers, struct po_err *err)
{
	struct child_ctx ctx = { r, ev };
	struct po_err why;
	size_t i, n = workers ? r->crew.n : 1;
	int rc = 0;

	if (workers)
		say_what_is_lacking(r);
	index_close(r->ix);
	r->ix = NULL;
	for (i = 0; i < n && rc == 0; i++)
		if (r->crew.all[i].pid == 0 && r->crew.all[i].sock == -1)
			rc = crew_fork(&r->crew, i, child_run, &ctx, err);
	r->fork_ms = monotonic_ms();
	if (open_index(r, rc == -1 ? &why : err) == -1) {
		if (rc == -1)
			*err = why;
		return -1;
	}
	return rc == -1 ? 1 : 0;
}

bool
runner_is_missing(const struct runner *r, bool workers)
{
	size_t i, n = workers ? r->crew.n : 1;

	for (i = 0; i < n; i++)
		if (r->crew.all[i].pid == 0 && r->crew.all[i].sock == -1)
			return true;
	return false;
}

bool
runner_has_worker(const struct runner *r)
{
	size_t i;

	for (i = 1; i < r->crew.n; i++)
		if (r->crew.all[i].sock != -1)
			return true;
	return false;
}

/* How often this message was in the hands of a worker that died. */
static unsigned
deaths_of(struct runner *r, const struct queue_id *id)
{
	struct suspect *s;
	size_t i;

	for (i = 0; i < r->n_suspects; i++)
		if (strcmp(r->suspects[i].id.text, id->text) == 0)
			return ++r->suspects[i].deaths;
	if (r->n_suspects == SUSPECTS_MAX)
		r->n_suspects = 0;
	s = grow_array(r->suspects, r->n_suspects, &r->cap_suspects,
	    sizeof(*s));
	if (s == NULL)
		return SUSPECT_DEATHS;
	r->suspects = s;
	r->suspects[r->n_suspects++] = (struct suspect){ *id, 1 };
	return 1;
}

static int
bury_job(struct runner *r, struct tick *t, const struct held_job *job,
    bool violent, struct po_err *err)
{
	const struct index_claim claim = { job->id, job->attempt, job->hop };

	hops_give_back(r->hops, job->hop, job->relay);
	if (violent && deaths_of(r, &job->id) >= SUSPECT_DEATHS)
		return recover_suspect(t, &claim, err);
	return recover_claim(t, &claim, FROM_DEATH, err);
}

/* A child is gone: the slots of its jobs are the truth. */
static int
bury(struct runner *r, struct child *ch, bool violent, struct po_err *err)
{
	struct tick t = {
		.now = wallclock_now(),
		.after = r->after,
		.hops = r->hops,
		.spool = r->setup->spool,
		.conf = r->setup->queue,
		.routes = r->setup->routes,
		.notices = r->setup->notices,
		.storm_next = &r->next_storm,
	};
	size_t i;
	int rc = 0;

	if (ch->n_jobs == 0)
		return 0;
	if (index_begin(r->ix, INDEX_WRITE, &t.tx, err) == -1)
		return -1;
	arena_init(&t.arena, 256u << 20);
	for (i = 0; i < ch->n_jobs && rc == 0; i++)
		rc = bury_job(r, &t, &ch->jobs[i], violent, err);
	rc = tick_end(&t, rc, err);
	arena_clear(&t.arena);
	if (rc == 0)
		after_run(r->after, r->setup->spool);
	ch->n_jobs = 0;
	ch->probing = false;
	ch->n_relays = 0;
	ch->session = 0;
	r->ready_maybe = r->slots_dirty = true;
	r->activity++;
	return rc;
}

/* What ends by our own word, or by itself with 0, is no violence. */
static bool
is_violent(const struct runner *r, int status)
{
	if (WIFSIGNALED(status))
		return !(r->stopping && WTERMSIG(status) == SIGTERM);
	return WEXITSTATUS(status) != 0;
}

static void
note_death(const struct child *ch, pid_t pid, int status)
{
	const char *what = ch->kind == CHILD_INTAKE ? "ingester" : "worker";

	if (WIFSIGNALED(status))
		log_line(LOG_LEVEL_ERROR,
		    "%s %d was killed by signal %d (%s); its %zu messages are "
		    "settled from their files",
		    what, (int)pid, WTERMSIG(status),
		    strsignal(WTERMSIG(status)), ch->n_jobs);
	else
		log_line(LOG_LEVEL_ERROR, "%s %d ended with status %d", what,
		    (int)pid, WEXITSTATUS(status));
}

static int
reap(struct runner *r, struct child *ch, pid_t pid, int status,
    struct po_err *err)
{
	bool violent = is_violent(r, status);

	if (runner_drain(r, ch, SIZE_MAX, err) == -1)
		return -1;
	if (violent) {
		note_death(ch, pid, status);
		r->deaths++;
	}
	/* What it reported is settled first, the rest from the slots. */
	if (r->n_results > 0 && runner_tick(r, err) == -1)
		return -1;
	crew_close(ch);
	if (ch->kind == CHILD_INTAKE)
		r->scanning = false;
	return bury(r, ch, violent, err);
}

int
runner_reap_all(struct runner *r, struct po_err *err)
{
	ssize_t i;
	pid_t pid;
	int status;

	while ((i = crew_reap(&r->crew, &pid, &status)) != -1)
		if (reap(r, &r->crew.all[i], pid, status, err) == -1)
			return -1;
	if (r->deaths > DEATHS_MAX)
		return po_fail(err, PO_EOS,
		    "%u children died one after the other and none did "
		    "anything: something is wrong with this host or build",
		    r->deaths);
	return 0;
}

void
runner_kill_stuck(struct runner *r)
{
	int64_t now_ms = monotonic_ms();
	struct child *ch;
	size_t i;

	for (i = 1; i < r->crew.n; i++) {
		ch = &r->crew.all[i];
		if (ch->pid != 0 && ch->n_jobs > 0 &&
		    now_ms - ch->heard_ms > STUCK_MS) {
			log_line(LOG_LEVEL_ERROR,
			    "worker %d said nothing for %d s and is killed",
			    (int)ch->pid, STUCK_MS / 1000);
			(void)kill(ch->pid, SIGKILL);
			ch->heard_ms = now_ms;
		}
	}
}

void
runner_begin_stop(struct runner *r)
{
	if (r->stopping)
		return;
	r->stopping = true;
	r->stop_deadline_ms = monotonic_ms() +
	                      r->setup->queue->stop_grace_s * 1000 +
	                      KILL_AFTER_MS;
	log_line(LOG_LEVEL_INFO,
	    "stopping: %zu messages in delivery are brought to an end",
	    crew_jobs(&r->crew));
	crew_signal(&r->crew, SIGTERM);
	if (r->setup->watch)
		notify_manager("STOPPING=1");
}

static size_t
count_alive(const struct runner *r)
{
	size_t i, n = 0;

	for (i = 0; i < r->crew.n; i++)
		n += r->crew.all[i].pid != 0;
	return n;
}

void
runner_end_children(struct runner *r, int signals, int64_t grace_s)
{
	int64_t deadline_ms = monotonic_ms() + grace_s * 1000 + KILL_AFTER_MS;
	struct pollfd p = { signals, POLLIN, 0 };
	struct signalfd_siginfo si;
	size_t i;
	pid_t pid;
	int status;

	for (i = 0; i < r->crew.n; i++)
		crew_close(&r->crew.all[i]);
	for (;;) {
		while (crew_reap(&r->crew, &pid, &status) != -1)
			;
		if (count_alive(r) == 0)
			return;
		if (monotonic_ms() >= deadline_ms)
			crew_signal(&r->crew, SIGKILL);
		if (poll(&p, 1, END_WAIT_MS) == 1)
			(void)!read(signals, &si, sizeof(si));
	}
}
