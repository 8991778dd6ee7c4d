/* SPDX-License-Identifier: ISC */
/*
 * What the files of the index share: the databases, keys as bytes, and rows by
 * key. The only header that knows LMDB; included by src/spool/index*.c alone.
 */
#ifndef PO_SPOOL_INDEX_DB_H
#define PO_SPOOL_INDEX_DB_H

#include <lmdb.h>

#include "spool/index.h"
#include "spool/record.h"

#define INDEX_SCHEMA 8u
#define INDEX_KEY_MAX 320

enum index_db {
	DB_META,
	DB_MESSAGE,
	DB_DUE,
	DB_READY,
	DB_TURN,
	DB_PART,
	DB_RECIPIENT,
	DB_CLAIM,
	DB_ATTEMPT,
	DB_FINISHED,
	DB_MOVE,
	DB_HOST,
	DB_HOP,
	DB_KEY,
	DB_UID,
	DB_HELD,
	DB_WAKE,
	DB_TEMPLATE,
	DB_USE,
	DB_LIMIT,
	INDEX_DBS
};

struct index {
	MDB_env *env;
	int home; /* the folder of INDEX_LIVE; -1: opened as a folder alone */
	MDB_dbi dbi[INDEX_DBS];
	enum index_mode mode;
	bool is_new;
};

struct index_tx {
	struct index *ix;
	MDB_txn *txn;
	MDB_cursor *cursors[INDEX_DBS]; /* opened when first asked for */
	enum index_mode mode;
	bool dirty;
	bool failed; /* half a change may be in it: commit refuses */
	bool totals_read;
	bool totals_dirty;
	struct index_totals totals;
};

/* Below the index's folder: the one in use, one being built, the one before.
 * Folders, because LMDB's lock file must go with its data file. */
#define INDEX_LIVE "live"
#define INDEX_NEW "new"
#define INDEX_OLD "old"
#define INDEX_WRITING                                                          \
	"writing" /* an empty file while INDEX_LIVE is written                 \
	           */

/* Open just this folder. */
int index_open_folder(int dirfd, const char *folder, enum index_mode mode,
    struct index **out, struct po_err *err);

/* `bad`: something that is no key went in; the row functions say PO_EBUG. */
struct index_key {
	unsigned char p[INDEX_KEY_MAX];
	size_t len;
	bool bad;
};

void key_clear(struct index_key *k);
void key_u8(struct index_key *k, unsigned n);
void key_u32(struct index_key *k, uint32_t n);
void key_u64(struct index_key *k, uint64_t n);
void key_time(struct index_key *k, int64_t t); /* before 1970 counts as 1970 */
void key_id(struct index_key *k, const struct queue_id *id);
void key_bytes(struct index_key *k, const void *p, size_t len);

/* LMDB takes bytes it does not write to by a pointer that is not const. */
static inline MDB_val
index_val(const void *p, size_t len)
{
	union {
		const void *in;
		void *out;
	} u = { .in = p };

	return (MDB_val){ len, u.out };
}

/* Read a key back: false when fewer bytes are left. */
bool key_take_u8(struct span *k, unsigned *n);
bool key_take_u32(struct span *k, uint32_t *n);
bool key_take_u64(struct span *k, uint64_t *n);
bool key_take_time(struct span *k, int64_t *t);
bool key_take_id(struct span *k, struct queue_id *id);

/* What a span returned by these points to is valid until the next write in
 * the transaction. `rc` is LMDB's. */
int index_fail(int rc, const char *what, struct po_err *err);
/* The name of a database, as on disk. */
const char *index_db_name(enum index_db db);
int index_damaged(enum index_db db, struct po_err *err);
int row_cursor(struct index_tx *tx, enum index_db db, MDB_cursor **out,
    struct po_err *err);
int row_get(struct index_tx *tx, enum index_db db, const struct index_key *k,
    struct span *value, struct po_err *err);
/* The first row at or behind k; strictly behind it when `after`. */
int row_seek(struct index_tx *tx, enum index_db db, const struct index_key *k,
    bool after, struct span *key, struct span *value, struct po_err *err);
int row_last(struct index_tx *tx, enum index_db db, struct span *key,
    struct po_err *err);
int row_put(struct index_tx *tx, enum index_db db, const struct index_key *k,
    const struct record *r, struct po_err *err);
int row_delete(struct index_tx *tx, enum index_db db, const struct index_key *k,
    struct po_err *err);
/* Delete every row whose key begins with k. */
int row_delete_prefix(struct index_tx *tx, enum index_db db,
    const struct index_key *k, struct po_err *err);

/* index_verify() of one data file. */
int index_verify_pages(int dirfd, const char *path, struct po_err *err);

/* The totals of this transaction, read at first use; written by commit. */
int totals_load(struct index_tx *tx, struct po_err *err);
int totals_store(struct index_tx *tx, struct po_err *err);

/* A ready row's key. */
void ready_key(struct index_key *k, uint32_t hop, enum priority class,
    uint64_t turn, const struct queue_id *id);

/* From what a message counted for its uid to what it counts now; NULL: nothing.
 */
int uid_step(struct index_tx *tx, const struct index_message *before,
    const struct index_message *after, struct po_err *err);

/* Both rows of each template that the message needs. */
int templates_delete(struct index_tx *tx, const struct queue_id *id,
    struct po_err *err);

#endif
