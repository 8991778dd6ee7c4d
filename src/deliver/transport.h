/* SPDX-License-Identifier: ISC */
/*
 * Transports as a table, and one session of one of them: a connection that is
 * used for many messages. deliver knows no spool: it gets an envelope and an
 * open file, and fills in results. Used in a worker process only; one session
 * at a time; calls block until their deadlines (RFC 5321, 4.5.3.2) or until
 * *stop is set.
 *
 * A message takes two steps, so that the caller can write "sending" into the
 * slots before the content leaves:
 *
 *   session_begin(s, m, results)       MAIL, RCPT, DATA up to 354
 *     1: some recipients were accepted; their results are still
 *        DELIVERY_UNTOUCHED, those of refused ones are filled in
 *     0: nothing to send, every result is filled in (or untouched: *stop)
 *   session_send(s, m, results, next)  the content, the last dot, its reply;
 *                                      fills in the rest
 *
 * A transaction has at most DELIVER_RECIPIENTS_MAX recipients; the server may
 * take fewer, which a session finds out and keeps in mind: the others come back
 * DELIVERY_NEXT, of which at least one other has been taken, and go into the
 * next transaction.
 *
 * Who does not send after a 1 frees the session: the message is not delivered.
 *
 * `next` (or NULL) is the message whose session_begin() comes next: its
 * MAIL/RCPT/DATA group goes out behind the last dot in the same write where the
 * server offers PIPELINING (RFC 2920), so that a message costs one round trip.
 *
 * Where the server takes CHUNKING (RFC 3030) and the relay's `window` allows
 * it, several messages are on the way at once, and a round trip is shared:
 *
 *   session_window(s, m)        how many, m included, may be on the way now;
 *                               1: take the two steps above, once all others
 *                               are taken
 *   session_put(s, m, results)  m's whole transaction; "sending" must be in the
 *                               slots already; m and results (untouched) must
 *                               live until the message is taken
 *   session_take(s)             waits for the answer about the oldest: how many
 *                               messages, from the oldest on, have all their
 *                               results now: 1, or all when the connection is
 *                               lost. A lost connection leaves every message in
 *                               doubt that was written whole.
 *
 * Whoever has put takes all before he begins or is idle.
 */
#ifndef PO_DELIVER_TRANSPORT_H
#define PO_DELIVER_TRANSPORT_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "deliver/delivery.h"
#include "deliver/routes.h"
#include "envelope/envelope.h"
#include "util/err.h"

#define DELIVER_RECIPIENTS_MAX ((size_t)100)

struct deliver_message {
	const struct envelope *env;
	const size_t *which; /* indexes into env->recipients */
	size_t n; /* of which[] and of results[]: 1 to DELIVER_RECIPIENTS_MAX
	           */
	int fd;   /* content: LF-only lines, no NUL */
	off_t at; /* its first byte */
	const char
	    *bytes;      /* all of the content where it is in memory, or NULL */
	uint64_t length; /* bytes */
	bool alternatives; /* another relay may have it: what cannot begin is
	                      left untouched */
	bool shared;       /* others are connected to the relay: where it says
	                      at once that these are too many, likewise */
	bool has_8bit;
	bool has_utf8_header; /* the header is UTF-8, and not ASCII */
	struct seven *convert; /* for files of this room: what is sent for the
	                          content; NULL: the content */
	uint32_t longest_line; /* bytes without LF */
	int64_t now; /* seconds UTC when it was taken up: what is left of a
	                time limit counts from here */
};

/* Has the header bytes above 0x7f, and is it UTF-8? A header that is longer
 * than a MiB is not looked at. */
bool deliver_has_utf8_header(const struct deliver_message *m);

/*
 * Checks what can be checked without the network of every transport and relay
 * that a route leads to (host set, password file readable, owner and mode, CA
 * file) and reads the secrets: password_command runs here. One a process, made
 * before fork(2), by the spool's owner. From here on the process ignores
 * SIGPIPE. `routes` must outlive it. PO_ECONFIG names the option; PO_ETEMP when
 * password_command fails.
 *
 * In two steps where root starts: deliver_setup_begin() while the process is
 * root still reads the password files that are root's, and nothing else;
 * deliver_setup_finish() does the rest as the spool's owner.
 */
struct deliver_setup;
int deliver_setup_new(const struct deliver_routes *routes,
    struct deliver_setup **out, struct po_err *err);
int deliver_setup_begin(const struct deliver_routes *routes,
    struct deliver_setup **out, struct po_err *err);
int deliver_setup_finish(struct deliver_setup *setup, struct po_err *err);
void deliver_setup_free(struct deliver_setup *setup);
/* The i-th relay that a route leads to, by its name in hops; NULL: no more. */
const char *deliver_setup_relay(const struct deliver_setup *setup, size_t i);

/* What the transports that rules lead to do besides connecting: a worker gives
 * up all else. */
#define DELIVER_FOLDERS_MAX 16u
struct deliver_needs {
	/* They make, rename and remove files below these; which may be missing:
	 * then nothing can be made there. */
	char folders[DELIVER_FOLDERS_MAX][4096];
	size_t n_folders;
	bool commands; /* they run programs */
};
void deliver_needs(const struct deliver_setup *setup,
    struct deliver_needs *needs);

struct deliver_session;

/* A session that connects at its first session_begin() and again when the
 * connection is gone. `stop` is looked at in every wait (a signal handler sets
 * it): before the last dot is written the message is left clean
 * (DELIVERY_UNTOUCHED), after it session_send() waits up to stop_grace_s more
 * for the reply. */
int session_new(const struct deliver_setup *setup, const char *hop,
    const volatile sig_atomic_t *stop, int64_t stop_grace_s,
    struct deliver_session **out, struct po_err *err);

/* What is known of a relay, or was learnt of it, as bits. */
enum relay_trait {
	RELAY_PLAIN = 1,         /* PIPELINING breaks */
	RELAY_NO_CHUNKING = 2,   /* so does BDAT */
	RELAY_ONE_AT_A_TIME = 4, /* a window left messages in doubt */
	RELAY_TRAITS = 7
};

/* Before session_begin() and session_put(): which of the hop's relays it is,
 * counted from 0 (deliver_hop_relays()), and its traits. A connection to
 * another one is closed. */
void session_choose(struct deliver_session *s, unsigned relay, unsigned traits);
/* Traits of the chosen relay, those that it was told included. */
unsigned session_traits(const struct deliver_session *s);

int session_begin(struct deliver_session *s, const struct deliver_message *m,
    struct delivery *results);
void session_send(struct deliver_session *s, const struct deliver_message *m,
    struct delivery *results, const struct deliver_message *next);
size_t session_window(const struct deliver_session *s,
    const struct deliver_message *m);
void session_put(struct deliver_session *s, const struct deliver_message *m,
    struct delivery *results);
size_t session_take(struct deliver_session *s);
/* "host[address]:port" or "capture", for the log's relay= field; "none" before
 * a connection. */
const char *session_relay(const struct deliver_session *s);
/* A line for the log about a connection made since the last call: TLS version
 * and cipher, or that level "may" went on without TLS. NULL: there is none. The
 * text is printable, and valid until the next call on the session. */
const char *session_note(struct deliver_session *s);
/* True when the last failure concerns the relay as a whole (connect, TLS, AUTH,
 * 421): no use to go on with others. The first result says why, untouched or
 * not. */
bool session_hop_down(const struct deliver_session *s);
/* True when the relay asked, with the last message, for fewer connections or
 * messages at a time (deliver/policy.h). */
bool session_slow(const struct deliver_session *s);
/* QUIT if connected (does not wait for its reply longer than a second) and
 * free. */
void session_free(struct deliver_session *s);

#endif
