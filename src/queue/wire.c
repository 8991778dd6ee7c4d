/* SPDX-License-Identifier: ISC */
#include "queue/wire.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Beside the traits. */
#define CONNECTED 0x80u
#define SLOW 0x40u

bool
wire_get_u8(struct wire_reader *r, uint8_t *v)
{
	if (r->left < 1)
		return false;
	*v = *r->p++;
	r->left--;
	return true;
}

bool
wire_get_u32(struct wire_reader *r, uint32_t *v)
{
	if (r->left < 4)
		return false;
	memcpy(v, r->p, 4); /* both ends are one program on one host */
	r->p += 4;
	r->left -= 4;
	return true;
}

bool
wire_get_id(struct wire_reader *r, struct queue_id *id)
{
	if (r->left < QUEUE_ID_LEN ||
	    !queue_id_parse((struct span){ (const char *)r->p, QUEUE_ID_LEN },
	        id))
		return false;
	r->p += QUEUE_ID_LEN;
	r->left -= QUEUE_ID_LEN;
	return true;
}

static bool
get_bytes(struct wire_reader *r, void *p, size_t len)
{
	if (r->left < len)
		return false;
	memcpy(p, r->p, len);
	r->p += len;
	r->left -= len;
	return true;
}

bool
wire_get_taken(struct wire_reader *r, struct ingest_taken *taken)
{
	uint8_t has_key;

	*taken = (struct ingest_taken){ .has_key = false };
	if (!wire_get_id(r, &taken->id) || !wire_get_u8(r, &has_key))
		return false;
	taken->has_key = has_key != 0;
	return !taken->has_key ||
	       get_bytes(r, taken->digest, sizeof(taken->digest));
}

bool
wire_get_text(struct wire_reader *r, size_t max, const char **text)
{
	const unsigned char *nul =
	    r->left == 0 ? NULL : memchr(r->p, 0, r->left);
	size_t len;

	if (nul == NULL)
		return false;
	len = (size_t)(nul - r->p);
	if (len >= max)
		return false;
	*text = (const char *)r->p;
	r->p += len + 1;
	r->left -= len + 1;
	return true;
}

bool
wire_get_job(struct wire_reader *r, struct wire_job *job)
{
	const char *hop;
	uint8_t choice;

	if (!wire_get_id(r, &job->id) || !wire_get_u32(r, &job->attempt) ||
	    !wire_get_u32(r, &job->falls) || !wire_get_u8(r, &job->relay) ||
	    !wire_get_u8(r, &job->traits) || !wire_get_u8(r, &choice) ||
	    !wire_get_text(r, WIRE_MAX_HOP, &hop))
		return false;
	job->alternatives = (choice & 1) != 0;
	job->shared = (choice & 2) != 0;
	memcpy(job->hop, hop, strlen(hop) + 1);
	return true;
}

bool
wire_get_result(struct wire_reader *r, struct wire_result *result)
{
	uint8_t state, phase, flags;
	uint32_t code;

	if (!wire_get_id(r, &result->id) ||
	    !wire_get_u32(r, &result->attempt) ||
	    !wire_get_u32(r, &result->recipient) || !wire_get_u8(r, &state) ||
	    !wire_get_u8(r, &phase) || !wire_get_u8(r, &flags) ||
	    !wire_get_u8(r, &result->traits) || !wire_get_u32(r, &code) ||
	    !wire_get_u32(r, &result->delay_ms) ||
	    !wire_get_text(r, 12, &result->status) ||
	    !wire_get_text(r, WIRE_MAX_RELAY, &result->relay) ||
	    !wire_get_text(r, 512, &result->text))
		return false;
	if (state > DELIVERY_IN_DOUBT || phase > PHASE_LOCAL || code > 999 ||
	    (flags >> 4 & 7) > HANDOVER_DELIVERED ||
	    (result->traits & ~(CONNECTED | SLOW)) > RELAY_TRAITS)
		return false;
	result->state = (enum delivery_state)state;
	result->phase = (enum delivery_phase)phase;
	result->reply_code = (uint16_t)code;
	result->connected = (result->traits & CONNECTED) != 0;
	result->slow = (result->traits & SLOW) != 0;
	result->traits &= RELAY_TRAITS;
	result->last = (flags & 1) != 0;
	result->damaged = (flags & 2) != 0;
	result->hop_down = (flags & 4) != 0;
	result->over = (flags & 8) != 0;
	result->unmarked = (flags & 128) != 0;
	result->handover = (enum delivery_handover)(flags >> 4 & 7);
	return true;
}

bool
wire_put_u8(struct buf *b, uint8_t v)
{
	return buf_putc(b, (char)v);
}

bool
wire_put_u32(struct buf *b, uint32_t v)
{
	return buf_put(b, &v, sizeof(v));
}

bool
wire_put_id(struct buf *b, const struct queue_id *id)
{
	return buf_put(b, id->text, QUEUE_ID_LEN);
}

bool
wire_put_taken(struct buf *b, const struct ingest_taken *taken)
{
	return wire_put_id(b, &taken->id) && wire_put_u8(b, taken->has_key) &&
	       (!taken->has_key ||
	           buf_put(b, taken->digest, sizeof(taken->digest)));
}

bool
wire_put_text(struct buf *b, const char *text)
{
	return buf_put(b, text, strlen(text) + 1);
}

bool
wire_put_job(struct buf *b, const struct wire_job *job)
{
	uint8_t choice =
	    (uint8_t)((job->alternatives ? 1 : 0) | (job->shared ? 2 : 0));

	return wire_put_id(b, &job->id) && wire_put_u32(b, job->attempt) &&
	       wire_put_u32(b, job->falls) && wire_put_u8(b, job->relay) &&
	       wire_put_u8(b, job->traits) && wire_put_u8(b, choice) &&
	       wire_put_text(b, job->hop);
}

bool
wire_put_result(struct buf *b, const struct wire_result *result)
{
	uint8_t traits =
	    (uint8_t)(result->traits | (result->connected ? CONNECTED : 0) |
	              (result->slow ? SLOW : 0));
	uint8_t flags =
	    (uint8_t)((result->last ? 1 : 0) | (result->damaged ? 2 : 0) |
	              (result->hop_down ? 4 : 0) | (result->over ? 8 : 0) |
	              (result->unmarked ? 128 : 0) |
	              ((unsigned)result->handover << 4));

	return wire_put_id(b, &result->id) &&
	       wire_put_u32(b, result->attempt) &&
	       wire_put_u32(b, result->recipient) &&
	       wire_put_u8(b, (uint8_t)result->state) &&
	       wire_put_u8(b, (uint8_t)result->phase) &&
	       wire_put_u8(b, flags) && wire_put_u8(b, traits) &&
	       wire_put_u32(b, result->reply_code) &&
	       wire_put_u32(b, result->delay_ms) &&
	       wire_put_text(b, result->status) &&
	       wire_put_text(b, result->relay) &&
	       wire_put_text(b, result->text);
}

/* Room for the control data of so many descriptors. */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * WIRE_MAX_FILES)];
};

static void
attach(struct msghdr *msg, union control *control, const int *fds, size_t n)
{
	struct cmsghdr *c;

	memset(control, 0, sizeof(*control));
	msg->msg_control = control->bytes;
	msg->msg_controllen = CMSG_SPACE(sizeof(int) * n);
	c = CMSG_FIRSTHDR(msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * n);
	memcpy(CMSG_DATA(c), fds, sizeof(int) * n);
}

int
wire_send_files(int sock, const struct buf *b, const int *fds, size_t n,
    bool dont_wait)
{
	union control control;
	struct iovec iov = { b->p, b->len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	assert(n <= WIRE_MAX_FILES);
	if (n > 0)
		attach(&msg, &control, fds, n);
	for (;;) {
		if (sendmsg(sock, &msg,
		        MSG_NOSIGNAL | (dont_wait ? MSG_DONTWAIT : 0)) != -1)
			return 1;
		if (errno == EINTR)
			continue;
		return dont_wait && (errno == EAGAIN || errno == EWOULDBLOCK)
		           ? 0
		           : -1;
	}
}

int
wire_send(int sock, const struct buf *b, int fd, bool dont_wait)
{
	return wire_send_files(sock, b, &fd, fd == -1 ? 0 : 1, dont_wait);
}

/* More descriptors than there is room for are closed by the kernel. */
static ssize_t
receive(int sock, void *space, int *fds, size_t max, size_t *n, bool dont_wait)
{
	union control control;
	struct iovec iov = { space, WIRE_MAX_BYTES };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(sizeof(int) * max),
	};
	struct cmsghdr *c;
	ssize_t len;

	*n = 0;
	len = recvmsg(sock, &msg,
	    MSG_CMSG_CLOEXEC | (dont_wait ? MSG_DONTWAIT : 0));
	if (len == -1)
		return -1;
	c = CMSG_FIRSTHDR(&msg);
	if (c == NULL || c->cmsg_level != SOL_SOCKET ||
	    c->cmsg_type != SCM_RIGHTS)
		return len;
	*n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(c), *n * sizeof(int));
	return len;
}

ssize_t
wire_receive(int sock, void *space, int *fd, bool dont_wait)
{
	int fds[2]; /* CMSG_SPACE() of one has room for two */
	ssize_t len;
	size_t n;

	len = receive(sock, space, fds, 1, &n, dont_wait);
	*fd = n > 0 ? fds[0] : -1;
	if (n > 1)
		(void)close(fds[1]);
	return len;
}

ssize_t
wire_receive_files(int sock, void *space, int fds[WIRE_MAX_FILES], size_t *n,
    bool dont_wait)
{
	return receive(sock, space, fds, WIRE_MAX_FILES, n, dont_wait);
}
