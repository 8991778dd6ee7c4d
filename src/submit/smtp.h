/* SPDX-License-Identifier: ISC */
/*
 * SMTP on two descriptors (sendmail -bs): programs that start it and talk, or
 * inetd and socket units that give it a connection. The client is whoever runs
 * it: there is no authentication, and none is needed; a connection from another
 * host is turned away.
 *
 * Pipelined input is taken at any time, also before the greeting; lines may end
 * with LF alone. 250 to the end of a message is said only for what is durable.
 */
#ifndef PO_SUBMIT_SMTP_H
#define PO_SUBMIT_SMTP_H

#include "spool/drop.h"
#include "submit/options.h"
#include "submit/warnings.h"
#include "util/err.h"
#include "util/sink.h"

/* What a dialogue needs, beside its descriptors. */
struct smtp_service {
	const struct submit_conf *conf;
	const struct submit_host *host;
	const struct drop_conf *drop;
	struct warnings *warnings; /* or NULL; see submission.h */
	const struct sink *urgent; /* or NULL: gets the id of each message of
	                              class now, when it is queued */
};

/*
 * Speak until QUIT, the end of input (0 both), stdin_timeout without input or
 * with a client that takes no replies, or too many errors. 0, or -1 when
 * reading fails (PO_ENOINPUT) or the client is on another host (PO_EPERM). What
 * was not answered with 250 is not queued then. SIGPIPE must be ignored.
 */
int smtp_serve(int in, int out, const struct smtp_service *service,
    struct po_err *err);

/* In place of a dialogue, when there can be none: one reply that says why. */
void smtp_decline(int out, const struct po_err *why);

#endif
