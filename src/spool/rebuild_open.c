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

/* 1 a new index though there are messages, 0 all is well, -1. */
static int
is_forgetful(const struct spool *s, const struct index *ix, struct po_err *err)
{
	int rc = 0;

	if (index_is_new(ix))
		rc = has_messages(s->queue, "queue", err);
	if (rc == 0 && index_is_new(ix))
		rc = has_messages(s->done, "done", err);
	return rc;
}

int
spool_open_index(const struct spool *s, struct index **out,
    struct rebuild_report *report, struct po_err *why, struct po_err *err)
{
	int rc;

	*report = (struct rebuild_report){ 0 };
	if (index_open(s->dirfd, INDEX_FOLDER, INDEX_WRITE, out, why) == 0) {
		rc = is_forgetful(s, *out, err);
		if (rc != 1) {
			if (rc == -1)
				index_close(*out);
			return rc;
		}
		index_close(*out);
		(void)po_fail(why, PO_ECORRUPT, "index: there was none");
	}
	*out = NULL;
	if (why->code != PO_ECORRUPT) {
		if (err != NULL)
			*err = *why;
		return -1;
	}
	if (spool_rebuild_index(s, report, err) == -1)
		return -1;
	rc = index_open(s->dirfd, INDEX_FOLDER, INDEX_WRITE, out, err);
	return rc == -1 ? -1 : 1;
}
