/* SPDX-License-Identifier: ISC */
/* The one door to the index for a writer. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include "spool/rebuild_parts.h"
#include "util/fd.h"

/* Is there any message in this folder of folders? */
static int
has_messages(int fd, const char *name, struct po_err *err)
{
	char folder[12];
	struct queue_id id;
	struct dirent *e;
	int rc = 0, sub;
	unsigned i;
	DIR *dir;

	for (i = 0; rc == 0 && i < 256; i++) {
		(void)snprintf(folder, sizeof(folder), "%02x", i);
		sub = openat(fd, folder,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub == -1 && errno == ENOENT)
			continue;
		if (sub == -1 || (dir = fdopendir(sub)) == NULL) {
			(void)po_fail_sys(err, PO_EIO, "open %s/%s", name,
			    folder);
			fd_close(&sub);
			return -1;
		}
		while (rc == 0 && (e = readdir(dir)) != NULL)
			rc = queue_id_parse(span_of(e->d_name), &id) ? 1 : 0;
		(void)closedir(dir);
	}
	return rc;
}

int
spool_has_messages(const struct spool *s, struct po_err *err)
{
	int rc = has_messages(s->queue, "queue", err);

	return rc != 0 ? rc : has_messages(s->done, "done", err);
}

/* 1 when all messages are to be found by their files: there is no index, but
 * there are messages. */
static int
is_missing(const struct spool *s, struct po_err *err)
{
	int there = index_exists(s->dirfd, INDEX_FOLDER, err);

	if (there != 0)
		return there == -1 ? -1 : 0;
	return spool_has_messages(s, err);
}

/*
 * Whether one is missing is asked before one is made: were a new one there when
 * this process is killed, or cannot read a folder, the next would take it for
 * all that is known.
 */
int
spool_open_index(const struct spool *s, struct index **out,
    struct rebuild_report *report, struct po_err *why, struct po_err *err)
{
	int rc;

	*report = (struct rebuild_report){ 0 };
	*out = NULL;
	rc = is_missing(s, why);
	if (rc == 1)
		rc = po_fail(why, PO_EINDEX, "index: there was none");
	else if (rc == 0)
		rc = index_open(s->dirfd, INDEX_FOLDER, INDEX_WRITE, out, why);
	if (rc == 0)
		return 0;
	if (why->code != PO_EINDEX) {
		if (err != NULL)
			*err = *why;
		return -1;
	}
	if (spool_rebuild_index(s, report, err) == -1)
		return -1;
	rc = index_open(s->dirfd, INDEX_FOLDER, INDEX_WRITE, out, err);
	return rc == -1 ? -1 : 1;
}
