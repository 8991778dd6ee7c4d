/* SPDX-License-Identifier: ISC */
/*
 * LMDB maps its file and follows what it finds there; on a damaged one it ends
 * the process. Here the file is read with pread(2) alone, and checked, before
 * LMDB sees it; what stands in the records is looked at afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "spool/index_db.h"
#include "spool/index_page.h"
#include "util/fd.h"

#define MAGIC 0xBEEFC0DEu
#define DATA_VERSION 1u
#define META_BYTES (24u + 2 * PAGE_TREE_BYTES + 16u)

enum { INTEGER_KEYS = 8 }; /* the only flag of a tree here: free pages' */

/* ---------------------------------------------------------------- meta */

struct meta {
	uint32_t page_bytes;
	struct page_tree free_tree;
	struct page_tree main_tree;
	uint64_t last_page;
	uint64_t txn;
};

static bool
read_meta(const unsigned char *p, struct meta *m)
{
	if ((page_uint(p + 10, 2) & PAGE_META) == 0)
		return false;
	p += PAGE_HEADER;
	if (page_uint(p, 4) != MAGIC || page_uint(p + 4, 4) != DATA_VERSION)
		return false;
	p += 24;
	m->page_bytes = (uint32_t)page_uint(p, 4);
	m->free_tree = page_tree_of(p);
	m->main_tree = page_tree_of(p + PAGE_TREE_BYTES);
	m->last_page = page_uint(p + 2 * PAGE_TREE_BYTES, 8);
	m->txn = page_uint(p + 2 * PAGE_TREE_BYTES + 8, 8);
	return m->page_bytes >= PAGE_SIZE_MIN &&
	       m->page_bytes <= PAGE_SIZE_MAX &&
	       (m->page_bytes & (m->page_bytes - 1)) == 0 &&
	       m->last_page >= 1 && m->free_tree.flags == INTEGER_KEYS &&
	       m->main_tree.flags == 0;
}

/* The newer of the two: LMDB takes it as well, and refuses the file when one
 * of them is none. */
static int
choose_meta(int fd, struct meta *m, struct po_err *err)
{
	unsigned char p[PAGE_HEADER + META_BYTES];
	struct meta other;

	if (fd_pread_all(fd, p, sizeof(p), 0, "index", err) == -1)
		return -1;
	if (!read_meta(p, m))
		return po_fail(err, PO_EINDEX, "index: no LMDB file");
	if (fd_pread_all(fd, p, sizeof(p), m->page_bytes, "index", err) == -1)
		return -1;
	if (!read_meta(p, &other) || other.page_bytes != m->page_bytes)
		return po_fail(err, PO_EINDEX, "index: no LMDB file");
	/* A writer finds it by the number of its transaction: odd in page 1. */
	if (m->txn % 2 != 0 || (other.txn % 2 == 0 && other.txn != 0))
		return po_fail(err, PO_EINDEX, "index: transaction numbers");
	if (other.txn > m->txn)
		*m = other;
	return 0;
}

static int
verify_fd(int fd, struct po_err *err)
{
	struct verifier v = { .fd = fd, .err = err };
	struct stat st;
	struct meta m;
	int rc;

	if (fstat(fd, &st) == -1)
		return po_fail_sys(err, PO_EIO, "index: stat");
	if (st.st_size == 0)
		return 0; /* LMDB makes a new one of it */
	if (choose_meta(fd, &m, err) == -1)
		return -1;
	/* At most the pages behind the end that were freed unwritten: they
	 * are in the list of free ones, so that the file holds that. */
	if (m.last_page / 64 > (uint64_t)st.st_size / m.page_bytes)
		return po_fail(err, PO_EINDEX, "index: cut");
	v.page_bytes = m.page_bytes;
	v.last_page = m.last_page;
	v.file_pages = (uint64_t)st.st_size / m.page_bytes;
	v.used = calloc(1, m.last_page / 8 + 1);
	if (v.used == NULL)
		return po_fail(err, PO_EOS, "index: out of memory");
	rc = page_walk_tree(&v, "free", &m.free_tree, true, false);
	if (rc == 0)
		rc = page_walk_tree(&v, "main", &m.main_tree, false, true);
	free(v.used);
	return rc;
}

static int
data_path(const char *folder, char *path, size_t max, struct po_err *err)
{
	if (snprintf(path, max, "%s/" INDEX_LIVE "/data.mdb", folder) >=
	    (int)max)
		return po_fail(err, PO_EBUG, "index: long name");
	return 0;
}

int
index_verify_pages(int dirfd, const char *path, struct po_err *err)
{
	int fd, rc;

	fd = openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return po_fail_sys(err, errno == ENOENT ? PO_EINDEX : PO_EIO,
		    "index: open %s", path);
	rc = verify_fd(fd, err);
	if (rc == -1 && err != NULL && err->code == PO_ECORRUPT)
		err->code = PO_EINDEX; /* the file ends too early */
	fd_close(&fd);
	return rc;
}

/* No schema was committed to it yet: LMDB has made it, or not even that. */
static bool
is_blank(int fd)
{
	struct stat st;
	struct po_err why;
	struct meta m;

	if (fstat(fd, &st) == 0 && st.st_size == 0)
		return true;
	return choose_meta(fd, &m, &why) == 0 && m.main_tree.entries == 0;
}

int
index_exists(int dirfd, const char *folder, struct po_err *err)
{
	char path[256];
	bool blank;
	int fd;

	if (data_path(folder, path, sizeof(path), err) == -1)
		return -1;
	fd = openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT)
		return 0;
	if (fd == -1)
		return po_fail_sys(err, errno == ELOOP ? PO_EINDEX : PO_EIO,
		    "open %s", path);
	blank = is_blank(fd);
	fd_close(&fd);
	return !blank;
}

int
index_verify(int dirfd, const char *folder, struct po_err *err)
{
	char path[256];

	if (data_path(folder, path, sizeof(path), err) == -1)
		return -1;
	return index_verify_pages(dirfd, path, err);
}

/* ------------------------------------------------------------- records */

static bool
is_record(enum index_db db, struct span v)
{
	union {
		struct index_message m;
		struct index_recipient rec;
		struct index_attempt a;
		struct index_host h;
		struct index_uid u;
		struct index_limit l;
		struct index_part part;
		struct span s;
		uint32_t n;
		uint64_t n8;
	} to;

	switch (db) {
	case DB_MESSAGE:
		return record_get_message(v, NULL, &to.m);
	case DB_RECIPIENT:
		return record_get_recipient(v, NULL, &to.rec);
	case DB_ATTEMPT:
		return record_get_attempt(v, NULL, &to.a);
	case DB_HOST:
		return record_get_host(v, &to.h);
	case DB_PART:
		return record_get_part(v, &to.part);
	case DB_UID:
		return record_get_uid(v, &to.u);
	case DB_LIMIT:
		return record_get_limit(v, &to.l);
	case DB_CLAIM:
		return record_get_u32(v, &to.n);
	case DB_TURN:
		return record_get_u64(v, &to.n8);
	case DB_DUE:
	case DB_READY:
	case DB_FINISHED:
	case DB_MOVE:
	case DB_HELD:
	case DB_WAKE:
	case DB_USE:
		return record_get_mark(v);
	default:
		return record_get_bytes(v, &to.s);
	}
}

int
index_verify_records(struct index_tx *tx, struct po_err *err)
{
	MDB_cursor *c;
	MDB_val key, v;
	int i, rc;

	for (i = 0; i < INDEX_DBS; i++) {
		if (row_cursor(tx, (enum index_db)i, &c, err) == -1)
			return -1;
		rc = mdb_cursor_get(c, &key, &v, MDB_FIRST);
		for (; rc == 0; rc = mdb_cursor_get(c, &key, &v, MDB_NEXT))
			if (!is_record((enum index_db)i,
			        (struct span){ v.mv_data, v.mv_size }))
				return index_damaged((enum index_db)i, err);
		if (rc != MDB_NOTFOUND)
			return index_fail(rc, "look at every record", err);
	}
	return 0;
}
