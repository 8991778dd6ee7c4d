/* SPDX-License-Identifier: ISC */
/*
 * Jobs wait in a ring; two are prepared at a time, the current one and the
 * next, because the next one's MAIL, RCPT and DATA go out behind the current
 * one's last dot; or as many as the session lets be on the way at once.
 */
#include "queue/worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "log/log.h"
#include "queue/job.h"
#include "queue/outbox.h"
#include "queue/sandbox.h"
#include "queue/wire.h"
#include "util/fd.h"

#define LOW_WATER 32 /* with more jobs the parent's socket is not looked at */
#define IDLE_MS 3000 /* an unused connection is closed after this */

struct waiting {
	struct wire_job job;
	int fd;
};

struct worker {
	const struct worker_setup *setup;
	struct waiting ring[WORKER_MAX_JOBS];
	size_t first, count;
	struct job jobs[DELIVER_WINDOW_MAX + 1];
	struct job *now, *next;                  /* into jobs, or NULL */
	struct job *flights[DELIVER_WINDOW_MAX]; /* likewise, oldest first */
	size_t n_flights;
	struct job *left[DELIVER_WINDOW_MAX]; /* of them: taken in part */
	size_t n_left;
	struct templates store;  /* opened by the first template */
	struct library *library; /* NULL until then */
	struct deliver_session *session;
	struct wire_job way;  /* hop and relay of the session */
	struct wire_job down; /* those that failed last; hop empty: none */
	struct outbox out;
	bool ended;  /* the parent closed the socket */
	char *space; /* WIRE_MAX_BYTES for receiving */
};

static volatile sig_atomic_t stop;

static void
on_term(int sig)
{
	(void)sig;
	stop = 1;
}

/* Nobody gives it jobs any more, or hears of them. */
static bool
is_over(const struct worker *w)
{
	return w->ended || w->out.lost;
}

/* ------------------------------------------------------------------ session */

static void
close_session(struct worker *w)
{
	if (w->session == NULL)
		return;
	session_free(w->session);
	w->session = NULL;
	outbox_closed(&w->out);
}

/* ------------------------------------------------------------------ jobs */

static void
give_back_ring(struct worker *w)
{
	while (w->count > 0) {
		struct waiting *q = &w->ring[w->first];

		outbox_give_back(&w->out, &q->job);
		(void)close(q->fd);
		w->first = (w->first + 1) % WORKER_MAX_JOBS;
		w->count--;
	}
}

/* A job that has come goes into the ring, which has room for all that the parent
 * gives at a time. */
static bool
accept_job(struct worker *w, struct wire_reader *r, int fd)
{
	struct waiting *q = &w->ring[(w->first + w->count) % WORKER_MAX_JOBS];

	if (w->count == WORKER_MAX_JOBS || !wire_get_job(r, &q->job))
		return false;
	q->fd = fd;
	w->count++;
	return true;
}

/* As many jobs as there are files. */
static void
accept_jobs(struct worker *w, struct wire_reader *r, const int *fds, size_t n)
{
	size_t i = 0;

	while (i < n && accept_job(w, r, fds[i]))
		i++;
	if (i == n && r->left == 0)
		return;
	log_line(LOG_LEVEL_ERROR, "a job that cannot be read");
	w->ended = true;
	while (i < n)
		(void)close(fds[i++]);
}

/* Read what the parent sent: 1 something, 0 nothing there. */
static int
receive(struct worker *w)
{
	int fds[WIRE_MAX_FILES];
	struct wire_reader r;
	uint8_t type;
	size_t n_fds;
	ssize_t n;

	n = wire_receive_files(w->setup->sock, w->space, fds, &n_fds, true);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		w->ended = true;
		return 0;
	}
	r = (struct wire_reader){ (const unsigned char *)w->space, (size_t)n };
	if (!wire_get_u8(&r, &type))
		return 1;
	if (type == WIRE_JOBS)
		accept_jobs(w, &r, fds, n_fds);
	else if (type == WIRE_RECALL)
		give_back_ring(w);
	return 1;
}

static struct job *
free_job(struct worker *w)
{
	size_t i;

	/* One more than can be on the way: the last is free if no other is. */
	for (i = 0; i < DELIVER_WINDOW_MAX; i++)
		if (!w->jobs[i].in_use)
			break;
	return &w->jobs[i];
}

static void
fill_ring(struct worker *w)
{
	if (w->count >= LOW_WATER)
		return;
	while (!is_over(w) && w->count < WORKER_MAX_JOBS && receive(w) == 1)
		;
}

/* Every result of the slice in hand is there, or untouched, or goes into
 * j->following. */
static void
settle_slice(struct worker *w, struct job *j,
    const struct deliver_session *session)
{
	struct po_err err;
	bool marked = job_mark_results(j, &err) == 0;

	if (!marked)
		log_line(LOG_LEVEL_ERROR, "%s: %s", j->wire.id.text, err.text);
	outbox_results(&w->out, j, session, marked);
	outbox_flush_when_due(&w->out);
}

/* The same result for all recipients from the slice in hand on. */
static void
settle_rest(struct worker *w, struct job *j, const struct delivery *why,
    const struct deliver_session *session)
{
	for (;;) {
		delivery_fill(j->results, j->message.n, why);
		job_look_ahead(j);
		settle_slice(w, j, session);
		if (j->following.n == 0)
			break;
		job_next_slice(j);
	}
}

/* What is a template becomes the mail it means: 1 it did, or is one already; 0
 * it failed, which is reported; -1. */
static int
make_mail(struct worker *w, struct job *j, struct po_err *err)
{
	struct delivery why;
	int rc;

	if (!job_wants_rendering(j))
		return 1;
	if (w->library == NULL) {
		if (templates_open(w->setup->spool, &w->store, err) == -1)
			return -1;
		w->library = library_new(&w->store);
	}
	rc = job_make_mail(j, w->library, &why, err);
	if (rc != 1)
		return rc == 0 ? 1 : -1;
	settle_rest(w, j, &why, NULL);
	return 0;
}

static bool
is_same_way(const struct wire_job *a, const struct wire_job *b)
{
	return a->relay == b->relay && strcmp(a->hop, b->hop) == 0;
}

/* It was dealt before the parent knew that this relay had failed here. */
static bool
is_stale(const struct worker *w, const struct wire_job *job)
{
	return is_same_way(job, &w->down) && job->falls == w->down.falls;
}

/* Prepare the first job of the ring, if it goes the way of `only` (NULL: any),
 * into a free place; damaged ones are reported and skipped. */
static struct job *
take(struct worker *w, const struct wire_job *only)
{
	struct job *j = free_job(w);
	struct po_err err;
	int rc;

	while (w->count > 0) {
		struct waiting *q = &w->ring[w->first];

		if (only != NULL && !is_same_way(&q->job, only))
			return NULL;
		w->first = (w->first + 1) % WORKER_MAX_JOBS;
		w->count--;
		if (is_stale(w, &q->job)) {
			outbox_give_back(&w->out, &q->job);
			(void)close(q->fd);
			continue;
		}
		rc = job_prepare(j, &q->job, q->fd, w->setup->routes, &err);
		if (rc == 0)
			rc = make_mail(w, j, &err);
		if (rc == -1)
			outbox_unusable(&w->out, j, &err);
		else if (rc == 1 && j->message.n > 0)
			return j;
		else if (rc == 1 && j->is_over)
			outbox_over(&w->out, j);
		else if (rc == 1)
			outbox_nothing_to_do(&w->out, j, w->setup->routes);
		job_clear(j);
	}
	return NULL;
}

static int
open_session(struct worker *w, const struct wire_job *job, struct po_err *err)
{
	bool moves = w->session != NULL && !is_same_way(&w->way, job);

	if (w->session == NULL || strcmp(w->way.hop, job->hop) != 0) {
		close_session(w);
		moves = false;
		if (session_new(w->setup->deliver, job->hop, &stop,
		        w->setup->stop_grace_s, &w->session, err) == -1)
			return -1;
	}
	session_choose(w->session, job->relay, job->traits);
	if (moves)
		outbox_closed(&w->out);
	w->way = *job;
	return 0;
}

/* A failure of ours (disk, memory): nothing that was not sent may count as
 * sent; what has no result stays as it is. */
static void
local_failure(struct job *j, const struct po_err *err)
{
	size_t i;

	for (i = 0; i < j->message.n; i++)
		if (j->results[i].state == DELIVERY_UNTOUCHED)
			delivery_set(&j->results[i], DELIVERY_DEFERRED,
			    PHASE_LOCAL, "4.3.0", "%s", err->text);
}

/* session_begin(), and what there is to say about a connection it made. */
static int
begin_job(struct worker *w, struct job *j)
{
	int accepted = session_begin(w->session, &j->message, j->results);
	const char *note = session_note(w->session);

	if (note != NULL)
		log_line(LOG_LEVEL_INFO, "%s: %s", j->wire.id.text, note);
	return accepted;
}

/* The slice in hand; behind it comes j->following, or, where there is none,
 * `next`. */
static void
run_slice(struct worker *w, struct job *j, const struct job *next)
{
	struct po_err err;
	int accepted;

	if (open_session(w, &j->wire, &err) == -1) {
		local_failure(j, &err);
		job_look_ahead(j);
		return;
	}
	accepted = begin_job(w, j);
	job_look_ahead(j);
	if (accepted == 1) {
		if (job_mark_sending(j, &err) == -1) {
			/* Without the mark the content must not leave: end the
			 * connection before it does. */
			local_failure(j, &err);
			close_session(w);
		} else {
			session_send(w->session, &j->message, j->results,
			    j->following.n > 0 ? &j->following
			    : next != NULL     ? &next->message
			                       : NULL);
		}
	}
}

/* The next hop was lost with the slice in hand: what was in none yet has no
 * better luck now. */
static bool
is_no_use(const struct worker *w, const struct job *j)
{
	enum delivery_state state = j->results[j->message.n - 1].state;

	return (w->session == NULL || session_hop_down(w->session)) &&
	       (state == DELIVERY_DEFERRED || state == DELIVERY_UNTOUCHED);
}

static void
run_job(struct worker *w, struct job *j, struct job *next)
{
	struct delivery why;

	for (;;) {
		run_slice(w, j, next);
		settle_slice(w, j, w->session);
		if (j->following.n == 0)
			break;
		if (stop) {
			outbox_give_back(&w->out, &j->wire);
			break;
		}
		why = j->results[j->message.n - 1];
		if (is_no_use(w, j)) {
			job_next_slice(j);
			settle_rest(w, j, &why, w->session);
			break;
		}
		job_next_slice(j);
	}
	job_clear(j);
}

/* ------------------------------------------------------------------ flights */

/* How many messages, the current one included, may be on the way. */
static size_t
window(const struct worker *w)
{
	if (w->session == NULL || w->now == NULL || is_over(w) || stop ||
	    w->n_left > 0 || session_slow(w->session) || w->now->n_sliced < w->now->n_which ||
	    !is_same_way(&w->way, &w->now->wire))
		return 1;
	return session_window(w->session, &w->now->message);
}

/* The current job goes out. */
static void
put_flight(struct worker *w)
{
	struct job *j = w->now;
	struct po_err err;

	w->now = NULL;
	if (job_mark_sending(j, &err) == -1) {
		local_failure(j, &err);
		settle_slice(w, j, w->session);
		job_clear(j);
		return;
	}
	session_put(w->session, &j->message, j->results);
	w->flights[w->n_flights++] = j;
}

static void
take_flights(struct worker *w)
{
	size_t i, n = session_take(w->session);

	for (i = 0; i < n; i++) {
		struct job *j = w->flights[i];

		job_look_ahead(j);
		settle_slice(w, j, w->session);
		if (j->following.n > 0)
			w->left[w->n_left++] = j;
		else
			job_clear(j);
	}
	w->n_flights -= n;
	memmove(w->flights, w->flights + n,
	    w->n_flights * sizeof(w->flights[0]));
}

/* Those of which the server has taken some recipients, and wants the others in
 * a transaction of their own. */
static void
run_left(struct worker *w)
{
	size_t i;

	for (i = 0; i < w->n_left; i++) {
		job_next_slice(w->left[i]);
		run_job(w, w->left[i], NULL);
	}
	w->n_left = 0;
}

/* Keep the window full until there is nothing to fill it with, or the session
 * wants the next message alone. */
static void
fly(struct worker *w)
{
	do {
		while (w->n_flights < window(w) && window(w) > 1) {
			put_flight(w);
			w->now = take(w, &w->way);
		}
		if (w->n_flights > 0)
			take_flights(w);
		outbox_flush_when_due(&w->out);
		fill_ring(w);
		if (w->now == NULL && !stop && !is_over(w))
			w->now = take(w, &w->way);
	} while (w->n_flights > 0);
	run_left(w);
}

static void
give_back_now(struct worker *w)
{
	if (w->now == NULL)
		return;
	outbox_give_back(&w->out, &w->now->wire);
	job_clear(w->now);
	w->now = NULL;
}

/* The next hop is of no use now, or asked for less at a time: what waits for it
 * goes back, so that the parent can let it rest, or take its time. */
static void
give_up_hop(struct worker *w)
{
	give_back_now(w);
	give_back_ring(w);
}

static bool
is_unwelcome(const struct worker *w)
{
	return session_hop_down(w->session) || session_slow(w->session);
}

static void
step(struct worker *w)
{
	if (w->now == NULL)
		w->now = take(w, NULL);
	if (w->now == NULL)
		return;
	if (window(w) > 1) {
		fly(w);
	} else {
		w->next = take(w, &w->now->wire);
		run_job(w, w->now, w->next);
		w->now = w->next;
		w->next = NULL;
	}
	if (is_unwelcome(w))
		w->down = w->way;
	if (w->session == NULL || is_unwelcome(w))
		give_up_hop(w);
	outbox_flush_when_due(&w->out);
}

static void
wait_for_work(struct worker *w)
{
	struct pollfd p = { w->setup->sock, POLLIN, 0 };
	int n = poll(&p, 1, w->session == NULL ? -1 : IDLE_MS);

	if (n == 0)
		close_session(w);
}

static void
serve(struct worker *w)
{
	while (!is_over(w) && !stop) {
		fill_ring(w);
		if (w->now == NULL && w->count == 0) {
			outbox_flush(&w->out);
			if (!is_over(w) && !stop)
				wait_for_work(w);
			continue;
		}
		step(w);
	}
	give_back_now(w);
	give_back_ring(w);
	outbox_flush(&w->out);
	session_free(w->session);
}

static int
die_with_parent(pid_t parent)
{
	struct sigaction sa = { .sa_handler = on_term };

	(void)sigemptyset(&sa.sa_mask);
	(void)sigaction(SIGTERM, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &sa, NULL);
	(void)sigaction(SIGINT, &sa, NULL);
	(void)sigaction(SIGHUP, &sa, NULL);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_PDEATHSIG, SIGTERM) == -1)
		return -1;
	return getppid() == parent ? 0 : -1;
}

static int
give_up_the_rest(const struct worker_setup *setup)
{
	struct deliver_needs needs;
	struct po_err err;

	deliver_needs(setup->deliver, &needs);
	if (sandbox_worker(setup->spool, &needs, !setup->sandbox, &err) == 0)
		return 0;
	log_line(LOG_LEVEL_ERROR, "%s (sandbox = false does without)",
	    err.text);
	return -1;
}

int
worker_main(const struct worker_setup *setup)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (w == NULL || die_with_parent(setup->parent) == -1 ||
	    give_up_the_rest(setup) == -1)
		return 75;
	w->setup = setup;
	w->store.dirfd = -1;
	w->space = malloc(WIRE_MAX_BYTES);
	if (w->space == NULL || !outbox_init(&w->out, setup->sock))
		return 75;
	serve(w);
	library_free(w->library);
	templates_close(&w->store);
	outbox_clear(&w->out);
	free(w->space);
	free(w);
	return 0;
}
