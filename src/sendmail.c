/* SPDX-License-Identifier: ISC */
/*
 * sendmail, mailq, newaliases: puts mail into the spool (sendmail(8)). Runs as
 * anybody, needs no privilege, and opens no path that stands on its command
 * line. Whatever goes wrong is one line on stderr and in the log, and nothing
 * is queued then.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/now.h"
#include "cli/totals.h"
#include "cli/verdict_say.h"
#include "conf/conf.h"
#include "envelope/address.h"
#include "envelope/queue_id.h"
#include "log/log.h"
#include "queue/ask.h"
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

#define LINE_BYTES 900u
#define WAIT_MS 10000    /* --wait */
#define ATTEMPT_MS 60000 /* -odi; then it goes on by itself */

static const char po_queue[] = PO_SBINDIR "/po-queue";
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

/* All that po.conf says to sendmail. */
struct settings {
	struct conf *conf;
	struct drop_conf drop;
	struct submit_conf submit;
	struct log_conf log;
	struct submit_host host;
	struct warnings warnings;
};

/* ------------------------------------------------------------------ telling */

static void
tell_span(const char *before, struct span text)
{
	struct buf line;

	buf_init(&line, LINE_BYTES + 40);
	if (buf_puts(&line, "sendmail: ") && buf_puts(&line, before) &&
	    log_escape(&line, text, LINE_BYTES) && buf_putc(&line, '\n'))
		(void)fd_write_all(STDERR_FILENO, line.p, line.len, "stderr",
		    NULL);
	buf_clear(&line);
}

static void
tell(const char *text)
{
	tell_span("", span_of(text));
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
		tell(text);
	}
}

static bool
open_log(const struct settings *s)
{
	return s->conf != NULL && s->log.target != LOG_TO_STDERR &&
	       log_open(&s->log, "po/sendmail", NULL) == 0;
}

/* What is wrong and stopped nothing: in the log, and on stderr unless that may
 * be the client's (inetd). */
static void
pass_warnings_on(struct settings *s, bool on_stderr)
{
	struct span rest = buf_span(&s->warnings.text), line;
	bool log = rest.len > 0 && open_log(s);

	while (rest.len > 0) {
		line = span_cut(&rest, '\n');
		if (on_stderr)
			tell_span("warning: ", line);
		if (log)
			log_line(LOG_LEVEL_WARNING, "uid=%lu: %.*s",
			    (unsigned long)getuid(), (int)line.len, line.p);
	}
	warnings_clear(&s->warnings);
}

/* Tell, log, and the exit status: what may work later is not_queued_exit, but
 * for a wrong configuration and a stdin that cannot be read (sysexits). */
static int
fail(const struct settings *s, const struct po_err *err)
{
	const struct po_code_info *info = po_code_info(err->code);

	tell(err->text);
	if (open_log(s))
		log_line(LOG_LEVEL_WARNING, "uid=%lu: not queued: %s",
		    (unsigned long)getuid(), err->text);
	if (!info->retry || err->code == PO_ECONFIG || err->code == PO_ENOINPUT)
		return info->exit_status;
	return s->conf == NULL ? EX_TEMPFAIL : (int)s->submit.not_queued_exit;
}

static int
load(struct settings *s, struct po_err *err)
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

/* ------------------------------------------------------------------ modes */

/* Is the spool the caller's own (spool-layout.md, "Paths, owners, modes")? Then
 * nobody else delivers from it. */
static bool
is_own_spool(const struct settings *s)
{
	struct stat top, queue;
	struct buf path;
	bool own = false;

	buf_init(&path, 4096);
	if (buf_puts(&path, s->drop.spool) && lstat(path.p, &top) == 0 &&
	    buf_puts(&path, "/queue") && lstat(path.p, &queue) == 0)
		own = S_ISDIR(top.st_mode) && top.st_uid == geteuid() &&
		      S_ISDIR(queue.st_mode) && queue.st_uid == geteuid();
	buf_clear(&path);
	return own;
}

/* What we ignore is not to be ignored there. */
static void
exec_po_queue(char *const argv[])
{
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGXFSZ, SIG_DFL);
	(void)execv(po_queue, argv);
}

/* --wait in an own spool: po-queue takes it in and tells, in our name. */
static void
exec_verdict(const struct queue_id *id)
{
	char name[] = "sendmail", verb[] = "--verdict", text[QUEUE_ID_LEN + 1];
	char *argv[] = { name, verb, text, NULL };

	(void)snprintf(text, sizeof(text), "%s", id->text);
	exec_po_queue(argv);
}

/* What the queue says to it: asked of the runner. Whatever happens here, it is
 * queued. */
static int
await_verdict(const struct settings *s, const struct queue_id *id, bool own)
{
	struct buf request, answer;
	char text[120];
	int rc = -1, status = EX_OK;

	if (own)
		exec_verdict(id);
	buf_init(&request, 200);
	buf_init(&answer, LINE_BYTES * 4);
	if (!own &&
	    buf_printf(&request, "po-act 1\nverb=verdict\nuntil=taken\nid=%s\n",
	        id->text))
		rc = act_ask_while(s->drop.spool, buf_str(&request), WAIT_MS,
		    &answer, NULL);
	if (rc == 1 &&
	    (span_has_prefix_nocase(buf_span(&answer), SPAN_LIT("ok ")) ||
	        span_has_prefix_nocase(buf_span(&answer), SPAN_LIT("no ")))) {
		status = verdict_say(buf_span(&answer), "sendmail");
	} else {
		(void)snprintf(text, sizeof(text),
		    "%s: accepted, not confirmed: no runner has answered",
		    id->text);
		tell(text);
	}
	buf_clear(&request);
	buf_clear(&answer);
	return fflush(stdout) == 0 ? status : EX_IOERR;
}

/* It is queued. In an own spool what is urgent is delivered by us. */
static int
after_queuing(const struct settings *s, const struct arguments *a,
    const struct envelope *env)
{
	bool now = env->priority == PRIORITY_NOW && env->due == 0;
	bool own = (now || a->waits) && is_own_spool(s);

	if (own && now)
		now_deliver(po_queue, env->id.text,
		    a->immediate ? ATTEMPT_MS : 0);
	return a->waits ? await_verdict(s, &env->id, own) : EX_OK;
}

static int
send_message(struct settings *s, const struct arguments *a)
{
	struct submit_request request = a->request;
	struct submission sub;
	struct drop *drop = NULL;
	struct envelope env;
	struct po_err err;
	int rc;

	request.warnings = &s->warnings;
	if (submission_begin(&sub, &s->submit, &s->host, &request, &err))
		return fail(s, &err);
	rc = drop_open(&s->drop, &drop, &err);
	if (rc == 0) {
		submission_attach(&sub, drop);
		rc = input_submit(STDIN_FILENO, s->submit.stdin_timeout, &sub,
		    &err);
	}
	env = sub.env; /* its id, class and time are in it itself */
	submission_clear(&sub);
	drop_close(drop);
	pass_warnings_on(s, true);
	return rc == 0 ? after_queuing(s, a, &env) : fail(s, &err);
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

/* A dialogue may be long: who is started for one message is waited for when
 * the next one comes. */
static int
deliver_urgent(void *settings, const void *id, size_t len, struct po_err *err)
{
	char text[QUEUE_ID_LEN + 1] = "";

	(void)err;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue;
	memcpy(text, id, len);
	if (is_own_spool(settings))
		now_deliver(po_queue, text, 0);
	return 0;
}

static int
serve(struct settings *s)
{
	const struct sink urgent = { deliver_urgent, s };
	const struct smtp_service service = { &s->submit, &s->host, &s->drop,
		&s->warnings, &urgent };
	struct po_err err;
	int rc;

	rc = smtp_serve(STDIN_FILENO, STDOUT_FILENO, &service, &err);
	pass_warnings_on(s, false);
	return rc == 0 ? EX_OK : fail(s, &err);
}

/* -bv: the addresses as they would be sent to, one a line. */
static int
verify(struct settings *s, const struct arguments *a)
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
			tell(err.text);
			status = EX_NOUSER;
		}
	}
	if (alias_expand(&s->submit, &s->host, &to, &arena, &s->warnings,
	        &err) == -1)
		status = fail(s, &err);
	pass_warnings_on(s, true);
	for (i = 0; i < to.n; i++)
		(void)printf("%s... deliverable\n", to.v[i].address);
	recipients_clear(&to);
	arena_clear(&arena);
	return fflush(stdout) == 0 ? status : EX_IOERR;
}

/* newaliases, -bi: there is nothing to build, so look whether it is right. */
static int
check_aliases(struct settings *s)
{
	struct span rest;
	struct po_err err;
	size_t left_out;
	int rc = alias_check(&s->submit, &s->host, &s->warnings, &err);

	if (rc == -1)
		return fail(s, &err);
	rest = buf_span(&s->warnings.text);
	while (rest.len > 0)
		tell_span("", span_cut(&rest, '\n'));
	left_out =
	    s->warnings.n > WARNINGS_MAX ? s->warnings.n - WARNINGS_MAX : 0;
	if (left_out > 0)
		(void)fprintf(stderr, "sendmail: and %zu more\n", left_out);
	warnings_clear(&s->warnings);
	return rc == 0 ? EX_OK : EX_CONFIG;
}

/* May the caller read the spool: is he root, or its owner? */
static bool
owns_spool(const struct settings *s)
{
	struct stat st;
	struct buf path;
	bool owns = geteuid() == 0;

	buf_init(&path, 4096);
	if (!owns && buf_puts(&path, s->drop.spool) &&
	    buf_puts(&path, "/queue"))
		owns = lstat(path.p, &st) == 0 && S_ISDIR(st.st_mode) &&
		       st.st_uid == geteuid();
	buf_clear(&path);
	return owns;
}

static int
run_po_queue(const struct settings *s, const char *const argv[])
{
	char *args[ARGUMENTS_MAX_RUNS + 4];
	struct po_err err;
	size_t i;

	for (i = 0; i < ARGUMENTS_MAX_RUNS + 3 && argv[i] != NULL; i++)
		args[i] = strdup(argv[i]);
	args[i] = NULL;
	exec_po_queue(args);
	(void)po_fail_sys(&err, PO_EOSFILE, "run %s", po_queue);
	return fail(s, &err);
}

/* "!Rtext" as po-queue's "--recipient=!text"; kept until exec. */
static const char *
selector_of(const char *run)
{
	const char *letter = run + (run[0] == '!');
	struct buf b;

	buf_init(&b, 1u << 20);
	if (!buf_printf(&b, "--%s=%s%s",
	        *letter == 'I'   ? "id"
	        : *letter == 'R' ? "recipient"
	                         : "sender",
	        letter == run ? "" : "!", letter + 1))
		return NULL;
	return b.p;
}

/* po-queue with `verb` and what -q chose. */
static int
run_selected(struct settings *s, const struct arguments *a, const char *verb)
{
	const char *argv[ARGUMENTS_MAX_RUNS + 4] = { "po-queue", verb };
	struct po_err err;
	size_t i;

	for (i = 0; i < a->n_runs; i++) {
		argv[2 + i] = selector_of(a->runs[i]);
		if (argv[2 + i] == NULL) {
			(void)po_fail(&err, PO_EUSAGE, "-q: too long");
			return fail(s, &err);
		}
	}
	return run_po_queue(s, argv);
}

static int
list(struct settings *s, const struct arguments *a)
{
	struct po_err err;

	if (owns_spool(s))
		return run_selected(s, a, "--list");
	if (a->n_runs > 0)
		(void)po_fail(&err, PO_EPERM,
		    "-q: only root and the owner of the spool see more than "
		    "the totals");
	if (a->n_runs > 0 ||
	    totals_print(s->drop.spool, stdout, stderr, &err) == -1)
		return fail(s, &err);
	return fflush(stdout) == 0 || errno == EPIPE ? EX_OK : EX_IOERR;
}

/* -q, -q30m: deferred mail is due, one run; -qItext, -qRtext, -qStext: that
 * which matches; -qI and a whole id: that message, due or not. */
static int
run_queue(struct settings *s, const struct arguments *a)
{
	const char *argv[] = { "po-queue", "--only", NULL, NULL };
	struct queue_id id;
	struct po_err err;

	if (!owns_spool(s)) {
		(void)po_fail(&err, PO_EPERM,
		    "-q: only root and the owner of the spool run the queue; "
		    "po-queue's service or timer does it by itself");
		return fail(s, &err);
	}
	if (a->n_runs == 1 && a->runs[0][0] == 'I' &&
	    queue_id_parse(span_of(a->runs[0] + 1), &id)) {
		argv[2] = a->runs[0] + 1;
		return run_po_queue(s, argv);
	}
	return run_selected(s, a, "--flush");
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
	struct settings s = { 0 };
	struct arguments a;
	struct po_err err;
	int status;

	fd_open_standard();
	take_signals();
	if (arguments_read(argc, argv, &a, &err) == -1)
		return fail(&s, &err);
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
		return fail(&s, &err);
	}
	if (a.mode == ARGUMENTS_ALIASES)
		status = check_aliases(&s);
	else if (a.mode == ARGUMENTS_LIST)
		status = list(&s, &a);
	else if (a.mode == ARGUMENTS_RUN)
		status = run_queue(&s, &a);
	else if (a.mode == ARGUMENTS_SMTP)
		status = serve(&s);
	else if (a.mode == ARGUMENTS_VERIFY)
		status = verify(&s, &a);
	else
		status = send_message(&s, &a);
	conf_free(s.conf);
	return status;
}
