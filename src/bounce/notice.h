/* SPDX-License-Identifier: ISC */
/*
 * What a sender is told of his message: a delivery status notification (RFC
 * 3464; RFC 6533 where addresses are not ASCII). Text for a person first, then
 * the report for programs, then the message or its header. Pure: no clock, no
 * random numbers, no spool; whatever came from servers or users is escaped and
 * cut here.
 */
#ifndef PO_BOUNCE_NOTICE_H
#define PO_BOUNCE_NOTICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "envelope/envelope.h"
#include "util/sink.h"

/* The numbers are part of derived ids: they never change. */
enum notice_kind {
	NOTICE_FAILED = 1,  /* some recipients will not get it */
	NOTICE_DELAYED = 2, /* some did not get it yet */
	NOTICE_SUCCESS = 3, /* asked for by NOTIFY=SUCCESS */
	NOTICE_REFUSED = 4, /* not taken: its idempotency key is another's */
	NOTICE_DOUBLE = 5,  /* to the postmaster: a notice that failed */
	NOTICE_DIGEST =
	    6, /* a count of notices that were not sent one by one */
	NOTICE_EXPIRED = 7 /* as FAILED, without an attempt */
};

/* The word of the envelope's tag: "bounce", "delay"... */
const char *notice_kind_name(enum notice_kind kind);

/* RFC 3464, 2.3.3, and why. */
enum notice_action {
	ACTION_FAILED,
	ACTION_EXPIRED, /* "failed": tried for as long as is allowed */
	ACTION_DELAYED,
	ACTION_DELIVERED, /* into a mailbox */
	ACTION_RELAYED    /* to a server that tells nobody of success */
};

struct notice_recipient {
	const char *address;
	const char *orcpt; /* "addr-type;xtext", or NULL */
	enum notice_action action;
	char status[12];      /* "5.1.1"; corrected to the action's class */
	int reply_code;       /* 0: no server spoke */
	const char *text;     /* its reply, or the cause; any bytes */
	const char *relay;    /* "host[address]:port", "" or "none" */
	const char *phase;    /* "RCPT", as delivery_phase_name(); "" unknown */
	int64_t last_attempt; /* 0: none */
};

/* Where the content of the original lies; length 0: it is not at hand. */
struct notice_original {
	int fd;
	off_t at;
	uint64_t length;
	bool has_8bit;
};

/* NOTICE_DIGEST: how many were not sent, of which kind, since when. */
struct notice_digest {
	enum notice_kind about;
	int64_t since;
	uint64_t count;
};

struct notice {
	enum notice_kind kind;
	const char *hostname;   /* Reporting-MTA */
	const char *domain;     /* of MAILER-DAEMON and postmaster */
	const char *to;         /* whom it goes to */
	const char *id;         /* its own queue id */
	const char *message_id; /* with brackets */
	const char *boundary; /* 1 to 60 of 0-9 A-Z a-z: nobody may guess it */
	int64_t now;
	uint64_t max_bytes; /* an original longer than this: its header alone */

	const char *original_id; /* queue id */
	const char *sender;      /* of the original */
	const char *envid;       /* xtext, or NULL */
	enum envelope_ret ret;
	bool smtputf8;   /* the original was such a message */
	int64_t arrival; /* of the original */
	int64_t expires; /* when it will be given up */
	struct notice_original original;

	const struct notice_recipient *recipients; /* in the report */
	size_t n_recipients;
	const struct notice_digest *digest; /* NOTICE_DIGEST alone */
};

/* Does it have to be sent with SMTPUTF8? */
bool notice_wants_utf8(const struct notice *n);

/* Write the message, LF-only lines without NUL and CR. PO_EIO when the
 * original cannot be read. */
int notice_compose(const struct notice *n, struct sink out, struct po_err *err);

/*
 * May a notice about this message go to its sender (RFC 3834, and against
 * loops)? Not where the message itself is an answer of a machine: a report, or
 * Auto-Submitted: auto-replied. Its header is read; 1, 0, or -1.
 */
int notice_may_answer(const struct notice_original *o, struct po_err *err);

#endif
