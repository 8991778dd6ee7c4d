/* SPDX-License-Identifier: ISC */
#include "queue/recover.h"

#include <string.h>

#include "queue/parts.h"
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

/* A result that is in the index and never reached the slot (row 19), or whose
 * cell is damaged. */
static bool
slot_is_behind(const struct slot *s, const struct index_recipient *row)
{
	if (row->attempt == 0 || row->state == SLOT_WAITING)
		return false;
	return row->attempt > s->attempt || s->generation == 0 ||
	       (row->attempt == s->attempt && s->state == SLOT_SENDING);
}

static int
write_back_slot(struct message_file *f, uint32_t n, struct slot *s,
    const struct index_recipient *row, struct po_err *err)
{
	s->state = row->state;
	s->attempt = row->attempt;
	s->time = row->time;
	s->reply_code = row->reply_code;
	memcpy(s->status, row->status, sizeof(row->status));
	return file_write_slot(f, n, s, err);
}

/* One claimed message while it is settled. */
struct claimed {
	struct tick *t;
	struct index_message m;
	struct message_file f;
	struct slot *slots;
	struct index_claim row;
	char hop[DELIVER_HOP_MAX]; /* "": not known, or the only one */
	enum recover_from from;
	bool touched, in_doubt, failed;
};

/* Is this recipient one of those that the claim is about? When nobody is at
 * work, whatever was being sent is somebody's. */
static bool
is_mine(const struct claimed *c, const struct slot *s,
    const struct index_recipient *row)
{
	char hop[DELIVER_HOP_MAX];

	if (c->hop[0] == '\0')
		return true;
	if (c->from != FROM_DEATH &&
	    (s->state == SLOT_SENDING || s->attempt == c->row.attempt))
		return true;
	deliver_route(c->t->routes,
	    &(struct deliver_query){ .recipient = row->address,
	        .sender = c->m.sender,
	        .tag = c->m.tag,
	        .login = c->m.login,
	        .uid = c->m.uid },
	    hop);
	return strcmp(hop, c->hop) == 0;
}

static int
recover_slot(struct claimed *c, uint32_t n, struct po_err *err)
{
	struct wire_result r = {
		.id = c->m.id,
		.attempt = c->row.attempt,
		.recipient = n,
		.phase = PHASE_DOT,
		.relay = "",
		.text = "from the message file, after a crash",
	};
	struct slot *s = &c->slots[n];
	struct index_recipient row;
	int rc;

	rc =
	    index_recipient_get(c->t->tx, &c->m.id, n, &c->t->arena, &row, err);
	if (rc == 1 && !is_mine(c, s, &row))
		return 0;
	if (rc == 1 && slot_is_behind(s, &row))
		rc = write_back_slot(&c->f, n, s, &row, err);
	if (rc == -1)
		return -1;
	r.state = delivery_of(s, c->row.attempt, c->from == FROM_BOOT);
	if (r.state == DELIVERY_UNTOUCHED)
		return 0;
	if (r.state == DELIVERY_IN_DOUBT) {
		if (write_doubt(&c->f, n, s, c->row.attempt, c->t->now, err) ==
		    -1)
			return -1;
		r.text = "a crash fell between the message and the reply";
		c->in_doubt = true;
	}
	c->touched = true;
	c->failed = c->failed || r.state == DELIVERY_FAILED;
	r.reply_code = (uint16_t)s->reply_code;
	r.status = r.state == DELIVERY_IN_DOUBT ? "4.4.2" : s->status;
	return settle_recipient(c->t, &c->m, &r, err) == -1 ? -1 : 0;
}

/* Open the file and read its slots into `arena`; 0 and *err says why when it is
 * missing or damaged. */
static int
open_slots(struct tick *t, struct arena *arena, const struct index_message *m,
    struct message_file *f, bool *in_done, struct slot **slots,
    struct po_err *err)
{
	int rc;

	rc = spool_find(t->spool, &m->id, true, f, in_done, err);
	if (rc == 0)
		return po_fail(err, PO_ECORRUPT, "the file is gone"), 0;
	if (rc == -1)
		return err->code == PO_ECORRUPT ? 0 : -1;
	*slots = arena_alloc_array(arena, m->n_recipients, sizeof(**slots));
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

/* Of a message in parts the claim's hop decides; else it is the only one. */
static int
find_hop(struct claimed *c, struct po_err *err)
{
	const struct hop *hop;

	if (!parts_has(&c->m) || c->row.hop == 0)
		return 0;
	hop = hops_by_number(c->t->hops, c->t->tx, c->row.hop, err);
	if (hop == NULL)
		return -1;
	memcpy(c->hop, hop->host.name, strlen(hop->host.name) + 1);
	return 0;
}

static int
recover(struct claimed *c, struct po_err *err)
{
	struct tick *t = c->t;
	struct attempt_end end;
	bool in_done;
	uint32_t n;
	int rc;

	rc = index_message_get(t->tx, &c->row.id, &t->arena, &c->m, err);
	if (rc == 0)
		return index_claim_delete(t->tx, &c->row.id, c->row.attempt,
		    err);
	if (rc == -1 || find_hop(c, err) == -1)
		return -1;
	rc = open_slots(t, &t->arena, &c->m, &c->f, &in_done, &c->slots, err);
	if (rc != 1)
		return rc == 0 ? settle_damaged(t, &c->m, err->text, err) : -1;
	for (n = 0, rc = 0; n < c->m.n_recipients && rc == 0; n++)
		rc = recover_slot(c, n, err);
	file_close(&c->f);
	if (rc == -1)
		return -1;
	end = (struct attempt_end){ .attempt = c->row.attempt,
		.hop = c->row.hop,
		.touched = c->touched,
		.in_doubt = c->in_doubt,
		.failed = c->failed };
	return settle_end(t, &c->m, &end, err);
}

int
recover_claim(struct tick *t, const struct index_claim *claim,
    enum recover_from from, struct po_err *err)
{
	struct claimed c = { .t = t, .row = *claim, .from = from };
	struct arena_mark mark = arena_mark(&t->arena);
	int rc = recover(&c, err);

	arena_release(&t->arena, mark);
	return rc;
}

int
recover_suspect(struct tick *t, const struct index_claim *claim,
    struct po_err *err)
{
	struct claimed c = { .t = t,
		.row = *claim,
		.from = FROM_DEATH,
		.touched = true };

	after_log(t->after, "po/qmgr", LOG_LEVEL_ERROR,
	    "%s: deferred: the workers that had it died", claim->id.text);
	return recover(&c, err);
}

static int
recover_claims(struct tick *t, enum recover_from from, size_t *n_claims,
    struct po_err *err)
{
	struct index_claim claim, after;
	int rc;

	memset(&after, 0, sizeof(after));
	*n_claims = 0;
	while ((rc = index_claim_next(t->tx, *n_claims == 0 ? NULL : &after,
	            &claim, err)) == 1) {
		if (recover_claim(t, &claim, from, err) == -1)
			return -1;
		after = claim;
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
 * that the slots lost, in a power cut or by a failed write */

#define SLOTS "slots" /* in meta: */
#define SLOTS_BEHIND "behind"
#define SLOTS_EVEN "even"

static int
write_back(struct tick *t, struct arena *arena, const struct index_message *m,
    struct po_err *err)
{
	struct index_recipient row;
	struct message_file f;
	struct slot *slots;
	uint32_t n;
	bool in_done;
	int rc;

	rc = open_slots(t, arena, m, &f, &in_done, &slots, err);
	if (rc != 1)
		return rc; /* damaged: found when it is dealt, or by --check */
	/* The index was synced, and the folder of its file was not. */
	if (message_is_final(m->state) && !in_done)
		rc = index_move_put(t->tx, &m->id, err);
	for (n = 0; n < m->n_recipients && rc != -1; n++) {
		rc = index_recipient_get(t->tx, &m->id, n, arena, &row, err);
		if (rc == 1 && slot_is_behind(&slots[n], &row))
			rc = write_back_slot(&f, n, &slots[n], &row, err);
	}
	file_close(&f);
	return rc == -1 ? -1 : 0;
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
		after = m.id;
		first = false;
		/* A claimed one may have results of its first attempt. */
		if ((m.attempts > 0 || index_message_is_claimed(&m) ||
		        message_is_final(m.state)) &&
		    write_back(t, &arena, &m, err) == -1) {
			rc = -1;
			break;
		}
		arena_clear(&arena);
	}
	arena_clear(&arena);
	return rc;
}

int
recover_slots_later(struct tick *t, struct po_err *err)
{
	return index_meta_put(t->tx, SLOTS, SLOTS_BEHIND, err);
}

static int
recover_slots(struct tick *t, enum recover_from from, struct po_err *err)
{
	char text[16] = "";
	bool behind;

	if (index_meta_get(t->tx, SLOTS, text, sizeof(text), err) == -1)
		return -1;
	behind = strcmp(text, SLOTS_BEHIND) == 0;
	if ((behind || from == FROM_BOOT) && recover_lost_slots(t, err) == -1)
		return -1;
	return behind ? index_meta_put(t->tx, SLOTS, SLOTS_EVEN, err) : 0;
}

int
recover_all(struct tick *t, enum recover_from from, size_t *n_claims,
    struct po_err *err)
{
	if (recover_slots(t, from, err) == -1 || recover_moves(t, err) == -1)
		return -1;
	return recover_claims(t, from, n_claims, err);
}
