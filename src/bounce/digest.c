/* SPDX-License-Identifier: ISC */
/* The notice that stands for many: a text, because a report is about one
 * message. */
#include <inttypes.h>

#include "bounce/parts.h"
#include "message/date.h"

static const char *
what_happened(enum notice_kind about)
{
	switch (about) {
	case NOTICE_DELAYED:
		return "about messages that are late";
	case NOTICE_SUCCESS:
		return "about messages that were delivered";
	case NOTICE_REFUSED:
		return "about messages that were not accepted";
	case NOTICE_DOUBLE:
		return "about notices that cannot be delivered";
	default:
		return "about messages that could not be delivered";
	}
}

bool
digest_part(const struct notice *n, struct buf *out)
{
	char since[DATE_BYTES], now[DATE_BYTES];

	date_format(n->digest->since, since);
	date_format(n->now, now);
	return buf_printf(out,
	    "This is the mail system at host %s.\n\n"
	    "%" PRIu64 " more notices %s\n"
	    "were due to you, after those that you got, between\n"
	    "%s and\n%s.\n"
	    "They were so many that they are told of in this one.\n\n"
	    "The first was about the message with the queue id\n%s.\n"
	    "The log of the mail system has them all.\n\n"
	    "For help, write to <postmaster@%s> and include this notice.\n",
	    n->hostname, n->digest->count, what_happened(n->digest->about),
	    since, now, n->original_id, n->domain);
}
