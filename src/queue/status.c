/* SPDX-License-Identifier: ISC */
#include "queue/status.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/wallclock.h"

int
status_write(const struct spool *s, const struct index_totals *t,
    const char *runner, struct po_err *err)
{
	uint64_t messages =
	    t->messages[MESSAGE_WAITING] + t->messages[MESSAGE_HELD];
	uint64_t bytes = t->bytes[MESSAGE_WAITING] + t->bytes[MESSAGE_HELD];
	char text[512];
	int fd, n, rc;

	n = snprintf(text, sizeof(text),
	    "version=1\nmessages=%llu\nbytes=%llu\ndeferred=%llu\nheld=%"
	    "llu\nover_quota=%llu\nrunner=%s\nupdated=%lld\n",
	    (unsigned long long)messages, (unsigned long long)bytes,
	    (unsigned long long)t->deferred,
	    (unsigned long long)t->messages[MESSAGE_HELD],
	    (unsigned long long)t->quota, runner, (long long)wallclock_now());
	fd = openat(s->public_, "status.new",
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd == -1)
		return po_fail_sys(err, PO_EIO, "create public/status.new");
	rc = fd_write_all(fd, text, (size_t)n, "public/status.new", err);
	if (rc == 0 && fchmod(fd, 0644) == -1)
		rc = po_fail_sys(err, PO_EIO, "chmod public/status.new");
	fd_close(&fd);
	if (rc == 0 &&
	    renameat(s->public_, "status.new", s->public_, "status") == -1)
		rc = po_fail_sys(err, PO_EIO, "rename public/status.new");
	return rc;
}
