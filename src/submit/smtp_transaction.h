/* SPDX-License-Identifier: ISC */
/*
 * The mail transaction of an SMTP dialogue (RFC 5321, 3.3; BDAT: RFC 3030).
 * Where it stands is in three facts: in_mail (MAIL was accepted), recipients
 * (sub.to.n) and in_chunks (a BDAT was begun). Whoever calls these has looked
 * whether the command may come now; `args` is what follows its name.
 */
#ifndef PO_SUBMIT_SMTP_TRANSACTION_H
#define PO_SUBMIT_SMTP_TRANSACTION_H

#include "spool/drop.h"
#include "submit/options.h"
#include "submit/smtp_io.h"
#include "submit/submission.h"
#include "util/span.h"

struct smtp_session {
	struct smtp_io io;
	const struct submit_conf *conf;
	const struct submit_host *host;
	const struct drop_conf *drop_conf;
	struct warnings *warnings;
	const struct sink *urgent;
	struct drop *drop; /* opened by the first MAIL */

	bool extended; /* EHLO, not HELO */
	bool in_mail, in_chunks;
	bool smtputf8;
	struct submission sub; /* while in_mail */
};

void smtp_transaction_mail(struct smtp_session *s, struct span args);
void smtp_transaction_rcpt(struct smtp_session *s, struct span args);
void smtp_transaction_data(struct smtp_session *s, struct span args);

/* Comes at any time: its chunk is read also where it is refused. */
void smtp_transaction_bdat(struct smtp_session *s, struct span args);

/* Forget what was not finished; nothing when there is none. */
void smtp_transaction_end(struct smtp_session *s);

#endif
