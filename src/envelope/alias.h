/* SPDX-License-Identifier: ISC */
/*
 * The language of aliases files, as Sendmail and Postfix write it (aliases(5)):
 *
 *     # a comment
 *     name: target, "Joe" <joe@example.com>,
 *         a line that begins with a blank goes on
 *
 * Nothing here opens a file, and nothing ever acts on a command, a file or an
 * include: they are told apart so that they can be refused. The text is the
 * caller's and stays as it is but for comments within an entry, which become
 * blanks.
 */
#ifndef PO_ENVELOPE_ALIAS_H
#define PO_ENVELOPE_ALIAS_H

#include <stdbool.h>
#include <stddef.h>

#include "envelope/address.h"
#include "util/buf.h"
#include "util/span.h"

struct alias_reader {
	char *at;
	size_t len;
	unsigned line; /* of what is at `at` */
};

struct alias_entry {
	struct span name; /* as written, with its quotes */
	char *targets;    /* what stands behind the ':' */
	size_t len;
	unsigned line;     /* of the name */
	const char *fault; /* why this is no entry, or NULL */
};

void alias_reader_init(struct alias_reader *r, char *text, size_t len);

/* The next entry, or line that should be one; false at the end. One memchr a
 * line: targets are not looked at. */
bool alias_next(struct alias_reader *r, struct alias_entry *e);

/* The name as names are compared: quoted only where it must be, without upper
 * case (ASCII). NULL, or why it is no name. */
const char *alias_name_fold(struct span name, struct buf *out);

/* Is `name`, folded, the entry for whoever has none: "*", or "default"? */
bool alias_is_catch_all(struct span name);

enum alias_kind {
	ALIAS_ADDRESS,
	ALIAS_COMMAND, /* |program */
	ALIAS_FILE,    /* /path */
	ALIAS_INCLUDE, /* :include:/path */
	ALIAS_BAD
};

struct alias_target {
	enum alias_kind kind;
	struct span raw; /* as written */
	unsigned line;
	struct address address; /* ALIAS_ADDRESS; its text lives until the next
	                         * target; a domain was not added */
	bool literal;           /* \name: no alias, whatever the file says */
	struct po_err fault;    /* all other kinds: why, and the remedy */
};

struct alias_targets {
	struct span rest;
	unsigned line;
	struct address_list list;
};

/* Blanks the comments of *e out, then reads its targets. */
void alias_targets_init(struct alias_targets *t, const struct alias_entry *e);
void alias_targets_clear(struct alias_targets *t);

/* False at the end. Empty targets (", ,") are passed over. */
bool alias_target_next(struct alias_targets *t, struct alias_target *out);

#endif
