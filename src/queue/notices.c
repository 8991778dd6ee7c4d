/* SPDX-License-Identifier: ISC */
/*
 * Who is told what. A message's recipients may end at different times: each end
 * is told once, with the attempt in which it came, because an attempt ends once
 * (settle_end) and a recipient's row names the attempt that made it final.
 */
#include "queue/notices.h"

#include <string.h>

#include "queue/notice_put.h"
#include "spool/put.h"

#define ARENA_MAX (256u << 20)
#define DELAY_ASKED_S                                                          \
	(INT64_C(4) * 3600) /* for NOTIFY=DELAY, without delay_warning */

enum list_kind { LIST_FAILED, LIST_SUCCESS, LIST_DELAYED, LISTS };

struct telling {
	struct notice_case c;
	struct notice_recipient *list[LISTS];
	size_t n[LISTS];
	const struct attempt_end *end; /* NULL: it expired without an attempt */
	bool late;
};

/* ------------------------------------------------------------ the message */

/* What is missing or cannot be read is not attached. */
static int
open_case(struct tick *t, const struct index_message *m, struct telling *x,
    struct po_err *err)
{
	struct notice_case *c = &x->c;
	struct po_err why;
	bool in_done;
	size_t i;

	*x = (struct telling){ .c = { .t = t, .m = m } };
	arena_init(&c->arena, ARENA_MAX);
	c->file.fd = -1;
	for (i = 0; i < LISTS; i++) {
		x->list[i] = arena_alloc_array(&c->arena, m->n_recipients,
		    sizeof(*x->list[i]));
		if (x->list[i] == NULL)
			return po_fail(err, PO_EOS,
			    "no memory for %u recipients", m->n_recipients);
	}
	if (spool_find(t->spool, &m->id, false, &c->file, &in_done, &why) !=
	        1 ||
	    file_read_envelope(&c->file, &c->arena, &c->env, &why) == -1) {
		c->env = (struct envelope){ .n_recipients = 0 };
		return 0;
	}
	c->original = (struct notice_original){ c->file.fd, c->file.content_at,
		c->file.trailer.content_bytes, c->file.trailer.has_8bit };
	return 0;
}

static void
close_case(struct telling *x)
{
	file_close(&x->c.file);
	arena_clear(&x->c.arena);
}

/* ------------------------------------------------------------ one recipient */

static unsigned
notify_of(const struct telling *x, uint32_t n)
{
	const struct envelope *env = &x->c.env;

	return n < env->n_recipients ? env->recipients[n].notify : 0;
}

/* Where the last answer came from. */
static int
fill_in_attempt(struct telling *x, uint32_t n, uint32_t attempt,
    struct notice_recipient *r, struct po_err *err)
{
	struct index_attempt a = { .attempt = n > 0 ? attempt : attempt - 1,
		.recipient = n > 0 ? n - 1 : UINT32_MAX };
	int rc = 0;

	r->relay = r->phase = "";
	if (attempt > 0)
		rc = index_attempt_next(x->c.t->tx, &x->c.m->id, &x->c.arena,
		    &a, err);
	if (rc == 1 && a.attempt == attempt && a.recipient == n) {
		r->relay = a.relay;
		r->phase = a.phase;
	}
	return rc == -1 ? -1 : 0;
}

static int
add(struct telling *x, enum list_kind to, enum notice_action action, uint32_t n,
    const struct index_recipient *row, struct po_err *err)
{
	struct notice_recipient *r = &x->list[to][x->n[to]++];
	const struct envelope *env = &x->c.env;

	*r = (struct notice_recipient){
		.address = row->address,
		.orcpt =
		    n < env->n_recipients ? env->recipients[n].orcpt : NULL,
		.action = action,
		.reply_code = row->reply_code,
		.text = row->text,
		.last_attempt = row->attempt > 0 ? row->time : 0,
	};
	memcpy(r->status, row->status, sizeof(r->status));
	return fill_in_attempt(x, n, row->attempt, r, err);
}

/* NOTIFY without a word on failure is a word for it (RFC 3461, 4.1). */
static bool
wants_failure(unsigned notify)
{
	return notify == 0 || (notify & NOTIFY_FAILURE) != 0;
}

static bool
wants_delay(const struct telling *x, unsigned notify)
{
	return (notify & NOTIFY_DELAY) != 0 ||
	       (notify == 0 && x->c.t->notices->conf->delay_s > 0);
}

static int
look_at(struct telling *x, uint32_t n, struct po_err *err)
{
	const struct attempt_end *end = x->end;
	unsigned notify = notify_of(x, n);
	struct index_recipient row;
	bool now;
	int rc;

	rc = index_recipient_get(x->c.t->tx, &x->c.m->id, n, &x->c.arena, &row,
	    err);
	if (rc != 1)
		return rc;
	now = end != NULL && end->touched && row.attempt == end->attempt;
	switch (row.state) {
	case SLOT_FAILED:
		return now && wants_failure(notify)
		           ? add(x, LIST_FAILED, ACTION_FAILED, n, &row, err)
		           : 0;
	case SLOT_EXPIRED:
		return wants_failure(notify)
		           ? add(x, LIST_FAILED, ACTION_EXPIRED, n, &row, err)
		           : 0;
	case SLOT_SENT:
		if (!now || (notify & NOTIFY_SUCCESS) == 0 ||
		    end->handover == HANDOVER_PASSED)
			return 0;
		return add(x, LIST_SUCCESS,
		    end->handover == HANDOVER_DELIVERED ? ACTION_DELIVERED
		                                        : ACTION_RELAYED,
		    n, &row, err);
	default:
		return x->late && !slot_is_final(row.state) &&
		               wants_delay(x, notify)
		           ? add(x, LIST_DELAYED, ACTION_DELAYED, n, &row, err)
		           : 0;
	}
}

/* ------------------------------------------------------------ delays */

static int64_t
delay_of(const struct tick *t)
{
	return t->notices->conf->delay_s > 0 ? t->notices->conf->delay_s
	                                     : DELAY_ASKED_S;
}

/* Could a warning be due, as far as the record tells? Who wants one may have
 * said when. */
static bool
may_be_late(const struct tick *t, const struct index_message *m)
{
	return m->state == MESSAGE_WAITING && m->sender[0] != '\0' &&
	       (m->wants_notice || (t->notices->conf->delay_s > 0 &&
	                               t->now - m->arrival >= delay_of(t)));
}

/* Scheduled mail is late from its time on. */
static int64_t
late_from(const struct telling *x)
{
	const struct envelope *env = &x->c.env;
	int64_t from = x->c.m->arrival > env->due ? x->c.m->arrival : env->due;

	return env->late != 0 ? env->late : from + delay_of(x->c.t);
}

/* One warning a message: has it had it? */
static int
was_told(struct tick *t, const struct index_message *m, bool *told,
    struct po_err *err)
{
	struct arena_mark mark = arena_mark(&t->arena);
	struct index_message warning;
	struct queue_id id;
	int rc;

	queue_id_derive(&m->id, NOTICE_DELAYED, 0, &id);
	rc = index_message_get(t->tx, &id, &t->arena, &warning, err);
	arena_release(&t->arena, mark);
	*told = rc == 1;
	return rc == -1 ? -1 : 0;
}

static int
is_late(struct telling *x, bool *late, struct po_err *err)
{
	struct tick *t = x->c.t;
	bool told;

	*late = false;
	if (!may_be_late(t, x->c.m) || t->now < late_from(x))
		return 0;
	if (was_told(t, x->c.m, &told, err) == -1)
		return -1;
	*late = !told;
	return 0;
}

/* ------------------------------------------------------------ all of it */

static int
put_lists(struct telling *x, uint32_t number, struct po_err *err)
{
	static const enum notice_kind kinds[] = {
		[LIST_FAILED] = NOTICE_FAILED,
		[LIST_SUCCESS] = NOTICE_SUCCESS,
		[LIST_DELAYED] = NOTICE_DELAYED,
	};
	enum notice_kind kind;
	size_t i;

	for (i = 0; i < LISTS; i++) {
		kind = i == LIST_FAILED && x->end == NULL ? NOTICE_EXPIRED
		                                          : kinds[i];
		if (x->n[i] > 0 &&
		    notice_put(&x->c, kind, kind == NOTICE_DELAYED ? 0 : number,
		        x->list[i], x->n[i], err) == -1)
			return -1;
	}
	return 0;
}

static int
tell(struct tick *t, const struct index_message *m,
    const struct attempt_end *end, struct po_err *err)
{
	struct telling x;
	uint32_t n;
	int rc = open_case(t, m, &x, err);

	x.end = end;
	if (rc == 0)
		rc = is_late(&x, &x.late, err);
	for (n = 0; n < m->n_recipients && rc == 0; n++)
		rc = look_at(&x, n, err);
	if (rc == 0)
		rc = put_lists(&x, end == NULL ? m->attempts : end->attempt,
		    err);
	close_case(&x);
	return rc;
}

int
notices_attempt(struct tick *t, const struct index_message *m,
    const struct attempt_end *end, struct po_err *err)
{
	if (t->notices == NULL)
		return 0;
	if (!end->failed && !m->wants_notice && m->state != MESSAGE_EXPIRED &&
	    !may_be_late(t, m))
		return 0;
	return tell(t, m, end, err);
}

bool
notices_may_be_late(struct tick *t, const struct index_message *m)
{
	bool told = true;
	struct po_err err;

	if (t->notices == NULL || !may_be_late(t, m))
		return false;
	return was_told(t, m, &told, &err) == -1 || !told;
}

int
notices_late(struct tick *t, const struct index_message *m, struct po_err *err)
{
	return tell(t, m, NULL, err);
}

int
notices_expired(struct tick *t, const struct index_message *m,
    struct po_err *err)
{
	return t->notices == NULL ? 0 : tell(t, m, NULL, err);
}

int
notices_refused(struct tick *t, const struct index_message *m,
    const char *status, const char *why, struct po_err *err)
{
	struct index_recipient row;
	struct telling x;
	uint32_t n;
	int rc;

	if (t->notices == NULL)
		return 0;
	rc = open_case(t, m, &x, err);
	for (n = 0; n < m->n_recipients && rc != -1; n++) {
		rc = index_recipient_get(t->tx, &m->id, n, &x.c.arena, &row,
		    err);
		if (rc != 1 || !wants_failure(notify_of(&x, n)))
			continue;
		row.text = why;
		row.reply_code = 0;
		row.attempt = 0;
		(void)snprintf(row.status, sizeof(row.status), "%s", status);
		rc = add(&x, LIST_FAILED, ACTION_FAILED, n, &row, err);
	}
	if (rc != -1 && x.n[LIST_FAILED] > 0)
		rc = notice_put(&x.c, NOTICE_REFUSED, 0, x.list[LIST_FAILED],
		    x.n[LIST_FAILED], err);
	close_case(&x);
	return rc == -1 ? -1 : 0;
}

int
notices_sync(struct tick *t, struct po_err *err)
{
	if (!t->notices_unsynced)
		return 0;
	t->notices_unsynced = false;
	return put_sync(t->spool, err);
}
