/* SPDX-License-Identifier: ISC */
/*
 * The parts of a message with several next hops, and their rows in ready. Rare
 * beside messages with one, whose standing is in their record.
 */
#include "spool/index_db.h"

void
ready_key(struct index_key *k, uint32_t hop, enum priority class, uint64_t turn,
    const struct queue_id *id)
{
	key_clear(k);
	key_u32(k, hop);
	key_u8(k, class);
	key_u64(k, turn);
	key_id(k, id);
}

static void
part_key(struct index_key *k, const struct queue_id *id, uint32_t hop)
{
	key_clear(k);
	key_id(k, id);
	key_u32(k, hop);
}

static int
delete_ready(struct index_tx *tx, const struct queue_id *id,
    const struct index_part *part, struct po_err *err)
{
	struct index_key k;

	if (part->place != PLACE_READY)
		return 0;
	ready_key(&k, part->hop, part->priority, part->turn, id);
	return row_delete(tx, DB_READY, &k, err);
}

static int
put_ready(struct index_tx *tx, const struct queue_id *id,
    const struct index_part *part, struct po_err *err)
{
	struct index_key k;
	struct record mark;

	if (part->place != PLACE_READY)
		return 0;
	ready_key(&k, part->hop, part->priority, part->turn, id);
	record_put_mark(&mark);
	return row_put(tx, DB_READY, &k, &mark, err);
}

int
index_part_get(struct index_tx *tx, const struct queue_id *id, uint32_t hop,
    struct index_part *part, struct po_err *err)
{
	struct index_key k;
	struct span v;
	int found;

	part_key(&k, id, hop);
	found = row_get(tx, DB_PART, &k, &v, err);
	if (found == 1 && !record_get_part(v, part))
		return index_damaged(DB_PART, err);
	part->hop = hop;
	return found;
}

int
index_part_put(struct index_tx *tx, const struct queue_id *id,
    const struct index_part *part, struct po_err *err)
{
	struct index_part old;
	struct index_key k;
	struct record r;
	int found = index_part_get(tx, id, part->hop, &old, err);

	if (found == -1 ||
	    (found == 1 && delete_ready(tx, id, &old, err) == -1))
		return -1;
	if (!record_put_part(part, &r)) {
		tx->failed = true;
		return po_fail(err, PO_EBUG, "index: part of %s: bad value",
		    id->text);
	}
	part_key(&k, id, part->hop);
	return row_put(tx, DB_PART, &k, &r, err) == -1
	           ? -1
	           : put_ready(tx, id, part, err);
}

int
index_part_next(struct index_tx *tx, const struct queue_id *id,
    struct index_part *part, struct po_err *err)
{
	struct queue_id found_id;
	struct index_key k;
	struct span key, v;
	int found;

	part_key(&k, id, part->hop);
	found = row_seek(tx, DB_PART, &k, true, &key, &v, err);
	if (found != 1)
		return found;
	if (!key_take_id(&key, &found_id) || !key_take_u32(&key, &part->hop) ||
	    key.len != 0 || !record_get_part(v, part))
		return index_damaged(DB_PART, err);
	return strcmp(found_id.text, id->text) == 0;
}

int
index_part_walk(struct index_tx *tx, bool first, struct queue_id *id,
    uint32_t *hop, struct po_err *err)
{
	struct index_key k;
	struct span key, v;
	int found;

	key_clear(&k);
	if (!first)
		part_key(&k, id, *hop);
	found = row_seek(tx, DB_PART, &k, true, &key, &v, err);
	if (found != 1)
		return found;
	if (!key_take_id(&key, id) || !key_take_u32(&key, hop) || key.len != 0)
		return index_damaged(DB_PART, err);
	return 1;
}

int
index_part_delete(struct index_tx *tx, const struct queue_id *id, uint32_t hop,
    struct po_err *err)
{
	struct index_part part;
	struct index_key k;
	int found = index_part_get(tx, id, hop, &part, err);

	if (found != 1)
		return found;
	part_key(&k, id, hop);
	return delete_ready(tx, id, &part, err) == -1
	           ? -1
	           : row_delete(tx, DB_PART, &k, err);
}

int
index_parts_delete(struct index_tx *tx, const struct queue_id *id,
    struct po_err *err)
{
	struct index_part part = { .hop = 0 };
	int found;

	while ((found = index_part_next(tx, id, &part, err)) == 1)
		if (index_part_delete(tx, id, part.hop, err) == -1)
			return -1;
	return found;
}
