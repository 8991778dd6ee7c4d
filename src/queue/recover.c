/* SPDX-License-Identifier: ISC */
#include "queue/recover.h"

#include <string.h>

#include "queue/settle.h"

/* ------------------------------------------------------------------ claims */

static bool
slot_has_result(const struct slot *s, uint32_t attempt)
{
	return s->attempt == attempt && s->state != SLOT_SENDING &&
	       s->state != SLOT_WAITING;
}

static enum delivery_state
delivery_of(const struct slot *s, uint32_t attempt, bool other_boot)
{
	if (slot_has_result(s, attempt)) {
		switch (s->state) {
		case SLOT_SENT:
			return DELIVERY_SENT;
		case SLOT_FAILED:
			return DELIVERY_FAILED;
		case SLOT_DEFERRED:
			return DELIVERY_DEFERRED;
		default:
			return DELIVERY_IN_DOUBT;
		}
	}
	if (s->state == SLOT_SENDING || s->generation == 0 ||
	    (other_boot && !slot_is_final(s->state)))
		return DELIVERY_IN_DOUBT;
	return DELIVERY_UNTOUCHED;
}

/* A slot in doubt is written as such, so that file and index agree. */
static int
write_doubt(struct message_file *f, uint32_t n, struct slot *s,
    uint32_t attempt, int64_t now, struct po_err *err)
{
	if (s->state == SLOT_IN_DOUBT && s->attempt == attempt)
		return 0;
	s->state = SLOT_IN_DOUBT;
	s->attempt = attempt;
	s->time = now;
	s->reply_code = 0;
	s->status[0] = '\0';
	return file_write_slot(f, n, s, err);
}

static int
recover_slot(struct tick *t, struct index_message *m, struct message_file *f,
    uint32_t n, struct slot *s, uint32_t attempt, bool other_boot,
    bool *touched, bool *in_doubt, struct po_err *err)
{
	struct wire_result r = {
		.id = m->id,
		.attempt = attempt,
		.recipient = n,
		.state = delivery_of(s, attempt, other_boot),
		.phase = PHASE_DOT,
		.relay = "",
		.text = "from the message file, after a crash",
	};

	if (r.state == DELIVERY_UNTOUCHED)
		return 0;
	if (r.state == DELIVERY_IN_DOUBT) {
		if (write_doubt(f, n, s, attempt, t->now, err) == -1)
			return -1;
		r.text = "a crash fell between the message and the reply";
		*in_doubt = true;
	}
	*touched = true;
	r.reply_code = (uint16_t)s->reply_code;
	r.status = r.state == DELIVERY_IN_DOUBT ? "4.4.2" : s->status;
	return settle_recipient(t, m, &r, err);
}

/* Open the file and read its slots into the tick's arena; 0 and *why when it is
 * missing or damaged. */
static int
open_slots(struct tick *t, const struct index_message *m,
    struct message_file *f, struct slot **slots, struct po_err *err)
{
	bool in_done;
	int rc;

	rc = spool_find(t->spool, &m->id, true, f, &in_done, err);
	if (rc == 0)
		return po_fail(err, PO_ECORRUPT, "the file is gone"), 0;
	if (rc == -1)
		return err->code == PO_ECORRUPT ? 0 : -1;
	*slots = arena_alloc_array(&t->arena, m->n_recipients, sizeof(**slots));
	if (*slots == NULL) {
		file_close(f);
		return po_fail(err, PO_EOS, "no memory for %u slots",
		    m->n_recipients);
	}
	if (f->preamble.slots != m->n_recipients ||
	    file_read_slots(f, 0, m->n_recipients, *slots, err) == -1) {
		file_close(f);
		return po_fail(err, PO_ECORRUPT, "the slots cannot be read"), 0;
	}
	return 1;
}

int
recover_claim(struct tick *t, const struct queue_id *id, uint32_t attempt,
    bool other_boot, struct po_err *err)
{
	bool touched = false, in_doubt = false;
	struct index_message m;
	struct message_file f;
	struct slot *slots;
	uint32_t n;
	int rc;

	rc = index_message_get(t->tx, id, &t->arena, &m, err);
	if (rc == 0)
		return index_claim_delete(t->tx, id, err);
	if (rc == -1)
		return -1;
	rc = open_slots(t, &m, &f, &slots, err);
	if (rc != 1)
		return rc == 0 ? settle_damaged(t, &m, err->text, err) : -1;
	for (n = 0, rc = 0; n < m.n_recipients && rc == 0; n++)
		rc = recover_slot(t, &m, &f, n, &slots[n], attempt, other_boot,
		    &touched, &in_doubt, err);
	file_close(&f);
	if (rc == -1)
		return -1;
	return settle_end(t, &m, attempt, touched, in_doubt, err);
}

static int
recover_claims(struct tick *t, bool other_boot, size_t *n_claims,
    struct po_err *err)
{
	struct queue_id id, after;
	uint32_t attempt;
	int rc;

	memset(&after, 0, sizeof(after));
	*n_claims = 0;
	while ((rc = index_claim_next(t->tx, *n_claims == 0 ? NULL : &after,
	            &id, &attempt, err)) == 1) {
		if (recover_claim(t, &id, attempt, other_boot, err) == -1)
			return -1;
		after = id;
		++*n_claims;
	}
	return rc;
}

/* ------------------------------------------------------------------ moves */

static int
recover_moves(struct tick *t, struct po_err *err)
{
	struct queue_id id, after;
	bool first = true;
	int rc;

	while ((rc = index_move_next(t->tx, first ? NULL : &after, &id, err)) ==
	       1) {
		after_move(t->after, &id);
		after = id;
		first = false;
	}
	return rc;
}

/* ------------------------------------------------------------------ results
 * that the slots lost in a power cut */

static int
write_back(struct tick *t, const struct index_message *m, struct po_err *err)
{
	struct index_recipient row;
	struct message_file f;
	struct slot *slots;
	uint32_t n;
	int rc;

	rc = open_slots(t, m, &f, &slots, err);
	if (rc != 1)
		return rc; /* damaged: found when it is dealt, or by --check */
	for (n = 0, rc = 0; n < m->n_recipients && rc == 0; n++) {
		rc =
		    index_recipient_get(t->tx, &m->id, n, &t->arena, &row, err);
		if (rc != 1 || row.attempt <= slots[n].attempt) {
			rc = rc == -1 ? -1 : 0;
			continue;
		}
		slots[n].state = row.state;
		slots[n].attempt = row.attempt;
		slots[n].time = row.time;
		slots[n].reply_code = row.reply_code;
		memcpy(slots[n].status, row.status, sizeof(row.status));
		rc = file_write_slot(&f, n, &slots[n], err);
	}
	file_close(&f);
	return rc;
}

static int
recover_lost_slots(struct tick *t, struct po_err *err)
{
	struct index_message m;
	struct queue_id after;
	struct arena arena;
	bool first = true;
	int rc;

	arena_init(&arena, 64u << 20);
	while ((rc = index_message_next(t->tx, first ? NULL : &after, &arena,
	            &m, err)) == 1) {
		if (m.attempts > 0 && write_back(t, &m, err) == -1) {
			rc = -1;
			break;
		}
		after = m.id;
		first = false;
		arena_clear(&arena);
	}
	arena_clear(&arena);
	return rc;
}

int
recover_all(struct tick *t, bool other_boot, size_t *n_claims,
    struct po_err *err)
{
	if (recover_moves(t, err) == -1)
		return -1;
	if (other_boot && recover_lost_slots(t, err) == -1)
		return -1;
	return recover_claims(t, other_boot, n_claims, err);
}
