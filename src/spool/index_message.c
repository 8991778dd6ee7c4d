/* SPDX-License-Identifier: ISC */
/*
 * The message record and what must move with it: its row in due or ready, its
 * row in finished, the totals, the counters of its uid. A put is on the hot
 * path: the old record is found by the same descent that puts the new one, and
 * rows that would not change are not touched.
 */
#include "spool/index_db.h"

/* What of a record decides its rows; all zero: no rows. */
struct standing {
	enum index_place place;
	enum priority priority;
	uint32_t hop;
	uint64_t turn;
	int64_t due;
	int64_t finished;
};

static struct standing
standing_of(const struct index_message *m)
{
	return (struct standing){ m->place, m->priority, m->hop, m->turn,
		m->due, m->finished };
}

static bool
in_parts(enum index_place place)
{
	return place == PLACE_PARTS || place == PLACE_PARTS_DUE;
}

static void
id_key(struct index_key *k, const struct queue_id *id)
{
	key_clear(k);
	key_id(k, id);
}

/* The row in due or ready that a standing means; false when it means none. */
static bool
place_row(const struct standing *s, const struct queue_id *id,
    enum index_db *db, struct index_key *k)
{
	key_clear(k);
	switch (s->place) {
	case PLACE_DUE:
	case PLACE_PARTS_DUE:
		*db = DB_DUE;
		key_time(k, s->due);
		break;
	case PLACE_READY:
		*db = DB_READY;
		ready_key(k, s->hop, s->priority, s->turn, id);
		return true;
	default:
		return false;
	}
	key_id(k, id);
	return true;
}

static bool
finished_row(const struct standing *s, const struct queue_id *id,
    enum index_db *db, struct index_key *k)
{
	key_clear(k);
	*db = DB_FINISHED;
	key_time(k, s->finished);
	key_id(k, id);
	return s->finished != 0;
}

static int
put_mark(struct index_tx *tx, enum index_db db, const struct index_key *k,
    struct po_err *err)
{
	struct record mark;

	record_put_mark(&mark);
	return row_put(tx, db, k, &mark, err);
}

typedef bool row_maker(const struct standing *s, const struct queue_id *id,
    enum index_db *db, struct index_key *k);

/* One kind of row from what `old` means to what `new` means. */
static int
step(struct index_tx *tx, const struct queue_id *id, row_maker *maker,
    const struct standing *old, const struct standing *new, struct po_err *err)
{
	enum index_db old_db = DB_META, new_db = DB_META;
	struct index_key old_key, new_key;
	bool had = maker(old, id, &old_db, &old_key);
	bool has = maker(new, id, &new_db, &new_key);

	if (had && has && old_db == new_db && old_key.len == new_key.len &&
	    memcmp(old_key.p, new_key.p, new_key.len) == 0)
		return 0;
	if (had && row_delete(tx, old_db, &old_key, err) == -1)
		return -1;
	if (has && put_mark(tx, new_db, &new_key, err) == -1)
		return -1;
	return 0;
}

/* -------------------------------------------------------------- totals */

static void
totals_key(struct index_key *k)
{
	key_clear(k);
	key_bytes(k, "totals", 6);
}

int
totals_load(struct index_tx *tx, struct po_err *err)
{
	struct index_key k;
	struct span v;
	int found;

	if (tx->totals_read)
		return 0;
	totals_key(&k);
	found = row_get(tx, DB_META, &k, &v, err);
	if (found == -1)
		return -1;
	if (found == 1 && !record_get_totals(v, &tx->totals))
		return index_damaged(DB_META, err);
	tx->totals_read = true;
	return 0;
}

int
totals_store(struct index_tx *tx, struct po_err *err)
{
	struct index_key k;
	struct record r;

	if (!tx->totals_dirty)
		return 0;
	totals_key(&k);
	record_put_totals(&tx->totals, &r);
	return row_put(tx, DB_META, &k, &r, err);
}

static bool
is_deferred(const struct index_message *m)
{
	return m->state == MESSAGE_WAITING && m->attempts > 0;
}

static bool
is_over(const struct index_message *m)
{
	return m->state == MESSAGE_HELD && message_hold_is_quota(m->hold);
}

static void
totals_add(struct index_tx *tx, const struct index_message *m)
{
	struct index_totals *t = &tx->totals;

	t->messages[m->state]++;
	t->bytes[m->state] += m->size;
	if (is_over(m))
		t->quota++;
	if (is_deferred(m))
		t->deferred++;
	tx->totals_dirty = true;
}

/* Never below zero, whatever a damaged index said before. */
static void
totals_subtract(struct index_tx *tx, const struct index_message *m)
{
	struct index_totals *t = &tx->totals;
	uint64_t *bytes = &t->bytes[m->state];

	if (t->messages[m->state] > 0)
		t->messages[m->state]--;
	*bytes -= m->size < *bytes ? m->size : *bytes;
	if (is_deferred(m) && t->deferred > 0)
		t->deferred--;
	if (is_over(m) && t->quota > 0)
		t->quota--;
	tx->totals_dirty = true;
}

static bool
counts_same(const struct index_message *a, const struct index_message *b)
{
	return a->state == b->state && a->size == b->size &&
	       is_deferred(a) == is_deferred(b) && is_over(a) == is_over(b) &&
	       a->uid == b->uid;
}

int
index_totals_get(struct index_tx *tx, struct index_totals *t,
    struct po_err *err)
{
	if (totals_load(tx, err) == -1)
		return -1;
	*t = tx->totals;
	return 0;
}

/* ------------------------------------------------------------- message */

/*
 * Put r and read the record that stood there into *old: 1 there was one, 0
 * none. MDB_NOOVERWRITE leaves the cursor at the existing record, which
 * MDB_CURRENT then replaces without another search.
 */
static int
replace(struct index_tx *tx, const struct index_key *k, struct record *r,
    struct index_message *old, struct po_err *err)
{
	MDB_val key = index_val(k->p, k->len);
	MDB_val v = { r->len, r->p };
	MDB_cursor *c;
	int rc;

	tx->failed = true;
	if (row_cursor(tx, DB_MESSAGE, &c, err) == -1)
		return -1;
	rc = mdb_cursor_put(c, &key, &v, MDB_NOOVERWRITE);
	if (rc == MDB_KEYEXIST) {
		if (!record_get_message((struct span){ v.mv_data, v.mv_size },
		        NULL, old))
			return index_damaged(DB_MESSAGE, err);
		v = (MDB_val){ r->len, r->p };
		rc = mdb_cursor_put(c, &key, &v, MDB_CURRENT);
		if (rc == 0) {
			tx->failed = false;
			return 1;
		}
	}
	if (rc != 0)
		return index_fail(rc, "put a message", err);
	tx->failed = false;
	return 0;
}

int
index_message_put(struct index_tx *tx, const struct index_message *m,
    struct po_err *err)
{
	struct standing before = { 0 }, after = standing_of(m);
	struct index_message old;
	struct index_key k;
	struct record r;
	int had;

	id_key(&k, &m->id);
	if (k.bad || !record_put_message(m, &r)) {
		tx->failed = true;
		return po_fail(err, PO_EBUG, "index: message %s: bad value",
		    m->id.text);
	}
	if (totals_load(tx, err) == -1)
		return -1;
	had = replace(tx, &k, &r, &old, err);
	if (had == -1)
		return -1;
	tx->dirty = true;
	if (had == 1)
		before = standing_of(&old);
	if (step(tx, &m->id, place_row, &before, &after, err) == -1 ||
	    step(tx, &m->id, finished_row, &before, &after, err) == -1)
		return -1;
	if (in_parts(before.place) && !in_parts(after.place) &&
	    index_parts_delete(tx, &m->id, err) == -1)
		return -1;
	if (had == 1 && counts_same(&old, m))
		return 0;
	if (had == 1)
		totals_subtract(tx, &old);
	totals_add(tx, m);
	old.id = m->id;
	return uid_step(tx, had == 1 ? &old : NULL, m, err);
}

static int
read_record(struct span v, struct arena *arena, struct index_message *m,
    struct po_err *err)
{
	if (record_get_message(v, arena, m))
		return 1;
	if (arena != NULL && arena->is_full)
		return po_fail(err, PO_EOS, "index: message: out of memory");
	return index_damaged(DB_MESSAGE, err);
}

int
index_message_get(struct index_tx *tx, const struct queue_id *id,
    struct arena *arena, struct index_message *m, struct po_err *err)
{
	struct index_key k;
	struct span v;
	int found;

	id_key(&k, id);
	found = row_get(tx, DB_MESSAGE, &k, &v, err);
	if (found != 1)
		return found;
	m->id = *id;
	return read_record(v, arena, m, err);
}

int
index_message_next(struct index_tx *tx, const struct queue_id *after,
    struct arena *arena, struct index_message *m, struct po_err *err)
{
	struct span key, v;
	struct index_key k;
	int found;

	key_clear(&k);
	if (after != NULL)
		key_id(&k, after);
	found = row_seek(tx, DB_MESSAGE, &k, true, &key, &v, err);
	if (found != 1)
		return found;
	if (!key_take_id(&key, &m->id) || key.len != 0)
		return index_damaged(DB_MESSAGE, err);
	return read_record(v, arena, m, err);
}

/* -------------------------------------------------------------- delete */

/* The idempotency key's row, if it is still this message's. */
static int
delete_key(struct index_tx *tx, const struct index_message *m,
    struct po_err *err)
{
	struct index_holder holder;
	struct index_key k;
	int found;

	if (m->key == NULL)
		return 0;
	found = index_key_get(tx, m->uid, m->key, &holder, err);
	if (found != 1 || strcmp(holder.id.text, m->id.text) != 0)
		return found == -1 ? -1 : 0;
	key_clear(&k);
	key_u32(&k, m->uid);
	key_bytes(&k, m->key, strlen(m->key));
	return row_delete(tx, DB_KEY, &k, err);
}

static int
delete_rows(struct index_tx *tx, const struct index_message *m,
    const struct index_key *id, struct po_err *err)
{
	struct standing before = standing_of(m), none = { 0 };

	if (step(tx, &m->id, place_row, &before, &none, err) == -1 ||
	    step(tx, &m->id, finished_row, &before, &none, err) == -1)
		return -1;
	if (delete_key(tx, m, err) == -1 || uid_step(tx, m, NULL, err) == -1 ||
	    row_delete_prefix(tx, DB_CLAIM, id, err) == -1 ||
	    (in_parts(m->place) && index_parts_delete(tx, &m->id, err) == -1) ||
	    row_delete(tx, DB_MOVE, id, err) == -1 ||
	    templates_delete(tx, &m->id, err) == -1 ||
	    row_delete_prefix(tx, DB_RECIPIENT, id, err) == -1 ||
	    row_delete_prefix(tx, DB_ATTEMPT, id, err) == -1)
		return -1;
	return row_delete(tx, DB_MESSAGE, id, err);
}

int
index_message_delete(struct index_tx *tx, const struct queue_id *id,
    struct po_err *err)
{
	struct index_message m;
	struct arena arena;
	struct index_key k;
	int rc;

	arena_init(&arena, (size_t)8 * RECORD_MAX);
	id_key(&k, id);
	rc = totals_load(tx, err);
	if (rc == 0)
		rc = index_message_get(tx, id, &arena, &m, err);
	if (rc == 1) {
		rc = delete_rows(tx, &m, &k, err);
		totals_subtract(tx, &m);
	}
	if (rc == -1)
		tx->failed = true;
	arena_clear(&arena);
	return rc;
}
