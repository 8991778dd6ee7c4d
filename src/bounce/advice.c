/* SPDX-License-Identifier: ISC */
/*
 * RFC 3463 and its registry in words that help. A row is for a class ('4', '5'
 * or any), a subject and a detail (-1: any); the first that fits counts, so
 * the particular stand before the general.
 */
#include "bounce/parts.h"
#include "util/parse_num.h"

static const struct {
	char class; /* 0: any */
	int subject, detail;
	const char *text;
} rows[] = {
	{ 0, 1, 1,
	    "There is no such mailbox. Check the address for a typing error, "
	    "or ask the recipient for a new one." },
	{ 0, 1, 2,
	    "The part behind the @ is no domain that takes mail. Check it for "
	    "a typing error." },
	{ 0, 1, 3, "The address is not well formed. Check how it is written." },
	{ 0, 1, 6,
	    "The mailbox has moved and left no new address. Ask the recipient "
	    "for it." },
	{ 0, 1, 7, "The sender's address is not well formed." },
	{ 0, 1, 8,
	    "The sender's address was refused: its domain is unknown there." },
	{ 0, 1, 10, "This domain says that it takes no mail at all." },
	{ 0, 1, -1, "Something is wrong with the address." },
	{ 0, 2, 1, "The mailbox is disabled. Ask the recipient about it." },
	{ 0, 2, 2,
	    "The mailbox is full. Send the message again when the recipient "
	    "has made room." },
	{ 0, 2, 3,
	    "The message is larger than this mailbox accepts. Send less, or "
	    "in parts." },
	{ 0, 2, -1, "The mailbox does not accept the message." },
	{ 0, 3, 4,
	    "The message is larger than that server accepts. Send less, or in "
	    "parts." },
	{ '5', 3, -1, "The recipient's mail system could not take it." },
	{ 0, 3, -1, "A mail system had trouble of its own." },
	{ 0, 4, 1, "The server did not answer." },
	{ 0, 4, 2, "The connection to the server broke." },
	{ 0, 4, 3, "The server's name could not be looked up." },
	{ 0, 4, 4, "There is no way to a server for this address." },
	{ 0, 4, 6, "The message goes round in a circle." },
	{ 0, 4, 7, "The message could not be delivered in time." },
	{ 0, 4, -1, "The network, or a server on the way, did not work." },
	{ 0, 5, 3, "That server takes fewer recipients for one message." },
	{ 0, 5, -1, "The two mail systems did not understand each other." },
	{ 0, 6, 3,
	    "The message has to be converted for that server, and it cannot "
	    "be." },
	{ 0, 6, 7,
	    "The address, or the header, is not ASCII, and a server on the way "
	    "cannot carry that." },
	{ 0, 6, -1, "The message's form is not accepted there." },
	{ 0, 7, 8,
	    "This host could not log in to its mail relay: its administrator "
	    "should check the password." },
	{ 0, 7, 9, "This host could not log in to its mail relay." },
	{ 0, 7, 26,
	    "That server asks for a sender that SPF or DKIM vouches for." },
	{ 0, 7, 1,
	    "That server does not accept the message from you: a matter of its "
	    "rules, not of the address." },
	{ 0, 7, -1,
	    "That server's rules, or a security check, did not let the message "
	    "pass." },
};

static bool
take_number(struct span *rest, int *out)
{
	uint64_t n;

	if (!parse_u64(span_cut(rest, '.'), 0, 999, &n))
		return false;
	*out = (int)n;
	return true;
}

const char *
advice_for(const char *status, int reply_code)
{
	struct span rest = span_of(status);
	int class, subject, detail;
	size_t i;

	if (!take_number(&rest, &class) || !take_number(&rest, &subject) ||
	    !take_number(&rest, &detail))
		subject = detail = class = 0;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((rows[i].class == 0 || rows[i].class - '0' == class) &&
		    rows[i].subject == subject &&
		    (rows[i].detail == -1 || rows[i].detail == detail))
			return rows[i].text;
	if (reply_code == 550)
		return "The server does not accept mail for this address: "
		       "either there is no such mailbox, or its rules forbid "
		       "it. Its answer says which.";
	return "";
}
