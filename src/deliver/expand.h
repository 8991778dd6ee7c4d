/* SPDX-License-Identifier: ISC */
/*
 * Placeholders of po.conf, in the path of a mailbox and in the arguments of a
 * command: $name or ${name}, by the names of Postfix's pipe(8); $$ is a dollar.
 */
#ifndef PO_DELIVER_EXPAND_H
#define PO_DELIVER_EXPAND_H

#include <stdbool.h>
#include <stddef.h>

#include "deliver/delivery.h"
#include "util/buf.h"

#define EXPAND_PART 1001u /* bytes of an address, with NUL */

enum expand_name {
	EXPAND_SENDER,
	EXPAND_RECIPIENT,
	EXPAND_ORIGINAL_RECIPIENT,
	EXPAND_USER,      /* local part before the delimiter */
	EXPAND_EXTENSION, /* and behind it, or "" */
	EXPAND_MAILBOX,   /* the whole local part */
	EXPAND_DOMAIN,
	EXPAND_NEXTHOP, /* the same */
	EXPAND_QUEUE_ID,
	EXPAND_SIZE,
	EXPAND_NAMES
};

/* What may stand in a path: parts of the recipient. */
#define EXPAND_IN_PATH                                                         \
	(1u << EXPAND_USER | 1u << EXPAND_EXTENSION | 1u << EXPAND_MAILBOX |   \
	    1u << EXPAND_DOMAIN)
#define EXPAND_ALL ((1u << EXPAND_NAMES) - 1)

/* Values by name; NULL is taken for "". Strings belong to the caller. */
struct expand_values {
	const char *value[EXPAND_NAMES];
};

/* A recipient's address in parts. */
struct expand_parts {
	char user[EXPAND_PART], extension[EXPAND_PART], mailbox[EXPAND_PART],
	    domain[EXPAND_PART];
};

/* Each byte of `delimiters` may divide user and extension, but not as the first
 * of the local part. Quotes and their backslashes are taken off; fold: ASCII in
 * lower case. False when it is too long. */
bool expand_split(const char *address, const char *delimiters, bool fold_user,
    bool fold_domain, struct expand_parts *out);

/* Points to the four parts and the domain as next hop. */
void expand_set_parts(struct expand_values *v, const struct expand_parts *p);

/* Has `text` placeholders of the set `allowed` (1 << name) and no others?
 * False with the cause in `why`. */
bool expand_check(const char *text, unsigned allowed, char *why, size_t max);

/* Is there any? */
bool expand_has(const char *text);

/* Append `text` (checked before) with its values. False when `out` is full. */
bool expand(const char *text, const struct expand_values *v, struct buf *out);

#endif
