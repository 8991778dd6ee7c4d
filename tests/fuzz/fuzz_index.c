/* SPDX-License-Identifier: ISC */
/*
 * A whole data.mdb. What index_verify_pages() lets through, LMDB must be able
 * to read in full and write to without ending the process.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/index_db.h"
#include "util/fd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
use(int folder)
{
	struct queue_id ids[64], id = { "" };
	struct index_message m;
	struct index_tx *tx;
	struct index *ix;
	struct arena arena;
	int n = 0;

	if (index_open_folder(folder, "db", INDEX_WRITE, &ix, NULL) == -1)
		return;
	arena_init(&arena, 1 << 20);
	if (index_begin(ix, INDEX_WRITE, &tx, NULL) == 0) {
		(void)index_verify_records(tx, NULL);
		while (n < 64 && index_message_next(tx, n == 0 ? NULL : &id,
		                     &arena, &m, NULL) == 1)
			id = ids[n++] = m.id;
		while (n > 0)
			(void)index_message_delete(tx, &ids[--n], NULL);
		(void)index_meta_put(tx, "boot", "x", NULL);
		(void)index_commit(tx, NULL);
	}
	arena_clear(&arena);
	index_close(ix);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[] = "/tmp/po-fuzz-XXXXXX";
	int folder, fd;

	if (mkdtemp(path) == NULL)
		abort();
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)mkdirat(folder, "db", 0700);
	fd = openat(folder, "db/data.mdb", O_WRONLY | O_CREAT, 0600);
	if (fd == -1 || fd_write_all(fd, data, size, "input", NULL) == -1)
		abort();
	(void)close(fd);
	if (index_verify_pages(folder, "db/data.mdb", NULL) == 0)
		use(folder);
	(void)unlinkat(folder, "db/data.mdb", 0);
	(void)unlinkat(folder, "db/lock.mdb", 0);
	(void)unlinkat(folder, "db", AT_REMOVEDIR);
	(void)close(folder);
	(void)rmdir(path);
	return 0;
}
