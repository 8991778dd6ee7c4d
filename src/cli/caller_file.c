/* SPDX-License-Identifier: ISC */
#include "cli/caller_file.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "util/fd.h"

int
caller_file_read(const char *path, size_t max, struct buf *out,
    struct po_err *err)
{
	int fd = strcmp(path, "-") == 0
	             ? dup(STDIN_FILENO)
	             : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int rc;

	buf_init(out, max);
	if (fd == -1)
		return po_fail_sys(err, PO_ENOINPUT, "open %s", path);
	rc = fd_read_rest(fd, out, path, err);
	fd_close(&fd);
	return rc;
}
