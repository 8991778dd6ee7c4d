/* SPDX-License-Identifier: ISC */
/* The last step of a rebuild: names below index/ change places. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "spool/index_guard.h"
#include "spool/rebuild_parts.h"

int
rebuild_remove_folder(int folder, const char *name, struct po_err *err)
{
	static const char *const files[] = { "data.mdb", "lock.mdb" };
	char path[40];
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", name, files[i]);
		if (unlinkat(folder, path, 0) == -1 && errno != ENOENT)
			return po_fail_sys(err, PO_EIO, "unlink index/%s",
			    path);
	}
	if (unlinkat(folder, name, AT_REMOVEDIR) == -1 && errno != ENOENT)
		return po_fail_sys(err, PO_EIO, "rmdir index/%s", name);
	return 0;
}

static int
move(int folder, const char *from, const char *to, struct po_err *err)
{
	if (renameat(folder, from, folder, to) == 0)
		return 0;
	return po_fail_sys(err, PO_EIO, "rename index/%s to %s", from, to);
}

/*
 * At no moment is there no index, where the file system can exchange two names;
 * where it cannot, a crash between the two renames leaves none, and the next
 * runner rebuilds.
 */
int
rebuild_swap(int folder, struct po_err *err)
{
	int rc;

	if (rebuild_remove_folder(folder, INDEX_OLD, err) == -1)
		return -1;
	if (renameat2(folder, INDEX_NEW, folder, INDEX_LIVE, RENAME_EXCHANGE) ==
	    0)
		rc = move(folder, INDEX_NEW, INDEX_OLD, err);
	else if (errno == ENOENT)
		rc = move(folder, INDEX_NEW, INDEX_LIVE, err);
	else if (errno == EINVAL || errno == ENOSYS)
		rc = move(folder, INDEX_LIVE, INDEX_OLD, err) == -1
		         ? -1
		         : move(folder, INDEX_NEW, INDEX_LIVE, err);
	else
		rc = po_fail_sys(err, PO_EIO, "exchange index/%s and %s",
		    INDEX_NEW, INDEX_LIVE);
	if (rc == 0 && unlinkat(folder, INDEX_SUSPECT, 0) == -1 &&
	    errno != ENOENT)
		rc = po_fail_sys(err, PO_EIO, "unlink index/" INDEX_SUSPECT);
	if (rc == 0 && fsync(folder) == -1)
		rc = po_fail_sys(err, PO_EIO, "sync index");
	return rc;
}
