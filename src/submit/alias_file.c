/* SPDX-License-Identifier: ISC */
#include "submit/alias_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/fd.h"

#define PATH_BYTES 8192u

/* As configured; a relative one is beside po.conf. */
static bool
put_path(const struct submit_conf *conf, struct buf *path)
{
	const char *name = conf->aliases;
	const char *file = conf->file == NULL ? "" : conf->file;
	const char *slash = strrchr(file, '/');

	if (name == NULL || name[0] == '\0')
		name = "aliases";
	if (name[0] == '/' || slash == NULL)
		return buf_puts(path, name);
	return buf_put(path, file, (size_t)(slash - file) + 1) &&
	       buf_puts(path, name);
}

/* A file may grow while it is read: what was there at first counts. */
static int
read_text(int fd, size_t size, struct alias_file *f, struct po_err *err)
{
	ssize_t n;

	f->text = malloc(size + 1);
	if (f->text == NULL)
		return po_fail(err, PO_EOS, "no memory for %s",
		    buf_str(&f->path));
	while (f->len < size) {
		n = read(fd, f->text + f->len, size - f->len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return po_fail_sys(err, PO_ECONFIG, "read %s",
			    buf_str(&f->path));
		if (n == 0)
			break;
		f->len += (size_t)n;
	}
	return 1;
}

int
alias_file_read(const struct submit_conf *conf, struct alias_file *f,
    struct po_err *err)
{
	bool wanted = conf->aliases != NULL && conf->aliases[0] != '\0';
	struct stat st;
	int fd, rc = -1;

	f->text = NULL;
	f->len = 0;
	buf_init(&f->path, PATH_BYTES);
	if (!wanted && conf->file == NULL)
		return 0;
	if (!put_path(conf, &f->path))
		return po_fail(err, PO_ECONFIG,
		    "aliases: the path is too long");
	fd = open(f->path.p, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1 && !wanted && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd == -1 || fstat(fd, &st) == -1)
		(void)po_fail_sys(err, PO_ECONFIG, "aliases: open %s",
		    f->path.p);
	else if (!S_ISREG(st.st_mode))
		(void)po_fail(err, PO_ECONFIG, "aliases: %s is no regular file",
		    f->path.p);
	else if (st.st_size > (off_t)ALIAS_FILE_MAX_BYTES)
		(void)po_fail(err, PO_ECONFIG,
		    "aliases: %s is larger than %zu bytes", f->path.p,
		    ALIAS_FILE_MAX_BYTES);
	else
		rc = read_text(fd, (size_t)st.st_size, f, err);
	fd_close(&fd);
	return rc;
}

void
alias_file_clear(struct alias_file *f)
{
	free(f->text);
	f->text = NULL;
	f->len = 0;
	buf_clear(&f->path);
}
