/* SPDX-License-Identifier: ISC */
#include "cli/queue_verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/listing.h"
#include "cli/stats.h"
#include "spool/rebuild.h"
#include "util/wallclock.h"

#define ONLY_MS 60000 /* how long --only follows one runner after another */

int
queue_take_lock(const struct spool *s, const char *mode, struct run_lock *lock,
    char text[512], struct po_err *err)
{
	struct lock_record record;
	enum lock_holder holder;

	return lock_take(s->run, mode, lock, &holder, &record, text, 512, err);
}

static void
note_previous(const struct run_lock *lock)
{
	if (lock->before.pid != 0 && !lock->before.clean)
		log_line(LOG_LEVEL_WARNING,
		    "the last runner, pid %d (%s), did not end in order",
		    (int)lock->before.pid, lock->before.mode);
}

static void
say_counts(const struct runner_counts *c)
{
	(void)printf("taken in %llu, sent %llu, deferred %llu, failed %llu, in "
	             "doubt %llu, refused %llu\n",
	    (unsigned long long)c->taken, (unsigned long long)c->sent,
	    (unsigned long long)c->deferred, (unsigned long long)c->failed,
	    (unsigned long long)c->in_doubt, (unsigned long long)c->refused);
}

static int
run_locked(struct queue_program *p, struct spool *s, struct run_lock *lock,
    struct po_err *err)
{
	struct runner_setup setup = {
		.spool = s,
		.lock = lock,
		.queue = &p->queue,
		.routes = p->routes,
		.deliver = p->deliver,
		.ingest = &p->ingest,
		.notices = &p->notices,
		.watch = p->args.watch,
		.flush = p->args.flush,
		.flush_which = p->args.which,
		.ingest_only = p->args.ingest,
		.only = p->args.has_only ? &p->args.only : NULL,
	};
	struct runner_counts counts;
	int rc;

	note_previous(lock);
	rc = runner_run(&setup, &counts, err);
	if (p->args.verbose)
		say_counts(&counts);
	if (rc == 0 && p->args.has_only && !counts.only_found)
		return po_fail(err, PO_EDATA, "no waiting message %s",
		    p->args.only.text);
	return rc;
}

int
queue_take_in(struct queue_program *p, struct spool *s, struct run_lock *lock,
    struct po_err *err)
{
	bool only = p->args.has_only;
	int rc;

	p->args.ingest = true;
	p->args.has_only = false;
	rc = run_locked(p, s, lock, err);
	p->args.has_only = only;
	return rc;
}

/* The lock for a run: 1, 0 somebody else has it and does the work, -1. */
static int
lock_for_run(struct queue_program *p, struct spool *s, struct run_lock *lock,
    char text[512], struct po_err *err)
{
	bool asks = !p->args.watch && !p->args.fail_if_locked;
	bool made_due = false;
	int64_t deadline_ms = monotonic_ms() + ONLY_MS;
	int rc;

	do {
		rc = queue_take_lock(s, p->args.watch ? "watch" : "once", lock,
		    text, err);
		if (rc != 0)
			return rc;
		if (asks && p->args.has_only)
			rc = queue_only_beside(p, text, deadline_ms, &made_due,
			    err);
	} while (rc == 1);
	if (rc == -1 || (asks && p->args.has_only))
		return rc;
	if (asks && p->args.flush)
		return queue_ask_instead(p, text, err);
	(void)fprintf(stderr, "po-queue: %s\n", text);
	if (p->args.fail_if_locked)
		p->status = po_code_info(PO_EBUSY)->exit_status;
	return 0;
}

static int
verb_run(struct queue_program *p, struct spool *s, struct po_err *err)
{
	struct run_lock lock;
	char text[512];
	int rc;

	rc = lock_for_run(p, s, &lock, text, err);
	if (rc != 1)
		return rc;
	rc = run_locked(p, s, &lock, err);
	lock_end(&lock);
	return rc;
}

/* 1; 0: there is none yet, for nothing was queued and run; -1. */
static int
open_index(struct spool *s, struct index **ix, struct po_err *err)
{
	struct po_err why;

	if (index_open(s->dirfd, "index", INDEX_READ, ix, err) == 0)
		return 1;
	return err->sys == ENOENT && spool_has_messages(s, &why) == 0 ? 0 : -1;
}

static int
verb_show(struct queue_program *p, struct spool *s, struct po_err *err)
{
	struct index *ix;
	int rc = open_index(s, &ix, err);

	if (rc == 0)
		return po_fail(err, PO_EDATA,
		    "%s: no such message: nothing was run yet",
		    p->args.only.text);
	if (rc == -1)
		return -1;
	rc = listing_show(ix, &p->args.only, stdout, err);
	index_close(ix);
	return rc;
}

/* What is to be chosen by its sender or recipients is known by the index
 * alone. */
static int
verb_list(struct queue_program *p, struct spool *s, struct po_err *err)
{
	struct listing_scope scope = { .format = p->args.json ? LISTING_JSON
		                                              : LISTING_POSTFIX,
		.all = p->args.all,
		.which = &p->args.which };
	struct untaken_list untaken = { .of = NULL };
	struct index *ix = NULL;
	int rc = 0;

	if (p->args.which.n == 0) {
		scope.untaken = &untaken;
		rc = untaken_gather(s, &untaken, err);
	}
	if (rc == 0 && open_index(s, &ix, err) == -1)
		rc = -1;
	if (rc == 0)
		rc = listing_print(ix, stdout, &scope, err);
	if (ix != NULL)
		index_close(ix);
	untaken_clear(&untaken);
	/* Whoever reads has seen enough: mailq | head. */
	return rc == -1 && err->sys == EPIPE ? 0 : rc;
}

static int
read_totals(struct spool *s, struct index_totals *t, struct po_err *err)
{
	struct index_tx *tx;
	struct index *ix;
	int rc = open_index(s, &ix, err);

	*t = (struct index_totals){ 0 };
	if (rc != 1)
		return rc;
	rc = index_begin(ix, INDEX_READ, &tx, err);
	if (rc == 0)
		rc = index_totals_get(tx, t, err);
	index_discard(tx);
	index_close(ix);
	return rc;
}

static int
count_untaken(const struct spool *s, size_t *n, struct po_err *err)
{
	struct untaken_list list;
	int rc = untaken_gather(s, &list, err);

	*n = list.n;
	untaken_clear(&list);
	return rc;
}

static int
verb_status(struct queue_program *p, struct spool *s, struct po_err *err)
{
	struct lock_record record;
	enum lock_holder holder;
	struct index_totals t;
	size_t untaken;
	static const char busy[] = "another runner has the lock: ";
	char text[512];
	int rc, i;

	(void)p;
	rc = lock_look(s->run, &holder, &record, text, sizeof(text), err);
	if (rc == -1 || count_untaken(s, &untaken, err) == -1 ||
	    read_totals(s, &t, err) == -1)
		return -1;
	(void)printf("runner: %s\n",
	    rc == 1
	        ? "none"
	        : text + (strncmp(text, busy, strlen(busy)) == 0 ? strlen(busy)
	                                                         : 0));
	for (i = 0; i < MESSAGE_STATES; i++)
		(void)printf("%s: %llu messages, %llu bytes\n",
		    message_state_name((enum message_state)i),
		    (unsigned long long)t.messages[i],
		    (unsigned long long)t.bytes[i]);
	(void)printf("not taken in: %zu messages\n", untaken);
	(void)printf("deferred: %llu of the waiting\n",
	    (unsigned long long)t.deferred);
	(void)printf("over quota: %llu of the held\n",
	    (unsigned long long)t.quota);
	return 0;
}

static int
verb_stats(struct queue_program *p, struct spool *s, struct po_err *err)
{
	struct lock_record record;
	enum lock_holder holder;
	struct stats_scope scope = { .now = wallclock_now(),
		.format =
		    p->args.prometheus ? STATS_PROMETHEUS : STATS_TEXT };
	struct index *ix = NULL;
	char text[512];
	int rc = lock_look(s->run, &holder, &record, text, sizeof(text), err);

	scope.up = rc == 0;
	if (rc != -1)
		rc = untaken_gather(s, &scope.untaken, err);
	if (rc != -1)
		rc = open_index(s, &ix, err);
	if (rc != -1)
		rc = stats_print(ix, &scope, stdout, err);
	if (ix != NULL)
		index_close(ix);
	untaken_clear(&scope.untaken);
	return rc;
}

static void
say_rebuild(const struct rebuild_report *r)
{
	(void)printf("the index is rebuilt: %llu messages, %llu attempts; the "
	             "old one is kept beside it\n",
	    (unsigned long long)r->messages, (unsigned long long)r->attempts);
	if (r->history_skipped > 0)
		(void)printf("%llu lines of history could not be read\n",
		    (unsigned long long)r->history_skipped);
	if (r->damaged > 0)
		(void)printf("%llu damaged files were left where they are:\n%s",
		    (unsigned long long)r->damaged, buf_str(&r->problems));
}

static int
verb_rebuild(struct queue_program *p, struct spool *s, struct po_err *err)
{
	struct rebuild_report report;
	struct run_lock lock;
	char text[512];
	int rc;

	(void)p;
	rc = queue_take_lock(s, "rebuild", &lock, text, err);
	if (rc == 0)
		return po_fail(err, PO_EBUSY, "%s; stop it first", text);
	if (rc == -1)
		return -1;
	rc = spool_rebuild_index(s, &report, err);
	lock_end(&lock);
	if (rc == 0)
		say_rebuild(&report);
	rebuild_report_clear(&report);
	return rc;
}

static const struct {
	enum queue_verb verb;
	int (
	    *run)(struct queue_program *p, struct spool *s, struct po_err *err);
} verbs[] = {
	{ VERB_RUN, verb_run },
	{ VERB_LIST, verb_list },
	{ VERB_SHOW, verb_show },
	{ VERB_STATUS, verb_status },
	{ VERB_STATS, verb_stats },
	{ VERB_VERDICT, queue_verb_verdict },
	{ VERB_PROBE, queue_verb_probe },
	{ VERB_CLEANUP, queue_verb_act },
	{ VERB_ACT, queue_verb_act },
	{ VERB_REBUILD_INDEX, verb_rebuild },
};

int
queue_verb_run(struct queue_program *p, struct spool *s, struct po_err *err)
{
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (verbs[i].verb == p->args.verb)
			return verbs[i].run(p, s, err);
	return po_fail(err, PO_EBUG, "no such verb");
}
