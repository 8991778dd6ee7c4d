/* SPDX-License-Identifier: ISC */
/*
 * Makes a long queue quickly: writes message files straight into queue/, as
 * the ingester would leave them. "po-queue --rebuild-index" then indexes them,
 * so no runner may be alive meanwhile. Runs as the spool's owner.
 *
 *     fill SPOOL COUNT DUE [DOMAINS] < CONTENT
 *
 * DUE: seconds UTC, the same for all. With DOMAINS they go to so many in turn,
 * d0.example and on.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/file.h"
#include "util/crc32c.h"
#include "util/fd.h"
#include "util/parse_num.h"
#include "util/wallclock.h"

#define YEAR (INT64_C(366) * 86400)

#define CONTENT_MAX (1u << 20)

static void
measure(const struct buf *content, struct trailer *t)
{
	struct span rest = buf_span(content), line;

	t->content_bytes = content->len;
	while (rest.len > 0) {
		line = span_cut(&rest, '\n');
		if (line.len > t->longest_line)
			t->longest_line = (uint32_t)line.len;
	}
}

/* One message file in `out`, as spool-layout.md says. */
static int
build(struct buf *out, const struct envelope *env, const struct head *head,
    const struct stamp *stamp, const struct buf *content, struct po_err *err)
{
	char cell[2 * CELL_BYTES];
	struct buf text;
	struct preamble preamble = { 0, 1 };
	struct slot slot = { .generation = 1, .state = SLOT_WAITING };
	struct trailer trailer = { 0 };
	int rc;

	buf_init(&text, ENVELOPE_MAX_BYTES);
	measure(content, &trailer);
	rc = envelope_encode(env, &text, err);
	preamble.envelope_bytes = (uint32_t)text.len;
	while (text.len % CELL_BYTES != 0)
		(void)buf_putc(&text, '\n');
	buf_reset(out);
	cell_put_preamble(&preamble, cell);
	trailer.crc = crc32c(0, cell, CELL_BYTES);
	trailer.crc = crc32c(trailer.crc, text.p, text.len);
	trailer.crc = crc32c(trailer.crc, content->p, content->len);
	(void)buf_put(out, cell, CELL_BYTES);
	cell_put_head(head, cell);
	(void)buf_put(out, cell, CELL_BYTES);
	cell_put_blank(cell);
	(void)buf_put(out, cell, CELL_BYTES);
	cell_put_stamp(stamp, cell);
	(void)buf_put(out, cell, 2 * CELL_BYTES);
	(void)buf_put(out, text.p, text.len);
	cell_put_slot(&slot, cell);
	(void)buf_put(out, cell, CELL_BYTES);
	(void)buf_put(out, content->p, content->len);
	cell_put_trailer(&trailer, cell);
	if (!buf_put(out, cell, CELL_BYTES))
		rc = po_fail(err, PO_EBUG, "message larger than %u",
		    CONTENT_MAX);
	buf_clear(&text);
	return rc;
}

static int
write_file(int queue, const struct queue_id *id, const struct buf *file,
    struct po_err *err)
{
	char path[QUEUE_ID_LEN + 4], folder[3];
	int fd, rc;

	queue_id_folder(id, folder);
	if (mkdirat(queue, folder, 0700) == -1 && errno != EEXIST)
		return po_fail_sys(err, PO_EIO, "make queue/%s", folder);
	(void)snprintf(path, sizeof(path), "%s/%s", folder, id->text);
	fd = openat(queue, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return po_fail_sys(err, PO_EIO, "make queue/%s", path);
	rc = fd_write_all(fd, file->p, file->len, path, err);
	fd_close(&fd);
	return rc;
}

static int
fill(int queue, uint64_t count, int64_t due, uint64_t domains,
    const struct buf *content, struct po_err *err)
{
	int64_t now = wallclock_now();
	char address[64] = "sink@example.net";
	struct recipient recipient = { address, 0, NULL };
	struct envelope env = { .sender = "bench@example.org",
		.priority = PRIORITY_MEDIUM,
		.recipients = &recipient,
		.n_recipients = 1 };
	struct head head = { .generation = 1,
		.priority = PRIORITY_MEDIUM,
		.due = due,
		.expires = now + YEAR,
		.changed = now };
	struct stamp stamp = { .uid = geteuid(), .arrival = now };
	struct buf file;
	int rc = 0;

	buf_init(&file, 2 * CONTENT_MAX);
	for (; rc == 0 && count > 0; count--) {
		if (domains > 0)
			(void)snprintf(address, sizeof(address),
			    "sink@d%llu.example",
			    (unsigned long long)(count % domains));
		rc = queue_id_make(&env.id, err);
		if (rc == 0)
			rc = build(&file, &env, &head, &stamp, content, err);
		if (rc == 0)
			rc = write_file(queue, &env.id, &file, err);
	}
	buf_clear(&file);
	return rc;
}

/* Stdin: LF-only lines. */
static bool
read_content(struct buf *content)
{
	char block[65536];
	ssize_t n;

	buf_init(content, CONTENT_MAX);
	while ((n = read(STDIN_FILENO, block, sizeof(block))) > 0)
		if (!buf_put(content, block, (size_t)n))
			return false;
	return n == 0 && content->len > 0;
}

int
main(int argc, char **argv)
{
	struct po_err err;
	struct buf content;
	char path[4096];
	uint64_t count, domains = 0;
	int64_t due;
	int queue;

	if (argc < 4 || argc > 5 || !read_content(&content) ||
	    !parse_u64(span_of(argv[2]), 1, UINT32_MAX, &count) ||
	    !parse_i64(span_of(argv[3]), 1, INT64_MAX, &due) ||
	    (argc == 5 &&
	        !parse_u64(span_of(argv[4]), 1, UINT32_MAX, &domains))) {
		(void)fprintf(stderr,
		    "usage: fill SPOOL COUNT DUE [DOMAINS] < CONTENT\n");
		return 64;
	}
	(void)snprintf(path, sizeof(path), "%s/queue", argv[1]);
	queue = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (queue == -1) {
		perror(path);
		return 1;
	}
	if (fill(queue, count, due, domains, &content, &err) == -1) {
		(void)fprintf(stderr, "fill: %s\n", err.text);
		return 1;
	}
	return 0;
}
