/* SPDX-License-Identifier: ISC */
/*
 * Rows by key: the thin layer between the index's databases and LMDB's calls.
 * A row that is missing is an outcome, everything else that LMDB says becomes
 * a struct po_err here and nowhere else. Any failed write spoils the
 * transaction, because a change of several rows may be half done.
 */
#include <errno.h>

#include "spool/index_db.h"
#include "spool/index_guard.h"

static const char *const db_names[] = { "meta", "message", "due", "ready",
	"turn", "part", "recipient", "claim", "attempt", "finished", "move",
	"host", "hop", "key", "uid", "held", "wake", "template", "use",
	"limit" };
_Static_assert(sizeof(db_names) / sizeof(db_names[0]) == INDEX_DBS,
    "one name for each database");

static enum po_code
code_of(int rc)
{
	switch (rc) {
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
		return PO_EFULL;
	case MDB_READERS_FULL:
		return PO_EBUSY;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
	case MDB_INCOMPATIBLE:
	case MDB_NOTFOUND:
	case MDB_BAD_VALSIZE:
	case MDB_BAD_TXN: /* what a damaged page made of it */
		return PO_EINDEX;
	case MDB_BAD_DBI:
	case MDB_BAD_RSLOT:
	case MDB_DBS_FULL:
		return PO_EBUG;
	default:
		return PO_EIO;
	}
}

int
index_fail(int rc, const char *what, struct po_err *err)
{
	if (rc > 0) {
		errno = rc;
		return po_fail_sys(err, PO_EIO, "index: %s", what);
	}
	if (code_of(rc) == PO_EINDEX)
		index_guard_suspect();
	return po_fail(err, code_of(rc), "index: %s: %s%s", what,
	    mdb_strerror(rc),
	    code_of(rc) == PO_EINDEX ? ": po-queue --rebuild-index" : "");
}

int
index_damaged(enum index_db db, struct po_err *err)
{
	index_guard_suspect();
	return po_fail(err, PO_EINDEX,
	    "index: a record of %s is damaged: po-queue --rebuild-index",
	    db_names[db]);
}

const char *
index_db_name(enum index_db db)
{
	return db_names[db];
}

static int
spoil(struct index_tx *tx, int rc, enum index_db db, struct po_err *err)
{
	tx->failed = true;
	return index_fail(rc, db_names[db], err);
}

static bool
sound(const struct index_key *k, struct po_err *err)
{
	if (!k->bad)
		return true;
	(void)po_fail(err, PO_EBUG, "index: bad queue id or name in a key");
	return false;
}

static MDB_val
val_of_key(const struct index_key *k)
{
	return index_val(k->p, k->len);
}

static struct span
span_of_val(MDB_val v)
{
	return (struct span){ v.mv_data, v.mv_size };
}

int
row_cursor(struct index_tx *tx, enum index_db db, MDB_cursor **out,
    struct po_err *err)
{
	int rc;

	*out = NULL;
	if (tx->cursors[db] == NULL) {
		rc =
		    mdb_cursor_open(tx->txn, tx->ix->dbi[db], &tx->cursors[db]);
		if (rc != 0)
			return index_fail(rc, db_names[db], err);
	}
	*out = tx->cursors[db];
	return 0;
}

int
row_get(struct index_tx *tx, enum index_db db, const struct index_key *k,
    struct span *value, struct po_err *err)
{
	MDB_val key = val_of_key(k), v;
	int rc;

	if (!sound(k, err))
		return -1;
	rc = mdb_get(tx->txn, tx->ix->dbi[db], &key, &v);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return index_fail(rc, db_names[db], err);
	*value = span_of_val(v);
	return 1;
}

int
row_seek(struct index_tx *tx, enum index_db db, const struct index_key *k,
    bool after, struct span *key, struct span *value, struct po_err *err)
{
	MDB_val at = val_of_key(k), v;
	MDB_cursor *c;
	int rc;

	if (!sound(k, err) || row_cursor(tx, db, &c, err) == -1)
		return -1;
	/* LMDB knows no empty key; MDB_FIRST is at or behind it. */
	rc =
	    mdb_cursor_get(c, &at, &v, k->len == 0 ? MDB_FIRST : MDB_SET_RANGE);
	if (rc == 0 && after && at.mv_size == k->len &&
	    memcmp(at.mv_data, k->p, k->len) == 0)
		rc = mdb_cursor_get(c, &at, &v, MDB_NEXT);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return index_fail(rc, db_names[db], err);
	*key = span_of_val(at);
	*value = span_of_val(v);
	return 1;
}

int
row_last(struct index_tx *tx, enum index_db db, struct span *key,
    struct po_err *err)
{
	MDB_val at, v;
	MDB_cursor *c;
	int rc;

	if (row_cursor(tx, db, &c, err) == -1)
		return -1;
	rc = mdb_cursor_get(c, &at, &v, MDB_LAST);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return index_fail(rc, db_names[db], err);
	*key = span_of_val(at);
	return 1;
}

int
row_put(struct index_tx *tx, enum index_db db, const struct index_key *k,
    const struct record *r, struct po_err *err)
{
	MDB_val key = val_of_key(k);
	MDB_val v = index_val(r->p, r->len);
	int rc;

	if (!sound(k, err)) {
		tx->failed = true;
		return -1;
	}
	rc = mdb_put(tx->txn, tx->ix->dbi[db], &key, &v, 0);
	if (rc != 0)
		return spoil(tx, rc, db, err);
	tx->dirty = true;
	return 0;
}

int
row_delete(struct index_tx *tx, enum index_db db, const struct index_key *k,
    struct po_err *err)
{
	MDB_val key = val_of_key(k);
	int rc;

	if (!sound(k, err)) {
		tx->failed = true;
		return -1;
	}
	rc = mdb_del(tx->txn, tx->ix->dbi[db], &key, NULL);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return spoil(tx, rc, db, err);
	tx->dirty = true;
	return 0;
}

int
row_delete_prefix(struct index_tx *tx, enum index_db db,
    const struct index_key *k, struct po_err *err)
{
	struct span key, value;
	MDB_cursor *c;
	int found, rc;

	if (row_cursor(tx, db, &c, err) == -1)
		return -1;
	for (;;) {
		found = row_seek(tx, db, k, false, &key, &value, err);
		if (found != 1)
			return found;
		if (key.len < k->len || memcmp(key.p, k->p, k->len) != 0)
			return 0;
		rc = mdb_cursor_del(c, 0);
		if (rc != 0)
			return spoil(tx, rc, db, err);
		tx->dirty = true;
	}
}
