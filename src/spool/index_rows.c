/* SPDX-License-Identifier: ISC */
/*
 * All databases but the message's own: one key, one value, one function each.
 */
#include <limits.h>

#include "spool/index_db.h"

static void
id_key(struct index_key *k, const struct queue_id *id)
{
	key_clear(k);
	key_id(k, id);
}

/* A put that was refused before LMDB saw it spoils the transaction too. */
static int
refuse(struct index_tx *tx, const char *what, struct po_err *err)
{
	tx->failed = true;
	return po_fail(err, PO_EBUG, "index: %s: bad value", what);
}

/* A record that cannot be read is damaged, or the caller's arena is full. */
static int
unreadable(enum index_db db, const struct arena *arena, struct po_err *err)
{
	if (arena != NULL && arena->is_full)
		return po_fail(err, PO_EOS, "index: %s: out of memory",
		    index_db_name(db));
	return index_damaged(db, err);
}

/* ---------------------------------------------------------- due, ready */

int
index_due_first(struct index_tx *tx, int64_t *due, struct queue_id *id,
    struct po_err *err)
{
	struct index_key k;
	struct span key, v;
	int found;

	key_clear(&k);
	found = row_seek(tx, DB_DUE, &k, false, &key, &v, err);
	if (found != 1)
		return found;
	if (!key_take_time(&key, due) || !key_take_id(&key, id) || key.len != 0)
		return index_damaged(DB_DUE, err);
	return 1;
}

static bool
take_ready(struct span key, uint32_t *hop, unsigned *class, uint64_t *turn,
    struct queue_id *id)
{
	return key_take_u32(&key, hop) && key_take_u8(&key, class) &&
	       *class < PRIORITIES && key_take_u64(&key, turn) &&
	       key_take_id(&key, id) && key.len == 0;
}

int
index_ready_first(struct index_tx *tx, uint32_t hop, enum priority class,
    uint64_t *turn, struct queue_id *id, struct po_err *err)
{
	uint32_t found_hop;
	unsigned found_class;
	struct index_key k;
	struct span key, v;
	int found;

	key_clear(&k);
	key_u32(&k, hop);
	key_u8(&k, class);
	found = row_seek(tx, DB_READY, &k, false, &key, &v, err);
	if (found != 1)
		return found;
	if (!take_ready(key, &found_hop, &found_class, turn, id))
		return index_damaged(DB_READY, err);
	return found_hop == hop && found_class == class ? 1 : 0;
}

int
index_ready_seek(struct index_tx *tx, uint32_t *hop, enum priority *class,
    struct po_err *err)
{
	struct queue_id id;
	struct index_key k;
	struct span key, v;
	unsigned c;
	uint64_t turn;
	int found;

	key_clear(&k);
	key_u32(&k, *hop);
	key_u8(&k, *class);
	found = row_seek(tx, DB_READY, &k, false, &key, &v, err);
	if (found != 1)
		return found;
	if (!take_ready(key, hop, &c, &turn, &id))
		return index_damaged(DB_READY, err);
	*class = (enum priority)c;
	return 1;
}

int
index_ready_next(struct index_tx *tx, struct index_ready *row,
    struct po_err *err)
{
	struct index_key k;
	struct span key, v;
	unsigned class;
	int found;

	key_clear(&k);
	key_u32(&k, row->hop);
	key_u8(&k, row->class);
	key_u64(&k, row->turn);
	if (row->id.text[0] != '\0')
		key_id(&k, &row->id);
	found = row_seek(tx, DB_READY, &k, true, &key, &v, err);
	if (found != 1)
		return found;
	if (!take_ready(key, &row->hop, &class, &row->turn, &row->id))
		return index_damaged(DB_READY, err);
	row->class = (enum priority)class;
	return 1;
}

static void
turn_key(struct index_key *k, enum priority class, uint32_t uid)
{
	key_clear(k);
	key_u8(k, class);
	key_u32(k, uid);
}

int
index_turn_get(struct index_tx *tx, enum priority class, uint32_t uid,
    uint64_t *turn, struct po_err *err)
{
	struct index_key k;
	struct span v;
	int found;

	turn_key(&k, class, uid);
	*turn = 0;
	found = row_get(tx, DB_TURN, &k, &v, err);
	if (found == 1 && !record_get_u64(v, turn))
		return index_damaged(DB_TURN, err);
	return found;
}

int
index_turn_put(struct index_tx *tx, enum priority class, uint32_t uid,
    uint64_t turn, struct po_err *err)
{
	struct index_key k;
	struct record r;

	turn_key(&k, class, uid);
	record_put_u64(turn, &r);
	return row_put(tx, DB_TURN, &k, &r, err);
}

int
index_turn_next(struct index_tx *tx, bool first, enum priority *class,
    uint32_t *uid, uint64_t *turn, struct po_err *err)
{
	struct index_key k;
	struct span key, v;
	unsigned c;
	int found;

	key_clear(&k);
	if (!first)
		turn_key(&k, *class, *uid);
	found = row_seek(tx, DB_TURN, &k, true, &key, &v, err);
	if (found != 1)
		return found;
	if (!key_take_u8(&key, &c) || c >= PRIORITIES ||
	    !key_take_u32(&key, uid) || key.len != 0 ||
	    !record_get_u64(v, turn))
		return index_damaged(DB_TURN, err);
	*class = (enum priority)c;
	return 1;
}

int
index_turn_delete(struct index_tx *tx, enum priority class, uint32_t uid,
    struct po_err *err)
{
	struct index_key k;

	turn_key(&k, class, uid);
	return row_delete(tx, DB_TURN, &k, err);
}

/* ----------------------------------------------------------- recipient */

int
index_recipient_put(struct index_tx *tx, const struct queue_id *id, uint32_t n,
    const struct index_recipient *rec, struct po_err *err)
{
	struct index_key k;
	struct record r;

	id_key(&k, id);
	key_u32(&k, n);
	if (!record_put_recipient(rec, &r))
		return refuse(tx, "recipient", err);
	return row_put(tx, DB_RECIPIENT, &k, &r, err);
}

int
index_recipient_get(struct index_tx *tx, const struct queue_id *id, uint32_t n,
    struct arena *arena, struct index_recipient *rec, struct po_err *err)
{
	struct index_key k;
	struct span v;
	int found;

	id_key(&k, id);
	key_u32(&k, n);
	found = row_get(tx, DB_RECIPIENT, &k, &v, err);
	if (found == 1 && !record_get_recipient(v, arena, rec))
		return unreadable(DB_RECIPIENT, arena, err);
	return found;
}

/* --------------------------------------------------------------- claim */

static void
claim_key(struct index_key *k, const struct queue_id *id, uint32_t attempt)
{
	id_key(k, id);
	key_u32(k, attempt);
}

int
index_claim_put(struct index_tx *tx, const struct index_claim *claim,
    struct po_err *err)
{
	struct index_key k;
	struct record r;

	claim_key(&k, &claim->id, claim->attempt);
	record_put_u32(claim->hop, &r);
	return row_put(tx, DB_CLAIM, &k, &r, err);
}

int
index_claim_delete(struct index_tx *tx, const struct queue_id *id,
    uint32_t attempt, struct po_err *err)
{
	struct index_key k;

	claim_key(&k, id, attempt);
	return row_delete(tx, DB_CLAIM, &k, err);
}

int
index_claim_next(struct index_tx *tx, const struct index_claim *after,
    struct index_claim *claim, struct po_err *err)
{
	struct index_key k;
	struct span key, v;
	int found;

	key_clear(&k);
	if (after != NULL)
		claim_key(&k, &after->id, after->attempt);
	found = row_seek(tx, DB_CLAIM, &k, true, &key, &v, err);
	if (found != 1)
		return found;
	if (!key_take_id(&key, &claim->id) ||
	    !key_take_u32(&key, &claim->attempt) || key.len != 0 ||
	    !record_get_u32(v, &claim->hop))
		return index_damaged(DB_CLAIM, err);
	return 1;
}

/* ------------------------------------------------------------- attempt */

int
index_attempt_put(struct index_tx *tx, const struct queue_id *id,
    const struct index_attempt *a, struct po_err *err)
{
	struct index_key k;
	struct record r;

	id_key(&k, id);
	key_u32(&k, a->attempt);
	key_u32(&k, a->recipient);
	if (!record_put_attempt(a, &r))
		return refuse(tx, "attempt", err);
	return row_put(tx, DB_ATTEMPT, &k, &r, err);
}

int
index_attempt_next(struct index_tx *tx, const struct queue_id *id,
    struct arena *arena, struct index_attempt *a, struct po_err *err)
{
	bool first = a->attempt == UINT32_MAX && a->recipient == UINT32_MAX;
	struct index_key k;
	struct span key, v;
	struct queue_id at;
	int found;

	id_key(&k, id);
	if (!first) {
		key_u32(&k, a->attempt);
		key_u32(&k, a->recipient);
	}
	found = row_seek(tx, DB_ATTEMPT, &k, true, &key, &v, err);
	if (found != 1)
		return found;
	if (!key_take_id(&key, &at))
		return index_damaged(DB_ATTEMPT, err);
	if (strcmp(at.text, id->text) != 0)
		return 0;
	if (!key_take_u32(&key, &a->attempt) ||
	    !key_take_u32(&key, &a->recipient) || key.len != 0)
		return index_damaged(DB_ATTEMPT, err);
	if (!record_get_attempt(v, arena, a))
		return unreadable(DB_ATTEMPT, arena, err);
	return 1;
}

/* ------------------------------------------------------ finished, move */

int
index_finished_next(struct index_tx *tx, int64_t *time, struct queue_id *id,
    struct po_err *err)
{
	struct index_key k;
	struct span key, v;
	int found;

	key_clear(&k);
	key_time(&k, *time);
	if (id->text[0] != '\0')
		key_id(&k, id);
	found = row_seek(tx, DB_FINISHED, &k, true, &key, &v, err);
	if (found != 1)
		return found;
	if (!key_take_time(&key, time) || !key_take_id(&key, id) ||
	    key.len != 0)
		return index_damaged(DB_FINISHED, err);
	return 1;
}

int
index_move_put(struct index_tx *tx, const struct queue_id *id,
    struct po_err *err)
{
	struct index_key k;
	struct record r;

	id_key(&k, id);
	record_put_mark(&r);
	return row_put(tx, DB_MOVE, &k, &r, err);
}

int
index_move_delete(struct index_tx *tx, const struct queue_id *id,
    struct po_err *err)
{
	struct index_key k;

	id_key(&k, id);
	return row_delete(tx, DB_MOVE, &k, err);
}

int
index_move_next(struct index_tx *tx, const struct queue_id *after,
    struct queue_id *id, struct po_err *err)
{
	struct index_key k;
	struct span key, v;
	int found;

	key_clear(&k);
	if (after != NULL)
		key_id(&k, after);
	found = row_seek(tx, DB_MOVE, &k, true, &key, &v, err);
	if (found != 1)
		return found;
	if (!key_take_id(&key, id) || key.len != 0 || !record_get_mark(v))
		return index_damaged(DB_MOVE, err);
	return 1;
}

/* ----------------------------------------------------------------- key */

static void
idempotency_key(struct index_key *k, uint32_t uid, const char *key)
{
	key_clear(k);
	key_u32(k, uid);
	key_bytes(k, key, strlen(key));
	if (strlen(key) > ENVELOPE_MAX_KEY)
		k->bad = true;
}

int
index_key_put(struct index_tx *tx, uint32_t uid, const char *key,
    const struct index_holder *holder, struct po_err *err)
{
	struct index_key k, value;
	struct record r;

	idempotency_key(&k, uid, key);
	id_key(&value, &holder->id);
	key_bytes(&value, holder->digest, sizeof(holder->digest));
	if (value.bad || !record_put_bytes(value.p, value.len, &r))
		return refuse(tx, "key", err);
	return row_put(tx, DB_KEY, &k, &r, err);
}

int
index_key_get(struct index_tx *tx, uint32_t uid, const char *key,
    struct index_holder *holder, struct po_err *err)
{
	struct index_key k;
	struct span v, bytes;
	int found;

	idempotency_key(&k, uid, key);
	found = row_get(tx, DB_KEY, &k, &v, err);
	if (found != 1)
		return found;
	if (!record_get_bytes(v, &bytes) || !key_take_id(&bytes, &holder->id) ||
	    bytes.len != sizeof(holder->digest))
		return index_damaged(DB_KEY, err);
	memcpy(holder->digest, bytes.p, bytes.len);
	return 1;
}
