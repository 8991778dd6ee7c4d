/* SPDX-License-Identifier: ISC */
/*
 * One SMTP or LMTP connection and what is outstanding on it. smtp_open.c brings
 * it up (greeting to AUTH), smtp_group.c carries envelopes over it, smtp_send.c
 * the contents, smtp_chunk.c the contents by BDAT, smtp_window.c several
 * messages at once; smtp.c is the transport. For files of this room only.
 */
#ifndef PO_DELIVER_SMTP_H
#define PO_DELIVER_SMTP_H

#include "deliver/dial.h"
#include "deliver/ehlo.h"
#include "deliver/reply.h"
#include "deliver/seven.h"
#include "deliver/setup.h"
#include "deliver/stream.h"

#define SMTP_GROUP_BYTES ((size_t)16384)

/* What is waited for, and so which timeout (RFC 5321, 4.5.3.2) holds. */
enum smtp_wait {
	WAIT_GREETING,
	WAIT_EHLO,
	WAIT_STARTTLS,
	WAIT_TLS,
	WAIT_AUTH,
	WAIT_RSET,
	WAIT_MAIL,
	WAIT_RCPT,
	WAIT_DATA,
	WAIT_BLOCK, /* of content */
	WAIT_DOT,
	WAIT_GROUP, /* behind the last dot, once that is answered */
	WAIT_QUIT,
	WAITS
};

/* The commands MAIL, RCPT and DATA of one message: what is still to be written,
 * and what is written and not yet answered. */
struct smtp_group {
	struct deliver_message m; /* its n is what goes into the transaction */
	size_t all;               /* that of the message */
	bool rset_todo, mail_todo, data_todo;
	bool rset, mail, data;
	size_t rcpt_written; /* recipients behind it are still to be written */
	size_t rcpt_read;    /* from here to rcpt_written: unanswered */
	size_t accepted;
	bool mail_refused;
	bool chunked;    /* BDAT follows, not DATA */
	bool pipelined;  /* commands went out before the reply to others */
	bool ahead;      /* written behind the last dot of another message */
	bool any_answer; /* one of its replies has come */
};

/* One message by BDAT: what is written of it and not yet answered. */
struct smtp_chunks {
	size_t unanswered; /* BDAT commands */
	bool refused;      /* *why says how */
	bool local;        /* our failure: its last chunk was never written */
	struct delivery why;
};

/* A message on the way, its replies still to come. */
struct smtp_flight {
	struct deliver_message m;
	struct delivery *results;
	struct smtp_chunks chunks;
	uint64_t content_begin, end; /* offsets in the stream */
};

struct smtp_window {
	bool open; /* the server has taken a message by BDAT on this connection
	            */
	struct smtp_flight flights[DELIVER_WINDOW_MAX];
	size_t first, n;
};

/* What was found out about a relay. */
struct smtp_habits {
	bool plain;       /* PIPELINING broke: never again */
	bool no_chunking; /* BDAT broke: likewise */
	bool no_window;   /* messages were left in doubt: likewise */
	size_t rcpt_max;  /* recipients it took before it said "too many", 0:
	                     it did not say so */
};

/* What a connection is made to. */
struct smtp_goal {
	const char *host;    /* for log and certificate */
	const char *address; /* NULL: host is looked up */
	int64_t timeout_ms;  /* for look-up and connect */
};

struct smtp {
	const struct deliver_setup *setup;
	int transport; /* smtp, lmtp or mx */
	struct mx *mx; /* finds the hosts of a domain; NULL: relays */
	struct smtp_goal goal;
	const struct peer *peers[DELIVER_HOP_RELAYS]; /* best first */
	size_t n_peers;
	const struct peer *peer; /* the chosen one */
	struct smtp_habits all_habits[DELIVER_HOP_RELAYS];
	struct smtp_habits *habits; /* that of the peer */
	const volatile sig_atomic_t *stop;
	int64_t stop_grace_ms;
	int64_t timeout_ms[WAITS];

	struct stream *stream; /* NULL: not connected */
	char relay[320];       /* of the last connection, or "none" */
	char note[700]; /* of the connection, for the log; not yet taken */
	char note_taken[700];
	bool loopback;
	int64_t lookup_ms; /* how long the name took */
	struct ehlo ehlo;
	struct reply reply;
	struct buf command; /* the last group written */
	struct buf check;   /* against it */
	uint64_t messages;  /* content sent on this connection */
	bool used; /* it has had a transaction: it may have gone stale */
	bool hop_down;
	bool slow;          /* a reply asked for less at a time */
	bool want_rset;     /* RSET heads the next group */
	bool group_waiting; /* a group was written behind a dot */
	bool content_due;   /* 354 came, and no dot has left: no command now */
	struct smtp_group group;
	struct deliver_message fitted; /* its convert: of the group, or NULL */
	char *block;                   /* CONTENT_BLOCK_BYTES */
	char *chunk; /* CONTENT_CHUNK_BYTES, once CHUNKING is used */
	struct smtp_window window;
};

/* Deadlines as the peer's settings say; when it was chosen. */
void smtp_set_timeouts(struct smtp *s);

/* Bring up a connection to the chosen relay; false with *why (state DEFERRED,
 * or UNTOUCHED when stopped) and, but for stop, hop_down set. */
bool smtp_open(struct smtp *s, struct delivery *why);

/* The same for s->goal alone, with the settings of s->peer; hop_down is not
 * touched. */
bool smtp_open_goal(struct smtp *s, struct delivery *why);

/* One more thing that the log should know of this connection. */
void smtp_note(struct smtp *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Make ready what rules lead to: the direct ones, or the others. */
int smtp_prepare_peers(struct deliver_setup *setup, bool direct,
    struct po_err *err);

/* QUIT if that is safe and the stream is healthy, then close. */
void smtp_close(struct smtp *s, bool polite);

/* Read one reply into s->reply. 1 read; 0 the connection is of no more use
 * (see s->stream->error; a malformed reply sets it too). */
int smtp_get_reply(struct smtp *s, enum smtp_wait wait);

/* *why from s->reply by deliver/policy.h, with its status and text; what says
 * something of the relay as a whole sets hop_down. */
void smtp_judge(struct smtp *s, enum delivery_phase phase,
    struct delivery *why);

/* *why from the stream's error: DEFERRED, or UNTOUCHED when stopped. */
void smtp_judge_lost(const struct smtp *s, enum delivery_phase phase,
    struct delivery *why);

bool smtp_is_stopped(const struct smtp *s);

/* How many messages one connection may carry, by max_messages and by what the
 * server says (RFC 9422); 0: any number. */
uint64_t smtp_most_messages(const struct smtp *s);

/* RFC 2033: LHLO, and behind the last dot a reply for each recipient that was
 * accepted, in the order of RCPT. */
bool smtp_is_lmtp(const struct smtp *s);

/* How many recipients one transaction may have. */
size_t smtp_most_recipients(const struct smtp *s);

/* Does the reply to a RCPT, of which `accepted` were taken before, say that the
 * transaction is full? Then *result says so, and it is kept in mind. */
bool smtp_is_full(struct smtp *s, size_t accepted, struct delivery *result);

/* Write the group of `next` behind what stands in the stream's buffer. */
void smtp_group_ahead(struct smtp *s, const struct deliver_message *next);

/* Append MAIL and all recipients that can stand in a command; false when they
 * do not fit into one group. */
bool smtp_put_envelope(struct buf *out, const struct deliver_message *m,
    const struct ehlo *e);

/* Does the next message on this connection go by BDAT? */
bool smtp_uses_chunks(const struct smtp *s);

/* All chunks of a message. With `look`, replies that come meanwhile are read,
 * and a refusal ends it. False when the stream failed. */
bool smtp_chunks_put(struct smtp *s, const struct deliver_message *m, bool look,
    struct smtp_chunks *c);

/* Read one of its replies. False: lost, or 421 (in s->reply). */
bool smtp_chunks_reply(struct smtp *s, struct smtp_chunks *c);

/* The reply to the last one, or the refusal, as a result. False: the server
 * does not know BDAT; untouched, and it is not asked again. */
bool smtp_chunks_judge(struct smtp *s, const struct smtp_chunks *c,
    struct delivery *why);

/* The connection failed before the message was written whole: all results that
 * are untouched, and the end of the connection. */
void smtp_content_failed(struct smtp *s, const struct deliver_message *m,
    struct delivery *results);

/* smtp_send() by BDAT. */
void smtp_chunks_send(struct smtp *s, const struct deliver_message *m,
    struct delivery *results);

size_t smtp_window(const struct smtp *s, const struct deliver_message *m);
void smtp_put(struct smtp *s, const struct deliver_message *m,
    struct delivery *results);
size_t smtp_take(struct smtp *s);

/* Can it go over this connection as it is? */
bool smtp_fits(const struct smtp *s, const struct deliver_message *m);

/* Make *m one that can, in s->fitted, where it cannot; false, with *why, if
 * that is not possible. */
bool smtp_fit(struct smtp *s, const struct deliver_message **m,
    struct delivery *why);
/* The end of s->fitted. */
void smtp_fit_end(struct smtp *s);

int smtp_begin(struct smtp *s, const struct deliver_message *m,
    struct delivery *results);
void smtp_send(struct smtp *s, const struct deliver_message *m,
    struct delivery *results, const struct deliver_message *next);

#endif
