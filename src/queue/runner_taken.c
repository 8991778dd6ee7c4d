/* SPDX-License-Identifier: ISC */
/* New messages: what the ingester made durable comes into the index. */
#include <stdio.h>
#include <string.h>

#include "queue/place.h"
#include "queue/quota.h"
#include "queue/runner_state.h"
#include "queue/settle.h"

/* None of RFC 3463 says it: the words do. */
#define REFUSED_STATUS "5.0.0"

/* Another message that holds the newcomer's key: 1, 0 none, -1. */
static int
find_holder(struct tick *t, const struct index_message *m,
    struct index_holder *holder, struct po_err *err)
{
	int rc;

	if (m->key == NULL)
		return 0;
	rc = index_key_get(t->tx, m->uid, m->key, holder, err);
	return rc == 1 && strcmp(holder->id.text, m->id.text) == 0 ? 0 : rc;
}

/* Recorded and never sent: the same mail once more, or another one with a key
 * that is taken. The key stays with the message that had it first. */
static int
set_aside(struct tick *t, struct index_message *m,
    const struct index_holder *holder, bool equal, struct po_err *err)
{
	char why[160];

	(void)snprintf(why, sizeof(why), "its key is that of %s%s",
	    holder->id.text,
	    equal ? ""
	          : ", which has other content: another message needs another "
	            "key");
	if (settle_move(t, m, equal ? MESSAGE_DUPLICATE : MESSAGE_REFUSED,
	        m->due, why, err) == -1)
		return -1;
	return equal ? 0 : notices_refused(t, m, REFUSED_STATUS, why, err);
}

/* A crash came between its head and its record, or it is older than the index:
 * all that is left to do is to put it away. */
static int
finish_again(struct tick *t, struct index_message *m, struct po_err *err)
{
	if (index_move_put(t->tx, &m->id, err) == -1)
		return -1;
	after_move(t->after, &m->id);
	if (m->state != MESSAGE_REFUSED)
		return 0;
	return notices_refused(t, m, REFUSED_STATUS,
	    "its key is that of another message, which has other content: "
	    "another message needs another key",
	    err);
}

static int
let_through(struct tick *t, struct index_message *m, struct po_err *err)
{
	enum message_hold hold;
	int rc = quota_admit(t, m, &hold, err);

	if (rc == 0)
		return settle_hold(t, m, hold, err) == -1 ? -1 : 0;
	return rc == -1 ? -1 : place_message(t, m, err);
}

static int
index_new(struct runner *r, struct tick *t, struct message_file *f,
    const struct ingest_taken *taken, int64_t *recipients, struct po_err *err)
{
	struct index_holder holder;
	struct index_message m;
	struct envelope env;
	int held;

	if (file_read_envelope(f, &t->arena, &env, err) == -1 ||
	    spool_index_file(f, t->tx, &t->arena,
	        taken->has_key ? taken->digest : NULL, &m, err) == -1)
		return -1;
	*recipients += m.n_recipients;
	place_announce(t, &m, env.msgid);
	r->counts->taken++;
	if (message_is_final(m.state))
		return finish_again(t, &m, err);
	if (m.state == MESSAGE_HELD) /* a crash came before its record */
		return 0;
	held = find_holder(t, &m, &holder, err);
	if (held == 1)
		return set_aside(t, &m, &holder,
		    memcmp(holder.digest, taken->digest,
		        sizeof(holder.digest)) == 0,
		    err);
	return held == -1 ? -1 : let_through(t, &m, err);
}

static int
take_in(struct runner *r, struct tick *t, const struct ingest_taken *taken,
    int64_t *recipients, struct po_err *err)
{
	const struct queue_id *id = &taken->id;
	struct index_message m;
	struct message_file f;
	bool in_done;
	int rc;

	rc = index_message_get(t->tx, id, &t->arena, &m, err);
	if (rc != 0)
		return rc == 1 ? 0
		               : -1; /* known: a repeat that was not released */
	rc = spool_find(t->spool, id, false, &f, &in_done, err);
	if (rc == 1) {
		rc = index_new(r, t, &f, taken, recipients, err);
		file_close(&f);
	}
	if (rc == -1 && err->code == PO_ECORRUPT) {
		after_log(t->after, "po/pickup", LOG_LEVEL_ERROR,
		    "%s: cannot be read back: %s", id->text, err->text);
		return 0;
	}
	return rc == -1 ? -1 : 0;
}

int
runner_take_in(struct runner *r, struct tick *t, struct po_err *err)
{
	struct arena_mark mark = arena_mark(&t->arena);
	int64_t recipients = 0;
	size_t i;

	for (i = 0; i < r->n_taken && recipients < TICK_MAX_RECIPIENTS; i++) {
		if (take_in(r, t, &r->taken[i], &recipients, err) == -1)
			return -1;
		arena_release(&t->arena, mark);
	}
	r->n_indexed = i;
	if (i > 0)
		r->ready_maybe = true;
	return 0;
}

void
runner_release(struct runner *r)
{
	struct child *ch = &r->crew.all[0];
	struct buf b;
	size_t i;

	if (r->n_indexed == 0)
		return;
	buf_init(&b, WIRE_MAX_BYTES);
	(void)wire_put_u8(&b, WIRE_RELEASE);
	for (i = 0; i < r->n_indexed; i++) {
		(void)wire_put_id(&b, &r->taken[i].id);
		if (b.len + QUEUE_ID_LEN > WIRE_MAX_BYTES ||
		    i + 1 == r->n_indexed) {
			if (ch->sock != -1)
				(void)wire_send(ch->sock, &b, -1, false);
			buf_reset(&b);
			(void)wire_put_u8(&b, WIRE_RELEASE);
		}
	}
	buf_clear(&b);
	r->n_taken -= r->n_indexed;
	memmove(r->taken, r->taken + r->n_indexed,
	    r->n_taken * sizeof(*r->taken));
	r->n_indexed = 0;
}
