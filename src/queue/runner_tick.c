/* SPDX-License-Identifier: ISC */
/*
 * The steps of a tick, in this order, because each may feed the next: moves
 * that are done leave the index, new messages come in, results are settled,
 * acts applied, due mail made ready, and claims taken for whoever has room.
 * Jobs go out only behind the commit.
 */
#include <stdio.h>
#include <string.h>

#include "queue/act.h"
#include "queue/forget.h"
#include "queue/place.h"
#include "queue/quota.h"
#include "queue/recover.h"
#include "queue/runner_state.h"
#include "queue/storm.h"
#include "util/parse_num.h"
#include "util/wallclock.h"

#define CLOCK_SLACK_S 60 /* what a clock is set back by without a word */
#define FIRST_BATCH 64   /* made ready by the first tick: workers wait for it */

static int
begin(struct runner *r, struct tick *t, struct po_err *err)
{
	memset(t, 0, sizeof(*t));
	arena_clear(&r->tick_arena);
	t->now_ms = wallclock_now_ms();
	t->now = t->now_ms / 1000;
	t->after = r->after;
	t->hops = r->hops;
	t->spool = r->setup->spool;
	t->conf = r->setup->queue;
	t->routes = r->setup->routes;
	t->notices = r->setup->notices;
	t->storm_next = &r->next_storm;
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

static int
look_ahead(struct runner *r, struct tick *t, struct po_err *err)
{
	struct queue_id id;
	uint32_t uid;
	int rc = index_due_first(t->tx, &r->next_due, &id, err);

	if (rc == 0)
		r->next_due = 0;
	if (rc != -1)
		rc = index_wake_first(t->tx, &r->next_release, &uid, err);
	if (rc == 0)
		r->next_release = 0;
	r->next_wake = hops_next_wake(r->hops, t->now);
	return rc == -1 ? -1 : 0;
}

static int
make_ready(struct runner *r, struct tick *t, struct po_err *err)
{
	int64_t batch = r->setup->queue->batch;
	int n;

	if (r->activity == 0 && batch > FIRST_BATCH)
		batch = FIRST_BATCH;
	if (r->setup->only != NULL) {
		if (r->only_done)
			return 0;
		n = act_make_due(t, r->setup->only, err);
		r->only_done = r->counts->only_found = n == 1;
		r->ready_maybe = n == 1;
		return n == -1 ? -1 : 0;
	}
	if (r->next_wake != 0 && r->next_wake <= t->now)
		r->ready_maybe =
		    true; /* what was passed over while it rested */
	if (runner_limit_is_over(r)) {
		r->ready_maybe = true;
		hops_round(r->hops)->stale = true;
	}
	n = quota_release(t, batch, err);
	if (n > 0)
		r->ready_maybe = true;
	if (n != -1)
		n = place_due(t, batch, err);
	if (n > 0)
		r->ready_maybe = true;
	r->due_more = n == batch;
	return n == -1 ? -1 : 0;
}

/* Has the wall clock gone back since the last tick? */
static bool
went_back(const struct runner *r, int64_t now)
{
	return now + CLOCK_SLACK_S < r->last_now;
}

/* Which boot claims are of: in the transaction of the first of them. */
static int
note_boot(struct runner *r, struct tick *t, struct po_err *err)
{
	char boot[40];

	if (r->boot_noted)
		return 0;
	lock_boot_id(boot);
	r->boot_noted = true;
	return index_meta_put(t->tx, "boot", boot, err);
}

static int
note_time(struct runner *r, struct tick *t, struct po_err *err)
{
	char text[24];

	if (went_back(r, t->now)) {
		after_log(t->after, "po/qmgr", LOG_LEVEL_WARNING,
		    "the clock went back by %lld s; retries are pulled nearer",
		    (long long)(r->last_now - t->now));
		if (place_after_clock_jump(t, err) == -1)
			return -1;
		r->last_now = t->now;
	} else if (!index_is_dirty(t->tx)) {
		return 0; /* no commit for this alone */
	}
	if (t->now > r->last_now)
		r->last_now = t->now;
	(void)snprintf(text, sizeof(text), "%lld", (long long)t->now);
	if (index_meta_put(t->tx, "clock", text, err) == -1)
		return -1;
	return note_boot(r, t, err);
}

static bool
is_past(int64_t when, int64_t now)
{
	return when != 0 && when <= now;
}

/* Once a day: no run need end. */
static int
forget(struct runner *r, struct tick *t, struct po_err *err)
{
	int rc;

	if (t->now < r->next_forget)
		return 0;
	rc = forget_old(t, err);
	if (rc == 0)
		r->next_forget = t->now + 86400;
	return rc == -1 ? -1 : 0;
}

static bool
looks_at_late(const struct runner *r)
{
	return r->setup->only == NULL && !r->setup->ingest_only;
}

static int
look_at_late(struct runner *r, struct tick *t, struct po_err *err)
{
	if (!looks_at_late(r) || !late_has_work(&r->late, t->now))
		return 0;
	return late_step(t, &r->late, (unsigned)r->setup->queue->batch, err);
}

static int
steps(struct runner *r, struct tick *t, struct po_err *err)
{
	if (forget_moved(r, t, err) == -1 || runner_take_in(r, t, err) == -1 ||
	    runner_settle_results(r, t, err) == -1)
		return -1;
	if (act_apply_all(t, r->acts, r->n_acts, err) == -1)
		return -1;
	if (!r->setup->ingest_only && make_ready(r, t, err) == -1)
		return -1;
	if (is_past(r->next_storm, t->now) && storm_sweep(t, err) == -1)
		return -1;
	if (forget(r, t, err) == -1 || look_at_late(r, t, err) == -1)
		return -1;
	if (runner_deal(r, t, err) == -1 ||
	    hops_write(r->hops, t->tx, err) == -1)
		return -1;
	hops_trim(r->hops, t->now);
	if (note_time(r, t, err) == -1)
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
	r->heard = false;
	rc = steps(r, &t, err);
	rc = tick_end(&t, rc, err);
	if (rc == 0) {
		r->n_results = 0;
		arena_clear(&r->results_arena);
		after_run(r->after, r->setup->spool);
		r->n_acts = act_answer_all(r->acts, r->n_acts, r->setup->spool);
		runner_release(r);
		runner_hand_out(r);
		r->activity++;
	}
	arena_clear(&t.arena);
	return rc;
}

/* What the clock said at the last tick of the run before. */
static int
read_clock(struct runner *r, struct tick *t, struct po_err *err)
{
	char text[24];
	int rc = index_meta_get(t->tx, "clock", text, sizeof(text), err);

	if (rc == 1)
		(void)parse_i64(span_of(text), 0, INT64_MAX, &r->last_now);
	return rc;
}

/* Will there be jobs at once? */
static int
find_work(struct runner *r, struct tick *t, struct po_err *err)
{
	int rc;

	if (r->setup->ingest_only)
		return 0;
	if (look_ahead(r, t, err) == -1)
		return -1;
	t->crew = &r->crew;
	rc = is_past(r->next_due, t->now) ? 1 : deal_any(t, err);
	r->ready_maybe = rc == 1;
	return rc == -1 ? -1 : 0;
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
		rc = read_clock(r, &t, err);
	if (rc != -1)
		rc = recover_all(&t,
		    strcmp(boot, before) != 0 && before[0] != '\0' ? FROM_BOOT
		                                                   : FROM_CRASH,
		    &claims, err);
	if (rc == 0)
		rc = quota_wake_all(&t, err);
	if (rc == 0)
		rc = storm_sweep(&t, err);
	if (rc == 0)
		rc = hops_write(r->hops, t.tx, err);
	/* A new index has no claims: its first tick notes it in time. */
	r->boot_noted = strcmp(boot, before) == 0;
	if (rc == 0 && (before[0] != '\0' || index_is_dirty(t.tx)))
		rc = note_boot(r, &t, err);
	if (rc == 0)
		rc = find_work(r, &t, err);
	rc = tick_end(&t, rc, err);
	if (rc == 0) {
		if (claims > 0)
			log_line(LOG_LEVEL_WARNING,
			    "recovered %zu messages that a crash left in "
			    "delivery",
			    claims);
		after_run(r->after, r->setup->spool);
	}
	arena_clear(&t.arena);
	return rc;
}

/* A commit costs the same for one result and for a hundred: wait a little, as
 * long as the workers have enough to go on with. */
static bool
results_are_ripe(const struct runner *r)
{
	return r->n_results > 0 &&
	       (r->n_results * 2 >= crew_jobs(&r->crew) ||
	           monotonic_ms() - r->results_ms >= RUNNER_GATHER_MS);
}

/* Rows of moves that are done wait for a commit that is made anyway, or for
 * the end of all deliveries. */
static bool
moves_are_ripe(const struct runner *r)
{
	size_t n;

	(void)after_moved(r->after, &n);
	return n > 0 && crew_jobs(&r->crew) == 0;
}

bool
runner_limit_is_over(const struct runner *r)
{
	return r->limited_until_ms != 0 &&
	       r->limited_until_ms <= wallclock_now_ms();
}

bool
runner_has_work(const struct runner *r)
{
	if (results_are_ripe(r) || moves_are_ripe(r) || r->n_taken > 0 ||
	    act_any_work(r->acts, r->n_acts, r->stopping) ||
	    (r->heard && act_any_waits(r->acts, r->n_acts)))
		return true;
	if (r->stopping || r->setup->ingest_only)
		return false;
	if (runner_can_deal(r) || runner_limit_is_over(r))
		return true;
	if (r->setup->only != NULL)
		return false;
	if ((r->next_wake != 0 && r->next_wake <= wallclock_now()) ||
	    is_past(r->next_storm, wallclock_now()) ||
	    went_back(r, wallclock_now()))
		return true;
	if (r->next_release != 0 && r->next_release <= wallclock_now())
		return true;
	if (looks_at_late(r) && late_has_work(&r->late, wallclock_now()))
		return true;
	return r->due_more ||
	       (r->next_due != 0 && r->next_due <= wallclock_now());
}
