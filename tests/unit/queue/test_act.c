/* SPDX-License-Identifier: ISC */
/* Who may do what to which message, and that a request is hostile. */
#include "queue/act.h"

#include <sys/mman.h>

#include "queue_fixture.h"
#include "spool/index_db.h"

#define PO 2000u    /* owner of the spool */
#define ALICE 1000u /* of the sample */
#define MALLORY 1001u

enum stand { WAITS, HELD, CLAIMED, SENT, CANCELLED, EXPIRED };

static struct index_message
put_standing(struct queue_fixture *q, uint32_t number, enum stand stand)
{
	static const enum message_state states[] = { MESSAGE_WAITING,
		MESSAGE_HELD, MESSAGE_WAITING, MESSAGE_SENT, MESSAGE_CANCELLED,
		MESSAGE_EXPIRED };
	struct sample s = sample_of(number);
	struct index_message m;

	s.head.due = NOW + 3600;
	m = put_sample(q, &s);
	m.state = states[stand];
	m.place = stand == WAITS     ? PLACE_DUE
	          : stand == CLAIMED ? PLACE_CLAIM
	                             : PLACE_NONE;
	m.finished = message_is_final(m.state) ? NOW - 10 : 0;
	MUST(index_message_put(q->t.tx, &m, &q->err));
	if (stand == CLAIMED)
		MUST(index_claim_put(q->t.tx,
		    &(struct index_claim){ .id = m.id, .attempt = 1 },
		    &q->err));
	return m;
}

/* All of it; *steps says how many ticks it took. */
static char *
apply(struct queue_fixture *q, uint32_t uid, struct span request, int *steps)
{
	struct act a = { .uid = uid, .fd = -1 };
	char *text;

	buf_init(&a.answer, ACT_ANSWER_BYTES);
	q->t.acted_on = 0;
	MUST(act_apply(&q->t, &a, request, &q->err));
	for (*steps = 1; a.state != ACT_DONE; ++*steps) {
		q->t.acted_on = 0;
		MUST(act_step(&q->t, &a, &q->err));
	}
	text = arena_strdup(&q->t.arena, buf_str(&a.answer));
	act_end_all(&a, 1, &q->spool);
	return text;
}

static char *
ask(struct queue_fixture *q, uint32_t uid, const char *verb,
    const struct queue_id *id)
{
	char request[200];
	int steps;

	(void)snprintf(request, sizeof(request), "po-act 1\nverb=%s\nid=%s\n",
	    verb, id->text);
	return apply(q, uid, span_of(request), &steps);
}

/* Moves: spool-layout.md, "A message". -1: refused,
 * nothing changes. */
static const struct {
	const char *verb;
	enum stand stand;
	int after;
} moves[] = {
	{ "hold", WAITS, MESSAGE_HELD },
	{ "hold", HELD, -1 },
	{ "hold", CLAIMED, -1 },
	{ "hold", SENT, -1 },
	{ "hold", CANCELLED, -1 },
	{ "hold", EXPIRED, -1 },
	{ "release", WAITS, -1 },
	{ "release", HELD, MESSAGE_WAITING },
	{ "release", CLAIMED, -1 },
	{ "release", SENT, -1 },
	{ "release", CANCELLED, -1 },
	{ "release", EXPIRED, -1 },
	{ "cancel", WAITS, MESSAGE_CANCELLED },
	{ "cancel", HELD, MESSAGE_CANCELLED },
	{ "cancel", CLAIMED, -1 },
	{ "cancel", SENT, -1 },
	{ "cancel", CANCELLED, -1 },
	{ "cancel", EXPIRED, -1 },
	{ "requeue", WAITS, MESSAGE_WAITING },
	{ "requeue", HELD, -1 },
	{ "requeue", CLAIMED, -1 },
	{ "requeue", SENT, -1 },
	{ "requeue", CANCELLED, MESSAGE_WAITING },
	{ "requeue", EXPIRED, MESSAGE_WAITING },
};

static void
check_move(struct queue_fixture *q, const struct index_message *before,
    const char *answer, int after)
{
	struct index_message m = get_message(q, &before->id);

	if (after == -1) {
		assert_memory_equal(answer, "no ", 3);
		assert_int_equal(m.state, before->state);
		assert_int_equal(m.place, before->place);
		assert_int_equal(get_head(q, &m.id).generation, 1);
		return;
	}
	assert_memory_equal(answer, "ok ", 3);
	assert_int_equal(m.state, after);
	assert_int_equal(get_head(q, &m.id).state, after);
	assert_int_equal(m.finished, message_is_final(m.state) ? NOW : 0);
}

static void
a_verb_moves_what_may_move_and_nothing_else(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m;
	uint32_t i;

	for (i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
		print_message("%s %d\n", moves[i].verb, moves[i].stand);
		m = put_standing(q, i, moves[i].stand);
		check_move(q, &m, ask(q, 0, moves[i].verb, &m.id),
		    moves[i].after);
	}
}

static void
requeue_makes_due_now_and_release_keeps_the_time(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m = put_standing(q, 1, WAITS);

	(void)ask(q, 0, "requeue", &m.id);
	assert_int_equal(get_message(q, &m.id).due, NOW);
	assert_int_equal(get_message(q, &m.id).place, PLACE_READY);
	m = put_standing(q, 2, HELD);
	(void)ask(q, 0, "release", &m.id);
	assert_int_equal(get_message(q, &m.id).due, NOW + 3600);
	assert_int_equal(get_message(q, &m.id).place, PLACE_DUE);
}

static const struct {
	const char *verb;
	uint32_t uid;
	bool may;
} rights[] = {
	{ "hold", 0, true },
	{ "hold", PO, true },
	{ "hold", ALICE, true },
	{ "cancel", 0, true },
	{ "cancel", PO, true },
	{ "cancel", ALICE, true },
	{ "requeue", 0, true },
	{ "requeue", PO, true },
	{ "requeue", ALICE, false },
};

static void
root_and_the_spool_s_owner_may_all_an_owner_his_own(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m;
	const char *answer;
	uint32_t i;

	for (i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		print_message("%s by %u\n", rights[i].verb, rights[i].uid);
		m = put_standing(q, i, WAITS);
		answer = ask(q, rights[i].uid, rights[i].verb, &m.id);
		assert_memory_equal(answer, rights[i].may ? "ok " : "no ", 3);
	}
}

/* Whatever the state: the answer is that of an id that nobody has. */
static void
a_foreign_uid_learns_nothing(void **state)
{
	static const char *const verbs[] = { "hold", "release", "cancel",
		"requeue" };
	static const enum stand stands[] = { WAITS, HELD, CLAIMED, SENT };
	struct queue_fixture *q = *state;
	struct queue_id nobody = id_of(9999);
	struct index_message m;
	char expected[100];
	uint32_t i, v;

	for (i = 0; i < 4; i++) {
		m = put_standing(q, i, stands[i]);
		for (v = 0; v < 4; v++) {
			(void)snprintf(expected, sizeof(expected),
			    "no %s: no such message\n", m.id.text);
			assert_string_equal(ask(q, MALLORY, verbs[v], &m.id),
			    expected);
			(void)snprintf(expected, sizeof(expected),
			    "no %s: no such message\n", nobody.text);
			assert_string_equal(ask(q, MALLORY, verbs[v], &nobody),
			    expected);
		}
		assert_int_equal(get_message(q, &m.id).state, m.state);
	}
}

static const struct {
	const char *name;
	uint32_t uid;
	const char *request;
	const char *answer; /* its beginning; "" for an empty one */
} malformed[] = {
	{ "empty", 0, "", "no the request is of an unknown version\n" },
	{ "another version", 0, "po-act 2\nverb=flush\n", "no the request" },
	{ "no verb", 0, "po-act 1\n", "no the verb is unknown\n" },
	{ "an unknown verb", 0, "po-act 1\nverb=destroy\n",
	    "no the verb is unknown\n" },
	{ "an id before the verb is none", 0,
	    "po-act 1\nid=01LBR000000000000000000001\nverb=hold\n", "" },
	{ "no id", 0, "po-act 1\nverb=hold\nid=../../etc/passwd\n",
	    "no this is no queue id\n" },
	{ "an id that is too short", 0, "po-act 1\nverb=hold\nid=0\n",
	    "no this is no queue id\n" },
	{ "lines without a name", 0, "po-act 1\n\n=\n===\nverb=hold\n\n", "" },
	{ "flush by anybody", MALLORY, "po-act 1\nverb=flush\n",
	    "no only root" },
	{ "cleanup by anybody", MALLORY, "po-act 1\nverb=cleanup\ndays=0\n",
	    "no only root" },
	{ "hold of all and an id", 0,
	    "po-act 1\nverb=hold\nmatch=all\nid=01LBR000000000000000000001\n",
	    "no ids and selectors" },
	{ "a selector of another version", 0,
	    "po-act 1\nverb=cancel\nmatch-sender=a\nmatch-size=3\n",
	    "no a selector is unknown\n" },
	{ "a selector that is empty", 0,
	    "po-act 1\nverb=cancel\nmatch-sender=\n",
	    "no a selector is unknown\n" },
	{ "a selector that is not", 0,
	    "po-act 1\nverb=cancel\nmatch-sender=!\n",
	    "no a selector is unknown\n" },
	{ "requeue of all by anybody", MALLORY,
	    "po-act 1\nverb=requeue\nmatch=all\n", "no only root" },
};

static void
a_malformed_request_does_nothing(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m = put_standing(q, 1, WAITS);
	const char *answer;
	int steps;
	size_t i;

	for (i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		print_message("%s\n", malformed[i].name);
		answer = apply(q, malformed[i].uid,
		    span_of(malformed[i].request), &steps);
		if (malformed[i].answer[0] == '\0')
			assert_string_equal(answer, "");
		else
			assert_memory_equal(answer, malformed[i].answer,
			    strlen(malformed[i].answer));
		assert_int_equal(get_message(q, &m.id).state, MESSAGE_WAITING);
	}
}

static void
an_act_on_a_damaged_file_does_not_end_the_run(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m = put_standing(q, 1, WAITS);
	const char *answer;

	damage(q, &m.id, FILE_HEAD_AT, 2 * CELL_BYTES);
	answer = ask(q, 0, "cancel", &m.id);
	assert_non_null(strstr(answer, "damaged"));
	assert_false(is_known(q, &m.id));
}

/* The next run makes the index again, from files that are as they were. */
static void
an_act_on_a_damaged_row_leaves_the_file_where_it_is(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m = put_standing(q, 1, WAITS);
	struct record noise = { .p = "xxx", .len = 3 };
	struct act a = { .uid = 0, .fd = -1 };
	struct message_file f;
	struct index_key k;
	char request[200];
	bool in_done;

	key_clear(&k);
	key_id(&k, &m.id);
	key_u32(&k, 0);
	MUST(row_put(q->t.tx, DB_RECIPIENT, &k, &noise, &q->err));
	(void)snprintf(request, sizeof(request),
	    "po-act 1\nverb=cancel\nid=%s\n", m.id.text);
	buf_init(&a.answer, ACT_ANSWER_BYTES);
	assert_int_equal(act_apply(&q->t, &a, span_of(request), &q->err), -1);
	assert_int_equal(q->err.code, PO_EINDEX);
	assert_int_equal(spool_find(&q->spool, &m.id, false, &f, &in_done,
	                     &q->err),
	    1);
	file_close(&f);
	act_end_all(&a, 1, &q->spool);
}

static int
request_file(struct queue_fixture *q, const char *name, const char *text,
    off_t size)
{
	int fd = openat(q->spool.drop, name, O_RDWR | O_CREAT | O_EXCL, 0660);

	assert_true(fd != -1);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	if (size != 0)
		assert_int_equal(ftruncate(fd, size), 0);
	return fd;
}

/* Emptied, blown up, and as it should be; each is answered and removed. */
static void
a_file_that_was_changed_under_us_is_answered_and_removed(void **state)
{
	struct queue_fixture *q = *state;
	struct act acts[3] = { { .uid = 0, .name = "a.1" },
		{ .uid = 0, .name = "a.2" }, { .uid = 0, .name = "a.3" } };
	char text[200] = "";
	int copies[3];
	size_t i;

	acts[0].fd = request_file(q, "a.1", "", 0);
	acts[1].fd =
	    request_file(q, "a.2", "po-act 1\nverb=flush\n", ACT_MAX_BYTES + 1);
	acts[2].fd = request_file(q, "a.3", "po-act 1\nverb=flush\n", 0);
	for (i = 0; i < 3; i++)
		copies[i] = dup(acts[i].fd);
	MUST(act_apply_all(&q->t, acts, 3, &q->err));
	assert_int_equal(act_answer_all(acts, 3, &q->spool), 0);
	for (i = 0; i < 3; i++) {
		(void)snprintf(text, sizeof(text), "a.%zu", i + 1);
		assert_int_equal(faccessat(q->spool.drop, text, F_OK, 0), -1);
	}
	memset(text, 0, sizeof(text));
	assert_true(pread(copies[0], text, sizeof(text) - 1, 0) > 0);
	assert_memory_equal(text, "no ", 3);
	assert_true(
	    pread(copies[1], text, sizeof(text) - 1, ACT_MAX_BYTES + 1) > 0);
	assert_memory_equal(text, "no ", 3);
	memset(text, 0, sizeof(text));
	assert_true(pread(copies[2], text, sizeof(text) - 1, 20) > 0);
	assert_memory_equal(text, "ok ", 3);
	for (i = 0; i < 3; i++)
		(void)close(copies[i]);
}

/* ------------------------------------------------------------ all of a
 * selection */

#define MANY 50u

static struct index_message
put_for(struct queue_fixture *q, uint32_t number, enum stand stand,
    const char *address, const char *sender, uint32_t uid)
{
	struct index_message m = put_standing(q, number, stand);
	struct index_recipient r;
	uint32_t n;

	for (n = 0; n < m.n_recipients; n++) {
		r = get_recipient(q, &m.id, n);
		r.address = address;
		r.state = SLOT_WAITING;
		MUST(index_recipient_put(q->t.tx, &m.id, n, &r, &q->err));
	}
	m.sender = sender;
	m.uid = uid;
	MUST(index_message_put(q->t.tx, &m, &q->err));
	return m;
}

static void
a_selection_takes_what_the_verb_means_and_no_more(void **state)
{
	static const char *const own =
	    "po-act 1\nverb=hold\nmatch-recipient=example.net\n";
	struct queue_fixture *q = *state;
	struct index_message m[5];
	int steps;

	m[0] = put_for(q, 0, WAITS, "a@example.net", "x@example.org", ALICE);
	m[1] = put_for(q, 1, WAITS, "a@example.com", "x@example.org", ALICE);
	m[2] = put_for(q, 2, WAITS, "b@EXAMPLE.NET", "x@example.org", PO);
	m[3] = put_for(q, 3, SENT, "a@example.net", "x@example.org", ALICE);
	m[4] = put_for(q, 4, CLAIMED, "a@example.net", "x@example.org", ALICE);
	assert_string_equal(apply(q, ALICE, span_of(own), &steps),
	    "ok 1 message held\nno 1 message left as they are, being delivered "
	    "now; try again\n");
	assert_int_equal(get_message(q, &m[0].id).state, MESSAGE_HELD);
	assert_int_equal(get_message(q, &m[1].id).state, MESSAGE_WAITING);
	assert_int_equal(get_message(q, &m[2].id).state, MESSAGE_WAITING);
	assert_int_equal(get_message(q, &m[3].id).state, MESSAGE_SENT);
	assert_string_equal(apply(q, MALLORY, span_of(own), &steps),
	    "ok 0 messages held\n");
	assert_memory_equal(apply(q, 0, span_of(own), &steps),
	    "ok 1 message held\n", 18);
	assert_int_equal(get_message(q, &m[2].id).state, MESSAGE_HELD);
	assert_memory_equal(apply(q, 0,
	                        SPAN_LIT("po-act 1\nverb=release\nmatch=all\n"),
	                        &steps),
	    "ok 2 messages released\n", 23);
}

/* As --flush: what was never tried stays scheduled. */
static void
a_flush_makes_deferred_mail_due_a_batch_a_tick(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m, scheduled = put_standing(q, MANY, WAITS);
	char expected[40];
	uint32_t i, ready = 0;
	int steps;

	q->conf.batch = 16;
	for (i = 0; i < MANY; i++) {
		m = put_standing(q, i, WAITS);
		m.attempts = 1;
		MUST(index_message_put(q->t.tx, &m, &q->err));
	}
	(void)snprintf(expected, sizeof(expected), "ok %u messages due now\n",
	    MANY);
	assert_string_equal(apply(q, 0, SPAN_LIT("po-act 1\nverb=flush\n"),
	                        &steps),
	    expected);
	assert_in_range(steps, MANY / 16 + 1, MANY / 16 + 3);
	for (i = 0; i < MANY; i++) {
		struct queue_id id = id_of(i);

		ready += get_message(q, &id).place == PLACE_READY;
	}
	assert_int_equal(ready, MANY);
	assert_int_equal(get_message(q, &scheduled.id).place, PLACE_DUE);
}

static void
a_cleanup_answers_with_its_figures(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m;
	uint32_t i;
	int steps;

	for (i = 0; i < 3; i++) {
		m = put_standing(q, i, i == 2 ? CANCELLED : SENT);
		m.finished = NOW - 4 * 86400;
		MUST(index_message_put(q->t.tx, &m, &q->err));
	}
	m = put_standing(q, 3, SENT);
	assert_memory_equal(apply(q, 0,
	                        SPAN_LIT("po-act 1\nverb=cleanup\ndays=3\n"),
	                        &steps),
	    "ok removed 2 sent\nok removed 1 cancelled\nok cleanup done, ", 57);
	assert_true(is_known(q, &m.id));
}

/* While one is at work its file stays, another one of the uid is refused, and
 * the next runner's acts know nothing of it. */
static void
errands_wait_for_their_end_one_of_a_uid_at_a_time(void **state)
{
	static const char *const text = "po-act 1\nverb=hold\nmatch=all\n";
	struct queue_fixture *q = *state;
	struct act acts[2] = { { .uid = ALICE, .name = "a.1" },
		{ .uid = ALICE, .name = "a.2" } };
	char got[200] = "";
	uint32_t i;
	int second;

	q->conf.batch = 16;
	for (i = 0; i < MANY; i++)
		(void)put_standing(q, i, WAITS);
	acts[0].fd = request_file(q, "a.1", text, 0);
	acts[1].fd = request_file(q, "a.2", text, 0);
	second = dup(acts[1].fd);
	MUST(act_apply_all(&q->t, acts, 2, &q->err));
	assert_int_equal(act_answer_all(acts, 2, &q->spool), 1);
	assert_true(act_any_work(acts, 1, false));
	assert_false(act_any_work(acts, 1, true));
	assert_int_equal(faccessat(q->spool.drop, "a.1", F_OK, 0), 0);
	assert_true(
	    pread(second, got, sizeof(got) - 1, (off_t)strlen(text)) > 0);
	assert_string_equal(got,
	    "no other requests are being done; try again\n");
	act_end_all(acts, 1, &q->spool);
	assert_int_equal(faccessat(q->spool.drop, "a.1", F_OK, 0), 0);
	(void)close(second);
}

/* ------------------------------------------------------------ verdicts */

static const struct {
	const char *name;
	enum stand stand;
	enum index_place place;
	const char *until;
	const char *answer; /* behind the id; NULL: it is awaited */
} verdicts[] = {
	{ "scheduled", WAITS, PLACE_DUE, "taken", "queued" },
	{ "ready is taken", WAITS, PLACE_READY, "taken", "queued" },
	{ "ready is not tried", WAITS, PLACE_READY, "tried", NULL },
	{ "in delivery is not tried", CLAIMED, PLACE_CLAIM, "tried", NULL },
	{ "scheduled will not be tried now", WAITS, PLACE_DUE, "tried",
	    "queued" },
	{ "held", HELD, PLACE_NONE, "tried", "held: " },
	{ "sent", SENT, PLACE_NONE, "tried", "sent" },
	{ "an until of another version is taken", SENT, PLACE_NONE, "?",
	    "sent" },
};

static void
a_verdict_waits_for_what_is_still_to_come(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m;
	char text[200];
	uint32_t i;

	for (i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
		struct act a = { .uid = ALICE, .fd = -1 };

		print_message("%s\n", verdicts[i].name);
		m = put_standing(q, i, verdicts[i].stand);
		m.place = verdicts[i].place;
		MUST(index_message_put(q->t.tx, &m, &q->err));
		(void)snprintf(text, sizeof(text),
		    "po-act 1\nverb=verdict\nuntil=%s\nid=%s\n",
		    verdicts[i].until, m.id.text);
		buf_init(&a.answer, ACT_MAX_BYTES);
		MUST(act_apply(&q->t, &a, span_of(text), &q->err));
		assert_int_equal(a.state,
		    verdicts[i].answer == NULL ? ACT_WAITS : ACT_DONE);
		assert_int_equal(act_any_waits(&a, 1), a.state == ACT_WAITS);
		if (verdicts[i].answer != NULL) {
			(void)snprintf(text, sizeof(text), "ok %s: %s",
			    m.id.text, verdicts[i].answer);
			assert_memory_equal(buf_str(&a.answer), text,
			    strlen(text));
		}
		act_end_all(&a, 1, &q->spool);
	}
}

/* In drop/ it is on its way, for its owner; else there is none. */
static void
a_verdict_on_what_is_not_in_the_index_looks_for_its_file(void **state)
{
	struct queue_fixture *q = *state;
	struct queue_id id = id_of(7);
	struct verdict v = { .id = id, .uid = geteuid() };
	char name[40], expected[100];
	struct buf answer;

	buf_init(&answer, 1000);
	(void)snprintf(name, sizeof(name), "n.%s", id.text);
	(void)close(request_file(q, name, "x", 0));
	assert_int_equal(MUST(verdict_look(&v, &q->spool, q->t.tx, &answer,
	                     &q->err)),
	    0);
	v.uid = MALLORY;
	assert_int_equal(MUST(verdict_look(&v, &q->spool, q->t.tx, &answer,
	                     &q->err)),
	    1);
	(void)snprintf(expected, sizeof(expected), "no %s: no such message\n",
	    id.text);
	assert_string_equal(buf_str(&answer), expected);
	assert_int_equal(unlinkat(q->spool.drop, name, 0), 0);
	v.uid = geteuid();
	buf_reset(&answer);
	assert_int_equal(MUST(verdict_look(&v, &q->spool, q->t.tx, &answer,
	                     &q->err)),
	    1);
	assert_string_equal(buf_str(&answer), expected);
	buf_clear(&answer);
}

/* One id two thousand times: a tick's memory does not grow with it. */
static void
ids_need_no_memory_of_their_own(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m = put_standing(q, 1, WAITS);
	struct act a = { .uid = ALICE, .fd = -1 };
	size_t i, max = q->t.arena.max;
	struct buf request;

	buf_init(&request, ACT_MAX_BYTES);
	buf_init(&a.answer, ACT_ANSWER_BYTES);
	assert_true(buf_puts(&request, "po-act 1\nverb=hold\n"));
	for (i = 0; i < 2000; i++)
		assert_true(buf_printf(&request, "id=%s\n", m.id.text));
	q->t.arena.max = q->t.arena.used + 8192;
	MUST(act_apply(&q->t, &a, buf_span(&request), &q->err));
	q->t.arena.max = max;
	assert_int_equal(a.state, ACT_DONE);
	assert_int_equal(get_message(q, &m.id).state, MESSAGE_HELD);
	act_end_all(&a, 1, &q->spool);
	buf_clear(&request);
}

static void
put_large(struct queue_fixture *q, int64_t due)
{
	struct index_message m;
	uint32_t i;

	for (i = 1; i <= 3; i++) {
		m = put_standing(q, i, WAITS);
		MUST(index_message_get(q->t.tx, &m.id, &q->t.arena, &m,
		    &q->err));
		m.n_recipients = TICK_MAX_RECIPIENTS;
		m.due = due;
		MUST(index_message_put(q->t.tx, &m, &q->err));
	}
}

static void
large_messages_are_acted_on_one_a_tick(void **state)
{
	struct queue_fixture *q = *state;
	int steps;

	put_large(q, NOW + 3600);
	assert_string_equal(apply(q, 0,
	                        SPAN_LIT("po-act 1\nverb=cancel\nmatch=all\n"),
	                        &steps),
	    "ok 3 messages cancelled\n");
	assert_true(steps >= 4);
}

static void
large_messages_are_acted_on_by_id_one_a_tick(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m = { 0 };
	struct buf request, answer;
	uint32_t i;
	int steps;

	put_large(q, NOW + 3600);
	buf_init(&request, ACT_MAX_BYTES);
	buf_init(&answer, ACT_MAX_BYTES);
	assert_true(buf_puts(&request, "po-act 1\nverb=cancel\n"));
	for (i = 1; i <= 3; i++) {
		m.id = id_of(i);
		assert_true(buf_printf(&request, "id=%s\n", m.id.text));
		assert_true(buf_printf(&answer, "ok %s\n", m.id.text));
	}
	assert_string_equal(apply(q, 0, buf_span(&request), &steps),
	    buf_str(&answer));
	assert_int_equal(steps, 3);
	buf_clear(&request);
	buf_clear(&answer);
}

/* Other requests are looked at when there is room in a tick again. */
static void
ids_of_one_leave_the_others_for_the_next_tick(void **state)
{
	struct queue_fixture *q = *state;
	struct act acts[2];
	size_t i, ticks;

	put_large(q, NOW + 3600);
	for (i = 0; i < 2; i++) {
		acts[i] = (struct act){ .uid = 0,
			.fd = memfd_create("request", MFD_CLOEXEC) };
		assert_true(acts[i].fd != -1);
		assert_true(
		    dprintf(acts[i].fd, "po-act 1\nverb=cancel\nid=%s\n",
		        id_of((uint32_t)i + 1).text) > 0);
	}
	for (ticks = 1; ticks <= 2; ticks++) {
		q->t.acted_on = 0;
		MUST(act_apply_all(&q->t, acts, 2, &q->err));
		for (i = 0; i < 2; i++)
			assert_int_equal(acts[i].state,
			    i < ticks ? ACT_DONE : ACT_NEW);
		assert_int_equal(act_any_work(acts, 2, true), ticks < 2);
	}
	act_end_all(acts, 2, &q->spool);
}

static void
large_messages_fall_due_one_a_tick(void **state)
{
	struct queue_fixture *q = *state;
	int i;

	put_large(q, NOW);
	for (i = 0; i < 3; i++)
		assert_int_equal(MUST(place_due(&q->t, 1000, &q->err)), 1);
	assert_int_equal(MUST(place_due(&q->t, 1000, &q->err)), 0);
}

int
main(void)
{
#define CASE(name)                                                             \
	cmocka_unit_test_setup_teardown(name, queue_setup, queue_teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_verb_moves_what_may_move_and_nothing_else),
		CASE(requeue_makes_due_now_and_release_keeps_the_time),
		CASE(root_and_the_spool_s_owner_may_all_an_owner_his_own),
		CASE(a_foreign_uid_learns_nothing),
		CASE(a_malformed_request_does_nothing),
		CASE(an_act_on_a_damaged_file_does_not_end_the_run),
		CASE(an_act_on_a_damaged_row_leaves_the_file_where_it_is),
		CASE(a_file_that_was_changed_under_us_is_answered_and_removed),
		CASE(a_selection_takes_what_the_verb_means_and_no_more),
		CASE(a_flush_makes_deferred_mail_due_a_batch_a_tick),
		CASE(a_cleanup_answers_with_its_figures),
		CASE(errands_wait_for_their_end_one_of_a_uid_at_a_time),
		CASE(a_verdict_waits_for_what_is_still_to_come),
		CASE(a_verdict_on_what_is_not_in_the_index_looks_for_its_file),
		CASE(ids_need_no_memory_of_their_own),
		CASE(large_messages_are_acted_on_one_a_tick),
		CASE(large_messages_are_acted_on_by_id_one_a_tick),
		CASE(ids_of_one_leave_the_others_for_the_next_tick),
		CASE(large_messages_fall_due_one_a_tick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
