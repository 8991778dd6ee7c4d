/* SPDX-License-Identifier: ISC */
/* A table a command: keyword, and the function that reads its value. */
#include "submit/smtp_params.h"

#include "envelope/xtext.h"
#include "message/date.h"
#include "util/parse_num.h"

struct param {
	const char *keyword;
	/* NULL, or the reply that refuses it. */
	const char *(*read)(void *into, struct span value, int64_t now);
};

static const char bad_value[] = "501 5.5.4 Bad value of a parameter";

/* One to `most` decimal digits. */
static bool
is_digits(struct span s, size_t most)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (!ascii_is_digit((unsigned char)s.p[i]))
			return false;
	return s.len > 0 && s.len <= most;
}

/* ------------------------------------------------------------ MAIL */

/* RFC 1870, 4: up to 20 digits, which are more than 64 bits can hold. */
static const char *
read_size(void *into, struct span value, int64_t now)
{
	struct smtp_mail *m = into;

	(void)now;
	if (!is_digits(value, 20))
		return bad_value;
	if (!parse_u64(value, 0, UINT64_MAX, &m->size))
		m->size = UINT64_MAX;
	return NULL;
}

static const char *
read_body(void *into, struct span value, int64_t now)
{
	struct smtp_mail *m = into;

	(void)now;
	if (span_eq_nocase(value, SPAN_LIT("7BIT")))
		m->mime = MIME_7BIT;
	else if (span_eq_nocase(value, SPAN_LIT("8BITMIME")))
		m->mime = MIME_8BIT;
	else
		return bad_value;
	return NULL;
}

static const char *
read_smtputf8(void *into, struct span value, int64_t now)
{
	struct smtp_mail *m = into;

	(void)now;
	m->smtputf8 = true;
	return value.len == 0 ? NULL : bad_value;
}

static const char *
read_ret(void *into, struct span value, int64_t now)
{
	struct smtp_mail *m = into;

	(void)now;
	if (span_eq_nocase(value, SPAN_LIT("FULL")))
		m->ret = RET_FULL;
	else if (span_eq_nocase(value, SPAN_LIT("HDRS")))
		m->ret = RET_HDRS;
	else
		return bad_value;
	return NULL;
}

static const char *
read_envid(void *into, struct span value, int64_t now)
{
	struct smtp_mail *m = into;

	(void)now;
	if (value.len == 0 || value.len > ENVELOPE_MAX_ENVID ||
	    !xtext_is_valid(value))
		return bad_value;
	m->envid = value;
	return NULL;
}

/* RFC 4865, 4: a time that is over means at once. */
static const char *
hold_until(struct smtp_mail *m, int64_t t, int64_t now)
{
	if (m->due != 0)
		return "501 5.5.4 HOLDFOR and HOLDUNTIL exclude each other";
	if (t > now + SMTP_HOLD_MAX_S)
		return "501 5.5.4 Held for longer than FUTURERELEASE allows";
	m->due = t;
	return NULL;
}

/* RFC 4865, 4: 1 to 9 digits, the first of them not 0. */
static const char *
read_hold_for(void *into, struct span value, int64_t now)
{
	int64_t wait;

	if (!is_digits(value, 9) || value.p[0] == '0' ||
	    !parse_i64(value, 1, 999999999, &wait))
		return bad_value;
	return hold_until(into, now + wait, now);
}

/* The date-time of RFC 3339 (RFC 4865, erratum 2040), with its seconds. */
static const char *
read_hold_until(void *into, struct span value, int64_t now)
{
	int64_t t;

	if (value.len < sizeof("2026-11-24T06:00:00Z") - 1 ||
	    value.p[16] != ':' || !date_parse_rfc3339(value, &t) || t == 0)
		return bad_value;
	return hold_until(into, t, now);
}

/* RFC 6710, 5: "0", or a digit but 0 behind an optional "-"; what lies between
 * po's four classes goes to the one that 0 is not further from. */
static const char *
read_priority(void *into, struct span value, int64_t now)
{
	struct smtp_mail *m = into;
	int64_t n;

	(void)now;
	if (!parse_i64(value, -9, 9, &n) || value.len != (n < 0 ? 2u : 1u))
		return bad_value;
	m->priority = n > 4    ? PRIORITY_NOW
	              : n > 0  ? PRIORITY_HIGH
	              : n == 0 ? PRIORITY_MEDIUM
	                       : PRIORITY_LOW;
	return NULL;
}

/* RFC 2852, 4: up to 9 digits behind an optional sign. */
static bool
read_by_time(struct span s, int64_t *seconds)
{
	bool negative = s.len > 0 && s.p[0] == '-';

	if (negative || (s.len > 0 && s.p[0] == '+'))
		s = (struct span){ s.p + 1, s.len - 1 };
	if (!is_digits(s, 9) || !parse_i64(s, 0, 999999999, seconds))
		return false;
	*seconds = negative ? -*seconds : *seconds;
	return true;
}

/* RFC 2852, 4: seconds, ";", R (return) or N (notify), maybe T (trace). */
static const char *
read_by(void *into, struct span value, int64_t now)
{
	struct smtp_mail *m = into;
	struct span mode = value, seconds = span_cut(&mode, ';');
	int64_t n;

	if (!read_by_time(seconds, &n) || mode.len == 0 || mode.len > 2 ||
	    (mode.len == 2 && ascii_lower((unsigned char)mode.p[1]) != 't'))
		return bad_value;
	switch (ascii_lower((unsigned char)mode.p[0])) {
	case 'r':
		if (n <= 0)
			return "501 5.5.4 No time is left to deliver it";
		m->by = mode.len == 2 ? BY_RETURN_TRACE : BY_RETURN;
		m->expires = now + n;
		return NULL;
	case 'n':
		m->by = mode.len == 2 ? BY_NOTIFY_TRACE : BY_NOTIFY;
		m->late = now + n;
		return NULL;
	default:
		return bad_value;
	}
}

static const char *
read_requiretls(void *into, struct span value, int64_t now)
{
	struct smtp_mail *m = into;

	(void)now;
	m->requiretls = true;
	return value.len == 0 ? NULL : bad_value;
}

static const struct param mail_params[] = {
	{ "SIZE", read_size },
	{ "BODY", read_body },
	{ "SMTPUTF8", read_smtputf8 },
	{ "RET", read_ret },
	{ "ENVID", read_envid },
	{ "HOLDFOR", read_hold_for },
	{ "HOLDUNTIL", read_hold_until },
	{ "MT-PRIORITY", read_priority },
	{ "BY", read_by },
	{ "REQUIRETLS", read_requiretls },
};

/* ------------------------------------------------------------ RCPT */

bool
smtp_notify_parse(struct span s, unsigned *notify)
{
	static const struct {
		const char *name;
		unsigned bit;
	} words[] = {
		{ "never", NOTIFY_NEVER },
		{ "success", NOTIFY_SUCCESS },
		{ "failure", NOTIFY_FAILURE },
		{ "delay", NOTIFY_DELAY },
	};
	struct span word;
	unsigned bits = 0;
	size_t i;

	if (s.len > 0 && s.p[s.len - 1] == ',')
		return false;
	do {
		word = span_trim(span_cut(&s, ','));
		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (span_eq_nocase(word, span_of(words[i].name)))
				break;
		if (i == sizeof(words) / sizeof(words[0]))
			return false;
		bits |= words[i].bit;
	} while (s.len > 0);
	if ((bits & NOTIFY_NEVER) != 0 && bits != NOTIFY_NEVER)
		return false;
	*notify = bits;
	return true;
}

static const char *
read_notify(void *into, struct span value, int64_t now)
{
	struct smtp_rcpt *r = into;

	(void)now;
	return smtp_notify_parse(value, &r->notify) ? NULL : bad_value;
}

static const char *
read_orcpt(void *into, struct span value, int64_t now)
{
	struct smtp_rcpt *r = into;

	(void)now;
	if (value.len > ENVELOPE_MAX_ORCPT || !xtext_is_orcpt(value))
		return bad_value;
	r->orcpt = value;
	return NULL;
}

static const struct param rcpt_params[] = {
	{ "NOTIFY", read_notify },
	{ "ORCPT", read_orcpt },
};

/* ------------------------------------------------------------ both */

/* The path that *s begins with: in brackets (quotes count inside), or up to a
 * blank, which programs that write SMTP by hand send. */
static bool
take_path(struct span *s, struct span *path)
{
	bool quoted = false, angle = s->len > 0 && s->p[0] == '<';
	bool closed = !angle;
	size_t i;

	for (i = 0; i < s->len; i++) {
		if (s->p[i] == '\\' && quoted) {
			i++;
		} else if (s->p[i] == '"') {
			quoted = !quoted;
		} else if (!quoted && angle && s->p[i] == '>') {
			i++;
			closed = true;
			break;
		} else if (!quoted && !angle && s->p[i] == ' ') {
			break;
		}
	}
	if (i > s->len)
		i = s->len;
	*path = (struct span){ s->p, i };
	if (i == 0 || !closed)
		return false;
	*s = (struct span){ s->p + i, s->len - i };
	return s->len == 0 || s->p[0] == ' ';
}

static const char *
read_params(struct span rest, const struct param *params, size_t n, void *into,
    int64_t now)
{
	struct span value, keyword;
	unsigned seen = 0;
	const char *fault;
	size_t i;

	while ((rest = span_trim(rest)).len > 0) {
		value = span_cut(&rest, ' ');
		keyword = span_cut(&value, '=');
		for (i = 0; i < n; i++)
			if (span_eq_nocase(keyword, span_of(params[i].keyword)))
				break;
		if (i == n)
			return "555 5.5.4 A parameter that is not known here";
		if ((seen & (1u << i)) != 0)
			return "501 5.5.4 A parameter stands there twice";
		seen |= 1u << i;
		fault = params[i].read(into, value, now);
		if (fault != NULL)
			return fault;
	}
	return NULL;
}

/* " FROM:<a@x> SIZE=1" with `word` "FROM:". */
static bool
take_word(struct span *args, struct span word)
{
	*args = span_trim(*args);
	if (!span_has_prefix_nocase(*args, word))
		return false;
	*args = (struct span){ args->p + word.len, args->len - word.len };
	while (args->len > 0 && args->p[0] == ' ')
		*args = (struct span){ args->p + 1, args->len - 1 };
	return true;
}

const char *
smtp_mail_parse(struct span args, int64_t now, struct smtp_mail *m)
{
	const char *fault;

	*m = (struct smtp_mail){ .priority = PRIORITY_MEDIUM };
	if (!take_word(&args, SPAN_LIT("FROM:")) || !take_path(&args, &m->path))
		return "501 5.5.4 MAIL FROM:<address> is wanted";
	fault = read_params(args, mail_params,
	    sizeof(mail_params) / sizeof(mail_params[0]), m, now);
	if (fault == NULL && m->expires != 0 && m->expires <= m->due)
		fault = "501 5.5.4 It would expire before it is due";
	return fault;
}

const char *
smtp_rcpt_parse(struct span args, struct smtp_rcpt *r)
{
	*r = (struct smtp_rcpt){ 0 };
	if (!take_word(&args, SPAN_LIT("TO:")) || !take_path(&args, &r->path))
		return "501 5.5.4 RCPT TO:<address> is wanted";
	return read_params(args, rcpt_params,
	    sizeof(rcpt_params) / sizeof(rcpt_params[0]), r, 0);
}
