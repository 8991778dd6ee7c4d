/* SPDX-License-Identifier: ISC */
#include "queue/errand.h"

#include <stdlib.h>

#include "queue/hops.h"
#include "util/xalloc.h"

#define LOOK_MAX 20000 /* records in one tick: some 20 ms of decoding */

struct errand *
errand_new(const struct act_verb *verb, uint32_t uid,
    const struct selection *which)
{
	struct errand *e = xcalloc(1, sizeof(*e));

	e->verb = verb;
	e->uid = uid;
	e->which = *which;
	e->cleanup.days = -1;
	return e;
}

void
errand_free(struct errand *e)
{
	if (e != NULL)
		free(e->text);
	free(e);
}

/* 1 it counts as done, 0 it is passed over, -1. */
static int
act_on(struct tick *t, struct errand *e, struct index_message *m,
    struct po_err *err)
{
	struct po_err why;
	int rc;

	if (!e->verb->means(m) || !act_may(t, e->uid, e->verb, m, NULL))
		return 0;
	rc = selection_matches(&e->which, t->tx, m, err);
	if (rc != 1)
		return rc;
	if (index_message_is_claimed(m)) {
		e->busy++;
		return 0;
	}
	rc = e->verb->message(t, m, &why);
	if (rc == -1 && why.code == PO_EUSAGE)
		return 0;
	if (rc == -1) {
		*err = why;
		return -1;
	}
	if (rc == 0)
		e->damaged++;
	else
		e->done++;
	return 1;
}

/* Hops that rest begin with the first message, and once more when all are in
 * their places: not with each part, for a relay that is down is not there for
 * each part. */
static int
wake_hops(struct tick *t, const struct errand *e, uint64_t done_before,
    struct po_err *err)
{
	bool first = done_before == 0 && e->done > 0;

	if (e->verb->on_messages || !(first || (e->over && e->done > 0)))
		return 0;
	return hops_wake_all(t->hops, t->tx, err);
}

/* Does each message cost as much as it has recipients? */
static bool
searches(const struct errand *e)
{
	size_t i;

	for (i = 0; i < e->which.n; i++)
		if (e->which.terms[i].field == SELECT_RECIPIENT)
			return true;
	return false;
}

static int
walk(struct tick *t, struct errand *e, struct po_err *err)
{
	bool admin = act_is_admin(t, e->uid);
	int64_t acted = 0, looked, recipients = 0;
	struct index_message m;
	struct arena arena;
	int rc = 1;

	arena_init(&arena, 16u << 20);
	for (looked = 0; looked < LOOK_MAX && acted < t->conf->batch &&
	                 recipients < TICK_MAX_RECIPIENTS;
	     looked++) {
		rc = index_message_next(t->tx, e->begun ? &e->at : NULL, &arena,
		    &m, err);
		if (rc != 1)
			break;
		e->begun = true;
		e->at = m.id;
		rc = admin || m.uid == e->uid ? act_on(t, e, &m, err) : 0;
		if (rc == -1)
			break;
		acted += rc;
		recipients += rc == 1 || searches(e) ? m.n_recipients : 0;
		rc = 1;
		arena_clear(&arena);
	}
	arena_clear(&arena);
	e->over = rc == 0;
	return rc == -1 ? -1 : 0;
}

int
errand_step(struct tick *t, struct errand *e, struct po_err *err)
{
	uint64_t done = e->done;

	if (e->cleanup.wanted) {
		if (cleanup_step(t, &e->cleanup, err) == -1)
			return -1;
		e->over = !e->cleanup.wanted;
		return 0;
	}
	if (walk(t, e, err) == -1)
		return -1;
	return wake_hops(t, e, done, err);
}

static void
answer_cleanup(const struct cleanup *c, struct buf *answer)
{
	int i;

	for (i = 0; i < MESSAGE_STATES; i++)
		if (c->removed[i] > 0)
			(void)buf_printf(answer, "ok removed %llu %s\n",
			    (unsigned long long)c->removed[i],
			    message_state_name((enum message_state)i));
	(void)buf_printf(answer, "ok cleanup done, %llu bytes freed\n",
	    (unsigned long long)c->bytes);
}

static const char *
messages(uint64_t n)
{
	return n == 1 ? "message" : "messages";
}

void
errand_answer(const struct errand *e, struct buf *answer)
{
	if (e->verb->message == NULL) {
		answer_cleanup(&e->cleanup, answer);
		return;
	}
	(void)buf_printf(answer, "ok %llu %s %s\n", (unsigned long long)e->done,
	    messages(e->done), e->verb->done);
	if (e->busy > 0 && e->verb->on_messages)
		(void)buf_printf(answer,
		    "no %llu %s left as they are, being delivered now; try "
		    "again\n",
		    (unsigned long long)e->busy, messages(e->busy));
	if (e->damaged > 0)
		(void)buf_printf(answer,
		    "no %llu %s damaged and moved to bad/\n",
		    (unsigned long long)e->damaged, messages(e->damaged));
}
