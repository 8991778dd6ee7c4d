/* SPDX-License-Identifier: ISC */
#include "spool/untaken.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/fd.h"
#include "util/grow.h"

static int
by_id(const void *a, const void *b)
{
	const struct untaken *x = a, *y = b;

	return strcmp(x->id.text, y->id.text);
}

/* A name that went away meanwhile was taken in. */
static int
add(const struct spool *s, const char *name, struct untaken_list *list,
    struct po_err *err)
{
	struct queue_id id;
	struct stat st;
	void *array;

	if (strncmp(name, "n.", 2) != 0 ||
	    !queue_id_parse(span_of(name + 2), &id) ||
	    fstatat(s->drop, name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    !S_ISREG(st.st_mode))
		return 0;
	array = grow_array(list->of, list->n, &list->cap, sizeof(*list->of));
	if (array == NULL)
		return po_fail(err, PO_EOS, "drop: no memory for its names");
	list->of = array;
	list->of[list->n++] = (struct untaken){ .id = id,
		.uid = st.st_uid,
		.size = (uint64_t)st.st_size,
		.arrival = st.st_ctime };
	return 0;
}

static DIR *
open_drop(const struct spool *s, struct po_err *err)
{
	int fd = openat(s->drop, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);

	if (d == NULL) {
		(void)po_fail_sys(err, PO_EIO, "read %s/drop", s->path);
		fd_close(&fd);
	}
	return d;
}

int
untaken_gather(const struct spool *s, struct untaken_list *out,
    struct po_err *err)
{
	const struct dirent *e;
	DIR *d;
	int rc = 0;

	*out = (struct untaken_list){ .of = NULL };
	d = open_drop(s, err);
	if (d == NULL)
		return -1;
	while (rc == 0 && (errno = 0, e = readdir(d)) != NULL)
		rc = add(s, e->d_name, out, err);
	if (rc == 0 && errno != 0)
		rc = po_fail_sys(err, PO_EIO, "read %s/drop", s->path);
	(void)closedir(d);
	if (out->n > 0)
		qsort(out->of, out->n, sizeof(*out->of), by_id);
	return rc;
}

void
untaken_clear(struct untaken_list *list)
{
	free(list->of);
	*list = (struct untaken_list){ .of = NULL };
}
