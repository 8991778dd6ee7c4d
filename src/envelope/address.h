/* SPDX-License-Identifier: ISC */
/*
 * Address lists (RFC 5322, 3.4 and 4.4; UTF-8 by RFC 6532) as they stand in
 * header fields and on command lines: mailboxes, groups, comments, quoted local
 * parts, source routes, domain literals, empty list elements. The parser is
 * iterative and reads each byte at most twice.
 *
 * Tolerated, because mail is full of it: an address or brackets as a display
 * name without quotes (a@x <a@x>), dots anywhere in a local part (they are
 * quoted in the result, RFC 5321 4.1.2), ';' between addresses, a group that
 * does not end, one dot behind the domain. Never tolerated: control characters,
 * bytes that are not UTF-8, two words without a dot between them.
 */
#ifndef PO_ENVELOPE_ADDRESS_H
#define PO_ENVELOPE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"
#include "util/err.h"
#include "util/span.h"

struct address {
	/* "local@domain" as it goes into MAIL FROM or RCPT TO: no comments, no
	 * blanks, quoted only where that is needed; "" for <>. NUL-terminated;
	 * lives until the next call on the same list. */
	const char *text;
	size_t len;
	struct span spec; /* the same, as it was written */
	bool qualified;   /* a domain was written (then nothing was added) */
	bool utf8;        /* not ASCII: wants SMTPUTF8 (RFC 6531) */
};

struct address_list {
	struct span rest;
	const char *domain;
	bool in_group;
	size_t groups; /* begun so far: "undisclosed-recipients:;" has one */
	struct buf text;
};

/*
 * Read the list in `s`, which must stay until the end. `domain` is added to
 * addresses without one; NULL leaves them alone. LF, or CRLF, counts as white
 * space between words.
 */
void address_list_init(struct address_list *l, struct span s,
    const char *domain);
void address_list_clear(struct address_list *l);

/* 1: *a is the next address; 0: the list is at its end; -1: PO_EDATA, the text
 * names the address and says why. Do not go on after -1. */
int address_next(struct address_list *l, struct address *a, struct po_err *err);

/* What is behind the '@' of an address (`text` above); empty when there is
 * none: a quoted local part may have others, a domain has none. */
struct span address_domain(struct span address);

/* Can `s` stand behind the '@' (letters, digits, '-', '_', UTF-8 between dots,
 * no empty label, or a literal in brackets)? NULL, or why not. */
const char *address_domain_fault(struct span s);

/* A byte that may stand in an atom (RFC 5322 atext, UTF-8 included). */
bool address_is_atext(unsigned char c);

#endif
