/* SPDX-License-Identifier: ISC */
#include "queue/act.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue/place.h"
#include "util/fd.h"
#include "util/parse_num.h"
#include "util/wallclock.h"
#include "util/xalloc.h"

#define TELL_MS 1000   /* between two "at" lines */
#define STALE_MS 15000 /* then nobody waits for a verdict any more */

/* ------------------------------------------------------------ one message */

/* *why or the answer; -1 a failure of ours. */
static int
do_verb(struct tick *t, const struct act_verb *v, struct index_message *m,
    struct buf *answer, struct po_err *err)
{
	struct po_err why;
	int rc = v->message(t, m, &why);

	if (rc == -1 && why.code != PO_EUSAGE) {
		*err = why;
		return -1;
	}
	if (rc == 1)
		(void)buf_printf(answer, "ok %s\n", m->id.text);
	else if (rc == -1)
		(void)buf_printf(answer, "no %s\n", why.text);
	else
		(void)buf_printf(answer,
		    "no %s: its file is damaged and was moved to bad/\n",
		    m->id.text);
	return 0;
}

static int
on_message(struct tick *t, uint32_t uid, const struct act_verb *v,
    struct span text, struct buf *answer, struct po_err *err)
{
	struct index_message m;
	struct queue_id id;
	struct po_err why;
	int rc;

	if (!queue_id_parse(text, &id)) {
		(void)buf_puts(answer, "no this is no queue id\n");
		return 0;
	}
	rc = index_message_get(t->tx, &id, &t->arena, &m, err);
	if (rc == -1)
		return -1;
	t->acted_on += rc == 1 ? m.n_recipients : 0;
	/* Whose message it is not, is not told that there is one. */
	if (rc == 0 || (!act_is_admin(t, uid) && m.uid != uid)) {
		(void)buf_printf(answer, "no %s: no such message\n", id.text);
		return 0;
	}
	if (!act_may(t, uid, v, &m, &why)) {
		(void)buf_printf(answer, "no %s\n", why.text);
		return 0;
	}
	if (index_message_is_claimed(&m)) {
		(void)buf_printf(answer,
		    "no %s: it is being delivered now; try again\n", id.text);
		return 0;
	}
	return do_verb(t, v, &m, answer, err);
}

int
act_make_due(struct tick *t, const struct queue_id *id, struct po_err *err)
{
	struct index_message m;
	int rc = index_message_get(t->tx, id, &t->arena, &m, err);

	if (rc != 1)
		return rc;
	if (m.state != MESSAGE_WAITING || index_message_is_claimed(&m))
		return 0;
	m.due = t->now;
	return place_message(t, &m, err) == -1 ? -1 : 1;
}

/* ------------------------------------------------------------ requests */

struct request {
	const struct act_verb *verb; /* NULL: none that is known */
	int64_t days;
	struct selection which;
	bool all;     /* match=all: a selection without terms */
	bool unknown; /* a selector that is not known: less must not become
	                 more */
	size_t n_ids; /* behind the verb */
	enum verdict_until until;
};

static void
read_line(struct request *r, struct span name, struct span value)
{
	int rc;

	if (span_eq(name, SPAN_LIT("verb")) && r->verb == NULL)
		r->verb = act_verb_find(value);
	else if (span_eq(name, SPAN_LIT("days")))
		(void)parse_i64(value, 0, 36500, &r->days);
	else if (span_eq(name, SPAN_LIT("id")) && r->verb != NULL)
		r->n_ids++;
	else if (span_eq(name, SPAN_LIT("until")))
		(void)verdict_until_parse(value, &r->until);
	else if (span_eq(name, SPAN_LIT("match")))
		r->all = true;
	else {
		rc = selection_take(&r->which, name, value);
		r->unknown = r->unknown || rc == -1;
	}
}

/* False: it is of no known version. */
static bool
read_request(struct span text, struct request *r)
{
	struct span line, name;

	*r = (struct request){ .days = -1 };
	if (!span_eq(span_cut(&text, '\n'), SPAN_LIT("po-act 1")))
		return false;
	while (text.len > 0) {
		line = span_cut(&text, '\n');
		name = span_cut(&line, '=');
		read_line(r, name, line);
	}
	return true;
}

/* NULL, or why it cannot be. */
static const char *
fault_of(const struct tick *t, uint32_t uid, const struct request *r)
{
	bool selects = r->all || r->which.n > 0;

	if (r->verb == NULL)
		return "the verb is unknown";
	if (r->unknown ||
	    (selects && r->verb->on_messages && r->verb->message == NULL))
		return "a selector is unknown";
	if (selects && r->n_ids > 0)
		return "ids and selectors do not go together";
	if (!act_is_admin(t, uid) &&
	    (!r->verb->on_messages || (selects && !r->verb->owner_may)))
		return "only root and the spool's owner may do that";
	return NULL;
}

/* What stands behind the line of the verb. */
static struct span
behind_verb(struct span text)
{
	struct span line;

	do {
		line = span_cut(&text, '\n');
	} while (
	    text.len > 0 && !span_eq(span_cut(&line, '='), SPAN_LIT("verb")));
	return text;
}

/* As many of these lines as a tick may do; the rest is kept. */
static int
on_ids(struct tick *t, struct act *a, const struct act_verb *verb,
    struct span text, struct po_err *err)
{
	struct arena_mark mark = arena_mark(&t->arena);
	struct span line;
	char *rest = NULL;
	int rc = 0;

	while (text.len > 0 && rc == 0 && t->acted_on < TICK_MAX_RECIPIENTS) {
		line = span_cut(&text, '\n');
		if (!span_eq(span_cut(&line, '='), SPAN_LIT("id")))
			continue;
		rc = on_message(t, a->uid, verb, line, &a->answer, err);
		a->n_ids++;
		arena_release(&t->arena, mark);
	}
	a->state = text.len > 0 ? ACT_IDS : ACT_DONE;
	if (text.len > 0) {
		rest = xcalloc(1, text.len + 1);
		memcpy(rest, text.p, text.len);
	}
	free(a->ids);
	a->ids = rest;
	a->verb = verb;
	return rc;
}

/* The request's text is kept, for the selection points into it. */
static void
begin_errand(struct act *a, struct span text)
{
	char *copy = xcalloc(1, text.len + 1);
	struct request r;

	memcpy(copy, text.p, text.len);
	(void)read_request((struct span){ copy, text.len }, &r);
	a->errand = errand_new(r.verb, a->uid, &r.which);
	a->errand->text = copy;
	a->errand->cleanup.days = r.days;
	a->errand->cleanup.wanted = r.verb->message == NULL;
	a->state = ACT_ERRAND;
}

static int
look_again(struct tick *t, struct act *a, struct po_err *err)
{
	int rc = verdict_look(&a->verdict, t->spool, t->tx, &a->answer, err);

	if (rc == 1)
		a->state = ACT_DONE;
	return rc == -1 ? -1 : 0;
}

/* The last id counts. */
static int
begin_verdict(struct tick *t, struct act *a, const struct request *r,
    struct span text, struct po_err *err)
{
	struct span line, name;
	bool known = false;

	a->verdict = (struct verdict){ .until = r->until, .uid = a->uid };
	while (text.len > 0) {
		line = span_cut(&text, '\n');
		name = span_cut(&line, '=');
		if (span_eq(name, SPAN_LIT("id")))
			known = queue_id_parse(line, &a->verdict.id);
	}
	if (!known) {
		(void)buf_puts(&a->answer, "no this is no queue id\n");
		return 0;
	}
	a->state = ACT_WAITS;
	a->since_ms = monotonic_ms();
	return look_again(t, a, err);
}

int
act_apply(struct tick *t, struct act *a, struct span text, struct po_err *err)
{
	struct request r;
	const char *fault;

	a->state = ACT_DONE;
	if (!read_request(text, &r)) {
		(void)buf_puts(&a->answer,
		    "no the request is of an unknown version\n");
		return 0;
	}
	fault = fault_of(t, a->uid, &r);
	if (fault != NULL) {
		(void)buf_printf(&a->answer, "no %s\n", fault);
		return 0;
	}
	if (r.verb->on_messages && r.verb->message == NULL)
		return begin_verdict(t, a, &r, text, err);
	if (!r.verb->on_messages || r.all || r.which.n > 0) {
		begin_errand(a, text);
		return 0;
	}
	return on_ids(t, a, r.verb, behind_verb(text), err);
}

/* ------------------------------------------------------------ all of them */

/* Is there room for another one that is not done at once? Those that came
 * before it count. */
static bool
has_room(const struct tick *t, const struct act *acts, size_t i)
{
	size_t k, n = 0, own = 0;
	bool same;

	for (k = 0; k < i; k++) {
		same = acts[k].state == acts[i].state;
		n += same;
		own += same && acts[k].uid == acts[i].uid;
	}
	return (n < ACT_MAX_PENDING &&
	           own < (acts[i].state == ACT_WAITS ? ACT_MAX_WAITING_OF_UID
	                                             : 1)) ||
	       act_is_admin(t, acts[i].uid);
}

static int
apply_new(struct tick *t, struct act *acts, size_t i, char *space,
    struct po_err *err)
{
	struct act *a = &acts[i];
	ssize_t len;

	buf_init(&a->answer, ACT_ANSWER_BYTES);
	/* Read once into memory of our own: its owner may write on. */
	len = pread(a->fd, space, ACT_MAX_BYTES + 1, 0);
	if (len <= 0 || (size_t)len > ACT_MAX_BYTES) {
		a->state = ACT_DONE;
		(void)buf_printf(&a->answer,
		    "no the request is not 1 to %u bytes long\n",
		    ACT_MAX_BYTES);
		return 0;
	}
	if (act_apply(t, a, (struct span){ space, (size_t)len }, err) == -1)
		return -1;
	if ((a->state == ACT_ERRAND || a->state == ACT_WAITS) &&
	    !has_room(t, acts, i)) {
		errand_free(a->errand);
		a->errand = NULL;
		a->state = ACT_DONE;
		(void)buf_puts(&a->answer,
		    "no other requests are being done; try again\n");
	}
	return 0;
}

int
act_step(struct tick *t, struct act *a, struct po_err *err)
{
	if (a->state == ACT_IDS)
		return on_ids(t, a, a->verb, span_of(a->ids), err);
	if (errand_step(t, a->errand, err) == -1)
		return -1;
	if (a->errand->over) {
		errand_answer(a->errand, &a->answer);
		a->state = ACT_DONE;
	}
	return 0;
}

static int
step_first(struct tick *t, struct act *acts, size_t n, struct po_err *err)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (acts[i].state == ACT_ERRAND)
			return act_step(t, &acts[i], err);
	return 0;
}

/* Who waits, and who waits no longer. */
static int
look_at_waiting(struct tick *t, struct act *acts, size_t n, struct po_err *err)
{
	int64_t now_ms = monotonic_ms();
	size_t i;

	for (i = 0; i < n; i++) {
		if (acts[i].state != ACT_WAITS)
			continue;
		if (look_again(t, &acts[i], err) == -1)
			return -1;
		if (acts[i].state == ACT_WAITS &&
		    now_ms - acts[i].since_ms >= STALE_MS)
			acts[i].state = ACT_DONE;
	}
	return 0;
}

/* A tick that is full leaves the others as new as they are: at most one act has
 * ids left, and it is the first that goes on. */
int
act_apply_all(struct tick *t, struct act *acts, size_t n, struct po_err *err)
{
	char *space = NULL;
	size_t i;

	if (look_at_waiting(t, acts, n, err) == -1)
		return -1;
	for (i = 0; i < n; i++)
		if (acts[i].state == ACT_IDS &&
		    act_step(t, &acts[i], err) == -1)
			return -1;
	for (i = 0; i < n && t->acted_on < TICK_MAX_RECIPIENTS; i++) {
		if (acts[i].state != ACT_NEW)
			continue;
		if (space == NULL)
			space = arena_alloc(&t->arena, ACT_MAX_BYTES + 1);
		if (space == NULL)
			return po_fail(err, PO_EOS, "no memory for a request");
		if (apply_new(t, acts, i, space, err) == -1)
			return -1;
	}
	return step_first(t, acts, n, err);
}

/* A tool that was killed took its answer's reader along; that is no fault. */
static void
append(struct act *a, struct span text)
{
	struct stat st;

	if (a->fd != -1 && fstat(a->fd, &st) == 0)
		(void)fd_pwrite_all(a->fd, text.p, text.len, st.st_size,
		    a->name, NULL);
}

static void
tell_progress(struct act *a)
{
	int64_t now_ms = monotonic_ms();
	char line[40];
	int n;

	if (now_ms - a->told_ms < TELL_MS)
		return;
	a->told_ms = now_ms;
	n = snprintf(line, sizeof(line), "at %llu\n",
	    (unsigned long long)(a->state == ACT_IDS ? a->n_ids
	                                             : a->errand->done));
	append(a, (struct span){ line, (size_t)n });
}

static void
clear(struct act *a)
{
	errand_free(a->errand);
	a->errand = NULL;
	free(a->ids);
	a->ids = NULL;
	fd_close(&a->fd);
	buf_clear(&a->answer);
}

size_t
act_answer_all(struct act *acts, size_t n, const struct spool *s)
{
	size_t i, left = 0;

	for (i = 0; i < n; i++) {
		if (acts[i].state != ACT_DONE) {
			if (acts[i].state == ACT_ERRAND ||
			    acts[i].state == ACT_IDS)
				tell_progress(&acts[i]);
			acts[left++] = acts[i];
			continue;
		}
		append(&acts[i], buf_span(&acts[i].answer));
		if (acts[i].name[0] != '\0')
			(void)unlinkat(s->drop, acts[i].name, 0);
		clear(&acts[i]);
	}
	return left;
}

bool
act_any_work(const struct act *acts, size_t n, bool ending)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (acts[i].state == ACT_NEW || acts[i].state == ACT_IDS ||
		    (acts[i].state == ACT_ERRAND && !ending))
			return true;
	return false;
}

bool
act_any_waits(const struct act *acts, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (acts[i].state == ACT_WAITS)
			return true;
	return false;
}

void
act_end_all(struct act *acts, size_t n, const struct spool *s)
{
	char line[40];
	size_t i;
	int len;

	for (i = 0; i < n; i++) {
		if (acts[i].state == ACT_WAITS) {
			len = snprintf(line, sizeof(line), "later %s\n",
			    acts[i].verdict.id.text);
			append(&acts[i], (struct span){ line, (size_t)len });
			(void)unlinkat(s->drop, acts[i].name, 0);
		}
		clear(&acts[i]);
	}
}
