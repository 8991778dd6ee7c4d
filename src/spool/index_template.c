/* SPDX-License-Identifier: ISC */
/*
 * Which versions of templates a message needs, by message and by version. Both
 * rows live as long as the message's record: what failed may be requeued.
 */
#include "spool/index_db.h"

static void
template_key(struct index_key *k, const struct queue_id *id, uint32_t n)
{
	key_clear(k);
	key_id(k, id);
	key_u32(k, n);
}

/* NUL ends the name: no version is the beginning of another one. */
static void
use_prefix(struct index_key *k, struct span version)
{
	key_clear(k);
	key_bytes(k, version.p, version.len);
	key_u8(k, 0);
}

int
index_templates_put(struct index_tx *tx, const struct queue_id *id,
    const char *const *versions, size_t n, struct po_err *err)
{
	struct index_key k;
	struct record r;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!record_put_bytes(versions[i], strlen(versions[i]), &r))
			return po_fail(err, PO_EBUG,
			    "index: the name of a template is too long");
		template_key(&k, id, (uint32_t)i);
		if (row_put(tx, DB_TEMPLATE, &k, &r, err) == -1)
			return -1;
		use_prefix(&k, span_of(versions[i]));
		key_id(&k, id);
		record_put_mark(&r);
		if (row_put(tx, DB_USE, &k, &r, err) == -1)
			return -1;
	}
	return 0;
}

int
index_template_get(struct index_tx *tx, const struct queue_id *id, uint32_t n,
    struct arena *arena, const char **version, struct po_err *err)
{
	struct index_key k;
	struct span v, text;
	int found;

	template_key(&k, id, n);
	found = row_get(tx, DB_TEMPLATE, &k, &v, err);
	if (found != 1)
		return found;
	if (!record_get_bytes(v, &text))
		return index_damaged(DB_TEMPLATE, err);
	*version = arena_strndup(arena, text.p, text.len);
	return *version != NULL ? 1
	                        : po_fail(err, PO_EOS, "index: out of memory");
}

int
templates_delete(struct index_tx *tx, const struct queue_id *id,
    struct po_err *err)
{
	struct index_key k, use;
	struct span v, text;
	uint32_t n;
	int found;

	for (n = 0;; n++) {
		template_key(&k, id, n);
		found = row_get(tx, DB_TEMPLATE, &k, &v, err);
		if (found != 1)
			return found;
		if (!record_get_bytes(v, &text))
			return index_damaged(DB_TEMPLATE, err);
		use_prefix(&use, text);
		key_id(&use, id);
		if (row_delete(tx, DB_USE, &use, err) == -1 ||
		    row_delete(tx, DB_TEMPLATE, &k, err) == -1)
			return -1;
	}
}

int
index_use_next(struct index_tx *tx, const char *version,
    const struct queue_id *after, struct queue_id *id, struct po_err *err)
{
	struct index_key k, prefix;
	struct span key, v;
	int found;

	use_prefix(&prefix, span_of(version));
	k = prefix;
	if (after != NULL)
		key_id(&k, after);
	found = row_seek(tx, DB_USE, &k, after != NULL, &key, &v, err);
	if (found != 1)
		return found;
	if (key.len < prefix.len || memcmp(key.p, prefix.p, prefix.len) != 0)
		return 0;
	key.p += prefix.len;
	key.len -= prefix.len;
	return key_take_id(&key, id) && key.len == 0
	           ? 1
	           : index_damaged(DB_USE, err);
}
