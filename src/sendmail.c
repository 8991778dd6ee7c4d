/* SPDX-License-Identifier: ISC */
/*
 * sendmail, mailq, newaliases: puts mail into the spool (sendmail(8)). Runs as
 * anybody, needs no privilege, and opens no path that stands on its command
 * line. Whatever goes wrong is one line on stderr and in the log, and nothing
 * is queued then.
 */
#include <signal.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/sendmail_after.h"
#include "cli/sendmail_queue.h"
#include "cli/sendmail_tell.h"
#include "conf/conf.h"
#include "envelope/address.h"
#include "log/log.h"
#include "spool/drop.h"
#include "submit/alias_expand.h"
#include "submit/input.h"
#include "submit/options.h"
#include "submit/smtp.h"
#include "submit/smtp_peer.h"
#include "submit/submission.h"
#include "submit/warnings.h"
#include "util/arena.h"
#include "util/fd.h"
#include "util/sink.h"

#define VERIFY_BYTES ((size_t)256 << 20)

/* What the caller has ignored or left to kill: writing to who is gone, or over
 * RLIMIT_FSIZE, are errors to tell, and getent(1) is waited for. */
static void
take_signals(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL);
}

static void
tell_warnings(const struct arguments *a)
{
	const struct arguments_warning *w;
	char text[256];
	size_t i;

	for (i = 0; i < a->n_warnings; i++) {
		w = &a->warnings[i];
		(void)snprintf(text, sizeof(text),
		    "warning: -%c %.60s is ignored: %s", w->letter, w->value,
		    w->why);
		sendmail_tell(text);
	}
}

static int
load(struct sendmail_settings *s, struct po_err *err)
{
	const struct conf_table tables[] = {
		{ drop_options, &s->drop },
		{ submit_options, &s->submit },
		{ log_options, &s->log },
	};

	if (conf_load_some(NULL, tables, sizeof(tables) / sizeof(tables[0]),
	        &s->conf, err) == -1)
		return -1;
	s->submit.file = conf_file(s->conf);
	return submit_host_find(&s->submit, &s->host, err);
}

static int
send_message(struct sendmail_settings *s, const struct arguments *a)
{
	struct submit_request request = a->request;
	struct submission sub;
	struct drop *drop = NULL;
	struct envelope env;
	struct po_err err;
	int rc;

	request.warnings = &s->warnings;
	if (submission_begin(&sub, &s->submit, &s->host, &request, &err))
		return sendmail_fail(s, &err);
	rc = drop_open(&s->drop, &drop, &err);
	if (rc == 0) {
		submission_attach(&sub, drop);
		rc = input_submit(STDIN_FILENO, s->submit.stdin_timeout, &sub,
		    &err);
	}
	env = sub.env; /* its id, class and time are in it itself */
	submission_clear(&sub);
	drop_close(drop);
	sendmail_pass_warnings_on(s, true);
	return rc == 0 ? sendmail_after_queuing(s, a, &env)
	               : sendmail_fail(s, &err);
}

/* Where stderr is the client's too, what is wrong is in replies and the log. */
static void
prepare_dialogue(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	if (!smtp_peer_is_behind(STDIN_FILENO, STDERR_FILENO))
		return;
	(void)close(STDERR_FILENO);
	fd_open_standard();
}

static int
serve(struct sendmail_settings *s)
{
	const struct sink urgent = { sendmail_deliver_urgent, s };
	const struct smtp_service service = { &s->submit, &s->host, &s->drop,
		&s->warnings, &urgent };
	struct po_err err;
	int rc;

	rc = smtp_serve(STDIN_FILENO, STDOUT_FILENO, &service, &err);
	sendmail_pass_warnings_on(s, false);
	return rc == 0 ? EX_OK : sendmail_fail(s, &err);
}

/* -bv: the addresses as they would be sent to, one a line. */
static int
verify(struct sendmail_settings *s, const struct arguments *a)
{
	struct recipients to;
	struct arena arena;
	struct po_err err;
	size_t i;
	int status = EX_OK, n;

	arena_init(&arena, VERIFY_BYTES);
	recipients_init(&to, (size_t)s->submit.recipient_limit);
	for (i = 0; i < a->request.n_recipients; i++) {
		n = recipients_add(&to, span_of(a->request.recipients[i]),
		    s->host.domain, a->request.option_like, &err);
		if (n == 0)
			(void)po_fail(&err, PO_EDATA,
			    "bad address \"\": a recipient is empty");
		if (n <= 0) {
			sendmail_tell(err.text);
			status = EX_NOUSER;
		}
	}
	if (alias_expand(&s->submit, &s->host, &to, &arena, &s->warnings,
	        &err) == -1)
		status = sendmail_fail(s, &err);
	sendmail_pass_warnings_on(s, true);
	for (i = 0; i < to.n; i++)
		(void)printf("%s... deliverable\n", to.v[i].address);
	recipients_clear(&to);
	arena_clear(&arena);
	return fflush(stdout) == 0 ? status : EX_IOERR;
}

/* newaliases, -bi: there is nothing to build, so look whether it is right. */
static int
check_aliases(struct sendmail_settings *s)
{
	struct span rest;
	struct po_err err;
	size_t left_out;
	int rc = alias_check(&s->submit, &s->host, &s->warnings, &err);

	if (rc == -1)
		return sendmail_fail(s, &err);
	rest = buf_span(&s->warnings.text);
	while (rest.len > 0)
		sendmail_tell_span("", span_cut(&rest, '\n'));
	left_out =
	    s->warnings.n > WARNINGS_MAX ? s->warnings.n - WARNINGS_MAX : 0;
	if (left_out > 0)
		(void)fprintf(stderr, "sendmail: and %zu more\n", left_out);
	warnings_clear(&s->warnings);
	return rc == 0 ? EX_OK : EX_CONFIG;
}

static int
help(void)
{
	const char *text;
	int c;

	(void)printf("usage: sendmail [option ...] [address ...]\n"
	             "       mailq\n"
	             "       newaliases\n"
	             "Reads a message from standard input and queues it.\n\n");
	for (c = '!'; c <= '~'; c++) {
		text = arguments_help((char)c);
		if (text != NULL)
			(void)printf("  -%c  %s\n", c, text);
	}
	(void)printf("\nsendmail(8) tells more.\n");
	return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

int
main(int argc, char *argv[])
{
	struct sendmail_settings s = { 0 };
	struct arguments a;
	struct po_err err;
	int status;

	fd_open_standard();
	take_signals();
	if (arguments_read(argc, argv, &a, &err) == -1)
		return sendmail_fail(&s, &err);
	if (a.mode == ARGUMENTS_SMTP)
		prepare_dialogue();
	tell_warnings(&a);
	switch (a.mode) {
	case ARGUMENTS_HELP:
		return help();
	case ARGUMENTS_VERSION:
		return printf("sendmail (%s)\n", PACKAGE_STRING) < 0 ||
		               fflush(stdout) != 0
		           ? EX_IOERR
		           : EX_OK;
	case ARGUMENTS_NOTHING:
		return EX_OK;
	default:
		break;
	}
	warnings_init(&s.warnings);
	if (load(&s, &err) == -1) {
		if (a.mode == ARGUMENTS_SMTP)
			smtp_decline(STDOUT_FILENO, &err);
		return sendmail_fail(&s, &err);
	}
	if (a.mode == ARGUMENTS_ALIASES)
		status = check_aliases(&s);
	else if (a.mode == ARGUMENTS_LIST)
		status = sendmail_list(&s, &a);
	else if (a.mode == ARGUMENTS_RUN)
		status = sendmail_run_queue(&s, &a);
	else if (a.mode == ARGUMENTS_SMTP)
		status = serve(&s);
	else if (a.mode == ARGUMENTS_VERIFY)
		status = verify(&s, &a);
	else
		status = send_message(&s, &a);
	conf_free(s.conf);
	return status;
}
