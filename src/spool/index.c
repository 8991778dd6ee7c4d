/* SPDX-License-Identifier: ISC */
/*
 * The environment and its transactions. LMDB syncs at each commit (its default,
 * the only mode that keeps its promise over a power loss); its map is address
 * space only, as much as ulimit -v grants. LMDB takes a path: it gets
 * /proc/self/fd/N, the folder we opened and looked at ourselves.
 *
 * A file shorter than its own page count would end the process by SIGBUS where
 * a missing page is read. Then every page is looked at before it is used
 * (index_verify.c): pages at the very end that a transaction freed again were
 * never written, and are not missed.
 */
#include "spool/index.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/index_db.h"
#include "spool/index_guard.h"
#include "util/fd.h"
#include "util/xalloc.h"

#define GIB (UINT64_C(1) << 30)
#define MAX_READERS 512
#define LOOKED_AT_ALWAYS (INT64_C(2) << 20) /* bytes of data.mdb */

static const uint64_t map_sizes[] = { 64 * GIB, 16 * GIB, 4 * GIB, GIB };
#define MAP_SIZES (sizeof(map_sizes) / sizeof(map_sizes[0]))

/* ---------------------------------------------------------------- open */

static int
open_folder(int dirfd, const char *folder, enum index_mode mode,
    struct po_err *err)
{
	struct stat st;
	int fd;

	if (mode == INDEX_WRITE && mkdirat(dirfd, folder, 0700) == -1 &&
	    errno != EEXIST)
		return po_fail_sys(err, PO_EIO, "mkdir %s", folder);
	fd = openat(dirfd, folder,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return po_fail_sys(err, errno == ENOENT ? PO_EINDEX : PO_EIO,
		    "open %s", folder);
	if (fstat(fd, &st) == 0 && (st.st_mode & 0022) == 0 &&
	    st.st_uid == geteuid())
		return fd;
	(void)close(fd);
	return po_fail(err, PO_EPERM,
	    "%s: must belong to uid %ju, and nobody else may write there",
	    folder, (uintmax_t)geteuid());
}

/* One try with one map size. LMDB wants mdb_env_close() after a failed open,
 * and a new environment for the next. */
static int
try_open(struct index *ix, const char *path, uint64_t map_bytes)
{
	unsigned flags = MDB_NOTLS | (ix->mode == INDEX_READ ? MDB_RDONLY : 0);
	int rc = mdb_env_create(&ix->env);

	if (rc != 0)
		return rc;
	index_guard_watch(ix->env);
	rc = mdb_env_set_mapsize(ix->env, (size_t)map_bytes);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(ix->env, INDEX_DBS);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(ix->env, MAX_READERS);
	if (rc == 0)
		rc = mdb_env_open(ix->env, path, flags, 0600);
	if (rc != 0) {
		mdb_env_close(ix->env);
		ix->env = NULL;
	}
	return rc;
}

static int
open_env(struct index *ix, int folderfd, struct po_err *err)
{
	char path[40];
	struct stat st;
	size_t i;
	int fd, rc = ENOMEM;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", folderfd);
	if (stat(path, &st) == -1)
		return po_fail_sys(err, PO_EOSFILE,
		    "index: %s (is /proc mounted?)", path);
	if (ix->mode == INDEX_READ &&
	    fstatat(folderfd, "data.mdb", &st, AT_SYMLINK_NOFOLLOW) == -1)
		return po_fail_sys(err, PO_EINDEX, "index: data.mdb");
	for (i = 0; rc == ENOMEM && i < MAP_SIZES; i++)
		rc = try_open(ix, path, map_sizes[i]);
	if (rc != 0)
		return index_fail(rc, "open", err);
	if (mdb_env_get_fd(ix->env, &fd) == 0)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	return 0;
}

/* ----------------------------------------------- databases and the schema */

static int
open_databases(struct index *ix, MDB_txn *txn, unsigned flags)
{
	int rc = 0, i;

	for (i = 0; rc == 0 && i < INDEX_DBS; i++)
		rc = mdb_dbi_open(txn, index_db_name((enum index_db)i), flags,
		    &ix->dbi[i]);
	return rc;
}

/* Nothing in it, not even a database: LMDB made it just now, or a power loss
 * came before its first commit. */
static int
is_empty(MDB_txn *txn, bool *empty)
{
	MDB_stat st;
	MDB_dbi dbi;
	int rc = mdb_dbi_open(txn, NULL, 0, &dbi);

	if (rc == 0)
		rc = mdb_stat(txn, dbi, &st);
	*empty = rc == 0 && st.ms_entries == 0;
	return rc;
}

static struct index_key
meta_key(const char *name)
{
	struct index_key k;

	key_clear(&k);
	key_bytes(&k, name, strlen(name));
	return k;
}

static int
put_schema(struct index *ix, MDB_txn *txn)
{
	struct index_key k = meta_key("schema");
	MDB_val key = { k.len, k.p }, v;
	struct record r;

	record_put_u32(INDEX_SCHEMA, &r);
	v = (MDB_val){ r.len, r.p };
	return mdb_put(txn, ix->dbi[DB_META], &key, &v, 0);
}

static int
check_schema(struct index *ix, MDB_txn *txn, struct po_err *err)
{
	struct index_key k = meta_key("schema");
	MDB_val key = { k.len, k.p }, v;
	uint32_t schema;
	int rc = mdb_get(txn, ix->dbi[DB_META], &key, &v);

	if (rc != 0 && rc != MDB_NOTFOUND)
		return index_fail(rc, "schema", err);
	if (rc == MDB_NOTFOUND ||
	    !record_get_u32((struct span){ v.mv_data, v.mv_size }, &schema))
		return po_fail(err, PO_EINDEX,
		    "index: no schema in it: po-queue --rebuild-index");
	if (schema != INDEX_SCHEMA)
		return po_fail(err, PO_EINDEX,
		    "index: schema %u, this "
		    "program knows %u: po-queue --rebuild-index",
		    schema, INDEX_SCHEMA);
	return 0;
}

/* The first transaction: make the databases, or find them. */
static int
set_up(struct index *ix, struct po_err *err)
{
	bool write = ix->mode == INDEX_WRITE;
	MDB_txn *txn = NULL;
	int rc, done = -1;

	rc = mdb_txn_begin(ix->env, NULL, write ? 0 : MDB_RDONLY, &txn);
	if (rc != 0)
		return index_fail(rc, "open", err);
	rc = is_empty(txn, &ix->is_new);
	if (rc == 0 && (write || !ix->is_new))
		rc = open_databases(ix, txn,
		    write && ix->is_new ? MDB_CREATE : 0);
	if (rc == 0 && write && ix->is_new)
		rc = put_schema(ix, txn);
	if (rc != 0)
		(void)index_fail(rc, "open its databases", err);
	else if (ix->is_new && !write)
		(void)po_fail(err, PO_EINDEX, "index: empty");
	else
		done = check_schema(ix, txn, err);
	if (done == -1) {
		mdb_txn_abort(txn);
		return -1;
	}
	/* In a reader too: the handles stay open after a commit only. */
	rc = mdb_txn_commit(txn);
	return rc == 0 ? 0 : index_fail(rc, "open: commit", err);
}

static int
check_length(struct index *ix, int folderfd, struct po_err *err)
{
	MDB_envinfo info;
	MDB_stat st;
	struct stat file;
	uint64_t want;
	int fd, rc;

	rc = mdb_env_info(ix->env, &info);
	if (rc == 0)
		rc = mdb_env_stat(ix->env, &st);
	if (rc == 0)
		rc = mdb_env_get_fd(ix->env, &fd);
	if (rc != 0)
		return index_fail(rc, "look at it", err);
	if (fstat(fd, &file) == -1)
		return po_fail_sys(err, PO_EIO, "index: stat");
	want = ((uint64_t)info.me_last_pgno + 1) * st.ms_psize;
	if ((uint64_t)file.st_size >= want)
		return 0;
	return index_verify_pages(folderfd, "data.mdb", err);
}

int
index_open_folder(int dirfd, const char *folder, enum index_mode mode,
    struct index **out, struct po_err *err)
{
	int fd = open_folder(dirfd, folder, mode, err);
	struct index *ix;
	int rc;

	*out = NULL;
	if (fd == -1)
		return -1;
	ix = xcalloc(1, sizeof(*ix));
	ix->home = -1;
	ix->mode = mode;
	rc = open_env(ix, fd, err);
	if (rc == 0)
		rc = check_length(ix, fd, err);
	if (rc == 0)
		rc = set_up(ix, err);
	fd_close(&fd);
	if (rc == -1) {
		index_close(ix);
		return -1;
	}
	*out = ix;
	return 0;
}

/*
 * Leave a mark while somebody writes. Where one is found, the last writer did
 * not get to its end: LMDB's commits bear that, but if it was LMDB that ended
 * the process, on a damaged page, it would do so again each time. A small index
 * is looked at in any case: it costs a millisecond.
 */
static int
mark_writing(int folder, struct po_err *err)
{
	int fd = openat(folder, INDEX_WRITING,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool unclean = fd == -1;
	struct stat st;

	if (unclean && errno != EEXIST)
		return po_fail_sys(err, PO_EIO, "create index/" INDEX_WRITING);
	fd_close(&fd);
	if (faccessat(folder, INDEX_SUSPECT, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return po_fail(err, PO_EINDEX,
		    "index: it was found damaged when it was last used");
	if (fstatat(folder, INDEX_LIVE "/data.mdb", &st, AT_SYMLINK_NOFOLLOW) ==
	        -1 ||
	    (!unclean && st.st_size > LOOKED_AT_ALWAYS))
		return 0;
	return index_verify_pages(folder, INDEX_LIVE "/data.mdb", err);
}

int
index_open(int dirfd, const char *folder, enum index_mode mode,
    struct index **out, struct po_err *err)
{
	int fd = open_folder(dirfd, folder, mode, err);
	int rc = 0;

	*out = NULL;
	if (fd == -1)
		return -1;
	if (mode == INDEX_WRITE)
		rc = mark_writing(fd, err);
	index_guard_begin(fd);
	if (rc == 0)
		rc = index_open_folder(fd, INDEX_LIVE, mode, out, err);
	if (rc == -1) {
		index_guard_end();
		fd_close(&fd);
		return -1;
	}
	(*out)->home = fd;
	index_guard_opened();
	return 0;
}

void
index_close(struct index *ix)
{
	if (ix == NULL)
		return;
	if (ix->env != NULL)
		mdb_env_close(ix->env);
	if (ix->home != -1)
		index_guard_end();
	if (ix->home != -1 && ix->mode == INDEX_WRITE)
		(void)unlinkat(ix->home, INDEX_WRITING, 0);
	fd_close(&ix->home);
	free(ix);
}

void
index_distrust(const struct index *ix)
{
	if (ix->home != -1)
		index_guard_suspect();
}

bool
index_is_new(const struct index *ix)
{
	return ix->is_new;
}

void
index_reader_check(struct index *ix)
{
	int dead;

	(void)mdb_reader_check(ix->env, &dead);
}

/* -------------------------------------------------------- transactions */

int
index_begin(struct index *ix, enum index_mode mode, struct index_tx **out,
    struct po_err *err)
{
	struct index_tx *tx = xcalloc(1, sizeof(*tx));
	unsigned flags = mode == INDEX_READ ? MDB_RDONLY : 0;
	int rc;

	rc = mdb_txn_begin(ix->env, NULL, flags, &tx->txn);
	if (rc == MDB_MAP_RESIZED) {
		/* The writer has a larger map: take its size over. */
		rc = mdb_env_set_mapsize(ix->env, 0);
		if (rc == 0)
			rc = mdb_txn_begin(ix->env, NULL, flags, &tx->txn);
	}
	if (rc != 0) {
		free(tx);
		*out = NULL;
		return index_fail(rc, "begin", err);
	}
	tx->ix = ix;
	tx->mode = mode;
	*out = tx;
	return 0;
}

static void
close_cursors(struct index_tx *tx)
{
	int i;

	for (i = 0; i < INDEX_DBS; i++)
		if (tx->cursors[i] != NULL)
			mdb_cursor_close(tx->cursors[i]);
}

int
index_commit(struct index_tx *tx, struct po_err *err)
{
	int rc;

	if (tx->failed) {
		index_discard(tx);
		return po_fail(err, PO_EBUG,
		    "index: commit after a change that failed");
	}
	if (totals_store(tx, err) == -1) {
		index_discard(tx);
		return -1;
	}
	close_cursors(tx);
	rc = mdb_txn_commit(tx->txn);
	free(tx);
	return rc == 0 ? 0 : index_fail(rc, "commit", err);
}

void
index_discard(struct index_tx *tx)
{
	if (tx == NULL)
		return;
	close_cursors(tx);
	mdb_txn_abort(tx->txn);
	free(tx);
}

bool
index_is_dirty(const struct index_tx *tx)
{
	return tx->dirty || tx->totals_dirty;
}
