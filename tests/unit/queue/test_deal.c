/* SPDX-License-Identifier: ISC */
/* The order in which ready mail is dealt, over a real index in a folder of its
 * own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue/deal.h"
#include "queue/place.h"

#define NOW INT64_C(1790000000)

struct fixture {
	char path[64];
	int dir;
	struct index *ix;
	struct tick t;
	struct deliver_conf deliver;
	struct deliver_routes *routes;
	struct queue_conf conf;
	unsigned made;
};

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct po_err err;

	assert_non_null(f);
	(void)snprintf(f->path, sizeof(f->path), "/tmp/po-deal-XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(f->dir, "index", 0700), 0);
	if (index_open(f->dir, "index", INDEX_WRITE, &f->ix, &err) == -1)
		fail_msg("%s", err.text);
	f->t.now = NOW;
	f->t.hops = hops_new();
	f->t.after = after_new();
	f->t.conf = &f->conf;
	assert_int_equal(deliver_routes_new(&f->deliver, &f->routes, &err), 0);
	f->t.routes = f->routes;
	arena_init(&f->t.arena, 1u << 26);
	assert_int_equal(index_begin(f->ix, INDEX_WRITE, &f->t.tx, &err), 0);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	index_discard(f->t.tx);
	index_close(f->ix);
	hops_free(f->t.hops);
	deliver_routes_free(f->routes);
	after_free(f->t.after);
	arena_clear(&f->t.arena);
	(void)close(f->dir);
	(void)snprintf(command, sizeof(command), "rm -rf %s", f->path);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

/* A message of this uid and class, the n-th of the test: ids rise with n. */
static struct index_message
make(struct fixture *f, uint32_t uid, enum priority class, int64_t due)
{
	struct index_message m = {
		.state = MESSAGE_WAITING,
		.priority = class,
		.uid = uid,
		.arrival = NOW,
		.due = due,
		.expires = NOW + 432000,
		.n_recipients = 1,
		.n_open = 1,
		.size = 10,
		.sender = "a@example.org",
	};
	const struct index_recipient r = { .state = SLOT_WAITING,
		.address = "b@example.org",
		.text = "" };
	unsigned char bytes[QUEUE_ID_BYTES] = { 1, 2, 3, 4, 5, 6 };
	struct po_err err;

	bytes[14] = (unsigned char)(f->made >> 8);
	bytes[15] = (unsigned char)f->made++;
	queue_id_of_bytes(bytes, &m.id);
	assert_int_equal(index_recipient_put(f->t.tx, &m.id, 0, &r, &err), 0);
	if (place_message(&f->t, &m, &err) == -1)
		fail_msg("%s", err.text);
	return m;
}

static int
deal(struct fixture *f, struct index_message *m)
{
	struct deal d;
	struct po_err err;
	int rc = deal_next(&f->t, &d, NULL, 0, &err);

	if (rc == -1)
		fail_msg("%s", err.text);
	if (rc == 1)
		assert_int_equal(index_message_get(f->t.tx, &d.job.id,
		                     &f->t.arena, m, &err),
		    1);
	return rc;
}

static void
classes_leave_in_their_order(void **state)
{
	static const enum priority in[] = { PRIORITY_LOW, PRIORITY_MEDIUM,
		PRIORITY_NOW, PRIORITY_HIGH };
	struct fixture *f = *state;
	struct index_message m;
	size_t i;

	for (i = 0; i < 4; i++)
		(void)make(f, 1000, in[i], NOW);
	for (i = 0; i < 4; i++) {
		assert_int_equal(deal(f, &m), 1);
		assert_int_equal(m.priority, i);
		assert_int_equal(m.place, PLACE_CLAIM);
	}
	assert_int_equal(deal(f, &m), 0);
}

static void
every_16th_deal_takes_the_lowest_class(void **state)
{
	struct fixture *f = *state;
	struct index_message m;
	unsigned i;

	for (i = 0; i < 100; i++)
		(void)make(f, 1000, PRIORITY_HIGH, NOW);
	for (i = 0; i < 3; i++)
		(void)make(f, 1000, PRIORITY_LOW, NOW);
	for (i = 1; i <= 64; i++) {
		assert_int_equal(deal(f, &m), 1);
		assert_int_equal(m.priority,
		    i % 16 == 0 && i <= 48 ? PRIORITY_LOW : PRIORITY_HIGH);
	}
}

static void
a_uid_with_much_mail_does_not_keep_another_waiting(void **state)
{
	struct fixture *f = *state;
	struct index_message m;
	unsigned i;

	for (i = 0; i < 500; i++)
		(void)make(f, 1000, PRIORITY_MEDIUM, NOW);
	for (i = 0; i < 10; i++)
		assert_int_equal(deal(f, &m), 1);
	(void)make(f, 2000, PRIORITY_MEDIUM, NOW);
	(void)make(f, 2000, PRIORITY_MEDIUM, NOW);
	/* The 11th turn is shared by 1000 (older id) and 2000; so is the 12th.
	 */
	assert_int_equal(deal(f, &m), 1);
	assert_int_equal(m.uid, 1000);
	assert_int_equal(deal(f, &m), 1);
	assert_int_equal(m.uid, 2000);
	assert_int_equal(deal(f, &m), 1);
	assert_int_equal(m.uid, 1000);
	assert_int_equal(deal(f, &m), 1);
	assert_int_equal(m.uid, 2000);
}

static void
a_uid_that_sent_much_is_not_punished_later(void **state)
{
	struct fixture *f = *state;
	struct index_message m;
	unsigned i;

	for (i = 0; i < 300; i++)
		(void)make(f, 1000, PRIORITY_MEDIUM, NOW);
	for (i = 0; i < 300; i++)
		assert_int_equal(deal(f, &m), 1);
	for (i = 0; i < 50; i++)
		(void)make(f, 2000, PRIORITY_MEDIUM, NOW);
	(void)make(f, 1000, PRIORITY_MEDIUM, NOW);
	for (i = 0; i < 3; i++) {
		assert_int_equal(deal(f, &m), 1);
		if (m.uid == 1000)
			return;
	}
	fail_msg("the other uid's fifty went first");
}

static void
one_uids_mail_leaves_oldest_first(void **state)
{
	struct fixture *f = *state;
	struct index_message m;
	char last[QUEUE_ID_LEN + 1] = "";
	unsigned i;

	for (i = 0; i < 200; i++)
		(void)make(f, 1000, PRIORITY_MEDIUM, NOW);
	for (i = 0; i < 200; i++) {
		assert_int_equal(deal(f, &m), 1);
		assert_true(strcmp(last, m.id.text) < 0);
		memcpy(last, m.id.text, sizeof(last));
	}
}

static void
scheduled_mail_is_dealt_when_it_is_due(void **state)
{
	struct fixture *f = *state;
	struct index_message m;
	struct po_err err;

	(void)make(f, 1000, PRIORITY_NOW, NOW + 10);
	(void)make(f, 1000, PRIORITY_NOW, NOW + 20);
	assert_int_equal(place_due(&f->t, 100, &err), 0);
	assert_int_equal(deal(f, &m), 0);
	f->t.now = NOW + 10;
	assert_int_equal(place_due(&f->t, 100, &err), 1);
	assert_int_equal(deal(f, &m), 1);
	assert_int_equal(m.due, NOW + 10);
	assert_int_equal(deal(f, &m), 0);
}

static void
a_resting_hop_is_passed_over(void **state)
{
	struct fixture *f = *state;
	struct index_message made, m;
	struct po_err err;
	struct hop *hop;

	made = make(f, 1000, PRIORITY_MEDIUM, NOW);
	hop = hops_by_number(f->t.hops, f->t.tx, made.hop, &err);
	assert_non_null(hop);
	hop->host.backoff_until = NOW + 30;
	assert_int_equal(deal(f, &m), 0);
	assert_int_equal(deal_any(&f->t, &err), 0);
	assert_int_equal(hops_next_wake(f->t.hops, NOW), NOW + 30);
	f->t.now = NOW + 30;
	assert_int_equal(deal_any(&f->t, &err), 1);
	assert_int_equal(deal(f, &m), 1);
}

/* One message more for a domain; its number. */
static uint32_t
make_for_domain(struct fixture *f, unsigned domain)
{
	struct index_message m = make(f, 1, PRIORITY_MEDIUM, NOW + 1);
	struct po_err err;
	char name[32];
	struct hop *hop;

	(void)snprintf(name, sizeof(name), "mx:d%u.example", domain);
	hop = hops_by_name(f->t.hops, f->t.tx, name, &err);
	assert_non_null(hop);
	m.place = PLACE_READY;
	m.hop = hop->host.hop;
	m.turn = f->made;
	assert_int_equal(index_message_put(f->t.tx, &m, &err), 0);
	return m.hop;
}

#define DOMAINS 300u

static void
each_of_many_domains_is_tried_by_one_message(void **state)
{
	struct fixture *f = *state;
	struct po_err err;
	unsigned i, dealt[DOMAINS + 1] = { 0 };
	uint32_t number[DOMAINS];
	struct deal d;

	for (i = 0; i < 2 * DOMAINS; i++)
		number[i % DOMAINS] = make_for_domain(f, i % DOMAINS);
	for (i = 0; i < DOMAINS; i += 3)
		hops_by_number(f->t.hops, f->t.tx, number[i], &err)
		    ->host.backoff_until = NOW + 30;
	for (i = 0; i < DOMAINS - DOMAINS / 3; i++) {
		assert_int_equal(deal_next(&f->t, &d, NULL, 0, &err), 1);
		assert_true(d.probe);
		dealt[d.hop - number[0]]++;
	}
	assert_int_equal(deal_next(&f->t, &d, NULL, 0, &err), 0);
	assert_int_equal(deal_any(&f->t, &err), 0);
	for (i = 0; i < DOMAINS; i++)
		assert_int_equal(dealt[number[i] - number[0]], i % 3 != 0);
	/* One answered: it may have more, and another not. */
	hops_by_number(f->t.hops, f->t.tx, number[1], &err)->untried = false;
	hops_round(f->t.hops)->stale = true;
	assert_int_equal(deal_next(&f->t, &d, NULL, 0, &err), 1);
	assert_int_equal(d.hop, number[1]);
	assert_false(d.probe);
	assert_int_equal(deal_next(&f->t, &d, NULL, 0, &err), 0);
	/* A rest ends in the next second. */
	f->t.now = NOW + 30;
	for (i = 0; i < DOMAINS / 3; i++)
		assert_int_equal(deal_next(&f->t, &d, NULL, 0, &err), 1);
	assert_int_equal(deal_next(&f->t, &d, NULL, 0, &err), 0);
}

static void
a_worker_stays_with_its_domain(void **state)
{
	struct fixture *f = *state;
	struct po_err err;
	uint32_t number[3];
	struct deal d;
	unsigned i;

	for (i = 0; i < 30; i++)
		number[i % 3] = make_for_domain(f, i % 3);
	for (i = 0; i < 3; i++)
		hops_by_number(f->t.hops, f->t.tx, number[i], &err)->untried =
		    false;
	for (i = 0; i < 10; i++) {
		assert_int_equal(deal_next(&f->t, &d, NULL, number[2], &err),
		    1);
		assert_int_equal(d.hop, number[2]);
	}
	assert_int_equal(deal_next(&f->t, &d, NULL, number[2], &err), 1);
	assert_int_not_equal(d.hop, number[2]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(classes_leave_in_their_order,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    every_16th_deal_takes_the_lowest_class, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_uid_with_much_mail_does_not_keep_another_waiting, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    a_uid_that_sent_much_is_not_punished_later, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    one_uids_mail_leaves_oldest_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    scheduled_mail_is_dealt_when_it_is_due, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_resting_hop_is_passed_over,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    each_of_many_domains_is_tried_by_one_message, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(a_worker_stays_with_its_domain,
		    set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
