/* SPDX-License-Identifier: ISC */
/*
 * One loop: a line, a row of the table of commands, a reply. want() compares
 * where the transaction stands with what a command's row asks for.
 */
#include "submit/smtp.h"

#include <stdio.h>
#include <stdlib.h>

#include "message/date.h"
#include "submit/smtp_io.h"
#include "submit/smtp_params.h"
#include "submit/smtp_peer.h"
#include "submit/smtp_transaction.h"
#include "util/wallclock.h"
#include "util/xalloc.h"

#define LINE_BYTES 4096u /* RFC 5321, 4.5.3.1.4, and room for parameters */
#define MAX_ERRORS 100u
#define DECLINE_S 10

enum wants {
	WANTS_NOTHING,
	WANTS_NO_MAIL,    /* MAIL: no transaction yet */
	WANTS_MAIL,       /* RCPT: one, without content */
	WANTS_RECIPIENTS, /* DATA */
};

struct command {
	const char *name;
	enum wants wants;
	void (*run)(struct smtp_session *s, struct span args);
};

static bool
want(struct smtp_session *s, enum wants wants)
{
	const char *fault = NULL;

	if (wants == WANTS_NO_MAIL && s->in_mail)
		fault = "503 5.5.1 A message is begun already";
	else if (wants >= WANTS_MAIL && !s->in_mail)
		fault = "503 5.5.1 MAIL comes first";
	else if (wants >= WANTS_MAIL && s->in_chunks)
		fault = "503 5.5.1 BDAT is begun: more of it, or RSET";
	else if (wants == WANTS_RECIPIENTS && s->sub.to.n == 0)
		fault = "554 5.5.1 No valid recipients";
	if (fault != NULL)
		smtp_io_reply(&s->io, fault);
	return fault == NULL;
}

/* EHLO and HELO: whose name it is does not matter here, but one must stand
 * there (RFC 5321, 4.1.1.1). The reply has no enhanced status (RFC 2034, 3). */
static bool
greets(struct smtp_session *s, struct span args)
{
	if (args.len == 0) {
		smtp_io_reply(&s->io, "501 A host name is wanted");
		return false;
	}
	smtp_transaction_end(s);
	return true;
}

static void
run_ehlo(struct smtp_session *s, struct span args)
{
	char until[40], text[1000];
	int64_t t = wallclock_now() + SMTP_HOLD_MAX_S;

	if (!greets(s, args))
		return;
	s->extended = true;
	date_format_rfc3339(t, until);
	(void)snprintf(text, sizeof(text),
	    "250-%s\r\n250-PIPELINING\r\n250-SIZE %lld\r\n250-8BITMIME\r\n"
	    "250-SMTPUTF8\r\n250-CHUNKING\r\n250-DSN\r\n"
	    "250-FUTURERELEASE %lld %s\r\n250-MT-PRIORITY\r\n"
	    "250-DELIVERBY\r\n250-REQUIRETLS\r\n"
	    "250 ENHANCEDSTATUSCODES",
	    s->host->hostname, (long long)s->conf->message_size_limit,
	    (long long)SMTP_HOLD_MAX_S, until);
	smtp_io_reply(&s->io, text);
}

static void
run_helo(struct smtp_session *s, struct span args)
{
	char text[HOST_MAX_BYTES + 5];

	if (!greets(s, args))
		return;
	s->extended = false;
	(void)snprintf(text, sizeof(text), "250 %s", s->host->hostname);
	smtp_io_reply(&s->io, text);
}

static void
run_rset(struct smtp_session *s, struct span args)
{
	(void)args;
	smtp_transaction_end(s);
	smtp_io_reply(&s->io, "250 2.0.0 Ok");
}

static void
run_noop(struct smtp_session *s, struct span args)
{
	(void)args;
	smtp_io_reply(&s->io, "250 2.0.0 Ok");
}

static void
run_vrfy(struct smtp_session *s, struct span args)
{
	(void)args;
	smtp_io_reply(&s->io, "252 2.0.0 Send it and see");
}

static void
run_help(struct smtp_session *s, struct span args)
{
	(void)args;
	smtp_io_reply(&s->io, "214 2.0.0 See RFC 5321 and sendmail(8)");
}

static void
run_quit(struct smtp_session *s, struct span args)
{
	(void)args;
	smtp_io_reply(&s->io, "221 2.0.0 Bye");
	s->io.ended = true;
}

/* Commands of other servers, and those that left SMTP with RFC 2821. */
static void
run_unserved(struct smtp_session *s, struct span args)
{
	(void)args;
	smtp_io_reply(&s->io, "502 5.5.1 This command is not served here");
}

/* A browser that was made to talk to port 25: what follows is not its user's
 * will. */
static void
run_http(struct smtp_session *s, struct span args)
{
	(void)args;
	smtp_io_reply(&s->io, "421 4.7.0 This is no web server");
	s->io.ended = true;
}

static const struct command commands[] = {
	{ "EHLO", WANTS_NOTHING, run_ehlo },
	{ "HELO", WANTS_NOTHING, run_helo },
	{ "MAIL", WANTS_NO_MAIL, smtp_transaction_mail },
	{ "RCPT", WANTS_MAIL, smtp_transaction_rcpt },
	{ "DATA", WANTS_RECIPIENTS, smtp_transaction_data },
	{ "BDAT", WANTS_NOTHING, smtp_transaction_bdat },
	{ "RSET", WANTS_NOTHING, run_rset },
	{ "NOOP", WANTS_NOTHING, run_noop },
	{ "VRFY", WANTS_NOTHING, run_vrfy },
	{ "HELP", WANTS_NOTHING, run_help },
	{ "QUIT", WANTS_NOTHING, run_quit },
	{ "EXPN", WANTS_NOTHING, run_unserved },
	{ "ETRN", WANTS_NOTHING, run_unserved },
	{ "VERB", WANTS_NOTHING, run_unserved },
	{ "AUTH", WANTS_NOTHING, run_unserved },
	{ "STARTTLS", WANTS_NOTHING, run_unserved },
	{ "TURN", WANTS_NOTHING, run_unserved },
	{ "SEND", WANTS_NOTHING, run_unserved },
	{ "SOML", WANTS_NOTHING, run_unserved },
	{ "SAML", WANTS_NOTHING, run_unserved },
	{ "GET", WANTS_NOTHING, run_http },
	{ "POST", WANTS_NOTHING, run_http },
	{ "PUT", WANTS_NOTHING, run_http },
	{ "HEAD", WANTS_NOTHING, run_http },
	{ "OPTIONS", WANTS_NOTHING, run_http },
	{ "CONNECT", WANTS_NOTHING, run_http },
};

/* A line that is no command. A chunk that may follow has no known size. */
static void
refuse_line(struct smtp_session *s, struct span line, const char *reply)
{
	smtp_io_reply(&s->io, reply);
	if (span_has_prefix_nocase(line, SPAN_LIT("BDAT")))
		s->io.ended = true;
}

static bool
has_control(struct span line)
{
	size_t i;

	for (i = 0; i < line.len; i++)
		if (ascii_is_control((unsigned char)line.p[i]) &&
		    line.p[i] != '\t')
			return true;
	return false;
}

static void
run_line(struct smtp_session *s, struct span line)
{
	struct span args, name;
	size_t i;

	if (has_control(line)) { /* a bare CR is one (RFC 5321, 2.3.8) */
		refuse_line(s, line,
		    "500 5.5.2 A control character in a command");
		return;
	}
	args = span_trim(line);
	name = span_cut(&args, ' ');
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!span_eq_nocase(name, span_of(commands[i].name)))
			continue;
		if (want(s, commands[i].wants))
			commands[i].run(s, span_trim(args));
		return;
	}
	smtp_io_reply(&s->io, "500 5.5.2 No such command here");
}

static void
converse(struct smtp_session *s)
{
	char text[HOST_MAX_BYTES + 20];
	struct buf line;
	int rc;

	(void)snprintf(text, sizeof(text), "220 %s ESMTP po",
	    s->host->hostname);
	smtp_io_reply(&s->io, text);
	buf_init(&line, LINE_BYTES);
	while (!s->io.ended && (rc = smtp_io_read_line(&s->io, &line)) != -1) {
		if (rc == 0)
			refuse_line(s, buf_span(&line),
			    "500 5.5.2 The line is too long");
		else
			run_line(s, buf_span(&line));
		if (s->io.errors > MAX_ERRORS) {
			smtp_io_reply(&s->io, "421 4.7.0 Too many errors");
			s->io.ended = true;
		}
	}
	buf_clear(&line);
}

/* Whoever reaches this port may send as anybody: not other hosts. */
static void
turn_away(struct smtp_session *s, struct po_err *err)
{
	smtp_io_reply(&s->io,
	    "554 5.7.1 Only programs of this host are served");
	(void)po_fail(err, PO_EPERM,
	    "-bs was given a connection from another host: listen on 127.0.0.1 "
	    "and ::1 only");
}

void
smtp_decline(int out, const struct po_err *why)
{
	struct smtp_io io;
	struct po_err err;

	smtp_io_init(&io, -1, out, DECLINE_S, &err);
	smtp_io_reply_with(&io, "421",
	    why->code == PO_ECONFIG ? po_code_info(why->code)->status : "4.3.0",
	    why->text);
	smtp_io_say_goodbye(&io);
	smtp_io_clear(&io);
}

int
smtp_serve(int in, int out, const struct smtp_service *service,
    struct po_err *err)
{
	struct smtp_session *s = xcalloc(1, sizeof(*s));

	smtp_io_init(&s->io, in, out, service->conf->stdin_timeout, err);
	s->conf = service->conf;
	s->host = service->host;
	s->drop_conf = service->drop;
	s->warnings = service->warnings;
	s->urgent = service->urgent;
	if (smtp_peer_is_elsewhere(in))
		turn_away(s, err);
	else
		converse(s);
	smtp_io_say_goodbye(&s->io);
	smtp_transaction_end(s);
	drop_close(s->drop);
	smtp_io_clear(&s->io);
	free(s);
	return err->code == PO_OK ? 0 : -1;
}
