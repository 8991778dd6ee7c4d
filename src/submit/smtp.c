/* SPDX-License-Identifier: ISC */
/*
 * One loop: a line, a row of the table of commands, a reply. Replies are
 * gathered and written when there is no more input to read, which is what makes
 * pipelining cheap (RFC 2920).
 *
 * Where a transaction stands is in three facts: in_mail (MAIL was accepted),
 * recipients (sub.to.n) and in_chunks (a BDAT was begun); want() compares them
 * with what a command's row asks for.
 */
#include "submit/smtp.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "envelope/address.h"
#include "log/log.h"
#include "message/date.h"
#include "submit/smtp_params.h"
#include "submit/submission.h"
#include "util/fd.h"
#include "util/parse_num.h"
#include "util/wallclock.h"
#include "util/xalloc.h"

#define INPUT_BYTES 65536u
#define LINE_BYTES 4096u /* RFC 5321, 4.5.3.1.4, and room for parameters */
#define REPLIES_BYTES 65536u
#define REPLY_TEXT 400u
#define MAX_ERRORS 100u

struct session {
	int in, out;
	const struct submit_conf *conf;
	const struct submit_host *host;
	const struct drop_conf *drop_conf;
	struct drop *drop; /* opened by the first MAIL */

	bool ended;
	unsigned errors;
	bool line_has_cr; /* of the command in hand */
	bool in_mail, in_chunks;
	bool extended, smtputf8;
	struct submission sub;

	struct buf replies;
	size_t at, len; /* what is unread in `input` */
	char input[INPUT_BYTES];
	struct po_err *err;
};

enum wants {
	WANTS_NOTHING,
	WANTS_NO_MAIL,    /* MAIL: no transaction yet */
	WANTS_MAIL,       /* RCPT: one, without content */
	WANTS_RECIPIENTS, /* DATA */
};

struct command {
	const char *name;
	enum wants wants;
	void (*run)(struct session *s, struct span args);
};

/* ------------------------------------------------------------ in and out */

static int
flush(struct session *s)
{
	int rc = 0;

	if (s->replies.len > 0)
		rc = fd_write_all(s->out, s->replies.p, s->replies.len,
		    "replies", NULL);
	buf_reset(&s->replies);
	if (rc == -1) /* the client is gone: so is the dialogue */
		s->ended = true;
	return rc;
}

static void
reply(struct session *s, const char *text)
{
	if (s->replies.len > REPLIES_BYTES / 2)
		(void)flush(s);
	if (!buf_puts(&s->replies, text) || !buf_puts(&s->replies, "\r\n"))
		s->ended = true;
	if (text[0] == '5')
		s->errors++;
}

/* A failure of ours as a reply: 452, 451 or 554 and its enhanced status; what
 * is wrong with an address is 553. */
static void
reply_error(struct session *s, const struct po_err *e, const char *permanent)
{
	const struct po_code_info *info = po_code_info(e->code);
	char text[REPLY_TEXT + 100];
	struct buf shown;

	buf_init(&shown, REPLY_TEXT);
	(void)log_escape(&shown, span_of(e->text), REPLY_TEXT);
	if (!info->retry)
		(void)snprintf(text, sizeof(text), "%s %s", permanent,
		    buf_str(&shown));
	else
		(void)snprintf(text, sizeof(text), "%s %s %s",
		    e->code == PO_EFULL ? "452" : "451", info->status,
		    buf_str(&shown));
	reply(s, text);
	buf_clear(&shown);
}

/* More input, after the replies so far: false at its end, or when the time is
 * over. */
static bool
fill(struct session *s)
{
	int64_t deadline = monotonic_ms() + s->conf->stdin_timeout * 1000;
	ssize_t n;
	int ready;

	if (flush(s) == -1)
		return false;
	for (;;) {
		ready = fd_wait(s->in, POLLIN, deadline);
		if (ready == 0) {
			reply(s, "421 4.4.2 Nothing was said for too long");
			break;
		}
		n = ready == 1 ? read(s->in, s->input, INPUT_BYTES) : -1;
		if (n > 0) {
			s->at = 0;
			s->len = (size_t)n;
			return true;
		}
		if (n == 0)
			break;
		if (errno == EINTR || errno == EAGAIN)
			continue;
		if (errno != ECONNRESET)
			(void)po_fail_sys(s->err, PO_ENOINPUT,
			    "read SMTP commands");
		break;
	}
	s->ended = true;
	return false;
}

/* The next line into *line, without its end. 1; 0: it was too long and is
 * dropped; -1: there is none. */
static int
read_line(struct session *s, struct buf *line)
{
	const char *from, *lf;
	bool fits = true;
	size_t n;

	buf_reset(line);
	do {
		if (s->at == s->len && !fill(s))
			return -1;
		from = s->input + s->at;
		lf = memchr(from, '\n', s->len - s->at);
		n = lf == NULL ? s->len - s->at : (size_t)(lf - from);
		fits = fits && buf_put(line, from, n);
		s->at += n + (lf != NULL);
	} while (lf == NULL);
	s->line_has_cr = line->len > 0 && line->p[line->len - 1] == '\r';
	if (s->line_has_cr)
		line->p[--line->len] = '\0';
	return fits ? 1 : 0;
}

/* ------------------------------------------------------------ transactions */

static void
end_mail(struct session *s)
{
	if (s->in_mail)
		submission_clear(&s->sub);
	s->in_mail = s->in_chunks = false;
}

static bool
want(struct session *s, enum wants wants)
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
		reply(s, fault);
	return fault == NULL;
}

/* The one address of a path, copied. */
static int
read_path(struct session *s, struct span path, struct buf *address, bool *utf8,
    struct po_err *err)
{
	struct address_list list;
	struct address a, more;
	int rc;

	address_list_init(&list, path, s->host->domain);
	rc = address_next(&list, &a, err);
	if (rc == 1) {
		*utf8 = a.utf8;
		if (!buf_puts(address, a.text))
			rc = po_fail(err, PO_EOS, "no memory for an address");
	} else if (rc == 0) {
		rc = po_fail(err, PO_EDATA, "no address");
	}
	if (rc == 1 && address_next(&list, &more, err) == 1)
		rc = po_fail(err, PO_EDATA, "more than one address");
	else if (rc == 1 && list.groups > 0)
		rc = po_fail(err, PO_EDATA, "a group is no address");
	address_list_clear(&list);
	return rc == 1 ? 0 : -1;
}

static void
set_envelope(struct session *s, const struct smtp_mail *m)
{
	struct envelope *env = &s->sub.env;

	env->ret = m->ret;
	env->mime = m->mime;
	env->due = m->due;
	env->expires = m->expires;
	env->smtputf8 = m->smtputf8;
	if (m->by_notify)
		s->sub.request.notify = NOTIFY_FAILURE | NOTIFY_DELAY;
	s->smtputf8 = m->smtputf8;
}

static bool
begin_mail(struct session *s, const struct smtp_mail *m, const char *sender,
    struct po_err *err)
{
	struct submit_request request = { .sender = sender,
		.priority = m->priority,
		.protocol = s->extended ? "ESMTP" : "SMTP" };
	const char *envid = NULL;

	if (s->drop == NULL && drop_open(s->drop_conf, &s->drop, err) == -1)
		return false;
	if (submission_begin(&s->sub, s->conf, s->host, &request, err) == -1)
		return false;
	s->in_mail = true;
	if (m->envid.len > 0) {
		envid = arena_strndup(&s->sub.arena, m->envid.p, m->envid.len);
		if (envid == NULL) {
			(void)po_fail(err, PO_EOS, "no memory for ENVID");
			end_mail(s);
			return false;
		}
	}
	s->sub.env.envid = envid;
	set_envelope(s, m);
	return true;
}

static void
run_mail(struct session *s, struct span args)
{
	struct smtp_mail m;
	struct po_err err;
	struct buf sender;
	bool utf8 = false;
	const char *fault = smtp_mail_parse(args, wallclock_now(), &m);

	if (fault != NULL) {
		reply(s, fault);
		return;
	}
	buf_init(&sender, ENVELOPE_MAX_ADDRESS);
	if (m.size > (uint64_t)s->conf->message_size_limit)
		reply(s, "552 5.3.4 The message is larger than SIZE allows");
	else if (read_path(s, m.path, &sender, &utf8, &err) == -1)
		reply_error(s, &err, "553 5.1.7");
	else if (utf8 && !m.smtputf8)
		reply(s, "553 5.6.7 This address wants SMTPUTF8");
	else if (!begin_mail(s, &m, buf_str(&sender), &err))
		reply_error(s, &err, "553 5.1.7");
	else
		reply(s, "250 2.1.0 Ok");
	buf_clear(&sender);
}

static void
run_rcpt(struct session *s, struct span args)
{
	struct smtp_rcpt r;
	struct po_err err;
	struct buf to;
	bool utf8 = false;
	const char *fault = smtp_rcpt_parse(args, &r);

	if (fault != NULL) {
		reply(s, fault);
		return;
	}
	buf_init(&to, ENVELOPE_MAX_ADDRESS);
	if (read_path(s, r.path, &to, &utf8, &err) == -1)
		reply_error(s, &err, "553 5.1.3");
	else if (to.len == 0)
		reply(s, "553 5.1.3 Nobody can be the recipient");
	else if (utf8 && !s->smtputf8)
		reply(s, "553 5.6.7 This address wants SMTPUTF8");
	else if (s->sub.to.n >= (size_t)s->conf->recipient_limit)
		reply(s, "452 4.5.3 Too many recipients");
	else if (submission_add_recipient(&s->sub, to.p, utf8, r.notify,
	             r.orcpt, &err) == -1)
		reply_error(s, &err, "553 5.1.3");
	else
		reply(s, "250 2.1.5 Ok");
	buf_clear(&to);
}

/* All of the message is here: queue it, tell, and begin anew. */
static void
finish_mail(struct session *s)
{
	struct po_err err;
	char text[100];

	if (submission_end(&s->sub, &err) == 0) {
		(void)snprintf(text, sizeof(text), "250 2.0.0 Ok: queued as %s",
		    s->sub.env.id.text);
		reply(s, text);
	} else if (s->sub.bytes > (uint64_t)s->conf->message_size_limit) {
		reply_error(s, &err, "552 5.3.4");
	} else {
		reply_error(s, &err, "554 5.6.0");
	}
	end_mail(s);
}

static void
run_data(struct session *s, struct span args)
{
	if (args.len > 0) {
		reply(s, "501 5.5.4 DATA stands alone");
		return;
	}
	s->sub.request.dots = s->line_has_cr ? DOTS_SMTP_CRLF : DOTS_SMTP_LF;
	submission_attach(&s->sub, s->drop);
	reply(s, "354 End data with <CR><LF>.<CR><LF>");
	while (!s->sub.clean.ended) {
		if (s->at == s->len && !fill(s))
			return;
		(void)submission_write(&s->sub, s->input + s->at,
		    s->len - s->at, NULL);
		s->at += s->sub.clean.used;
	}
	finish_mail(s);
}

/* Pass `n` bytes of a chunk on, or over when they are not wanted. */
static bool
take_chunk(struct session *s, uint64_t n, bool wanted)
{
	size_t some;

	while (n > 0) {
		if (s->at == s->len && !fill(s))
			return false;
		some = s->len - s->at;
		if (some > n)
			some = (size_t)n;
		if (wanted)
			(void)submission_write(&s->sub, s->input + s->at, some,
			    NULL);
		s->at += some;
		n -= some;
	}
	return true;
}

/* RFC 3030, 2: the chunk follows at once, also behind a refusal. */
static void
run_bdat(struct session *s, struct span args)
{
	struct span rest = span_trim(args), size = span_cut(&rest, ' ');
	bool last, wanted;
	char text[60];
	uint64_t n;

	rest = span_trim(rest);
	last = span_eq_nocase(rest, SPAN_LIT("LAST"));
	if (!parse_u64(size, 0, INT64_MAX, &n) || (rest.len > 0 && !last)) {
		/* Nobody knows where the next command begins. */
		reply(s, "501 5.5.4 BDAT size [LAST] is wanted");
		s->ended = true;
		return;
	}
	wanted = s->in_mail && s->sub.to.n > 0;
	if (wanted && !s->in_chunks) {
		s->sub.request.dots = DOTS_DATA;
		submission_attach(&s->sub, s->drop);
		s->in_chunks = true;
	}
	if (!take_chunk(s, n, wanted))
		return;
	(void)snprintf(text, sizeof(text), "250 2.0.0 %llu bytes",
	    (unsigned long long)n);
	if (!s->in_mail)
		reply(s, "503 5.5.1 MAIL comes first");
	else if (!wanted)
		reply(s, "554 5.5.1 No valid recipients");
	else if (last)
		finish_mail(s);
	else
		reply(s, text);
}

/* ------------------------------------------------------------ the others */

static void
run_ehlo(struct session *s, struct span args)
{
	char until[40], text[1000];
	int64_t t = wallclock_now() + SMTP_HOLD_MAX_S;

	(void)args;
	end_mail(s);
	s->extended = true;
	date_format_rfc3339(t, until);
	(void)snprintf(text, sizeof(text),
	    "250-%s\r\n250-PIPELINING\r\n250-SIZE %lld\r\n250-8BITMIME\r\n"
	    "250-SMTPUTF8\r\n250-CHUNKING\r\n250-DSN\r\n"
	    "250-FUTURERELEASE %lld %s\r\n250-MT-PRIORITY\r\n"
	    "250-DELIVERBY\r\n250 ENHANCEDSTATUSCODES",
	    s->host->hostname, (long long)s->conf->message_size_limit,
	    (long long)SMTP_HOLD_MAX_S, until);
	reply(s, text);
}

static void
run_helo(struct session *s, struct span args)
{
	char text[HOST_MAX_BYTES + 5];

	(void)args;
	end_mail(s);
	s->extended = false;
	(void)snprintf(text, sizeof(text), "250 %s", s->host->hostname);
	reply(s, text);
}

static void
run_rset(struct session *s, struct span args)
{
	(void)args;
	end_mail(s);
	reply(s, "250 2.0.0 Ok");
}

static void
run_noop(struct session *s, struct span args)
{
	(void)args;
	reply(s, "250 2.0.0 Ok");
}

static void
run_vrfy(struct session *s, struct span args)
{
	(void)args;
	reply(s, "252 2.0.0 Send it and see");
}

static void
run_help(struct session *s, struct span args)
{
	(void)args;
	reply(s, "214 2.0.0 See RFC 5321 and sendmail(8)");
}

static void
run_quit(struct session *s, struct span args)
{
	(void)args;
	reply(s, "221 2.0.0 Bye");
	s->ended = true;
}

/* A browser that was made to talk to port 25: what follows is not its user's
 * will. */
static void
run_http(struct session *s, struct span args)
{
	(void)args;
	reply(s, "421 4.7.0 This is no web server");
	s->ended = true;
}

static const struct command commands[] = {
	{ "EHLO", WANTS_NOTHING, run_ehlo },
	{ "HELO", WANTS_NOTHING, run_helo },
	{ "MAIL", WANTS_NO_MAIL, run_mail },
	{ "RCPT", WANTS_MAIL, run_rcpt },
	{ "DATA", WANTS_RECIPIENTS, run_data },
	{ "BDAT", WANTS_NOTHING, run_bdat },
	{ "RSET", WANTS_NOTHING, run_rset },
	{ "NOOP", WANTS_NOTHING, run_noop },
	{ "VRFY", WANTS_NOTHING, run_vrfy },
	{ "HELP", WANTS_NOTHING, run_help },
	{ "QUIT", WANTS_NOTHING, run_quit },
	{ "GET", WANTS_NOTHING, run_http },
	{ "POST", WANTS_NOTHING, run_http },
	{ "PUT", WANTS_NOTHING, run_http },
	{ "HEAD", WANTS_NOTHING, run_http },
	{ "OPTIONS", WANTS_NOTHING, run_http },
	{ "CONNECT", WANTS_NOTHING, run_http },
};

static void
run_line(struct session *s, struct span line)
{
	struct span args, name;
	size_t i;

	args = span_trim(line);
	name = span_cut(&args, ' ');
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!span_eq_nocase(name, span_of(commands[i].name)))
			continue;
		if (want(s, commands[i].wants))
			commands[i].run(s, span_trim(args));
		return;
	}
	reply(s, "500 5.5.2 No such command here");
}

static void
converse(struct session *s)
{
	struct buf line;
	int rc;

	buf_init(&line, LINE_BYTES);
	while (!s->ended && (rc = read_line(s, &line)) != -1) {
		if (rc == 0)
			reply(s, "500 5.5.2 The line is too long");
		else
			run_line(s, buf_span(&line));
		if (s->errors > MAX_ERRORS) {
			reply(s, "421 4.7.0 Too many errors");
			s->ended = true;
		}
	}
	buf_clear(&line);
}

int
smtp_serve(int in, int out, const struct submit_conf *conf,
    const struct submit_host *host, const struct drop_conf *drop,
    struct po_err *err)
{
	struct session *s = xcalloc(1, sizeof(*s));
	char text[HOST_MAX_BYTES + 20];
	int rc;

	s->in = in;
	s->out = out;
	s->conf = conf;
	s->host = host;
	s->drop_conf = drop;
	s->err = err;
	err->code = PO_OK;
	buf_init(&s->replies, REPLIES_BYTES);
	(void)snprintf(text, sizeof(text), "220 %s ESMTP po", host->hostname);
	reply(s, text);
	converse(s);
	(void)flush(s);
	end_mail(s);
	drop_close(s->drop);
	buf_clear(&s->replies);
	rc = err->code == PO_OK ? 0 : -1;
	free(s);
	return rc;
}
