/* SPDX-License-Identifier: ISC */
/* What is read comes from a file that only the asker and the spool's owner
 * write. */
#include "queue/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "envelope/queue_id.h"
#include "util/fd.h"
#include "util/wallclock.h"

#define POLL_MS 5

static int
publish(int drop, const char *request, struct queue_id *id, char name[40],
    int *fd, struct po_err *err)
{
	char temp[40];

	if (queue_id_make(id, err) == -1)
		return -1;
	(void)snprintf(temp, sizeof(temp), "t.%s", id->text);
	(void)snprintf(name, 40, "a.%s", id->text);
	*fd = openat(drop, temp,
	    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd == -1)
		return po_fail_sys(err, PO_ETEMP, "create a request in drop/");
	if (fd_write_all(*fd, request, strlen(request), "request", err) == -1 ||
	    fchmod(*fd, 0660) == -1 || renameat(drop, temp, drop, name) == -1) {
		(void)po_fail_sys(err, PO_ETEMP, "publish a request in drop/");
		(void)unlinkat(drop, temp, 0);
		fd_close(fd);
		return -1;
	}
	return 0;
}

/* Wait until the runner has unlinked the file: 1, or 0 when nothing was heard
 * of it for so long. */
static int
wait_unlinked(int fd, int64_t timeout_ms)
{
	int64_t deadline_ms = monotonic_ms() + timeout_ms;
	struct stat st = { .st_size = 0 };
	off_t size = -1;

	for (;;) {
		if (fstat(fd, &st) == 0 && st.st_nlink == 0)
			return 1;
		if (st.st_size != size)
			deadline_ms = monotonic_ms() + timeout_ms;
		size = st.st_size;
		if (monotonic_ms() >= deadline_ms)
			return 0;
		(void)poll(NULL, 0, POLL_MS);
	}
}

static int
ask(const char *spool, const char *request, int64_t timeout_ms, bool withdraw,
    struct buf *answer, struct po_err *err)
{
	char path[4096], name[40], space[4096];
	size_t asked = strlen(request);
	struct queue_id id;
	int drop, fd = -1, rc = -1;
	off_t at = (off_t)asked;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/drop", spool);
	drop = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (drop == -1)
		return po_fail_sys(err, PO_ETEMP, "open %s", path);
	if (publish(drop, request, &id, name, &fd, err) == -1)
		goto out;
	rc = wait_unlinked(fd, timeout_ms);
	if (rc == 0 && withdraw)
		(void)unlinkat(drop, name, 0);
	while (rc == 1 && (n = pread(fd, space, sizeof(space), at)) > 0) {
		(void)buf_put(answer, space, (size_t)n);
		at += n;
	}
out:
	fd_close(&fd);
	fd_close(&drop);
	return rc;
}

int
act_ask(const char *spool, const char *request, int64_t timeout_ms,
    struct buf *answer, struct po_err *err)
{
	return ask(spool, request, timeout_ms, false, answer, err);
}

int
act_ask_while(const char *spool, const char *request, int64_t timeout_ms,
    struct buf *answer, struct po_err *err)
{
	return ask(spool, request, timeout_ms, true, answer, err);
}
