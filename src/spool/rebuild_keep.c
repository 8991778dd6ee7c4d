/* SPDX-License-Identifier: ISC */
/*
 * Hosts and their backoff, limits, turns, the small values and claims are in no
 * file.
 * They are copied from the old index, if the whole of it can be read.
 */
#include <errno.h>

#include "spool/rebuild_parts.h"

static bool
is_fresh(enum index_db db, struct span key)
{
	return db == DB_META && (span_eq(key, SPAN_LIT("schema")) ||
	                            span_eq(key, SPAN_LIT("totals")));
}

/* Copy the rows of one database as they are. */
static int
keep_rows(struct builder *b, struct index_tx *old, enum index_db db,
    struct po_err *err)
{
	struct span key, value;
	struct index_key k;
	struct record r;
	int found;

	key_clear(&k);
	while ((found = row_seek(old, db, &k, true, &key, &value, err)) == 1) {
		key_clear(&k);
		key_bytes(&k, key.p, key.len);
		if (k.bad || value.len > sizeof(r.p))
			return index_damaged(db, err);
		memcpy(r.p, value.p, value.len);
		r.len = value.len;
		if (!is_fresh(db, key) &&
		    (row_put(b->tx, db, &k, &r, err) == -1 ||
		        rebuild_next(b, err) == -1))
			return -1;
	}
	return found;
}

/* The parts of a message that is claimed in parts stay as they are. */
static int
keep_parts(struct builder *b, struct index_tx *old, const struct queue_id *id,
    struct po_err *err)
{
	struct index_part part = { .hop = 0 };
	int found;

	while ((found = index_part_next(old, id, &part, err)) == 1)
		if (index_part_put(b->tx, id, &part, err) == -1)
			return -1;
	return found;
}

/* A claim says that somebody may have begun: recovery must see it. */
static int
keep_claim(struct builder *b, struct index_tx *old,
    const struct index_claim *claim, struct po_err *err)
{
	struct index_message m, before;
	int found = index_message_get(b->tx, &claim->id, &b->arena, &m, err);

	if (found == 1)
		found = index_message_get(old, &claim->id, NULL, &before, err);
	if (found != 1)
		return found;
	if (m.state == MESSAGE_WAITING) {
		m.place = before.claims > 0 ? before.place : PLACE_CLAIM;
		m.hop = before.hop;
		m.claims = before.claims;
		if (before.claims > 0)
			m.due = before.due;
		if (index_message_put(b->tx, &m, err) == -1 ||
		    keep_parts(b, old, &claim->id, err) == -1)
			return -1;
	}
	if (index_claim_put(b->tx, claim, err) == -1)
		return -1;
	return rebuild_next(b, err);
}

/* What the old index knows as finished was settled: nobody need do it again. */
static int
drop_settled(struct builder *b, struct index_tx *old, struct po_err *err)
{
	struct index_claim claim, *after = NULL;
	struct index_message m;
	int found;

	while ((found = index_claim_next(b->tx, after, &claim, err)) == 1) {
		after = &claim;
		found = index_message_get(old, &claim.id, NULL, &m, err);
		if (found == 1 && message_is_final(m.state))
			found = index_claim_delete(b->tx, &claim.id,
			    claim.attempt, err);
		if (found == -1 || rebuild_next(b, err) == -1)
			return -1;
	}
	return found;
}

static int
keep_claims(struct builder *b, struct index_tx *old, struct po_err *err)
{
	struct index_claim claim, after;
	bool first = true;
	int found = drop_settled(b, old, err);

	if (found == -1)
		return -1;
	while ((found = index_claim_next(old, first ? NULL : &after, &claim,
	            err)) == 1) {
		if (keep_claim(b, old, &claim, err) == -1)
			return -1;
		after = claim;
		first = false;
	}
	return found;
}

/* How much a uid sent of late: no file tells when a message was let through. */
static int
keep_rates(struct builder *b, struct index_tx *old, struct po_err *err)
{
	struct index_uid before, now;
	struct span key, value;
	struct index_key k;
	uint32_t uid;
	int found;

	key_clear(&k);
	while (
	    (found = row_seek(old, DB_UID, &k, true, &key, &value, err)) == 1) {
		key_clear(&k);
		key_bytes(&k, key.p, key.len);
		if (!key_take_u32(&key, &uid) || key.len != 0 ||
		    !record_get_uid(value, &before))
			return index_damaged(DB_UID, err);
		if (index_uid_get(b->tx, uid, &now, err) == -1)
			return -1;
		memcpy(now.rates, before.rates, sizeof(now.rates));
		now.wake = now.held > 0 ? before.wake : 0;
		if (index_uid_put(b->tx, uid, &now, err) == -1 ||
		    rebuild_next(b, err) == -1)
			return -1;
	}
	return found;
}

int
rebuild_keep_old(struct builder *b, struct po_err *err)
{
	static const enum index_db dbs[] = { DB_HOST, DB_HOP, DB_TURN, DB_LIMIT,
		DB_META };
	struct index_tx *tx = NULL;
	struct index *old = NULL;
	struct po_err why;
	size_t i;
	int rc;

	rc = index_verify(b->spool->dirfd, INDEX_FOLDER, &why);
	if (rc == 0)
		rc = index_open_folder(b->folder, INDEX_LIVE, INDEX_READ, &old,
		    &why);
	if (rc == 0)
		rc = index_begin(old, INDEX_READ, &tx, &why);
	if (rc == 0)
		rc = index_verify_records(tx, &why);
	if (rc == -1) {
		if (why.sys != ENOENT)
			rebuild_complain(b, "index", INDEX_LIVE, why.text);
		index_discard(tx);
		index_close(old);
		return 0;
	}
	for (i = 0; rc == 0 && i < sizeof(dbs) / sizeof(dbs[0]); i++)
		rc = keep_rows(b, tx, dbs[i], err);
	if (rc == 0)
		rc = keep_rates(b, tx, err);
	if (rc == 0)
		rc = keep_claims(b, tx, err);
	b->report->kept = rc == 0;
	index_discard(tx);
	index_close(old);
	return rc;
}
