/* SPDX-License-Identifier: ISC */
/*
 * What each uid has in the queue. The counters are changed where message
 * records are, so they hold for any index whose records do, a rebuilt one too.
 * A row that says nothing is deleted: there is one for each uid with mail, or
 * with a rate that is counted.
 */
#include "spool/index_db.h"

#define AT_ONCE 1

static void
uid_key(struct index_key *k, uint32_t uid)
{
	key_clear(k);
	key_u32(k, uid);
}

static void
wake_key(struct index_key *k, int64_t wake, uint32_t uid)
{
	key_clear(k);
	key_time(k, wake);
	key_u32(k, uid);
}

static void
held_key(struct index_key *k, const struct index_message *m)
{
	uid_key(k, m->uid);
	key_id(k, &m->id);
}

static int
mark(struct index_tx *tx, enum index_db db, const struct index_key *k,
    struct po_err *err)
{
	struct record r;

	record_put_mark(&r);
	return row_put(tx, db, k, &r, err);
}

/* ------------------------------------------------------------ the row */

int
index_uid_get(struct index_tx *tx, uint32_t uid, struct index_uid *u,
    struct po_err *err)
{
	struct index_key k;
	struct span v;
	int found;

	*u = (struct index_uid){ 0 };
	uid_key(&k, uid);
	found = row_get(tx, DB_UID, &k, &v, err);
	if (found == 1 && !record_get_uid(v, u))
		return index_damaged(DB_UID, err);
	return found;
}

int
index_uid_next(struct index_tx *tx, bool first, uint32_t *uid,
    struct index_uid *u, struct po_err *err)
{
	struct index_key k;
	struct span key, v;
	int found;

	key_clear(&k);
	if (!first)
		key_u32(&k, *uid);
	found = row_seek(tx, DB_UID, &k, true, &key, &v, err);
	if (found != 1)
		return found;
	if (!key_take_u32(&key, uid) || key.len != 0 || !record_get_uid(v, u))
		return index_damaged(DB_UID, err);
	return 1;
}

static bool
says_nothing(const struct index_uid *u)
{
	unsigned i;

	for (i = 0; i < RATES; i++)
		if (u->rates[i].count > 0)
			return false;
	return u->messages == 0 && u->bytes == 0 && u->held == 0 &&
	       u->wake == 0;
}

static int
put_wake(struct index_tx *tx, uint32_t uid, int64_t old, int64_t new,
    struct po_err *err)
{
	struct index_key k;

	if (old == new)
		return 0;
	wake_key(&k, old, uid);
	if (old != 0 && row_delete(tx, DB_WAKE, &k, err) == -1)
		return -1;
	wake_key(&k, new, uid);
	return new == 0 ? 0 : mark(tx, DB_WAKE, &k, err);
}

int
index_uid_put(struct index_tx *tx, uint32_t uid, const struct index_uid *u,
    struct po_err *err)
{
	struct index_uid old;
	struct index_key k;
	struct record r;

	if (index_uid_get(tx, uid, &old, err) == -1 ||
	    put_wake(tx, uid, old.wake, u->wake, err) == -1)
		return -1;
	uid_key(&k, uid);
	if (says_nothing(u))
		return row_delete(tx, DB_UID, &k, err);
	if (!record_put_uid(u, &r)) {
		tx->failed = true;
		return po_fail(err, PO_EBUG, "index: uid %u: bad value", uid);
	}
	return row_put(tx, DB_UID, &k, &r, err);
}

int
index_wake_first(struct index_tx *tx, int64_t *wake, uint32_t *uid,
    struct po_err *err)
{
	struct index_key k;
	struct span key, v;
	int found;

	key_clear(&k);
	found = row_seek(tx, DB_WAKE, &k, false, &key, &v, err);
	if (found != 1)
		return found;
	if (!key_take_time(&key, wake) || !key_take_u32(&key, uid) ||
	    key.len != 0)
		return index_damaged(DB_WAKE, err);
	return 1;
}

/* ------------------------------------------------------------ held */

static int
seek_held(struct index_tx *tx, uint32_t *uid, struct queue_id *id,
    struct po_err *err)
{
	struct index_key k;
	struct span key, v;
	int found;

	uid_key(&k, *uid);
	found = row_seek(tx, DB_HELD, &k, false, &key, &v, err);
	if (found != 1)
		return found;
	if (!key_take_u32(&key, uid) || !key_take_id(&key, id) || key.len != 0)
		return index_damaged(DB_HELD, err);
	return 1;
}

int
index_held_first(struct index_tx *tx, uint32_t uid, struct queue_id *id,
    struct po_err *err)
{
	uint32_t of = uid;
	int found = seek_held(tx, &of, id, err);

	return found == 1 && of != uid ? 0 : found;
}

int
index_held_seek(struct index_tx *tx, uint32_t *uid, struct po_err *err)
{
	struct queue_id id;

	return seek_held(tx, uid, &id, err);
}

/* ------------------------------------------------------------ with messages
 */

/* What one message is among the counters. */
struct share {
	uint64_t messages, bytes, held;
};

static struct share
share_of(const struct index_message *m)
{
	struct share none = { 0 };

	if (m == NULL || message_is_final(m->state))
		return none;
	if (m->state == MESSAGE_HELD && message_hold_is_quota(m->hold))
		return (struct share){ .held = 1 };
	return (struct share){ 1, m->size, 0 };
}

/* Never below zero, whatever a damaged index said before. */
static uint64_t
exchange(uint64_t n, uint64_t before, uint64_t after)
{
	return (n > before ? n - before : 0) + after;
}

static int
step_held(struct index_tx *tx, const struct index_message *m, bool had,
    bool has, struct po_err *err)
{
	struct index_key k;

	if (had == has)
		return 0;
	held_key(&k, m);
	return has ? mark(tx, DB_HELD, &k, err)
	           : row_delete(tx, DB_HELD, &k, err);
}

static int
step_one(struct index_tx *tx, const struct index_message *m,
    const struct share *before, const struct share *after, struct po_err *err)
{
	struct index_uid u;

	if (memcmp(before, after, sizeof(*before)) == 0)
		return 0;
	if (step_held(tx, m, before->held > 0, after->held > 0, err) == -1 ||
	    index_uid_get(tx, m->uid, &u, err) == -1)
		return -1;
	u.messages = exchange(u.messages, before->messages, after->messages);
	u.bytes = exchange(u.bytes, before->bytes, after->bytes);
	u.held = exchange(u.held, before->held, after->held);
	if (u.held == 0)
		u.wake = 0;
	else if (before->messages > after->messages)
		u.wake = AT_ONCE;
	return index_uid_put(tx, m->uid, &u, err);
}

int
uid_step(struct index_tx *tx, const struct index_message *before,
    const struct index_message *after, struct po_err *err)
{
	const struct share none = { 0 };
	struct share had = share_of(before), has = share_of(after);

	if (before != NULL && after != NULL && before->uid == after->uid)
		return step_one(tx, after, &had, &has, err);
	if (before != NULL && step_one(tx, before, &had, &none, err) == -1)
		return -1;
	return after == NULL ? 0 : step_one(tx, after, &none, &has, err);
}
