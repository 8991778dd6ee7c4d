/* SPDX-License-Identifier: ISC */
#include "cli/totals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/parse_num.h"

#define STATUS_BYTES 4096

/* What stands behind "key=" in the lines of `text`. */
static struct span
find(struct span text, struct span key)
{
	struct span line;

	while (text.len > 0) {
		line = span_cut(&text, '\n');
		if (span_eq(span_cut(&line, '='), key))
			return line;
	}
	return (struct span){ .p = "", .len = 0 };
}

static bool
find_number(struct span text, struct span key, uint64_t *out)
{
	return parse_u64(find(text, key), 0, UINT64_MAX, out);
}

static int
read_status(const char *path, char *text, size_t room, struct span *s,
    struct po_err *err)
{
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);

	if (fd == -1 && errno == ENOENT)
		return po_fail(err, PO_ETEMP,
		    "%s: no figures: po-queue has not run yet", path);
	if (fd == -1)
		return po_fail_sys(err, PO_ETEMP, "%s", path);
	n = read(fd, text, room);
	if (n == -1)
		(void)po_fail_sys(err, PO_EIO, "%s", path);
	(void)close(fd);
	*s = (struct span){ text, n > 0 ? (size_t)n : 0 };
	return n == -1 ? -1 : 0;
}

/*
 * What lies in drop/ is in no figure, and only the spool's owner can look
 * there; but everybody sees that the folder changed. Beside a runner that is
 * for a moment only.
 */
static bool
is_behind(const char *spool, struct span status)
{
	uint64_t updated;
	struct buf path;
	struct stat st;
	bool behind;

	buf_init(&path, 4096);
	behind = span_eq(find(status, SPAN_LIT("runner")), SPAN_LIT("none")) &&
	         find_number(status, SPAN_LIT("updated"), &updated) &&
	         buf_puts(&path, spool) && buf_puts(&path, "/drop") &&
	         stat(path.p, &st) == 0 && (uint64_t)st.st_mtime > updated;
	buf_clear(&path);
	return behind;
}

int
totals_print(const char *spool, FILE *out, FILE *notes, struct po_err *err)
{
	char text[STATUS_BYTES];
	uint64_t messages, bytes;
	struct buf path;
	struct span s;
	int rc = -1;

	buf_init(&path, 4096);
	if (!buf_puts(&path, spool) || !buf_puts(&path, "/public/status")) {
		(void)po_fail(err, PO_ECONFIG, "spool: the path is too long");
		goto out;
	}
	if (read_status(path.p, text, sizeof(text), &s, err) == -1)
		goto out;
	if (!find_number(s, SPAN_LIT("messages"), &messages) ||
	    !find_number(s, SPAN_LIT("bytes"), &bytes)) {
		(void)po_fail(err, PO_ECORRUPT, "%s: damaged", path.p);
		goto out;
	}
	if (messages == 0)
		(void)fprintf(out, "Mail queue is empty\n");
	else
		(void)fprintf(out, "-- %llu Kbytes in %llu Request%s.\n",
		    (unsigned long long)(bytes / 1024),
		    (unsigned long long)messages, messages == 1 ? "" : "s");
	if (notes != NULL && is_behind(spool, s))
		(void)fprintf(notes, "mailq: mail was handed in since "
		                     "po-queue ran last; it is not counted\n");
	rc = 0;
out:
	buf_clear(&path);
	return rc;
}
