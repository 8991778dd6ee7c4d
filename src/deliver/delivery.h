/* SPDX-License-Identifier: ISC */
/*
 * What became of one recipient in one attempt: the remote's answer as a value.
 * An answer is never a struct po_err.
 */
#ifndef PO_DELIVER_DELIVERY_H
#define PO_DELIVER_DELIVERY_H

#include <stddef.h>

#include "util/span.h"

enum delivery_state {
	DELIVERY_UNTOUCHED, /* nothing was tried, no attempt counts: hand the
	                       recipient back */
	DELIVERY_SENT,
	DELIVERY_DEFERRED, /* try again later */
	DELIVERY_FAILED,   /* permanent */
	DELIVERY_IN_DOUBT, /* the last dot left, no reply came: nobody knows
	                      (RFC 1047) */
	DELIVERY_NEXT /* not in this transaction, which has its full number of
	                 recipients: begin another one with it at once */
};

/* Where the answer fell; retry policy and log read it. */
enum delivery_phase {
	PHASE_NONE,
	PHASE_CONNECT, /* name look-up and connect */
	PHASE_GREETING,
	PHASE_EHLO,
	PHASE_TLS,
	PHASE_AUTH,
	PHASE_MAIL,
	PHASE_RCPT,
	PHASE_DATA,
	PHASE_CONTENT, /* between 354 and the last dot */
	PHASE_DOT,     /* the reply to the last dot */
	PHASE_LOCAL    /* a failure on this host (file, disk) */
};

const char *delivery_phase_name(enum delivery_phase p);

/* What the next hop does about NOTIFY=SUCCESS (RFC 3461, 5.2). */
enum delivery_handover {
	HANDOVER_RELAYED,  /* nothing: it does not offer DSN */
	HANDOVER_PASSED,   /* it has the request, and answers it */
	HANDOVER_DELIVERED /* this was the mailbox */
};

struct delivery {
	enum delivery_state state;
	enum delivery_phase phase;
	enum delivery_handover handover; /* of what is sent */
	int reply_code;  /* 200 to 599, 0 where no server spoke */
	char status[12]; /* enhanced status "D.DDD.DDD" (RFC 3463), always set
	                    unless untouched */
	char text[400];  /* the reply ("550 5.1.1 no such user") or the cause:
	                    one line, printable ASCII, escaped already */
};

/* Fill *d; the text is escaped and cut. For transports. */
void delivery_set(struct delivery *d, enum delivery_state state,
    enum delivery_phase phase, const char *status, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* The same for each of n results that is still untouched. */
void delivery_fill(struct delivery *results, size_t n,
    const struct delivery *with);

/* Foreign bytes as printable ASCII: line ends and tabs as a blank, all else as
 * \xNN; "..." at the end when it does not fit. Returns the length. */
size_t delivery_escape(struct span s, char *out, size_t max);

#endif
