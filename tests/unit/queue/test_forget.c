/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "queue/forget.h"
#include "queue_fixture.h"

#define OLD (NOW - FORGET_HOSTS_S)

static uint32_t
put_host(struct queue_fixture *q, const char *name, int64_t used_at)
{
	struct index_host h = { .used_at = used_at };

	(void)snprintf(h.name, sizeof(h.name), "%s", name);
	MUST(index_host_put(q->t.tx, &h, &q->err));
	return h.hop;
}

static bool
knows(struct queue_fixture *q, const char *name)
{
	struct index_host h;

	return MUST(index_host_get(q->t.tx, name, &h, &q->err)) == 1;
}

/* What something means its number by stays, and so do relays, which are few. */
static void
domains_that_nobody_writes_to_go(void **state)
{
	struct queue_fixture *q = *state;
	struct sample s = sample_of(1);
	struct index_message m = put_sample(q, &s);
	uint32_t old, part, claim, number;

	old = put_host(q, "mx:old.example", OLD);
	(void)put_host(q, "mx:young.example", OLD + 1);
	(void)put_host(q, "relay:old", OLD);
	part = put_host(q, "mx:part.example", OLD);
	claim = put_host(q, "mx:claim.example", OLD);
	m.place = PLACE_READY;
	m.hop = put_host(q, "mx:ready.example", OLD);
	MUST(index_message_put(q->t.tx, &m, &q->err));
	MUST(index_part_put(q->t.tx, &m.id,
	    &(struct index_part){ .hop = part, .place = PLACE_DUE, .due = 1 },
	    &q->err));
	MUST(index_claim_put(q->t.tx,
	    &(struct index_claim){ m.id, 1, claim }, &q->err));
	number = put_host(q, "mx:last.example", OLD);
	assert_non_null(hops_by_number(q->t.hops, q->t.tx, old, &q->err));
	assert_int_equal(MUST(forget_old(&q->t, &q->err)), 0);
	assert_false(knows(q, "mx:old.example"));
	assert_true(knows(q, "mx:young.example"));
	assert_true(knows(q, "relay:old"));
	assert_true(knows(q, "mx:part.example"));
	assert_true(knows(q, "mx:claim.example"));
	assert_true(knows(q, "mx:ready.example"));
	assert_true(knows(q, "mx:last.example"));
	assert_null(hops_by_number(q->t.hops, q->t.tx, old, &q->err));
	assert_int_equal(put_host(q, "mx:new.example", NOW), number + 1);
}

static void
a_uid_without_mail_whose_rates_are_over_goes(void **state)
{
	struct queue_fixture *q = *state;
	struct index_uid over = { .rates = { { NOW - 60, 5 },
		                      { NOW - 3600, 9 } } };
	struct index_uid counts = { .rates = { [RATE_DAY] = { NOW - 86399,
		                                   1 } } };
	struct index_uid u;

	MUST(index_uid_put(q->t.tx, 7, &over, &q->err));
	MUST(index_uid_put(q->t.tx, 8, &counts, &q->err));
	MUST(forget_old(&q->t, &q->err));
	assert_int_equal(MUST(index_uid_get(q->t.tx, 7, &u, &q->err)), 0);
	assert_int_equal(MUST(index_uid_get(q->t.tx, 8, &u, &q->err)), 1);
}

static void
turns_that_were_dealt_go(void **state)
{
	struct queue_fixture *q = *state;
	uint64_t turn;

	MUST(index_turn_put(q->t.tx, PRIORITY_LOW, PLACE_DEALT_UID, 100,
	    &q->err));
	MUST(index_turn_put(q->t.tx, PRIORITY_LOW, 7, 100, &q->err));
	MUST(index_turn_put(q->t.tx, PRIORITY_LOW, 8, 101, &q->err));
	MUST(index_turn_put(q->t.tx, PRIORITY_HIGH, 7, 5, &q->err));
	MUST(forget_old(&q->t, &q->err));
	MUST(index_turn_get(q->t.tx, PRIORITY_LOW, 7, &turn, &q->err));
	assert_int_equal(turn, 0);
	MUST(index_turn_get(q->t.tx, PRIORITY_LOW, 8, &turn, &q->err));
	assert_int_equal(turn, 101);
	MUST(index_turn_get(q->t.tx, PRIORITY_LOW, PLACE_DEALT_UID, &turn,
	    &q->err));
	assert_int_equal(turn, 100);
	MUST(index_turn_get(q->t.tx, PRIORITY_HIGH, 7, &turn, &q->err));
	assert_int_equal(turn, 5);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, queue_setup, queue_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(domains_that_nobody_writes_to_go),
		CASE(a_uid_without_mail_whose_rates_are_over_goes),
		CASE(turns_that_were_dealt_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
