/* SPDX-License-Identifier: ISC */
/*
 * Files by day, written by append. A crash or a full disk can leave the
 * beginning of a line; the next append looks at the last byte and closes it
 * with LF first, so that it costs one line and not two.
 */
#include "spool/history.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/xalloc.h"

#define DAY_S 86400
#define DAY_LEN 8
#define BATCH_MAX (64u << 20)
#define READ_BYTES 65536

struct day {
	char name[DAY_LEN + 1];
};

/* ------------------------------------------------------------ appending */

static int
day_of(int64_t t, struct day *day, struct po_err *err)
{
	time_t when = (time_t)t;
	struct tm tm;

	if (gmtime_r(&when, &tm) == NULL ||
	    strftime(day->name, sizeof(day->name), "%Y%m%d", &tm) != DAY_LEN)
		return po_fail(err, PO_EBUG, "history: time %lld out of range",
		    (long long)t);
	return 0;
}

/* Does the file end within a line? */
static int
ends_torn(int fd, const char *name, bool *torn, struct po_err *err)
{
	struct stat st;
	char last;

	*torn = false;
	if (fstat(fd, &st) == -1)
		return po_fail_sys(err, PO_EIO, "history/%s", name);
	if (st.st_size == 0)
		return 0;
	if (fd_pread_all(fd, &last, 1, st.st_size - 1, name, err) == -1)
		return -1;
	*torn = last != '\n';
	return 0;
}

static int
append(const struct spool *s, const struct day *day, struct span lines,
    struct po_err *err)
{
	bool torn;
	int fd, rc;

	fd = openat(s->history, day->name,
	    O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return po_fail_sys(err, PO_EIO, "history/%s", day->name);
	rc = ends_torn(fd, day->name, &torn, err);
	/* `lines` begins with an LF for this case. */
	if (rc == 0 && !torn)
		lines = (struct span){ lines.p + 1, lines.len - 1 };
	if (rc == 0)
		rc = fd_write_all(fd, lines.p, lines.len, day->name, err);
	fd_close(&fd);
	return rc;
}

/* The run of rows of one day from *at on; *at moves behind it. */
static int
append_run(const struct spool *s, const struct history_row *rows, size_t n,
    size_t *at, struct buf *lines, struct po_err *err)
{
	int64_t number = rows[*at].a.time / DAY_S;
	struct day day;

	if (day_of(rows[*at].a.time, &day, err) == -1)
		return -1;
	buf_reset(lines);
	if (!buf_putc(lines, '\n'))
		return po_fail(err, PO_EOS, "history: out of memory");
	for (; *at < n && rows[*at].a.time / DAY_S == number; ++*at) {
		if (lines->len > lines->max - HISTORY_LINE_MAX)
			break;
		if (!history_put_line(lines, &rows[*at]))
			return po_fail(err, PO_EOS, "history: out of memory");
	}
	return append(s, &day, buf_span(lines), err);
}

int
history_append(const struct spool *s, const struct history_row *rows, size_t n,
    struct po_err *err)
{
	struct buf lines;
	size_t at = 0;
	int rc = 0;

	buf_init(&lines, BATCH_MAX);
	while (rc == 0 && at < n)
		rc = append_run(s, rows, n, &at, &lines, err);
	buf_clear(&lines);
	return rc;
}

/* ---------------------------------------------------------------- days */

static bool
is_day(const char *name)
{
	size_t i;

	for (i = 0; i < DAY_LEN; i++)
		if (!ascii_is_digit((unsigned char)name[i]))
			return false;
	return name[DAY_LEN] == '\0';
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct day *)a)->name,
	    ((const struct day *)b)->name);
}

/* The days there are, sorted, as struct day one behind the other. */
static int
list_days(const struct spool *s, struct buf *days, struct po_err *err)
{
	struct dirent *e;
	struct day day;
	DIR *dir = NULL;
	int fd, rc = -1;

	fd = openat(s->history, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (dir = fdopendir(fd)) == NULL) {
		(void)po_fail_sys(err, PO_EIO, "list history");
		fd_close(&fd);
		return -1;
	}
	buf_init(days, 1 << 20);
	for (errno = 0; (e = readdir(dir)) != NULL; errno = 0) {
		if (!is_day(e->d_name))
			continue;
		memcpy(day.name, e->d_name, sizeof(day.name));
		if (!buf_put(days, &day, sizeof(day))) {
			(void)po_fail(err, PO_EOS, "history: too many days");
			goto out;
		}
	}
	if (errno != 0) {
		(void)po_fail_sys(err, PO_EIO, "list history");
		goto out;
	}
	if (days->len > 0)
		qsort(days->p, days->len / sizeof(day), sizeof(day), by_name);
	rc = 0;
out:
	if (rc == -1)
		buf_clear(days);
	(void)closedir(dir);
	return rc;
}

int
history_expire(const struct spool *s, int64_t before, struct po_err *err)
{
	const struct day *d;
	struct day first;
	struct buf days;
	int n = 0;
	size_t at;

	if (day_of(before, &first, err) == -1 || list_days(s, &days, err) == -1)
		return -1;
	for (at = 0; at < days.len; at += sizeof(*d)) {
		d = (const struct day *)(const void *)(days.p + at);
		if (by_name(d, &first) >= 0)
			break;
		if (unlinkat(s->history, d->name, 0) == -1) {
			n = po_fail_sys(err, PO_EIO, "unlink history/%s",
			    d->name);
			break;
		}
		n++;
	}
	buf_clear(&days);
	return n;
}

/* ------------------------------------------------------------- reading */

struct history {
	int folder;
	struct buf days;
	size_t next_day; /* bytes into days */
	int fd;
	uint64_t skipped;
	size_t at, end; /* of what was read and not used yet */
	bool too_long;  /* within a line longer than the buffer */
	char data[READ_BYTES];
};

int
history_open(const struct spool *s, struct history **out, struct po_err *err)
{
	struct history *h = xcalloc(1, sizeof(*h));

	*out = NULL;
	if (list_days(s, &h->days, err) == -1) {
		free(h);
		return -1;
	}
	h->folder = s->history;
	h->fd = -1;
	*out = h;
	return 0;
}

uint64_t
history_skipped(const struct history *h)
{
	return h->skipped;
}

void
history_close(struct history *h)
{
	if (h == NULL)
		return;
	fd_close(&h->fd);
	buf_clear(&h->days);
	free(h);
}

/* 1 a file is open, 0 there is no other day. */
static int
open_day(struct history *h, struct po_err *err)
{
	const struct day *d;

	if (h->fd != -1)
		return 1;
	if (h->next_day == h->days.len)
		return 0;
	d = (const struct day *)(const void *)(h->days.p + h->next_day);
	h->next_day += sizeof(*d);
	h->fd = openat(h->folder, d->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (h->fd == -1)
		return po_fail_sys(err, PO_EIO, "history/%s", d->name);
	return 1;
}

/* More bytes behind those not used yet: 1, 0 at the end of the file. */
static int
fill(struct history *h, struct po_err *err)
{
	ssize_t n;

	memmove(h->data, h->data + h->at, h->end - h->at);
	h->end -= h->at;
	h->at = 0;
	if (h->end == sizeof(h->data)) {
		h->too_long = true;
		h->end = 0;
	}
	do {
		n = read(h->fd, h->data + h->end, sizeof(h->data) - h->end);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return po_fail_sys(err, PO_EIO, "read history");
	h->end += (size_t)n;
	return n > 0 ? 1 : 0;
}

/* The next whole line without its LF: 1, 0 the file is at its end. */
static int
next_line(struct history *h, struct span *line, struct po_err *err)
{
	const char *from, *lf;
	int more;

	for (;;) {
		from = h->data + h->at;
		lf = memchr(from, '\n', h->end - h->at);
		if (lf != NULL) {
			*line = (struct span){ from, (size_t)(lf - from) };
			h->at += line->len + 1;
			return 1;
		}
		more = fill(h, err);
		if (more == 1)
			continue;
		if (more == 0 && (h->end > 0 || h->too_long))
			h->skipped++;
		h->at = h->end = 0;
		h->too_long = false;
		fd_close(&h->fd);
		return more;
	}
}

int
history_next(struct history *h, struct arena *arena, struct history_row *row,
    struct po_err *err)
{
	struct span line;
	int rc;

	for (;;) {
		rc = open_day(h, err);
		if (rc != 1)
			return rc;
		rc = next_line(h, &line, err);
		if (rc == -1)
			return -1;
		if (rc == 0)
			continue;
		if (!h->too_long && history_get_line(line, arena, row))
			return 1;
		/* An empty line closed a torn one, which was counted. */
		if (line.len > 0)
			h->skipped++;
		h->too_long = false;
	}
}
