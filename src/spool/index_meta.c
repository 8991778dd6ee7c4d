/* SPDX-License-Identifier: ISC */
/*
 * What the index knows beside messages: next hops (numbered at their first
 * put, so that a ready row needs four bytes for one) and small named values.
 */
#include "spool/index_db.h"

#define META_MAX 200

static bool
name_key(struct index_key *k, const char *name, size_t max)
{
	size_t len = strlen(name);

	key_clear(k);
	key_bytes(k, name, len);
	if (len == 0 || len > max)
		k->bad = true;
	return !k->bad;
}

/* ---------------------------------------------------------------- host */

int
index_host_get(struct index_tx *tx, const char *name, struct index_host *h,
    struct po_err *err)
{
	struct index_key k;
	struct span v;
	int found;

	(void)name_key(&k, name, sizeof(h->name) - 1);
	found = row_get(tx, DB_HOST, &k, &v, err);
	if (found != 1)
		return found;
	if (!record_get_host(v, h))
		return index_damaged(DB_HOST, err);
	memcpy(h->name, k.p, k.len);
	h->name[k.len] = '\0';
	return 1;
}

int
index_host_next(struct index_tx *tx, struct index_host *h, struct po_err *err)
{
	struct index_key k;
	struct span key, v;
	int found;

	key_clear(&k);
	key_bytes(&k, h->name, strlen(h->name));
	found = row_seek(tx, DB_HOST, &k, true, &key, &v, err);
	if (found != 1)
		return found;
	if (key.len >= sizeof(h->name) ||
	    memchr(key.p, '\0', key.len) != NULL || !record_get_host(v, h))
		return index_damaged(DB_HOST, err);
	memcpy(h->name, key.p, key.len);
	h->name[key.len] = '\0';
	return 1;
}

int
index_host_last(struct index_tx *tx, uint32_t *hop, struct po_err *err)
{
	struct span key;
	int found = row_last(tx, DB_HOP, &key, err);

	*hop = 0;
	if (found == 1 && (!key_take_u32(&key, hop) || *hop == UINT32_MAX))
		return index_damaged(DB_HOP, err);
	return found;
}

static int
next_hop(struct index_tx *tx, uint32_t *hop, struct po_err *err)
{
	if (index_host_last(tx, hop, err) == -1)
		return -1;
	++*hop;
	return 0;
}

static int
put_hop(struct index_tx *tx, const struct index_host *h, struct po_err *err)
{
	struct index_key k;
	struct record r;

	key_clear(&k);
	key_u32(&k, h->hop);
	(void)record_put_bytes(h->name, strlen(h->name), &r);
	return row_put(tx, DB_HOP, &k, &r, err);
}

int
index_host_put(struct index_tx *tx, struct index_host *h, struct po_err *err)
{
	struct index_host old;
	struct index_key k;
	struct record r;
	int found;

	(void)name_key(&k, h->name, sizeof(h->name) - 1);
	found = index_host_get(tx, h->name, &old, err);
	if (found == 1)
		h->hop = old.hop;
	if (found == 0 &&
	    (next_hop(tx, &h->hop, err) == -1 || put_hop(tx, h, err) == -1))
		found = -1;
	if (found == -1 || !record_put_host(h, &r)) {
		tx->failed = true;
		return found == -1
		           ? -1
		           : po_fail(err, PO_EBUG, "index: host: bad value");
	}
	return row_put(tx, DB_HOST, &k, &r, err);
}

int
index_host_delete(struct index_tx *tx, const struct index_host *h,
    struct po_err *err)
{
	struct index_key k;

	(void)name_key(&k, h->name, sizeof(h->name) - 1);
	if (row_delete(tx, DB_HOST, &k, err) == -1)
		return -1;
	key_clear(&k);
	key_u32(&k, h->hop);
	return row_delete(tx, DB_HOP, &k, err);
}

int
index_host_by_hop(struct index_tx *tx, uint32_t hop, struct index_host *h,
    struct po_err *err)
{
	char name[sizeof(h->name)];
	struct index_key k;
	struct span v, text;
	int found;

	key_clear(&k);
	key_u32(&k, hop);
	found = row_get(tx, DB_HOP, &k, &v, err);
	if (found != 1)
		return found;
	if (!record_get_bytes(v, &text) || text.len == 0 ||
	    text.len >= sizeof(name) || memchr(text.p, '\0', text.len) != NULL)
		return index_damaged(DB_HOP, err);
	memcpy(name, text.p, text.len);
	name[text.len] = '\0';
	return index_host_get(tx, name, h, err);
}

/* ---------------------------------------------------------------- meta */

/* "schema" and "totals" have their own functions. */
static bool
is_reserved(const char *name)
{
	return strcmp(name, "schema") == 0 || strcmp(name, "totals") == 0;
}

int
index_meta_put(struct index_tx *tx, const char *name, const char *value,
    struct po_err *err)
{
	struct index_key k;
	struct record r;

	(void)name_key(&k, name, META_MAX);
	if (is_reserved(name) || strlen(value) >= META_MAX ||
	    !record_put_bytes(value, strlen(value), &r)) {
		tx->failed = true;
		return po_fail(err, PO_EBUG, "index: meta %s: bad value", name);
	}
	return row_put(tx, DB_META, &k, &r, err);
}

int
index_meta_get(struct index_tx *tx, const char *name, char *value, size_t max,
    struct po_err *err)
{
	struct index_key k;
	struct span v, text;
	int found;

	(void)name_key(&k, name, META_MAX);
	if (is_reserved(name))
		return 0;
	found = row_get(tx, DB_META, &k, &v, err);
	if (found != 1)
		return found;
	if (!record_get_bytes(v, &text) || text.len >= max ||
	    memchr(text.p, '\0', text.len) != NULL)
		return index_damaged(DB_META, err);
	memcpy(value, text.p, text.len);
	value[text.len] = '\0';
	return 1;
}

int
index_meta_delete(struct index_tx *tx, const char *name, struct po_err *err)
{
	struct index_key k;

	(void)name_key(&k, name, META_MAX);
	return is_reserved(name) ? 0 : row_delete(tx, DB_META, &k, err);
}

int
index_meta_next(struct index_tx *tx, const char *prefix, char *name,
    size_t max_name, char *value, size_t max, struct po_err *err)
{
	struct index_key k;
	struct span key, v;
	size_t len = strlen(prefix);
	int found;

	(void)name_key(&k, name, META_MAX);
	found = row_seek(tx, DB_META, &k, true, &key, &v, err);
	if (found != 1)
		return found;
	if (key.len < len || memcmp(key.p, prefix, len) != 0)
		return 0;
	if (key.len >= max_name || memchr(key.p, '\0', key.len) != NULL)
		return index_damaged(DB_META, err);
	memcpy(name, key.p, key.len);
	name[key.len] = '\0';
	return index_meta_get(tx, name, value, max, err);
}
