/* SPDX-License-Identifier: ISC */
/*
 * The bytes between us and one server: libetpan's mailstream for buffering,
 * over a low driver of our own that speaks plain TCP or TLS. It adds what the
 * library lacks: an absolute deadline for a whole phase (a server that drips
 * cannot stretch it), a budget of bytes for a reply, errors that stick, a stop
 * flag, and reading ahead while a write is blocked, so that both sides of a
 * pipelined dialogue cannot wait for each other.
 *
 * For files of this room only.
 */
#ifndef PO_DELIVER_STREAM_H
#define PO_DELIVER_STREAM_H

#include <libetpan/mailstream.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/span.h"

#define STREAM_BUFFER_BYTES 65536u
#define STREAM_LINE_BYTES 1024u    /* of a line are kept, the rest is dropped */
#define STREAM_AHEAD_BYTES 262144u /* read while a write is blocked */

enum stream_error {
	STREAM_OK,
	STREAM_EOF,     /* the peer closed */
	STREAM_TIMEOUT, /* the deadline passed */
	STREAM_STOPPED, /* *stop was set */
	STREAM_BUDGET,  /* the peer sends more than a reply may have */
	STREAM_FAILED   /* errno or TLS, see text */
};

struct stream {
	int fd;
	SSL *ssl; /* NULL: plain */
	mailstream *mail;
	const volatile sig_atomic_t *stop;
	int64_t
	    grace_ms; /* -1: a set *stop ends a wait at once, else in so long */
	int64_t deadline_ms;
	size_t budget;
	uint64_t written; /* bytes that the kernel took, before encryption */
	bool input_ended; /* nothing more to read ahead */
	bool read_failed, write_failed;
	enum stream_error error; /* the first */
	char text[512];          /* its cause, not yet escaped */
	struct buf ahead;
	char names[200]; /* of a certificate that was refused */
	char line[STREAM_LINE_BYTES];
};

/* Takes over a connected, non-blocking socket. NULL without memory (fd is
 * closed then). */
struct stream *stream_new(int fd, const volatile sig_atomic_t *stop);
/* A healthy TLS connection sends its close_notify; nothing is waited for. */
void stream_free(struct stream *st);

/* From here on `timeout_ms` for whatever is waited for. */
void stream_set_deadline(struct stream *st, int64_t timeout_ms);

/* Buffered. False after an error, which stays. */
bool stream_put(struct stream *st, const void *p, size_t len);
bool stream_flush(struct stream *st);
/* Bytes put so far, flushed or not; compare with st->written. */
uint64_t stream_offset(const struct stream *st);

/* The next line without its CRLF or LF, cut at STREAM_LINE_BYTES; valid until
 * the next call. *bytes is what it had on the wire. False on any error. */
bool stream_get_line(struct stream *st, struct span *line, size_t *bytes);
/* Is there input that nobody has read? Never waits. */
bool stream_has_input(struct stream *st);

/* For tls.c: note an error (the first stays) and return false; wait for poll
 * events until the deadline. */
bool stream_fail(struct stream *st, enum stream_error error, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));
bool stream_wait(struct stream *st, short events, short *revents);

#endif
