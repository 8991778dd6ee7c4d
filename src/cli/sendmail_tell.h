/* SPDX-License-Identifier: ISC */
/*
 * What sendmail works by, and how it tells what is wrong: one line on stderr,
 * "sendmail: ...", and one in the log.
 */
#ifndef PO_CLI_SENDMAIL_TELL_H
#define PO_CLI_SENDMAIL_TELL_H

#include <stdbool.h>

#include "conf/conf.h"
#include "log/log.h"
#include "spool/drop.h"
#include "submit/options.h"
#include "submit/warnings.h"
#include "util/err.h"
#include "util/span.h"

/* All that po.conf says to sendmail; `conf` is NULL until it is read. */
struct sendmail_settings {
	struct conf *conf;
	struct drop_conf drop;
	struct submit_conf submit;
	struct log_conf log;
	struct submit_host host;
	struct warnings warnings;
};

/* One line on stderr; foreign text is escaped, and cut at 900 bytes. */
void sendmail_tell(const char *text);
void sendmail_tell_span(const char *before, struct span text);

/* What is wrong and stopped nothing: in the log, and on stderr unless that may
 * be the client's (inetd). Clears s->warnings. */
void sendmail_pass_warnings_on(struct sendmail_settings *s, bool on_stderr);

/* Tell, log, and the exit status: what may work later is not_queued_exit, but
 * for a wrong configuration and a stdin that cannot be read (sysexits). */
int sendmail_fail(const struct sendmail_settings *s, const struct po_err *err);

#endif
