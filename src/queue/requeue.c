/* SPDX-License-Identifier: ISC */
/*
 * Order: the file back to queue/, the slots, the head, a syncfs for all of the
 * tick, then the commit: a record that waits must find its file in queue/ after
 * a power loss too. A crash before the commit leaves a waiting head and a
 * finished record: as with any act, the tool was not answered and asks again.
 */
#include "queue/requeue.h"

#include "queue/place.h"
#include "queue/settle.h"

/* A slot that is not to be tried again stays: only what was sent is. */
static int
open_slot(struct tick *t, struct index_message *m, struct message_file *f,
    uint32_t n, struct po_err *err)
{
	struct index_recipient row;
	struct slot s;
	int rc = index_recipient_get(t->tx, &m->id, n, &t->arena, &row, err);

	if (rc == -1 || file_read_slots(f, n, 1, &s, err) == -1)
		return -1;
	if (rc == 0 || row.state == SLOT_SENT)
		return 0;
	s.state = row.state = SLOT_WAITING;
	s.attempt = row.attempt;
	s.time = row.time = t->now;
	m->n_open++;
	if (file_write_slot(f, n, &s, err) == -1)
		return -1;
	return index_recipient_put(t->tx, &m->id, n, &row, err);
}

static int
write_file(struct tick *t, struct index_message *m, struct message_file *f,
    struct po_err *err)
{
	struct arena_mark mark = arena_mark(&t->arena);
	uint32_t n;
	int rc = 0;

	m->n_open = 0;
	for (n = 0; n < m->n_recipients && rc == 0; n++) {
		rc = open_slot(t, m, f, n, err);
		arena_release(&t->arena, mark);
	}
	return rc == 0 ? settle_put_head(t, m, f, err) : -1;
}

/* Back to queue/, not to be moved to done/, and all of it written. */
static int
bring_back(struct tick *t, struct index_message *m, struct po_err *err)
{
	struct message_file f;
	bool in_done;
	int rc = spool_find(t->spool, &m->id, true, &f, &in_done, err);

	if (rc == 0)
		return po_fail(err, PO_ECORRUPT, "%s: its file is gone",
		    m->id.text);
	if (rc == -1)
		return -1;
	after_no_move(t->after, &m->id);
	rc = index_move_delete(t->tx, &m->id, err);
	if (rc != -1 && in_done)
		rc = spool_move_back(t->spool, &m->id, err);
	if (rc != -1)
		rc = write_file(t, m, &f, err);
	file_close(&f);
	t->notices_unsynced = true;
	return rc;
}

int
requeue_finished(struct tick *t, struct index_message *m, struct po_err *err)
{
	enum message_state from = m->state;

	if (!message_is_final(from) || !message_may_move(from, MESSAGE_WAITING))
		return po_fail(err, PO_EUSAGE, "%s is %s and is not sent again",
		    m->id.text, message_state_name(from));
	m->state = MESSAGE_WAITING;
	m->hold = HOLD_REQUEST;
	m->attempts++;
	m->finished = 0;
	m->due = t->now;
	m->expires = t->now + t->conf->give_up_after_s;
	if (bring_back(t, m, err) == -1)
		return err->code == PO_ECORRUPT
		           ? settle_damaged(t, m, err->text, err)
		           : -1;
	after_log(t->after, "po/qmgr", LOG_LEVEL_INFO,
	    "%s: waiting: requeued, was %s", m->id.text,
	    message_state_name(from));
	return place_message(t, m, err) == -1 ? -1 : 1;
}
