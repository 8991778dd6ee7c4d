/* SPDX-License-Identifier: ISC */
/*
 * `current` is a second name of the version's own file, so that one open finds
 * and reads it, whatever is saved meanwhile. Folders are opened part by part
 * without following links.
 */
#include "spool/templates.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/drop.h"
#include "spool/templates_parts.h"
#include "util/fd.h"
#include "util/grow.h"
#include "util/xalloc.h"

int
templates_open(const char *spool, struct templates *t, struct po_err *err)
{
	size_t len = strlen(spool) + sizeof("/templates");

	t->dirfd = -1;
	t->path = NULL;
	if (drop_check_path(spool, err) == -1)
		return -1;
	t->path = xcalloc(1, len);
	(void)snprintf(t->path, len, "%s/templates", spool);
	t->dirfd =
	    open(t->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (t->dirfd != -1)
		return 0;
	(void)po_fail_sys(err, PO_ENOINPUT,
	    "uid %lu cannot open %s (run \"po-queue --setup\" as root, or "
	    "\"po-queue --setup --user\" for a spool of your own)",
	    (unsigned long)geteuid(), t->path);
	templates_close(t);
	return -1;
}

void
templates_close(struct templates *t)
{
	fd_close(&t->dirfd);
	free(t->path);
	t->path = NULL;
}

/* ------------------------------------------------------------------ read */

/* A link is nobody's template. */
static bool
is_missing(int sys)
{
	return sys == ENOENT || sys == ENOTDIR || sys == ELOOP;
}

/* A regular file, open and looked at: 1, 0 there is none, -1. */
static int
open_file(const struct templates *t, const char *path, int *fd, struct stat *st,
    struct po_err *err)
{
	*fd = fd_open_beneath(t->dirfd, path, O_RDONLY, 0);
	if (*fd == -1)
		return is_missing(errno) ? 0
		                         : po_fail_sys(err, PO_EIO,
		                               "open %s/%s", t->path, path);
	if (fstat(*fd, st) == -1)
		po_fail_sys(err, PO_EIO, "look at %s/%s", t->path, path);
	else if (!S_ISREG(st->st_mode) || st->st_size > TEMPLATES_FILE_MAX)
		po_fail(err, PO_ECORRUPT, "%s/%s is no template", t->path,
		    path);
	else
		return 1;
	fd_close(fd);
	return -1;
}

static int
read_path(const struct templates *t, const char *path,
    struct templates_version *v, struct po_err *err)
{
	struct po_err why;
	struct stat st;
	int fd, rc = open_file(t, path, &fd, &st, err);

	if (rc != 1)
		return rc;
	buf_reset(&v->text);
	if (!buf_reserve(&v->text, (size_t)st.st_size + 1))
		rc = po_fail(err, PO_EOS, "no memory for %s/%s", t->path, path);
	else if (fd_pread_all(fd, v->text.p, (size_t)st.st_size, 0, path,
	             err) == -1)
		rc = -1;
	fd_close(&fd);
	if (rc == -1)
		return -1;
	v->text.len = (size_t)st.st_size;
	v->text.p[v->text.len] = '\0';
	if (templates_version_decode(v, &why) == -1)
		return po_fail(err, why.code, "%s/%s: %s", t->path, path,
		    why.text);
	return 1;
}

static int
wrong_place(const struct templates *t, const char *path, struct po_err *err)
{
	return po_fail(err, PO_ECORRUPT,
	    "%s/%s: another template lies in this place", t->path, path);
}

int
templates_read_current(const struct templates *t, const char *folder,
    const char *lang, struct templates_version *v, struct po_err *err)
{
	char path[TEMPLATES_ID_BYTES];
	int rc;

	(void)snprintf(path, sizeof(path), "%s/%s/current", folder, lang);
	rc = read_path(t, path, v, err);
	if (rc == 1 && (strcmp(v->id.folder, folder) != 0 ||
	                   strcmp(v->id.lang, lang) != 0))
		return wrong_place(t, path, err);
	return rc;
}

int
templates_read(const struct templates *t, const struct templates_id *id,
    struct templates_version *v, struct po_err *err)
{
	char path[TEMPLATES_ID_BYTES], found[TEMPLATES_ID_BYTES];
	int rc;

	templates_id_print(id, path);
	rc = read_path(t, path, v, err);
	if (rc != 1)
		return rc;
	templates_id_print(&v->id, found);
	return strcmp(path, found) == 0 ? 1 : wrong_place(t, path, err);
}

int
templates_find(const struct templates *t, struct span name, const char *lang,
    struct templates_version *v, struct po_err *err)
{
	char folder[TEMPLATES_FOLDER_BYTES], tag[TEMPLATES_LANG_BYTES];
	int rc;

	if (!templates_name_encode(name, folder))
		return 0;
	(void)snprintf(tag, sizeof(tag), "%s", lang);
	do
		rc = templates_read_current(t, folder, tag, v, err);
	while (rc == 0 && templates_lang_shorter(tag));
	return rc;
}

int
templates_look(const struct templates *t, const struct templates_id *id,
    struct templates_key *key, struct po_err *err)
{
	char path[TEMPLATES_ID_BYTES];
	struct stat st;
	int fd, rc;

	templates_id_print(id, path);
	rc = open_file(t, path, &fd, &st, err);
	if (rc != 1)
		return rc;
	fd_close(&fd);
	key->dev = (uint64_t)st.st_dev;
	key->ino = (uint64_t)st.st_ino;
	key->size = (uint64_t)st.st_size;
	key->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 +
	                (int64_t)st.st_mtim.tv_nsec;
	return 1;
}

/* ------------------------------------------------------------------ lists */

void
templates_list_clear(struct templates_list *l)
{
	free(l->v);
	*l = (struct templates_list){ 0 };
}

static int
add(struct templates_list *l, const struct templates_id *id, struct po_err *err)
{
	void *v = grow_array(l->v, l->n, &l->cap, sizeof(*l->v));

	if (v == NULL)
		return po_fail(err, PO_EOS, "no memory for %zu templates",
		    l->n);
	l->v = v;
	l->v[l->n++] = *id;
	return 0;
}

static int
by_id(const void *a, const void *b)
{
	const struct templates_id *x = a, *y = b;
	int c = strcmp(x->folder, y->folder);
	bool d = strcmp(x->lang, TEMPLATES_DEFAULT) == 0;

	if (c == 0 && d != (strcmp(y->lang, TEMPLATES_DEFAULT) == 0))
		return d ? -1 : 1; /* the default first */
	if (c == 0)
		c = strcmp(x->lang, y->lang);
	if (c != 0)
		return c;
	return x->version < y->version ? -1 : x->version > y->version;
}

static void
sort(struct templates_list *l)
{
	if (l->n > 1)
		qsort(l->v, l->n, sizeof(*l->v), by_id);
}

int
templates_each(const struct templates *t, const char *path,
    templates_visit *visit, void *ctx, struct po_err *err)
{
	int fd = fd_open_beneath(t->dirfd, path, O_RDONLY | O_DIRECTORY, 0);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *e;
	int rc = 0;

	if (d == NULL) {
		if (fd == -1 && is_missing(errno))
			return 0;
		(void)po_fail_sys(err, PO_EIO, "read %s/%s", t->path, path);
		fd_close(&fd);
		return -1;
	}
	while (rc == 0 && (e = readdir(d)) != NULL)
		rc = visit(ctx, e->d_name, err);
	(void)closedir(d);
	return rc;
}

/* A walk over languages or versions of one template. */
struct walk {
	const struct templates *t;
	struct templates_list *list;
	struct templates_id id;
};

static int
visit_lang(void *ctx, const char *name, struct po_err *err)
{
	struct walk *w = ctx;
	struct templates_version v;
	int rc;

	if (!templates_lang(span_of(name), w->id.lang) ||
	    strcmp(w->id.lang, name) != 0)
		return 0;
	templates_version_init(&v);
	rc = templates_read_current(w->t, w->id.folder, name, &v, err);
	if (rc == 1)
		rc = add(w->list, &v.id, err);
	templates_version_clear(&v);
	return rc;
}

static int
visit_name(void *ctx, const char *folder, struct po_err *err)
{
	struct walk *w = ctx;
	char name[TEMPLATES_NAME_MAX + 1];

	if (!templates_name_decode(folder, name))
		return 0;
	(void)snprintf(w->id.folder, sizeof(w->id.folder), "%s", folder);
	return templates_each(w->t, folder, visit_lang, w, err);
}

int
templates_list_current(const struct templates *t, const char *folder,
    struct templates_list *l, struct po_err *err)
{
	struct walk w = { .t = t, .list = l };
	int rc;

	*l = (struct templates_list){ 0 };
	rc = folder == NULL ? templates_each(t, ".", visit_name, &w, err)
	                    : visit_name(&w, folder, err);
	sort(l);
	return rc;
}

static int
visit_version(void *ctx, const char *name, struct po_err *err)
{
	struct walk *w = ctx;

	return templates_version_parse(span_of(name), &w->id.version)
	           ? add(w->list, &w->id, err)
	           : 0;
}

int
templates_list_versions(const struct templates *t, const char *folder,
    const char *lang, struct templates_list *l, struct po_err *err)
{
	struct walk w = { .t = t, .list = l };
	char path[TEMPLATES_ID_BYTES];
	int rc;

	*l = (struct templates_list){ 0 };
	(void)snprintf(w.id.folder, sizeof(w.id.folder), "%s", folder);
	(void)snprintf(w.id.lang, sizeof(w.id.lang), "%s", lang);
	(void)snprintf(path, sizeof(path), "%s/%s", folder, lang);
	rc = templates_each(t, path, visit_version, &w, err);
	sort(l);
	return rc;
}
