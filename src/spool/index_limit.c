/* SPDX-License-Identifier: ISC */
/* How much passed of late by whom: a row for each relay, sender and uid that a
 * limit counts. A row whose day is over is of no use to anybody. */
#include <stdio.h>

#include "spool/index_db.h"

#define NAME_MAX_BYTES 300u

static void
limit_key(struct index_key *k, const struct index_limit *l)
{
	key_clear(k);
	key_u8(k, l->kind);
	key_bytes(k, l->name, strnlen(l->name, NAME_MAX_BYTES));
}

static int
get_key(struct span key, struct index_limit *l)
{
	unsigned kind;

	if (!key_take_u8(&key, &kind) || kind >= LIMIT_KINDS ||
	    key.len >= sizeof(l->name) ||
	    (key.len > 0 && memchr(key.p, '\0', key.len) != NULL))
		return -1;
	l->kind = (enum index_limit_kind)kind;
	memcpy(l->name, key.p, key.len);
	l->name[key.len] = '\0';
	return 0;
}

int
index_limit_get(struct index_tx *tx, enum index_limit_kind kind,
    const char *name, struct index_limit *l, struct po_err *err)
{
	struct index_key k;
	struct span v;
	int found;

	*l = (struct index_limit){ .kind = kind };
	(void)snprintf(l->name, sizeof(l->name), "%s", name);
	limit_key(&k, l);
	found = row_get(tx, DB_LIMIT, &k, &v, err);
	if (found == 1 && !record_get_limit(v, l))
		return index_damaged(DB_LIMIT, err);
	return found;
}

int
index_limit_put(struct index_tx *tx, const struct index_limit *l,
    struct po_err *err)
{
	struct index_key k;
	struct record r;

	limit_key(&k, l);
	if (!record_put_limit(l, &r)) {
		tx->failed = true;
		return po_fail(err, PO_EBUG, "index: limit: bad value");
	}
	return row_put(tx, DB_LIMIT, &k, &r, err);
}

int
index_limit_delete(struct index_tx *tx, const struct index_limit *l,
    struct po_err *err)
{
	struct index_key k;

	limit_key(&k, l);
	return row_delete(tx, DB_LIMIT, &k, err);
}

int
index_limit_next(struct index_tx *tx, bool first, struct index_limit *l,
    struct po_err *err)
{
	struct index_key k;
	struct span key, v;
	int found;

	key_clear(&k);
	if (!first)
		limit_key(&k, l);
	found = row_seek(tx, DB_LIMIT, &k, !first, &key, &v, err);
	if (found != 1)
		return found;
	if (get_key(key, l) == -1 || !record_get_limit(v, l))
		return index_damaged(DB_LIMIT, err);
	return 1;
}
