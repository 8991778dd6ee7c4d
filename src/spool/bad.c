/* SPDX-License-Identifier: ISC */
/*
 * The shares are counted in memory; after a restart they come from the reason
 * files, whose first two lines say whose the file is and how many bytes lie
 * beside it. The reason is made first, with O_EXCL: it is the claim of a name.
 */
#include "spool/bad.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/parse_num.h"
#include "util/wallclock.h"
#include "util/xalloc.h"

#define UIDS_MAX 1000u /* more uids than that share the last row */
#define NAMES_MAX 9u
#define CHUNK_BYTES 65536u
#define MAKE_FLAGS (O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC)

struct share {
	uint32_t uid;
	uint32_t files;
	uint64_t bytes;
};

struct bad {
	int dirfd; /* the spool's */
	size_t n;
	struct share shares[UIDS_MAX];
};

static struct share *
share_of(struct bad *b, uint32_t uid)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		if (b->shares[i].uid == uid)
			return &b->shares[i];
	if (b->n == UIDS_MAX)
		return &b->shares[UIDS_MAX - 1];
	b->shares[b->n] = (struct share){ .uid = uid };
	return &b->shares[b->n++];
}

/* ------------------------------------------------------------ what is there */

static bool
take_value(struct span *text, struct span key, uint64_t *out)
{
	struct span line = span_cut(text, '\n');
	struct span name = span_cut(&line, '=');

	return span_eq(name, key) && parse_u64(line, 0, UINT64_MAX, out);
}

static void
count_reason(struct bad *b, const char *name)
{
	char buffer[128];
	struct span text = { buffer, 0 };
	struct share *share;
	uint64_t uid, bytes;
	ssize_t len;
	int fd = fd_open_beneath(b->dirfd, name, O_RDONLY, 0);

	if (fd == -1)
		return;
	len = read(fd, buffer, sizeof(buffer));
	fd_close(&fd);
	text.len = len > 0 ? (size_t)len : 0;
	if (!take_value(&text, SPAN_LIT("uid"), &uid) || uid > UINT32_MAX ||
	    !take_value(&text, SPAN_LIT("kept"), &bytes))
		return;
	share = share_of(b, (uint32_t)uid);
	share->files++;
	share->bytes += bytes;
}

int
bad_new(const struct spool *s, struct bad **out, struct po_err *err)
{
	static const char suffix[] = ".reason";
	struct bad *b;
	const struct dirent *e;
	size_t len;
	int fd = openat(s->bad, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);

	if (d == NULL) {
		fd_close(&fd);
		return po_fail_sys(err, PO_EIO, "read %s/bad", s->path);
	}
	b = xcalloc(1, sizeof(*b));
	b->dirfd = s->bad;
	while ((e = readdir(d)) != NULL) {
		len = strlen(e->d_name);
		if (len >= sizeof(suffix) &&
		    strcmp(e->d_name + len - sizeof(suffix) + 1, suffix) == 0)
			count_reason(b, e->d_name);
	}
	(void)closedir(d);
	*out = b;
	return 0;
}

void
bad_free(struct bad *b)
{
	free(b);
}

/* ------------------------------------------------------------ one more */

/* Make "ID.reason" under the first free name; *fd is -1 when all are taken. */
static int
claim_name(struct bad *b, const struct queue_id *id, char name[40], int *fd,
    struct po_err *err)
{
	char reason[48];
	unsigned i;

	for (i = 1; i <= NAMES_MAX; i++) {
		(void)snprintf(name, 40, i == 1 ? "%s" : "%s-%u", id->text, i);
		(void)snprintf(reason, sizeof(reason), "%s.reason", name);
		*fd = openat(b->dirfd, reason, MAKE_FLAGS, 0600);
		if (*fd != -1)
			return 0;
		if (errno != EEXIST)
			return po_fail_sys(err, PO_EIO, "make bad/%s", reason);
	}
	return 0;
}

static int
copy(int from, int to, off_t size, const char *name, struct po_err *err)
{
	char *chunk = xcalloc(1, CHUNK_BYTES);
	off_t at = 0;
	ssize_t n = 1;
	int rc = 0;

	while (rc == 0 && at < size && n > 0) {
		n = pread(from, chunk,
		    size - at < CHUNK_BYTES ? (size_t)(size - at) : CHUNK_BYTES,
		    at);
		if (n == -1)
			rc = po_fail_sys(err, PO_EIO, "read for bad/%s", name);
		else
			rc = fd_write_all(to, chunk, (size_t)n, name, err);
		at += n;
	}
	free(chunk);
	return rc;
}

static int
write_copy(struct bad *b, const char *name, int from, off_t size,
    struct po_err *err)
{
	int rc, to = openat(b->dirfd, name, MAKE_FLAGS, 0600);

	if (to == -1)
		return po_fail_sys(err, PO_EIO, "make bad/%s", name);
	rc = copy(from, to, size, name, err);
	fd_close(&to);
	return rc;
}

static int
write_reason(int fd, const struct stat *st, off_t kept, const char *reason,
    const char *name, struct po_err *err)
{
	char text[700];
	int len = snprintf(text, sizeof(text),
	    "uid=%lu\nkept=%lld\nsize=%lld\ntime=%lld\nreason=%s\n",
	    (unsigned long)st->st_uid, (long long)kept, (long long)st->st_size,
	    (long long)wallclock_now(), reason);

	return fd_write_all(fd, text, (size_t)len, name, err);
}

int
bad_put(struct bad *b, const struct queue_id *id, int fd, const struct stat *st,
    const char *reason, struct po_err *err)
{
	struct share *share = share_of(b, st->st_uid);
	off_t kept = fd == -1 || st->st_size > BAD_FILE_MAX ? 0 : st->st_size;
	char name[40];
	int claim = -1, rc = -1;

	if (share->files >= BAD_FILES_PER_UID ||
	    share->bytes + (uint64_t)kept > BAD_BYTES_PER_UID)
		return 0;
	if (claim_name(b, id, name, &claim, err) == -1)
		return -1;
	if (claim == -1)
		return 0;
	if (write_reason(claim, st, kept, reason, name, err) == 0 &&
	    (kept == 0 || write_copy(b, name, fd, kept, err) == 0))
		rc = 1;
	fd_close(&claim);
	share->files++;
	share->bytes += (uint64_t)kept;
	return rc;
}
