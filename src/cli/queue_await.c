/* SPDX-License-Identifier: ISC */
/*
 * What became of one message: asked of the runner that lives, or found out
 * here. A run of another --only, or one that ends, does not deliver what comes
 * to it last: it says "later", and then the lock is free.
 */
#include <stdio.h>
#include <unistd.h>

#include "cli/queue_verbs.h"
#include "cli/verdict_say.h"
#include "queue/act.h"
#include "queue/ask.h"
#include "util/wallclock.h"

#define ROUND_MS 1000    /* then the lock is tried again */
#define VERDICT_MS 10000 /* all of --verdict */

/* 1 answered, 0 not in time, -1. */
static int
ask_verdict(const struct queue_program *p, enum verdict_until until,
    int64_t round_ms, struct buf *answer, struct po_err *err)
{
	struct verdict v = { .id = p->args.only, .until = until };
	struct buf request;
	int rc = -1;

	buf_init(&request, ACT_MAX_BYTES);
	if (verdict_put(&v, &request))
		rc = act_ask_while(p->drop.spool, buf_str(&request), round_ms,
		    answer, err);
	else
		(void)po_fail(err, PO_EOS, "no memory for a request");
	buf_clear(&request);
	return rc;
}

static bool
is_later(const struct buf *answer)
{
	return span_has_prefix_nocase(buf_span(answer), SPAN_LIT("later "));
}

/* ------------------------------------------------------------ --verdict */

static int
look_here(struct queue_program *p, const struct spool *s, struct buf *answer,
    struct po_err *err)
{
	struct verdict v = { .id = p->args.only, .uid = geteuid() };
	struct index_tx *tx;
	struct index *ix;
	int rc;

	if (index_open(s->dirfd, "index", INDEX_READ, &ix, err) == -1)
		return -1;
	rc = index_begin(ix, INDEX_READ, &tx, err);
	if (rc == 0)
		rc = verdict_look(&v, s, tx, answer, err);
	index_discard(tx);
	index_close(ix);
	return rc;
}

/* By the lock it is known whether anybody will answer. */
static int
find_verdict(struct queue_program *p, struct spool *s, struct buf *answer,
    struct po_err *err)
{
	int64_t deadline_ms = monotonic_ms() + VERDICT_MS;
	struct run_lock lock;
	char text[512];
	int rc;

	if (s == NULL)
		return ask_verdict(p, VERDICT_TAKEN, VERDICT_MS, answer, err);
	do {
		rc = queue_take_lock(s, "once", &lock, text, err);
		if (rc == 1) {
			rc = queue_take_in(p, s, &lock, err);
			lock_end(&lock);
			return rc == -1 ? -1 : look_here(p, s, answer, err);
		}
		buf_reset(answer);
		if (rc == 0)
			rc = ask_verdict(p, VERDICT_TAKEN, ROUND_MS, answer,
			    err);
	} while (rc != -1 && (rc == 0 || is_later(answer)) &&
	         monotonic_ms() < deadline_ms);
	return rc == 1 && is_later(answer) ? 0 : rc;
}

int
queue_verb_verdict(struct queue_program *p, struct spool *s, struct po_err *err)
{
	struct buf answer;
	int rc;

	buf_init(&answer, ACT_MAX_BYTES * 2);
	rc = find_verdict(p, s, &answer, err);
	if (rc == 1)
		p->status = verdict_say(buf_span(&answer), p->program);
	else if (rc == 0)
		(void)po_fail(err, PO_EBUSY,
		    "%s: asked, but no runner has answered yet",
		    p->args.only.text);
	buf_clear(&answer);
	return rc == 1 ? 0 : -1;
}

/* ------------------------------------------------------------ --only beside a
 * runner */

/* Due now if it waits; that it is in delivery, or not taken in yet, is no
 * fault. */
static int
make_due(const struct queue_program *p, struct po_err *err)
{
	struct buf request, answer;
	int rc = -1;

	buf_init(&request, ACT_MAX_BYTES);
	buf_init(&answer, ACT_MAX_BYTES * 2);
	if (buf_printf(&request, "po-act 1\nverb=requeue\nid=%s\n",
	        p->args.only.text))
		rc = act_ask_while(p->drop.spool, buf_str(&request), ROUND_MS,
		    &answer, err);
	else
		(void)po_fail(err, PO_EOS, "no memory for a request");
	buf_clear(&request);
	buf_clear(&answer);
	return rc;
}

int
queue_only_beside(struct queue_program *p, const char *holder,
    int64_t deadline_ms, bool *made_due, struct po_err *err)
{
	struct buf answer;
	int rc = 1;

	buf_init(&answer, ACT_MAX_BYTES * 2);
	if (!*made_due)
		rc = make_due(p, err);
	*made_due = *made_due || rc == 1;
	if (rc == 1)
		rc = ask_verdict(p, VERDICT_TRIED, ROUND_MS, &answer, err);
	if (rc == 1 && !is_later(&answer)) {
		p->status = verdict_say(buf_span(&answer), p->program);
		rc = 0;
	} else if (rc != -1) {
		rc = monotonic_ms() < deadline_ms
		         ? 1
		         : po_fail(err, PO_EBUSY, "asked, not confirmed: %s",
		               holder);
	}
	buf_clear(&answer);
	return rc;
}
