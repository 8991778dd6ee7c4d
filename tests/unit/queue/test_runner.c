/* SPDX-License-Identifier: ISC */
/* The runner against workers that lie, and against waiting for nothing. */
#include <signal.h>
#include <sys/socket.h>

#include "queue/runner_state.h"
#include "queue_fixture.h"
#include "util/wallclock.h"

struct rig {
	struct queue_fixture *q;
	struct runner_setup setup;
	struct runner_counts counts;
	struct runner r;
	int worker; /* the worker's end */
};

static int
rig_setup(void **state)
{
	struct rig *g = calloc(1, sizeof(*g));
	void *q;
	int pair[2];

	if (g == NULL || queue_setup(&q) == -1)
		return -1;
	g->q = q;
	g->setup = (struct runner_setup){ .spool = &g->q->spool,
		.queue = &g->q->conf,
		.routes = g->q->routes };
	g->r = (struct runner){ .setup = &g->setup,
		.counts = &g->counts,
		.hops = g->q->t.hops,
		.after = g->q->t.after,
		.space = calloc(1, WIRE_MAX_BYTES) };
	arena_init(&g->r.results_arena, 1u << 20);
	assert_int_equal(crew_init(&g->r.crew, 1, &g->q->err), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	g->r.crew.all[1].sock = pair[0];
	g->r.heartbeat_ms = monotonic_ms() + 10000;
	g->worker = pair[1];
	*state = g;
	return 0;
}

static int
rig_teardown(void **state)
{
	struct rig *g = *state;
	void *q = g->q;

	crew_clear(&g->r.crew);
	if (g->worker != -1)
		(void)close(g->worker);
	free(g->r.space);
	free(g->r.results);
	free(g->r.dealt);
	arena_clear(&g->r.results_arena);
	free(g);
	return queue_teardown(&q);
}

/* The worker holds attempt 1 of this message. */
static void
give(struct rig *g, const struct queue_id *id)
{
	struct child *ch = &g->r.crew.all[1];

	ch->jobs[ch->n_jobs++] = (struct held_job){ .id = *id, .attempt = 1 };
}

static void
tell(struct rig *g, const struct wire_result *results, size_t n)
{
	struct buf b;
	size_t i;

	buf_init(&b, WIRE_MAX_BYTES);
	assert_true(wire_put_u8(&b, WIRE_RESULTS));
	for (i = 0; i < n; i++)
		assert_true(wire_put_result(&b, &results[i]));
	assert_int_equal(wire_send(g->worker, &b, -1, true), 1);
	buf_clear(&b);
}

static void
settle(struct rig *g)
{
	struct queue_fixture *q = g->q;

	MUST(runner_drain(&g->r, &g->r.crew.all[1], 100, &q->err));
	MUST(runner_settle_results(&g->r, &q->t, &q->err));
	g->r.n_results = 0;
}

static void
results_that_make_no_sense_are_not_counted(void **state)
{
	struct rig *g = *state;
	struct queue_fixture *q = g->q;
	struct sample s = sample_of(1), other = sample_of(2);
	struct index_message m = put_claimed(q, &s, 1);
	struct index_message foreign = put_claimed(q, &other, 1);
	struct wire_result r[] = {
		result_of(&m.id, 0, DELIVERY_IN_DOUBT),
		result_of(&m.id, 0, DELIVERY_SENT), /* twice */
		result_of(&m.id, 2, DELIVERY_SENT), /* nobody */
		result_of(&m.id, 1, DELIVERY_SENT), /* of another attempt */
		result_of(&foreign.id, 0, DELIVERY_SENT), /* not its job */
	};

	r[3].attempt = 7;
	give(g, &m.id);
	tell(g, r, 5);
	settle(g);
	assert_int_equal(g->counts.in_doubt, 1);
	assert_int_equal(g->counts.sent, 0);
	assert_int_equal(get_message(q, &m.id).n_open, 2);
	assert_int_equal(get_message(q, &foreign.id).n_open, 2);
	assert_int_equal(g->r.crew.all[1].n_jobs, 1); /* it never said last */
}

static void
a_job_ends_once(void **state)
{
	struct rig *g = *state;
	struct queue_fixture *q = g->q;
	struct sample s = sample_of(1);
	struct index_message m = put_claimed(q, &s, 1);
	struct wire_result r[] = {
		result_of(&m.id, 0, DELIVERY_SENT),
		result_of(&m.id, 1, DELIVERY_SENT),
		result_of(&m.id, 1, DELIVERY_FAILED),
	};

	r[1].last = r[2].last = true;
	give(g, &m.id);
	tell(g, r, 3);
	settle(g);
	assert_int_equal(get_message(q, &m.id).state, MESSAGE_SENT);
	assert_int_equal(g->counts.sent, 2);
	assert_int_equal(g->counts.failed, 0);
	assert_int_equal(g->r.crew.all[1].n_jobs, 0);
}

/* It broke the protocol and died; its pid is reaped, so 0, and a signal to 0
 * is one to us and all of our group. */
static void
garbage_of_a_dead_worker_harms_nobody(void **state)
{
	struct rig *g = *state;
	struct queue_fixture *q = g->q;

	assert_int_equal(send(g->worker, "\377garbage", 8, 0), 8);
	(void)close(g->worker);
	g->worker = -1;
	MUST(runner_drain(&g->r, &g->r.crew.all[1], SIZE_MAX, &q->err));
	assert_int_equal(g->r.crew.all[1].sock, -1);
	assert_int_equal(g->r.n_results, 0);
}

static void
who_talks_without_end_does_not_stop_the_others(void **state)
{
	struct rig *g = *state;
	struct queue_fixture *q = g->q;
	struct queue_id id = id_of(1);
	struct wire_result r = result_of(&id, 0, DELIVERY_SENT);
	int i;

	for (i = 0; i < 8; i++)
		tell(g, &r, 1);
	MUST(runner_drain(&g->r, &g->r.crew.all[1], 3, &q->err));
	assert_int_equal(g->r.n_results, 3);
}

/* A worker whose socket is full gets no more until it says something. */
static void
a_full_socket_is_waited_for_not_tried_again(void **state)
{
	struct rig *g = *state;
	struct queue_fixture *q = g->q;
	struct child *ch = &g->r.crew.all[1];
	struct sample s = sample_of(1);
	struct index_message m = put_claimed(q, &s, 1);
	struct dealt_job d = { .child = ch };
	struct buf b;

	buf_init(&b, WIRE_MAX_BYTES);
	assert_true(wire_put_u8(&b, WIRE_RECALL));
	while (wire_send(ch->sock, &b, -1, true) == 1)
		;
	buf_clear(&b);
	give(g, &m.id);
	d.deal.job.id = m.id;
	d.deal.job.attempt = 1;
	g->r.dealt = malloc(sizeof(d));
	assert_non_null(g->r.dealt);
	g->r.dealt[0] = d;
	g->r.n_dealt = 1;
	ch->quota = 10;
	runner_hand_out(&g->r);
	assert_int_equal(g->r.n_results, 1);
	assert_int_equal(g->r.results[0].r.state, DELIVERY_UNTOUCHED);
	g->r.ready_maybe = true;
	assert_false(runner_can_deal(&g->r));
	tell(g, NULL, 0);
	MUST(runner_drain(&g->r, ch, 1, &q->err));
	assert_true(runner_can_deal(&g->r));
}

/* A file that is there and cannot be opened is not dealt again at once. */
static void
a_file_that_cannot_be_opened_waits_like_a_deferral(void **state)
{
	struct rig *g = *state;
	struct queue_fixture *q = g->q;
	struct sample s = sample_of(1);
	struct index_message m = put_claimed(q, &s, 1);
	char path[QUEUE_ID_LEN + 4];

	queue_id_folder(&m.id, path);
	path[2] = '/';
	memcpy(path + 3, m.id.text, QUEUE_ID_LEN + 1);
	assert_int_equal(unlinkat(q->spool.queue, path, 0), 0);
	assert_int_equal(mkdirat(q->spool.queue, path, 0700), 0); /* EISDIR */
	give(g, &m.id);
	g->r.dealt = calloc(1, sizeof(*g->r.dealt));
	assert_non_null(g->r.dealt);
	g->r.dealt[0].child = &g->r.crew.all[1];
	g->r.dealt[0].deal.job.id = m.id;
	g->r.dealt[0].deal.job.attempt = 1;
	g->r.n_dealt = 1;
	runner_hand_out(&g->r);
	assert_int_equal(g->r.n_results, 1);
	assert_int_equal(g->r.results[0].r.state, DELIVERY_DEFERRED);
	assert_false(g->r.results[0].r.damaged);
}

static void
nothing_is_waited_for_in_a_loop(void **state)
{
	struct rig *g = *state;
	struct runner *r = &g->r;

	r->crew.all[0].sock = dup(g->worker);
	/* The ingester answers for longer than the next scan is due. */
	r->scanning = true;
	r->scan_ms = monotonic_ms() - 100000;
	assert_true(runner_time_left(r) > 5000);
	r->scanning = false;
	assert_int_equal(runner_time_left(r), 0);
	/* There is none to ask; it is forked again in a second. */
	crew_close(&r->crew.all[0]);
	r->fork_ms = monotonic_ms();
	assert_in_range(runner_time_left(r), 500, 1000);
}

static void
dirty_slots_are_synced_in_time(void **state)
{
	struct rig *g = *state;
	struct runner *r = &g->r;

	g->setup.watch = true;
	r->crew.all[0].sock = dup(g->worker);
	r->scan_ms = monotonic_ms();
	r->slot_sync_ms = monotonic_ms() + 3000;
	assert_true(runner_time_left(r) > 5000);
	r->slots_dirty = true;
	assert_in_range(runner_time_left(r), 1, 3000);
}

/* Times that no calendar has; with -fsanitize an overflow ends the test. */
static void
times_far_away_are_no_short_wait(void **state)
{
	static const int64_t times[] = { INT64_MAX, INT64_MAX / 1000,
		INT64_C(1) << 40, INT64_C(4000000000) };
	struct rig *g = *state;
	struct runner *r = &g->r;
	size_t i;

	g->setup.watch = true;
	r->crew.all[0].sock = dup(g->worker);
	r->scan_ms = monotonic_ms();
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		r->next_due = r->next_wake = times[i];
		assert_true(runner_time_left(r) > 5000);
	}
	r->next_due = wallclock_now() + 2;
	assert_in_range(runner_time_left(r), 1, 2000);
}

static void
the_end_of_a_rest_is_work(void **state)
{
	struct rig *g = *state;
	struct runner *r = &g->r;

	r->next_wake = wallclock_now() + 1000;
	assert_false(runner_has_work(r));
	r->next_wake = wallclock_now();
	assert_true(runner_has_work(r));
}

static void
a_clock_that_went_back_is_work(void **state)
{
	struct rig *g = *state;
	struct runner *r = &g->r;

	r->last_now = wallclock_now() + 10;
	assert_false(runner_has_work(r));
	r->last_now = wallclock_now() + 3600;
	assert_true(runner_has_work(r));
}

/* A tick indexes what its recipients allow; the rest keeps its originals. */
static void
many_recipients_come_in_over_several_ticks(void **state)
{
	enum { EACH = 4, FILES = TICK_MAX_RECIPIENTS / EACH + 1 };
	struct rig *g = *state;
	struct queue_fixture *q = g->q;
	struct ingest_taken *taken = calloc(FILES, sizeof(*taken));
	struct sample s;
	uint32_t i;

	assert_non_null(taken);
	for (i = 0; i < FILES; i++) {
		s = sample_of(i + 1);
		s.env.n_recipients = EACH;
		place_sample(q->spool.queue, &s);
		taken[i].id = s.env.id;
	}
	g->r.taken = taken;
	g->r.n_taken = FILES;
	MUST(runner_take_in(&g->r, &q->t, &q->err));
	runner_release(&g->r);
	assert_int_equal(g->r.n_taken, 1);
	assert_string_equal(taken[0].id.text, s.env.id.text);
	assert_false(is_known(q, &s.env.id));
	assert_true(runner_has_work(&g->r));
	MUST(runner_take_in(&g->r, &q->t, &q->err));
	runner_release(&g->r);
	assert_int_equal(g->r.n_taken, 0);
	assert_true(is_known(q, &s.env.id));
	free(taken);
}

/* What is dealt to one worker leaves with one datagram, files in the order of
 * the jobs. */
static void
jobs_of_one_worker_go_together(void **state)
{
	struct rig *g = *state;
	struct queue_fixture *q = g->q;
	struct wire_reader in;
	struct wire_job job;
	int fds[WIRE_MAX_FILES];
	uint8_t type = 0;
	size_t i, n;
	ssize_t len;

	g->r.dealt = calloc(2, sizeof(*g->r.dealt));
	assert_non_null(g->r.dealt);
	for (i = 0; i < 2; i++) {
		struct sample s = sample_of((unsigned)i + 1);
		struct index_message m = put_claimed(q, &s, 1);

		g->r.dealt[i].child = &g->r.crew.all[1];
		g->r.dealt[i].deal.job.id = m.id;
	}
	g->r.n_dealt = 2;
	memcpy(g->r.dealt[1].deal.job.hop, "smtp:b", 7);
	runner_hand_out(&g->r);
	assert_int_equal(g->r.n_results, 0);
	len = wire_receive_files(g->worker, g->r.space, fds, &n, true);
	assert_true(len > 0);
	assert_int_equal(n, 2);
	in = (struct wire_reader){ (const unsigned char *)g->r.space,
		(size_t)len };
	assert_true(wire_get_u8(&in, &type) && wire_get_job(&in, &job) &&
	            wire_get_job(&in, &job));
	assert_int_equal(type, WIRE_JOBS);
	assert_string_equal(job.hop, "smtp:b");
	assert_int_equal(in.left, 0);
	for (i = 0; i < n; i++)
		(void)close(fds[i]);
}

/* Its pace while it waits for commits is not the pace that it is capable of. */
static void
who_had_nothing_to_do_gets_more(void **state)
{
	struct rig *g = *state;
	struct queue_fixture *q = g->q;
	struct child *ch = &g->r.crew.all[1];

	ch->quota = 8;
	ch->ahead_ms = CREW_AHEAD_MS;
	ch->done = 8;
	ch->quota_ms = monotonic_ms() - 1000;
	MUST(runner_deal(&g->r, &q->t, &q->err));
	assert_in_range(ch->quota, 2, 7); /* 8 a second: little */
	ch->quota = 8;
	ch->done = 8;
	ch->quota_ms = monotonic_ms() - 1000;
	ch->starved = true;
	MUST(runner_deal(&g->r, &q->t, &q->err));
	assert_int_equal(ch->quota, 16);
	assert_int_equal(ch->ahead_ms, 2 * CREW_AHEAD_MS);
	assert_false(ch->starved);
	ch->quota = WORKER_MAX_JOBS;
	ch->done = 8;
	ch->quota_ms = monotonic_ms() - 1000;
	ch->starved = true;
	MUST(runner_deal(&g->r, &q->t, &q->err));
	assert_true(ch->quota <= WORKER_MAX_JOBS);
}

static void
one_is_starved_by_a_filled_hand_alone(void **state)
{
	struct rig *g = *state;
	struct queue_fixture *q = g->q;
	struct child *ch = &g->r.crew.all[1];
	int i;

	for (i = 0; i < 2; i++) {
		struct sample s = sample_of((unsigned)i + 1);
		struct index_message m = put_claimed(q, &s, 1);
		struct wire_result r = result_of(&m.id, 0, DELIVERY_SENT);

		r.attempt = 1;
		r.last = true;
		give(g, &m.id);
		ch->filled = i == 1;
		tell(g, &r, 1);
		MUST(runner_drain(&g->r, ch, 1, &q->err));
		MUST(runner_settle_results(&g->r, &q->t, &q->err));
		g->r.n_results = 0;
		assert_int_equal(ch->n_jobs, 0);
		assert_int_equal(ch->starved, i == 1);
	}
}

int
main(void)
{
#define CASE(name)                                                             \
	cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		CASE(results_that_make_no_sense_are_not_counted),
		CASE(a_job_ends_once),
		CASE(garbage_of_a_dead_worker_harms_nobody),
		CASE(who_talks_without_end_does_not_stop_the_others),
		CASE(a_full_socket_is_waited_for_not_tried_again),
		CASE(a_file_that_cannot_be_opened_waits_like_a_deferral),
		CASE(nothing_is_waited_for_in_a_loop),
		CASE(dirty_slots_are_synced_in_time),
		CASE(times_far_away_are_no_short_wait),
		CASE(the_end_of_a_rest_is_work),
		CASE(a_clock_that_went_back_is_work),
		CASE(many_recipients_come_in_over_several_ticks),
		CASE(jobs_of_one_worker_go_together),
		CASE(who_had_nothing_to_do_gets_more),
		CASE(one_is_starved_by_a_filled_hand_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
