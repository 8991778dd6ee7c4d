/* SPDX-License-Identifier: ISC */
/* A message with two recipients that go to two relays. */
#include "queue_fixture.h"

#include "queue/act_verb.h"
#include "queue/deal.h"
#include "queue/parts.h"
#include "queue/recover.h"

static char host[] = "host.example", a_name[] = "a", b_name[] = "b";
static char *a_list[] = { a_name }, *b_list[] = { b_name };
static char empty[] = "", place[] = "po.conf:1";
static char *places[] = { place, place };
static char first[128];
static char *first_list[] = { first };
static struct relay_conf relays[2] = {
	{ .name = a_name, .host = host, .user = empty },
	{ .name = b_name, .host = host, .user = empty },
};
static struct route_conf entries[2];

/* The first recipient goes by relay a, all else by b. */
static void
use_two_relays(struct queue_fixture *q, const struct sample *s)
{
	deliver_routes_free(q->routes);
	snprintf(first, sizeof(first), "%s", s->recipients[0].address);
	entries[0] = (struct route_conf){ .recipient = { first_list, 1 },
		.transport = TRANSPORT_SMTP,
		.relays = { a_list, 1 } };
	entries[1] = (struct route_conf){ .transport = TRANSPORT_SMTP,
		.relays = { b_list, 1 } };
	q->deliver.relays = (struct conf_list){ relays, 2, places };
	q->deliver.routes = (struct conf_list){ entries, 2, places };
	MUST(deliver_routes_new(&q->deliver, &q->routes, &q->err));
	q->t.routes = q->routes;
}

static struct index_message
put_two(struct queue_fixture *q, struct sample *s)
{
	struct index_message m;

	*s = sample_of(1);
	use_two_relays(q, s);
	m = put_sample(q, s);
	MUST(place_message(&q->t, &m, &q->err));
	return get_message(q, &m.id);
}

/* Deal the next job and say which relay it is for. */
static char
deal(struct queue_fixture *q, struct wire_job *job, uint32_t *hop)
{
	struct deal d;

	if (MUST(deal_next(&q->t, &d, NULL, 0, &q->err)) == 0)
		return '-';
	*job = d.job;
	*hop = d.hop;
	assert_true(strncmp(job->hop, "smtp:", 5) == 0);
	return job->hop[5];
}

static void
both_claimed(struct queue_fixture *q, struct wire_job jobs[2], uint32_t hops[2])
{
	char x = deal(q, &jobs[0], &hops[0]), y = deal(q, &jobs[1], &hops[1]);
	struct wire_job job;
	uint32_t hop;

	assert_true((x == 'a' && y == 'b') || (x == 'b' && y == 'a'));
	if (x == 'b') {
		job = jobs[0];
		jobs[0] = jobs[1];
		jobs[1] = job;
		hop = hops[0];
		hops[0] = hops[1];
		hops[1] = hop;
	}
}

static void
settle(struct queue_fixture *q, const struct wire_job *job, uint32_t hop,
    uint32_t n, enum delivery_state state)
{
	struct index_message m = get_message(q, &job->id);
	struct wire_result r = result_of(&job->id, n, state);
	struct attempt_end end = { .attempt = job->attempt,
		.hop = hop,
		.touched = state != DELIVERY_UNTOUCHED,
		.in_doubt = state == DELIVERY_IN_DOUBT,
		.failed = state == DELIVERY_FAILED };

	r.attempt = job->attempt;
	MUST(settle_recipient(&q->t, &m, &r, &q->err));
	MUST(settle_end(&q->t, &m, &end, &q->err));
}

static void
every_next_hop_is_served_at_once(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m;
	struct wire_job jobs[2], none;
	uint32_t hops[2], hop;
	struct sample s;

	m = put_two(q, &s);
	assert_int_equal(m.place, PLACE_PARTS);
	both_claimed(q, jobs, hops);
	assert_true(jobs[0].attempt != jobs[1].attempt);
	assert_int_equal(get_message(q, &m.id).claims, 2);
	assert_int_equal(deal(q, &none, &hop), '-');
	settle(q, &jobs[0], hops[0], 0, DELIVERY_SENT);
	assert_int_equal(get_message(q, &m.id).state, MESSAGE_WAITING);
	settle(q, &jobs[1], hops[1], 1, DELIVERY_SENT);
	m = get_message(q, &m.id);
	assert_int_equal(m.state, MESSAGE_SENT);
	assert_int_equal(m.place, PLACE_NONE);
	assert_false(has_claim(q));
	assert_int_equal(MUST(index_part_get(q->t.tx, &m.id, hops[0],
	                     &(struct index_part){ 0 }, &q->err)),
	    0);
}

static void
a_hop_that_rests_delays_nobody_else(void **state)
{
	struct queue_fixture *q = *state;
	struct wire_job job;
	struct sample s;
	struct hop *a;
	uint32_t hop;

	(void)put_two(q, &s);
	a = hops_by_name(q->t.hops, q->t.tx, "relay:a", &q->err);
	a->host.backoff_until = NOW + 100;
	assert_int_equal(deal(q, &job, &hop), 'b');
	settle(q, &job, hop, 1, DELIVERY_SENT);
	assert_int_equal(deal(q, &job, &hop), '-');
	q->t.now += 101;
	assert_int_equal(deal(q, &job, &hop), 'a');
	settle(q, &job, hop, 0, DELIVERY_SENT);
	assert_int_equal(get_message(q, &job.id).state, MESSAGE_SENT);
}

static void
each_part_waits_by_its_own_attempts(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m;
	struct wire_job jobs[2];
	struct index_part part;
	uint32_t hops[2];
	struct sample s;
	int i;

	m = put_two(q, &s);
	both_claimed(q, jobs, hops);
	settle(q, &jobs[0], hops[0], 0, DELIVERY_DEFERRED);
	m = get_message(q, &m.id);
	assert_int_equal(m.place, PLACE_PARTS_DUE);
	assert_in_range(m.due, NOW + 300, NOW + 375);
	assert_int_equal(get_head(q, &m.id).due, m.due);
	settle(q, &jobs[1], hops[1], 1, DELIVERY_UNTOUCHED);
	/* b was not tried: ready again; a is due in its own time. */
	for (i = 0; i < 3; i++) {
		assert_int_equal(deal(q, &jobs[1], &hops[1]), 'b');
		settle(q, &jobs[1], hops[1], 1, DELIVERY_UNTOUCHED);
	}
	q->t.now = get_message(q, &m.id).due;
	assert_int_equal(MUST(place_due(&q->t, 10, &q->err)), 1);
	both_claimed(q, jobs, hops);
	settle(q, &jobs[0], hops[0], 0, DELIVERY_DEFERRED);
	settle(q, &jobs[1], hops[1], 1, DELIVERY_DEFERRED);
	MUST(index_part_get(q->t.tx, &m.id, hops[0], &part, &q->err));
	assert_int_equal(part.attempts, 2);
	assert_in_range(part.due - q->t.now, 600, 750);
	MUST(index_part_get(q->t.tx, &m.id, hops[1], &part, &q->err));
	assert_int_equal(part.attempts, 1);
	assert_int_equal(get_message(q, &m.id).due, part.due);
}

static void
a_flush_makes_all_parts_ready(void **state)
{
	struct queue_fixture *q = *state;
	const struct act_verb *flush;
	struct index_message m;
	struct wire_job jobs[2];
	uint32_t hops[2];
	struct sample s;

	(void)put_two(q, &s);
	both_claimed(q, jobs, hops);
	settle(q, &jobs[0], hops[0], 0, DELIVERY_DEFERRED);
	settle(q, &jobs[1], hops[1], 1, DELIVERY_DEFERRED);
	m = get_message(q, &s.env.id);
	flush = act_verb_find(SPAN_LIT("flush"));
	assert_true(flush->means(&m));
	assert_int_equal(MUST(flush->message(&q->t, &m, &q->err)), 1);
	both_claimed(q, jobs, hops);
}

static void
the_death_of_a_worker_touches_its_own_recipients(void **state)
{
	struct queue_fixture *q = *state;
	struct wire_job jobs[2];
	struct index_claim claim;
	struct message_file f;
	uint32_t hops[2], n;
	struct sample s;
	struct slot slot;
	bool in_done;

	(void)put_two(q, &s);
	both_claimed(q, jobs, hops);
	MUST(spool_find(&q->spool, &s.env.id, true, &f, &in_done, &q->err));
	for (n = 0; n < 2; n++) {
		MUST(file_read_slots(&f, n, 1, &slot, &q->err));
		slot.state = SLOT_SENDING;
		slot.attempt = jobs[n].attempt;
		MUST(file_write_slot(&f, n, &slot, &q->err));
	}
	file_close(&f);
	claim = (struct index_claim){ jobs[0].id, jobs[0].attempt, hops[0] };
	MUST(recover_claim(&q->t, &claim, FROM_DEATH, &q->err));
	assert_int_equal(get_slot(q, &s.env.id, 0).state, SLOT_IN_DOUBT);
	assert_int_equal(get_slot(q, &s.env.id, 1).state, SLOT_SENDING);
	assert_int_equal(get_message(q, &s.env.id).claims, 1);
	claim = (struct index_claim){ jobs[1].id, jobs[1].attempt, hops[1] };
	MUST(recover_claim(&q->t, &claim, FROM_CRASH, &q->err));
	assert_int_equal(get_slot(q, &s.env.id, 1).state, SLOT_IN_DOUBT);
	assert_int_equal(get_message(q, &s.env.id).n_in_doubt, 2);
	assert_false(has_claim(q));
}

static void
a_hold_in_doubt_waits_for_the_others(void **state)
{
	struct queue_fixture *q = *state;
	struct wire_job jobs[2];
	uint32_t hops[2];
	struct sample s;

	q->conf.in_doubt = IN_DOUBT_HOLD;
	(void)put_two(q, &s);
	both_claimed(q, jobs, hops);
	settle(q, &jobs[0], hops[0], 0, DELIVERY_IN_DOUBT);
	assert_int_equal(get_message(q, &s.env.id).state, MESSAGE_WAITING);
	settle(q, &jobs[1], hops[1], 1, DELIVERY_SENT);
	assert_int_equal(get_message(q, &s.env.id).state, MESSAGE_HELD);
	assert_int_equal(get_message(q, &s.env.id).hold, HOLD_DOUBT);
}

static void
an_expired_message_waits_for_the_others(void **state)
{
	struct queue_fixture *q = *state;
	struct wire_job jobs[2];
	uint32_t hops[2];
	struct sample s;

	(void)put_two(q, &s);
	both_claimed(q, jobs, hops);
	settle(q, &jobs[0], hops[0], 0, DELIVERY_DEFERRED);
	q->t.now = EXPIRES + 1;
	MUST(place_due(&q->t, 10, &q->err));
	assert_int_equal(get_message(q, &s.env.id).state, MESSAGE_WAITING);
	assert_true(get_message(q, &s.env.id).due > q->t.now);
	settle(q, &jobs[1], hops[1], 1, DELIVERY_SENT);
	assert_int_equal(get_message(q, &s.env.id).state, MESSAGE_EXPIRED);
}

static void
what_no_recipient_takes_any_more_is_routed_anew(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m;
	struct wire_job job;
	struct sample s;
	uint32_t hop;
	char to;

	m = put_two(q, &s);
	/* Both go by b now; a's worker finds nothing to do. */
	entries[0].relays.v = b_list;
	deliver_routes_free(q->routes);
	MUST(deliver_routes_new(&q->deliver, &q->routes, &q->err));
	q->t.routes = q->routes;
	do {
		to = deal(q, &job, &hop);
		if (to == 'a')
			settle(q, &job, hop, 0, DELIVERY_UNTOUCHED);
	} while (to == 'a');
	assert_int_equal(to, 'b');
	settle(q, &job, hop, 0, DELIVERY_UNTOUCHED);
	assert_int_equal(deal(q, &job, &hop), 'b');
	assert_int_equal(deal(q, &(struct wire_job){ 0 }, &(uint32_t){ 0 }),
	    '-');
	m = get_message(q, &m.id);
	assert_int_equal(m.claims, 1);
}

static void
a_damaged_message_takes_its_parts_along(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m;
	struct wire_job job;
	struct sample s;
	uint32_t hop;

	m = put_two(q, &s);
	assert_int_not_equal(deal(q, &job, &hop), '-');
	MUST(settle_damaged(&q->t, &m, "for the test", &q->err));
	assert_int_equal(deal(q, &job, &hop), '-');
	assert_false(has_claim(q));
	assert_false(is_known(q, &s.env.id));
}

#define UNIT(f) cmocka_unit_test_setup_teardown(f, queue_setup, queue_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(every_next_hop_is_served_at_once),
		UNIT(a_hop_that_rests_delays_nobody_else),
		UNIT(each_part_waits_by_its_own_attempts),
		UNIT(a_flush_makes_all_parts_ready),
		UNIT(the_death_of_a_worker_touches_its_own_recipients),
		UNIT(a_hold_in_doubt_waits_for_the_others),
		UNIT(an_expired_message_waits_for_the_others),
		UNIT(what_no_recipient_takes_any_more_is_routed_anew),
		UNIT(a_damaged_message_takes_its_parts_along),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
