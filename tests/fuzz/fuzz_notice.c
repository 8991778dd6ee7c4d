/* SPDX-License-Identifier: ISC */
/*
 * A notice made of what others wrote: the server's words, the addresses, the
 * message. Up to the first LF is the reply, up to the second the address, up to
 * the third ORCPT and ENVID, the rest the message. Whatever they are, the
 * result is lines without CR and NUL, with the three parts that we made and no
 * field of the report twice.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bounce/notice.h"
#include "util/buf.h"

#define BOUNDARY "qZ7x0unguessable"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
to_buf(void *ctx, const void *p, size_t len, struct po_err *err)
{
	(void)err;
	return buf_put(ctx, p, len) ? 0 : -1;
}

/* The next line as a string, at most `max` bytes. */
static const char *
take(struct span *rest, char *out, size_t max)
{
	struct span line = span_cut(rest, '\n');
	size_t len = line.len < max - 1 ? line.len : max - 1;

	memcpy(out, line.p, len);
	out[len] = '\0';
	return out;
}

/* The report lies between the second and the third boundary. */
static void
check(const struct buf *b)
{
	struct span rest = buf_span(b), line;
	size_t bounds = 0, statuses = 0;

	assert(memchr(b->p, '\0', b->len) == NULL);
	assert(memchr(b->p, '\r', b->len) == NULL);
	while (rest.len > 0) {
		line = span_cut(&rest, '\n');
		if (line.len > sizeof(BOUNDARY) &&
		    memcmp(line.p, "--" BOUNDARY, sizeof(BOUNDARY) + 1) == 0)
			bounds++;
		if (bounds == 2 &&
		    span_has_prefix_nocase(line, SPAN_LIT("Status:")))
			statuses++;
		if (bounds < 3)
			assert(line.len <= 1100);
	}
	assert(statuses == 1);
	assert(bounds >= 3);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = { (const char *)data, size };
	char reply[600], address[1001], orcpt[501];
	struct notice_recipient r = { .status = "5.1.1", .reply_code = 550 };
	struct notice n = { .kind = NOTICE_FAILED,
		.hostname = "h.example",
		.domain = "example",
		.to = "a@b",
		.id = "0",
		.message_id = "<0@h>",
		.boundary = BOUNDARY,
		.max_bytes = 4096,
		.original_id = "1",
		.sender = address,
		.recipients = &r,
		.n_recipients = 1 };
	struct po_err err;
	struct buf out;
	static int fd = -1;

	if (size > 65536)
		return 0;
	r.text = r.relay = r.phase = take(&rest, reply, sizeof(reply));
	r.address = take(&rest, address, sizeof(address));
	r.orcpt = n.envid = take(&rest, orcpt, sizeof(orcpt));
	if (fd == -1)
		fd = memfd_create("original", MFD_CLOEXEC);
	if (rest.len > 0 &&
	    (ftruncate(fd, 0) == -1 || pwrite(fd, rest.p, rest.len, 0) == -1))
		abort();
	n.original = (struct notice_original){ .fd = fd,
		.length = rest.len,
		.has_8bit = true };
	buf_init(&out, 1u << 24);
	if (notice_compose(&n, (struct sink){ to_buf, &out }, &err) == 0 &&
	    memmem(data, size, BOUNDARY, sizeof(BOUNDARY) - 1) == NULL)
		check(&out);
	(void)notice_may_answer(&n.original, &err);
	buf_clear(&out);
	return 0;
}
