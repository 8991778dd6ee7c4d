/* SPDX-License-Identifier: ISC */
#include "queue/act.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue/hops.h"
#include "queue/place.h"
#include "queue/retry.h"
#include "queue/settle.h"
#include "util/fd.h"
#include "util/parse_num.h"

struct verb {
	const char *name;
	bool on_ids;    /* takes ids; else it is about the queue as a whole */
	bool owner_may; /* the message's own uid may do it */
	/* 1 done, 0 its file is damaged, -1 (PO_EUSAGE: not in this state) */
	int (*message)(struct tick *t, struct index_message *m,
	    struct po_err *err);
};

static int
do_hold(struct tick *t, struct index_message *m, struct po_err *err)
{
	return settle_hold(t, m, HOLD_REQUEST, err);
}

static int
do_release(struct tick *t, struct index_message *m, struct po_err *err)
{
	if (m->state != MESSAGE_HELD)
		return po_fail(err, PO_EUSAGE, "%s is not held", m->id.text);
	return settle_move(t, m, MESSAGE_WAITING, m->due, "released", err);
}

static int
do_cancel(struct tick *t, struct index_message *m, struct po_err *err)
{
	return settle_move(t, m, MESSAGE_CANCELLED, m->due, "by request", err);
}

static int
do_requeue(struct tick *t, struct index_message *m, struct po_err *err)
{
	if (m->state != MESSAGE_WAITING)
		return po_fail(err, PO_EUSAGE,
		    "%s is %s: only waiting mail can be made due now",
		    m->id.text, message_state_name(m->state));
	return settle_move(t, m, MESSAGE_WAITING, t->now, "due now", err);
}

static const struct verb verbs[] = {
	{ "hold", true, true, do_hold },
	{ "release", true, true, do_release },
	{ "cancel", true, true, do_cancel },
	{ "requeue", true, false, do_requeue },
	{ "flush", false, false, NULL },
	{ "cleanup", false, false, NULL },
};

static const struct verb *
find_verb(struct span name)
{
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (span_eq(name, span_of(verbs[i].name)))
			return &verbs[i];
	return NULL;
}

bool
act_verb_known(const char *verb)
{
	return find_verb(span_of(verb)) != NULL;
}

static bool
is_admin(const struct tick *t, uint32_t uid)
{
	return uid == 0 || uid == t->spool->uid;
}

/* ------------------------------------------------------------------ messages
 */

static int
on_message(struct tick *t, uint32_t uid, const struct verb *v, struct span text,
    struct buf *answer, struct po_err *err)
{
	struct index_message m;
	struct queue_id id;
	struct po_err why;
	int rc;

	if (!queue_id_parse(text, &id)) {
		(void)buf_puts(answer, "no queue id\n");
		return 0;
	}
	rc = index_message_get(t->tx, &id, &t->arena, &m, err);
	if (rc == -1)
		return -1;
	/* Whose message it is not, is not told that there is one. */
	if (rc == 0 || (!is_admin(t, uid) && m.uid != uid)) {
		(void)buf_printf(answer, "no %s: no such message\n", id.text);
		return 0;
	}
	if (!is_admin(t, uid) && !v->owner_may) {
		(void)buf_printf(answer,
		    "no %s: only root and the spool's owner may %s\n", id.text,
		    v->name);
		return 0;
	}
	/* Else who is over a limit would be the one to say that he is not. */
	if (v->message == do_release && m.state == MESSAGE_HELD &&
	    m.hold > HOLD_DOUBT && !is_admin(t, uid)) {
		(void)buf_printf(answer,
		    "no %s: held, %s; only root and the spool's owner may "
		    "release it\n",
		    id.text, message_hold_text(m.hold));
		return 0;
	}
	if (m.place == PLACE_CLAIM) {
		(void)buf_printf(answer,
		    "no %s: it is being delivered now; try again\n", id.text);
		return 0;
	}
	rc = v->message(t, &m, &why);
	if (rc == -1 && why.code != PO_EUSAGE) {
		*err = why;
		return -1;
	}
	if (rc == 1)
		(void)buf_printf(answer, "ok %s\n", id.text);
	else if (rc == -1)
		(void)buf_printf(answer, "no %s\n", why.text);
	else
		(void)buf_printf(answer,
		    "no %s: its file is damaged and was moved to bad/\n",
		    id.text);
	return 0;
}

int
act_make_due(struct tick *t, const struct queue_id *id, struct po_err *err)
{
	struct index_message m;
	int rc = index_message_get(t->tx, id, &t->arena, &m, err);

	if (rc != 1)
		return rc;
	if (m.state != MESSAGE_WAITING || m.place == PLACE_CLAIM)
		return 0;
	m.due = t->now;
	return place_message(t, &m, err) == -1 ? -1 : 1;
}

/* ------------------------------------------------------------------ the queue
 * as a whole */

/* A recipient whose last attempt is in doubt, and the wait after that is not
 * over: 1, 0, -1. */
static int
rests_in_doubt(struct tick *t, struct arena *arena,
    const struct index_message *m, struct po_err *err)
{
	struct index_recipient r;
	uint32_t n;
	int rc;

	for (n = 0; m->n_in_doubt > 0 && n < m->n_recipients; n++) {
		rc = index_recipient_get(t->tx, &m->id, n, arena, &r, err);
		if (rc == -1)
			return -1;
		if (rc == 1 && r.state == SLOT_IN_DOUBT &&
		    r.time + RETRY_IN_DOUBT_S > t->now)
			return 1;
	}
	return 0;
}

static int
make_due_now(struct tick *t, struct arena *arena, struct index_message *m,
    struct po_err *err)
{
	int rc = rests_in_doubt(t, arena, m, err);

	m->due = t->now;
	return rc == -1 ? -1 : rc == 0;
}

int
act_flush(struct tick *t, struct po_err *err)
{
	if (place_deferred_again(t, make_due_now, err) == -1)
		return -1;
	/* Now that it is ready, its next hops are among those that have ready
	 * mail. */
	return hops_wake_all(t->hops, t->tx, err);
}

static int
on_queue(struct tick *t, uint32_t uid, const struct verb *v, int64_t days,
    struct cleanup *cleanup, struct buf *answer, struct po_err *err)
{
	if (!is_admin(t, uid)) {
		(void)buf_printf(answer,
		    "no only root and the spool's owner may %s\n", v->name);
		return 0;
	}
	if (span_eq(span_of(v->name), SPAN_LIT("cleanup"))) {
		*cleanup = (struct cleanup){ .wanted = true, .days = days };
		(void)buf_puts(answer,
		    "ok the runner cleans up; its log says what was removed\n");
		return 0;
	}
	if (act_flush(t, err) == -1)
		return -1;
	(void)buf_puts(answer, "ok deferred mail is due now\n");
	return 0;
}

/* ------------------------------------------------------------------ requests
 */

int
act_apply(struct tick *t, uint32_t uid, struct span request, struct buf *answer,
    struct cleanup *cleanup, struct po_err *err)
{
	const struct verb *v = NULL;
	struct span line, name;
	int64_t days = -1;

	line = span_cut(&request, '\n');
	if (!span_eq(line, SPAN_LIT("po-act 1"))) {
		(void)buf_puts(answer, "no request of a known version\n");
		return 0;
	}
	while (request.len > 0) {
		line = span_cut(&request, '\n');
		name = span_cut(&line, '=');
		if (span_eq(name, SPAN_LIT("verb")) && v == NULL)
			v = find_verb(line);
		else if (span_eq(name, SPAN_LIT("days")))
			(void)parse_i64(line, 0, 36500, &days);
		else if (span_eq(name, SPAN_LIT("id")) && v != NULL &&
		         v->on_ids) {
			if (on_message(t, uid, v, line, answer, err) == -1)
				return -1;
		}
	}
	if (v == NULL) {
		(void)buf_puts(answer, "no known verb\n");
		return 0;
	}
	return v->on_ids ? 0 : on_queue(t, uid, v, days, cleanup, answer, err);
}

int
act_apply_all(struct tick *t, struct act *acts, size_t n,
    struct cleanup *cleanup, struct po_err *err)
{
	/* Read once into memory of our own: its owner may write on. */
	char *text = arena_alloc(&t->arena, ACT_MAX_BYTES + 1);
	int rc = 0;
	ssize_t len;
	size_t i;

	if (text == NULL)
		return po_fail(err, PO_EOS, "no memory for a request");
	for (i = 0; i < n && rc == 0; i++) {
		buf_init(&acts[i].answer, ACT_MAX_BYTES * 2);
		len = pread(acts[i].fd, text, ACT_MAX_BYTES + 1, 0);
		if (len <= 0 || (size_t)len > ACT_MAX_BYTES)
			(void)buf_printf(&acts[i].answer,
			    "no request of 1 to %u bytes\n", ACT_MAX_BYTES);
		else
			rc = act_apply(t, acts[i].uid,
			    (struct span){ text, (size_t)len }, &acts[i].answer,
			    cleanup, err);
	}
	return rc;
}

void
act_answer_all(struct act *acts, size_t n, const struct spool *s)
{
	struct stat st;
	size_t i;

	for (i = 0; i < n; i++) {
		/* A tool that was killed took its answer's reader along; the
		 * file goes in any case. */
		if (fstat(acts[i].fd, &st) == 0)
			(void)fd_pwrite_all(acts[i].fd,
			    buf_str(&acts[i].answer), acts[i].answer.len,
			    st.st_size, acts[i].name, NULL);
		(void)unlinkat(s->drop, acts[i].name, 0);
		fd_close(&acts[i].fd);
		buf_clear(&acts[i].answer);
	}
}
