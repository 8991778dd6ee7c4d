/* SPDX-License-Identifier: ISC */
/*
 * The first row that fits counts. What no row names cannot come: the last rows
 * take everything.
 */
#include "deliver/policy.h"

enum where {
	AT_OPEN = 1, /* from the greeting to AUTH: no message is in sight */
	AT_MAIL = 2,
	AT_RCPT = 4,
	AT_DATA = 8, /* DATA, and what comes in the midst of the content */
	AT_DOT = 16,
	AT_ENVELOPE = AT_MAIL | AT_RCPT | AT_DATA,
	ANYWHERE = 31
};

static const struct {
	unsigned where;
	int low, high;      /* of the reply code */
	const char *status; /* what the enhanced status has behind its class, or
	                       "" for any */
	struct policy_verdict verdict;
} rows[] = {
	/* Nothing said before MAIL is about a message: a wrong password, a
	 * greeting of 554 or a blocked address defers the relay's mail. */
	{ AT_OPEN, 0, 999, "", { DELIVERY_DEFERRED, SCOPE_RELAY, false } },
	/* The service goes away (RFC 5321, 3.8). */
	{ ANYWHERE, 421, 421, "", { DELIVERY_DEFERRED, SCOPE_RELAY, false } },
	/* It wants AUTH or TLS that it did not get (RFC 4954, 3207): the
	 * administrator's to mend. */
	{ AT_ENVELOPE, 530, 530, "", { DELIVERY_DEFERRED, SCOPE_RELAY, false } },
	{ AT_ENVELOPE, 534, 535, "", { DELIVERY_DEFERRED, SCOPE_RELAY, false } },
	{ AT_ENVELOPE, 538, 538, "", { DELIVERY_DEFERRED, SCOPE_RELAY, false } },
	/* It takes no mail at all now. */
	{ AT_MAIL, 400, 599, ".3.2", { DELIVERY_DEFERRED, SCOPE_RELAY, false } },
	/* Too many recipients: the rest goes in another transaction (RFC 5321,
	 * 4.5.3.1.10: 552 means 452). */
	{ AT_RCPT, 452, 452, "", { DELIVERY_DEFERRED, SCOPE_RECIPIENT, false } },
	{ AT_RCPT, 552, 552, "", { DELIVERY_DEFERRED, SCOPE_RECIPIENT, false } },
	{ AT_RCPT, 500, 599, ".5.3", { DELIVERY_DEFERRED, SCOPE_RECIPIENT, false } },
	/* The classes. */
	{ AT_DOT, 200, 299, "", { DELIVERY_SENT, SCOPE_MESSAGE, false } },
	{ AT_RCPT, 500, 599, "", { DELIVERY_FAILED, SCOPE_RECIPIENT, false } },
	{ ANYWHERE, 500, 599, "", { DELIVERY_FAILED, SCOPE_MESSAGE, false } },
	{ AT_RCPT, 0, 999, "", { DELIVERY_DEFERRED, SCOPE_RECIPIENT, false } },
	{ ANYWHERE, 0, 999, "", { DELIVERY_DEFERRED, SCOPE_MESSAGE, false } },
};

/* What asks for less at a time, whatever it means for the message. */
static const struct {
	unsigned where;
	int low, high;
	const char *status;
} slow_rows[] = {
	/* Too many connections, too much on this one, or it goes away. */
	{ ANYWHERE, 421, 421, "" },
	/* Congestion, and no mail taken now (RFC 3463). */
	{ ANYWHERE, 400, 499, ".4.5" },
	{ AT_MAIL | AT_RCPT | AT_DATA | AT_DOT, 400, 499, ".3.2" },
	/* How servers word a limit of connections or messages in a time. 4.7.1
	 * to RCPT is as often a grey list, which means this recipient alone. */
	{ AT_MAIL | AT_RCPT | AT_DATA | AT_DOT, 450, 452, ".7.0" },
	{ AT_MAIL | AT_DATA | AT_DOT, 450, 452, ".7.1" },
	{ AT_MAIL | AT_RCPT | AT_DATA | AT_DOT, 450, 452, ".7.28" },
	/* "Mailbox busy" where no mailbox was named. */
	{ AT_MAIL, 450, 450, "" },
};

static unsigned
where_of(enum delivery_phase phase)
{
	switch (phase) {
	case PHASE_MAIL:
		return AT_MAIL;
	case PHASE_RCPT:
		return AT_RCPT;
	case PHASE_DATA:
	case PHASE_CONTENT:
		return AT_DATA;
	case PHASE_DOT:
	case PHASE_LOCAL:
		return AT_DOT;
	default:
		return AT_OPEN;
	}
}

static bool
fits(const char *status, const char *detail)
{
	return status[0] == '\0' || strcmp(status, detail) == 0;
}

static bool
asks_for_less(unsigned where, int code, const char *detail)
{
	size_t i;

	for (i = 0; i < sizeof(slow_rows) / sizeof(slow_rows[0]); i++)
		if ((slow_rows[i].where & where) != 0 &&
		    code >= slow_rows[i].low && code <= slow_rows[i].high &&
		    fits(slow_rows[i].status, detail))
			return true;
	return false;
}

struct policy_verdict
policy_judge(enum delivery_phase phase, int code, const char *status)
{
	const char *detail = status[0] == '\0' ? "" : status + 1;
	unsigned where = where_of(phase);
	struct policy_verdict v;
	size_t i;

	for (i = 0; i + 1 < sizeof(rows) / sizeof(rows[0]); i++)
		if ((rows[i].where & where) != 0 && code >= rows[i].low &&
		    code <= rows[i].high && fits(rows[i].status, detail))
			break;
	v = rows[i].verdict;
	v.slow = asks_for_less(where, code, detail);
	return v;
}

bool
policy_is_too_many(int code, const char *status)
{
	if (status[0] == '\0')
		return code == 452 || code == 552;
	return code >= 400 && strcmp(status + 1, ".5.3") == 0;
}
