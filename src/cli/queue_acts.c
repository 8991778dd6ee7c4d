/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <unistd.h>

#include "cli/queue_verbs.h"
#include "queue/act.h"
#include "queue/ask.h"
#include "spool/rebuild.h"
#include "util/wallclock.h"

#define ASK_MS 10000 /* how long a tool waits for the runner's answer */

static int
open_index_or_rebuild(const struct spool *s, struct index **ix,
    struct po_err *err)
{
	struct rebuild_report report;
	struct po_err why;
	int rc;

	rc = spool_open_index(s, ix, &report, &why, err);
	if (rc == 1)
		(void)fprintf(stderr,
		    "po-queue: %s; the index is rebuilt from the files\n",
		    why.text);
	rebuild_report_clear(&report);
	return rc == -1 ? -1 : 0;
}

/* ------------------------------------------------------------------ acts: by
 * the runner if one lives, else here */

static int
make_request(const struct queue_program *p, struct buf *request,
    struct po_err *err)
{
	bool finished_too = p->args.all && p->args.verb == VERB_ACT;
	bool ok = buf_printf(request, "po-act 1\nverb=%s%s\n",
	    p->args.verb_name, finished_too ? "-all" : "");
	int i;

	if (p->args.days >= 0)
		ok = ok && buf_printf(request, "days=%lld\n",
		               (long long)p->args.days);
	if (p->args.everything)
		ok = ok && buf_puts(request, "match=all\n");
	else
		for (i = 0; i < p->args.n_ids; i++)
			ok = ok &&
			     buf_printf(request, "id=%s\n", p->args.ids[i]);
	ok = ok && selection_put(&p->args.which, request);
	return ok ? 0 : po_fail(err, PO_EUSAGE, "too many ids in one call");
}

/* One transaction of an act. */
static int
one_tick(struct tick *t, struct index *ix, struct act *a,
    const struct buf *request, struct po_err *err)
{
	int rc;

	t->now = wallclock_now();
	t->acted_on = 0;
	arena_init(&t->arena, 256u << 20);
	rc = index_begin(ix, INDEX_WRITE, &t->tx, err);
	if (rc == 0) {
		rc = a->state == ACT_NEW
		         ? act_apply(t, a, buf_span(request), err)
		         : act_step(t, a, err);
		if (rc == 0)
			rc = hops_write(t->hops, t->tx, err);
		rc = tick_end(t, rc, err);
	}
	if (rc == 0)
		after_run(t->after, t->spool);
	arena_clear(&t->arena);
	return rc;
}

static int
empty_trash(const struct spool *s, struct po_err *err)
{
	int n;

	do
		n = spool_empty_trash(s, 1000, err);
	while (n > 0);
	return n;
}

/* In transactions of its own; run lock held, no runner alive. */
static int
act_here(struct queue_program *p, struct spool *s, const struct buf *request,
    struct buf *answer, struct po_err *err)
{
	struct tick t = { .spool = s,
		.conf = &p->queue,
		.routes = p->routes,
		.notices = &p->notices };
	struct act a = { .uid = geteuid(), .fd = -1 };
	struct index *ix;
	int rc;

	if (open_index_or_rebuild(s, &ix, err) == -1)
		return -1;
	t.hops = hops_new();
	t.after = after_new();
	buf_init(&a.answer, ACT_ANSWER_BYTES);
	do
		rc = one_tick(&t, ix, &a, request, err);
	while (rc == 0 && a.state != ACT_DONE);
	if (rc == 0 && p->args.verb == VERB_CLEANUP)
		rc = empty_trash(s, err);
	if (rc == 0 && !buf_put_span(answer, buf_span(&a.answer)))
		rc = po_fail(err, PO_EOS, "no memory for the answer");
	act_end_all(&a, 1, s);
	after_free(t.after);
	hops_free(t.hops);
	index_close(ix);
	return rc;
}

/* Print the answer's lines; the exit status tells whether all were "ok". */
static int
say_answer(const struct buf *answer, struct po_err *err)
{
	struct span rest = buf_span(answer), line;
	int refused = 0;

	while (rest.len > 0) {
		line = span_cut(&rest, '\n');
		if (span_has_prefix_nocase(line, SPAN_LIT("no "))) {
			refused++;
			(void)fprintf(stderr, "po-queue: %.*s\n",
			    (int)line.len - 3, line.p + 3);
		} else if (span_has_prefix_nocase(line, SPAN_LIT("ok "))) {
			(void)printf("%.*s\n", (int)line.len - 3, line.p + 3);
		}
	}
	return refused == 0
	           ? 0
	           : po_fail(err, PO_EDATA, "%d of the requests %s not done",
	                 refused, refused == 1 ? "was" : "were");
}

static int
ask_and_say(const struct queue_program *p, const struct buf *request,
    const char *holder, struct po_err *err)
{
	struct buf answer;
	int rc;

	buf_init(&answer, ACT_MAX_BYTES * 2);
	rc = act_ask(p->drop.spool, buf_str(request), ASK_MS, &answer, err);
	if (rc == 0)
		rc = po_fail(err, PO_EBUSY, "asked, not confirmed: %s", holder);
	if (rc != -1)
		rc = say_answer(&answer, err);
	buf_clear(&answer);
	return rc;
}

int
queue_verb_ask(const struct queue_program *p, struct po_err *err)
{
	struct buf request;
	int rc;

	buf_init(&request, ACT_MAX_BYTES);
	rc = make_request(p, &request, err);
	if (rc == 0)
		rc = ask_and_say(p, &request,
		    "no runner has answered yet; the next run does it", err);
	buf_clear(&request);
	return rc;
}

int
queue_ask_instead(const struct queue_program *p, const char *holder,
    struct po_err *err)
{
	struct buf request;
	bool ok;
	int rc;

	buf_init(&request, ACT_MAX_BYTES);
	ok = buf_puts(&request, "po-act 1\nverb=flush\n") &&
	     selection_put(&p->args.which, &request);
	rc = ok ? ask_and_say(p, &request, holder, err)
	        : po_fail(err, PO_EOS, "no memory for a request");
	buf_clear(&request);
	return rc;
}

/* A live runner answers through drop/; a run without --watch may end meanwhile,
 * so lock and request are tried in turn. */
int
queue_verb_act(struct queue_program *p, struct spool *s, struct po_err *err)
{
	struct buf request, answer;
	struct run_lock lock;
	char text[512];
	int rc;

	buf_init(&request, ACT_MAX_BYTES);
	buf_init(&answer, ACT_MAX_BYTES * 2);
	rc = make_request(p, &request, err);
	if (rc == 0)
		rc = queue_take_lock(s, "act", &lock, text, err);
	if (rc == 1) {
		rc = act_here(p, s, &request, &answer, err);
		lock_end(&lock);
		if (rc != -1)
			rc = say_answer(&answer, err);
	} else if (rc == 0) {
		rc = ask_and_say(p, &request, text, err);
	}
	buf_clear(&request);
	buf_clear(&answer);
	return rc;
}
