/* SPDX-License-Identifier: ISC */
/*
 * What stands behind MAIL FROM: and RCPT TO: (RFC 5321, 4.1.1), with the
 * parameters of SIZE (RFC 1870), 8BITMIME (RFC 6152), SMTPUTF8 (RFC 6531), DSN
 * (RFC 3461), FUTURERELEASE (RFC 4865), MT-PRIORITY (RFC 6710), DELIVERBY
 * (RFC 2852) and REQUIRETLS (RFC 8689).
 */
#ifndef PO_SUBMIT_SMTP_PARAMS_H
#define PO_SUBMIT_SMTP_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "envelope/envelope.h"
#include "util/span.h"

#define SMTP_HOLD_MAX_S INT64_C(31536000) /* a year */

/* Spans point into the command. */
struct smtp_mail {
	struct span path; /* with its brackets where they are */
	uint64_t size;    /* 0: not said */
	enum envelope_mime mime;
	bool smtputf8;
	enum envelope_ret ret;
	struct span envid; /* xtext; empty: none */
	int64_t due;       /* seconds UTC; 0: at once */
	int64_t expires;   /* seconds UTC; 0: not said */
	int64_t late;      /* seconds UTC: tell from then on; 0: not said */
	enum envelope_by by;
	enum priority priority;
	bool requiretls;
};

struct smtp_rcpt {
	struct span path;
	unsigned notify;
	struct span orcpt; /* empty: none */
};

/* `args` is what follows "MAIL" or "RCPT". NULL, or the reply that refuses it,
 * as "501 5.5.4 text". */
const char *smtp_mail_parse(struct span args, int64_t now, struct smtp_mail *m);
const char *smtp_rcpt_parse(struct span args, struct smtp_rcpt *r);

/* "SUCCESS,DELAY" or "NEVER" (RFC 3461, 4.1), case aside, into the bits of enum
 * envelope_notify; sendmail's -N reads it too. */
bool smtp_notify_parse(struct span s, unsigned *notify);

#endif
