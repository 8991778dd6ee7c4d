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
#ifndef PO_DELIVER_WIRE_H
#define PO_DELIVER_WIRE_H

#include <libetpan/mailstream.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/span.h"

#define WIRE_BUFFER_BYTES 65536u
#define WIRE_LINE_BYTES 1024u	 /* of a line are kept, the rest is dropped */
#define WIRE_AHEAD_BYTES 262144u /* read while a write is blocked */

enum wire_error {
	WIRE_OK,
	WIRE_EOF,     /* the peer closed */
	WIRE_TIMEOUT, /* the deadline passed */
	WIRE_STOPPED, /* *stop was set */
	WIRE_BUDGET,  /* the peer sends more than a reply may have */
	WIRE_FAILED   /* errno or TLS, see text */
};

struct wire {
	int fd;
	SSL *ssl; /* NULL: plain */
	mailstream *stream;
	const volatile sig_atomic_t *stop;
	int64_t grace_ms; /* -1: a set *stop ends a wait at once, else in so long */
	int64_t deadline_ms;
	size_t budget;
	uint64_t written; /* bytes that the kernel took, before encryption */
	bool input_ended; /* nothing more to read ahead */
	bool read_failed, write_failed;
	enum wire_error error; /* the first */
	char text[512];	       /* its cause, not yet escaped */
	struct buf ahead;
	char line[WIRE_LINE_BYTES];
};

/* Takes over a connected, non-blocking socket. NULL without memory (fd is
 * closed then). */
struct wire *wire_new(int fd, const volatile sig_atomic_t *stop);
/* A healthy TLS connection sends its close_notify; nothing is waited for. */
void wire_free(struct wire *w);

/* From here on `timeout_ms` for whatever is waited for. */
void wire_set_deadline(struct wire *w, int64_t timeout_ms);

/* Buffered. False after an error, which stays. */
bool wire_put(struct wire *w, const void *p, size_t len);
bool wire_flush(struct wire *w);
/* Bytes put so far, flushed or not; compare with w->written. */
uint64_t wire_offset(const struct wire *w);

/* The next line without its CRLF or LF, cut at WIRE_LINE_BYTES; valid until
 * the next call. *bytes is what it had on the wire. False on any error. */
bool wire_get_line(struct wire *w, struct span *line, size_t *bytes);
/* Is there input that nobody has read? Never waits. */
bool wire_has_input(struct wire *w);

/* For tls.c: note an error (the first stays) and return false; wait for poll
 * events until the deadline. */
bool wire_fail(struct wire *w, enum wire_error error, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool wire_wait(struct wire *w, short events, short *revents);

#endif
