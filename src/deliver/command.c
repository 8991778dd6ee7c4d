/* SPDX-License-Identifier: ISC */
/*
 * SIZE is the length of the content as it lies in the spool, without the CR
 * of its line ends: RFC 1870 allows an estimate, and counting would cost a
 * pass over the file. What a server cannot take as it is was converted before
 * (smtp_fit.c).
 */
#include "deliver/command.h"

#include <inttypes.h>
#include <stdio.h>

bool
command_address_ok(const char *address)
{
	bool quoted = false;
	unsigned char c;

	for (; *address != '\0'; address++) {
		c = (unsigned char)*address;
		if (ascii_is_control(c))
			return false;
		if (c == '"')
			quoted = !quoted;
		if (quoted && c == '\\' && address[1] != '\0') {
			address++;
			if (ascii_is_control((unsigned char)*address))
				return false;
		}
		if (!quoted && (c == ' ' || c == '<' || c == '>'))
			return false;
	}
	return !quoted;
}

bool
command_word_ok(const char *word)
{
	const char *p;

	for (p = word; *p > 0x20 && *p < 0x7f; p++)
		;
	return *p == '\0' && p > word;
}

static bool
is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

static bool
needs_utf8(const struct deliver_message *m)
{
	size_t i;

	if (m->env->smtputf8 || !is_ascii(m->env->sender))
		return true;
	for (i = 0; i < m->n; i++)
		if (!is_ascii(m->env->recipients[m->which[i]].address))
			return true;
	return false;
}

static bool
is_by_return(const struct envelope *env)
{
	return (env->by == BY_RETURN || env->by == BY_RETURN_TRACE) &&
	       env->expires != 0;
}

/* RFC 2852, 4.1.4: a message that is to come back when it is late goes to
 * nobody who cannot promise that. */
static bool
by_in_time(const struct deliver_message *m, const struct ehlo *e,
    struct delivery *why)
{
	int64_t left = m->env->expires - m->now;

	if (!e->deliverby)
		delivery_set(why, DELIVERY_FAILED, PHASE_MAIL, "5.3.3",
		    "the message is to be returned when it is late, and the "
		    "server does not offer DELIVERBY");
	else if (left <= 0 || left < e->by_min_s)
		delivery_set(why, DELIVERY_FAILED, PHASE_MAIL, "5.4.7",
		    "%" PRId64 " seconds are left to deliver it, and the "
		    "server promises nothing below %" PRId64,
		    left, e->by_min_s);
	else
		return true;
	return false;
}

bool
command_can_send(const struct deliver_message *m, const struct ehlo *e,
    struct delivery *why)
{
	if (!command_address_ok(m->env->sender)) {
		delivery_set(why, DELIVERY_FAILED, PHASE_LOCAL, "5.1.7",
		    "bad sender address: %s", m->env->sender);
		return false;
	}
	if (needs_utf8(m) && !e->smtputf8) {
		delivery_set(why, DELIVERY_FAILED, PHASE_MAIL, "5.6.7",
		    "the message needs SMTPUTF8, which the server does not "
		    "offer");
		return false;
	}
	if (m->env->requiretls && !e->requiretls) {
		delivery_set(why, DELIVERY_FAILED, PHASE_MAIL, "5.7.30",
		    "the message needs REQUIRETLS, which is not to be had "
		    "from the server over verified TLS");
		return false;
	}
	if (is_by_return(m->env) && !by_in_time(m, e, why))
		return false;
	if (e->size_limit != 0 && m->length > e->size_limit) {
		delivery_set(why, DELIVERY_FAILED, PHASE_MAIL, "5.3.4",
		    "message of %" PRIu64 " bytes exceeds the server's limit "
		    "of %" PRIu64,
		    m->length, e->size_limit);
		return false;
	}
	return true;
}

/* What is left of its time, in whole seconds (RFC 2852, 4); below 0 where the
 * sender was told and it goes on. */
static bool
put_by(struct buf *out, const struct deliver_message *m)
{
	static const char *const modes[] = { [BY_RETURN] = "R",
		[BY_RETURN_TRACE] = "RT",
		[BY_NOTIFY] = "N",
		[BY_NOTIFY_TRACE] = "NT" };
	const struct envelope *env = m->env;
	int64_t until = is_by_return(env) ? env->expires : env->late;

	return until == 0 || buf_printf(out, " BY=%" PRId64 ";%s",
	                         until - m->now, modes[env->by]);
}

/* RFC 6710, 5: the way back of what submit/smtp_params.c reads, with the
 * levels of STANAG 4406 (appendix B). Medium is 0, which need not be said. */
static bool
put_priority(struct buf *out, enum priority p)
{
	static const char *const words[PRIORITIES] = { [PRIORITY_NOW] =
		                                           " MT-PRIORITY=6",
		[PRIORITY_HIGH] = " MT-PRIORITY=4",
		[PRIORITY_MEDIUM] = "",
		[PRIORITY_LOW] = " MT-PRIORITY=-4" };

	return buf_puts(out, words[p]);
}

bool
command_mail(struct buf *out, const struct deliver_message *m,
    const struct ehlo *e)
{
	const struct envelope *env = m->env;
	bool ok;

	ok = buf_puts(out, "MAIL FROM:<") && buf_puts(out, env->sender) &&
	     buf_putc(out, '>');
	if (e->size)
		ok = ok && buf_printf(out, " SIZE=%" PRIu64, m->length);
	if (e->eightbit && (m->has_8bit || env->mime == MIME_8BIT))
		ok = ok && buf_puts(out, " BODY=8BITMIME");
	/* RFC 6531, 3.4: for what the header has too. */
	if (e->smtputf8 && (needs_utf8(m) || m->has_utf8_header))
		ok = ok && buf_puts(out, " SMTPUTF8");
	if (e->dsn && env->ret != RET_DEFAULT)
		ok = ok && buf_puts(out, env->ret == RET_FULL ? " RET=FULL"
		                                              : " RET=HDRS");
	if (e->dsn && env->envid != NULL)
		ok =
		    ok && buf_puts(out, " ENVID=") && buf_puts(out, env->envid);
	if (e->requiretls && env->requiretls)
		ok = ok && buf_puts(out, " REQUIRETLS");
	if (e->mt_priority)
		ok = ok && put_priority(out, env->priority);
	if (e->deliverby && env->by != BY_UNSAID)
		ok = ok && put_by(out, m);
	return ok && buf_puts(out, "\r\n");
}

static bool
put_notify(struct buf *out, unsigned notify)
{
	static const struct {
		unsigned bit;
		const char *word;
	} words[] = {
		{ NOTIFY_NEVER, "NEVER" },
		{ NOTIFY_SUCCESS, "SUCCESS" },
		{ NOTIFY_FAILURE, "FAILURE" },
		{ NOTIFY_DELAY, "DELAY" },
	};
	const char *before = " NOTIFY=";
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if ((notify & words[i].bit) == 0)
			continue;
		if (!buf_puts(out, before) || !buf_puts(out, words[i].word))
			return false;
		before = ",";
	}
	return true;
}

bool
command_rcpt(struct buf *out, const struct recipient *rcpt,
    const struct ehlo *e)
{
	bool ok;

	ok = buf_puts(out, "RCPT TO:<") && buf_puts(out, rcpt->address) &&
	     buf_putc(out, '>');
	if (e->dsn && rcpt->notify != 0)
		ok = ok && put_notify(out, rcpt->notify);
	if (e->dsn && rcpt->orcpt != NULL)
		ok = ok && buf_puts(out, " ORCPT=") &&
		     buf_puts(out, rcpt->orcpt);
	return ok && buf_puts(out, "\r\n");
}
