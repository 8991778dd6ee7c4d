/* SPDX-License-Identifier: ISC */
#include "cli/template_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/grow.h"
#include "util/xalloc.h"

#define ITEMS_MAX 100000u
#define BYTES_MAX (256u << 20) /* of one folder */
#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static const char *const file_names[TEMPLATE_FILES] = { "subject.txt",
	"text.txt", "html.html", "description.txt" };
#define AUTO_NAME "text.auto"

void
template_items_clear(struct template_items *l)
{
	size_t i;
	int k;

	for (i = 0; i < l->n; i++)
		for (k = 0; k < TEMPLATE_FILES; k++)
			buf_clear(&l->v[i].file[k]);
	free(l->v);
	*l = (struct template_items){ NULL, 0, 0, 0 };
}

/* ------------------------------------------------------------------ read */

struct reading {
	struct template_items *to;
	const char *top; /* the folder, for errors */
	char folder[TEMPLATES_FOLDER_BYTES];
	const char *lang;
	struct template_item *item; /* being read */
};

typedef int visit(struct reading *r, int dirfd, const char *name,
    struct po_err *err);

/* Every name in a folder, but those that begin with a dot. Closes `fd`. */
static int
each(struct reading *r, int fd, visit *f, struct po_err *err)
{
	const struct dirent *e;
	DIR *d = fdopendir(fd);
	int rc = 0;

	if (d == NULL) {
		fd_close(&fd);
		return po_fail_sys(err, PO_ENOINPUT, "read %s", r->top);
	}
	while (rc == 0) {
		errno = 0;
		e = readdir(d);
		if (e == NULL && errno != 0)
			rc = po_fail_sys(err, PO_ENOINPUT, "read %s", r->top);
		if (e == NULL)
			break;
		if (e->d_name[0] != '.')
			rc = f(r, fd, e->d_name, err);
	}
	(void)closedir(d);
	return rc;
}

static int
refuse(const struct reading *r, const char *name, const char *why,
    struct po_err *err)
{
	return po_fail(err, PO_EDATA, "%s/%s%s%s%s%.100s: %s", r->top,
	    r->folder, r->folder[0] == '\0' ? "" : "/",
	    r->lang == NULL ? "" : r->lang, r->lang == NULL ? "" : "/", name,
	    why);
}

static int
read_bytes(struct reading *r, int fd, const char *name, struct buf *out,
    struct po_err *err)
{
	char some[16384];
	ssize_t n;

	while ((n = read(fd, some, sizeof(some))) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return po_fail_sys(err, PO_ENOINPUT, "read %s/%s/%s/%s",
			    r->top, r->folder, r->lang, name);
		r->to->bytes += (size_t)n;
		if (!buf_put(out, some, (size_t)n) || r->to->bytes > BYTES_MAX)
			return refuse(r, name, "too large", err);
	}
	return 0;
}

static int
read_file(struct reading *r, int dirfd, const char *name, struct buf *out,
    size_t max, struct po_err *err)
{
	int fd = openat(dirfd, name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	int rc;

	if (fd == -1)
		return errno == ELOOP
		           ? refuse(r, name, "a link", err)
		           : po_fail_sys(err, PO_ENOINPUT, "open %s/%s/%s/%s",
		                 r->top, r->folder, r->lang, name);
	buf_clear(out);
	buf_init(out, max);
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		rc = refuse(r, name, "no regular file", err);
	else
		rc = read_bytes(r, fd, name, out, err);
	fd_close(&fd);
	return rc;
}

static int
visit_file(struct reading *r, int dirfd, const char *name, struct po_err *err)
{
	struct mail_source *s = &r->item->v.source;
	struct buf empty = { .p = NULL };
	int i;

	if (strcmp(name, AUTO_NAME) == 0) {
		s->text_auto = true;
		return read_file(r, dirfd, name, &empty, 0, err);
	}
	for (i = 0; i < TEMPLATE_FILES; i++)
		if (strcmp(name, file_names[i]) == 0)
			break;
	if (i == TEMPLATE_FILES)
		return refuse(r, name, "no file of a template", err);
	if (i < MAIL_PARTS)
		s->has[i] = true;
	return read_file(r, dirfd, name, &r->item->file[i],
	    i < MAIL_PARTS ? TEMPLATES_PART_MAX : TEMPLATES_DESCRIPTION_MAX,
	    err);
}

static struct template_item *
add_item(struct template_items *l, struct po_err *err)
{
	struct template_item *fresh;

	if (l->n == ITEMS_MAX) {
		(void)po_fail(err, PO_EUNAVAILABLE,
		    "more than %u templates in one folder", ITEMS_MAX);
		return NULL;
	}
	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 64 : 2 * l->cap;
		fresh = realloc(l->v, l->cap * sizeof(*l->v));
		if (fresh == NULL) {
			(void)po_fail(err, PO_EOS, "no memory for templates");
			return NULL;
		}
		l->v = fresh;
	}
	memset(&l->v[l->n], 0, sizeof(l->v[0]));
	return &l->v[l->n++];
}

static int
visit_lang(struct reading *r, int dirfd, const char *name, struct po_err *err)
{
	struct templates_version *v;
	int fd;

	r->item = add_item(r->to, err);
	if (r->item == NULL)
		return -1;
	v = &r->item->v;
	r->lang = NULL;
	if (!templates_lang(span_of(name), v->id.lang) ||
	    strcmp(v->id.lang, name) != 0)
		return refuse(r, name, "no language tag in its usual form",
		    err);
	memcpy(v->id.folder, r->folder, sizeof(v->id.folder));
	(void)templates_name_decode(v->id.folder, v->name);
	fd = openat(dirfd, name, FOLDER_FLAGS);
	if (fd == -1)
		return refuse(r, name, "no folder of a language", err);
	r->lang = v->id.lang;
	if (each(r, fd, visit_file, err) == -1)
		return -1;
	r->lang = NULL;
	return 0;
}

static int
visit_name(struct reading *r, int dirfd, const char *name, struct po_err *err)
{
	char plain[TEMPLATES_NAME_MAX + 1];
	int fd = openat(dirfd, name, FOLDER_FLAGS);

	r->folder[0] = '\0';
	if (fd == -1)
		return errno == ENOTDIR ? 0
		       : errno == ELOOP ? refuse(r, name, "a link", err)
		                        : po_fail_sys(err, PO_ENOINPUT,
		                              "open %s/%s", r->top, name);
	if (!templates_name_decode(name, plain)) {
		fd_close(&fd);
		return refuse(r, name,
		    "no name of a template, as the store writes it", err);
	}
	(void)snprintf(r->folder, sizeof(r->folder), "%s", name);
	return each(r, fd, visit_lang, err);
}

static int
by_name(const void *a, const void *b)
{
	const struct template_item *x = a, *y = b;
	int rc = strcmp(x->v.name, y->v.name);

	return rc != 0 ? rc : strcmp(x->v.id.lang, y->v.id.lang);
}

int
template_folder_read(const char *folder, struct template_items *out,
    struct po_err *err)
{
	struct reading r = { .to = out, .top = folder };
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t i;
	int k;

	*out = (struct template_items){ NULL, 0, 0, 0 };
	if (fd == -1)
		return po_fail_sys(err, PO_ENOINPUT, "open %s", folder);
	if (each(&r, fd, visit_name, err) == -1)
		return -1;
	if (out->n > 1)
		qsort(out->v, out->n, sizeof(*out->v), by_name);
	for (i = 0; i < out->n; i++) {
		struct template_item *t = &out->v[i];

		for (k = 0; k < MAIL_PARTS; k++)
			t->v.source.part[k] = buf_span(&t->file[k]);
		t->v.description = buf_span(&t->file[MAIL_PARTS]);
	}
	return 0;
}

/* ------------------------------------------------------------------ write */

static int
enter(int above, const char *name, struct po_err *err)
{
	int fd;

	if (mkdirat(above, name, 0777) == -1 && errno != EEXIST)
		return po_fail_sys(err, PO_ECREATE, "make the folder %s", name);
	fd = openat(above, name,
	    above == AT_FDCWD ? O_RDONLY | O_DIRECTORY | O_CLOEXEC
	                      : FOLDER_FLAGS);
	return fd != -1
	           ? fd
	           : po_fail_sys(err, PO_ECREATE, "open the folder %s", name);
}

static int
put_file(int dirfd, const char *name, bool has, struct span s,
    struct po_err *err)
{
	int fd, rc;

	/* Never through a link or into a file that has another name. */
	if (unlinkat(dirfd, name, 0) == -1 && errno != ENOENT)
		return po_fail_sys(err, PO_ECREATE, "replace %s", name);
	if (!has)
		return 0;
	fd = openat(dirfd, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd == -1)
		return po_fail_sys(err, PO_ECREATE, "make %s", name);
	rc = fd_write_all(fd, s.p, s.len, name, err);
	if (close(fd) == -1 && rc == 0)
		rc = po_fail_sys(err, PO_ECREATE, "write %s", name);
	return rc;
}

static int
put_files(int dirfd, const struct templates_version *v, struct po_err *err)
{
	const struct mail_source *s = &v->source;
	int i;

	for (i = 0; i < MAIL_PARTS; i++)
		if (put_file(dirfd, file_names[i], s->has[i], s->part[i],
		        err) == -1)
			return -1;
	if (put_file(dirfd, file_names[MAIL_PARTS], v->description.len > 0,
	        v->description, err) == -1)
		return -1;
	return put_file(dirfd, AUTO_NAME, s->text_auto, SPAN_LIT(""), err);
}

int
template_folder_write(const char *folder, const struct templates_version *v,
    struct po_err *err)
{
	int name = -1, lang = -1, rc = -1;
	int top = enter(AT_FDCWD, folder, err);

	if (top != -1)
		name = enter(top, v->id.folder, err);
	if (name != -1)
		lang = enter(name, v->id.lang, err);
	if (lang != -1)
		rc = put_files(lang, v, err);
	fd_close(&lang);
	fd_close(&name);
	fd_close(&top);
	return rc;
}
