/* SPDX-License-Identifier: ISC */
/*
 * Configuration: each room declares a table of its options and a struct they
 * go into; the program hands the tables over. conf knows no option by name.
 * The file is libconfig's language (po.conf(5)); no libconfig type leaves
 * conf.
 */
#ifndef PO_CONF_CONF_H
#define PO_CONF_CONF_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "util/err.h"

/* What a field of the target struct is, in C, and how the file writes it. */
enum conf_type {
	CONF_BOOL,     /* bool: true, false, or the strings "yes", "no" */
	CONF_INT,      /* int64_t: an integer in [min, max] */
	CONF_SIZE,     /* int64_t, bytes: "10M"; a bare integer is bytes */
	CONF_DURATION, /* int64_t, seconds: "5m", "1h30m"; bare: seconds */
	CONF_STRING,   /* char *: heap, owned by the struct conf; never NULL
	                * ("" when the fallback is NULL) */
	CONF_WORD,     /* int: index into `words` */
	CONF_NAMES,    /* struct conf_names: [ "a", "b" ], or "a, b" */
	CONF_LIST      /* struct conf_list: ( { ... }, { ... } ) */
};

/* Words without blanks and commas, owned by the struct conf. */
struct conf_names {
	char **v;
	size_t n;
};

/*
 * Groups of the same members, owned by the struct conf. The rows of the members
 * stand behind the list's own, named "LIST[].MEMBER"; their offsets are into an
 * entry. The list's row has the bytes of an entry as `min`, and the most
 * entries as `max`; it is in one table only, and set in the file only.
 */
struct conf_list {
	void *v; /* n structs; NULL when there are none */
	size_t n;
	char **places; /* "FILE:LINE" of each entry */
};

struct conf_option {
	const char *name; /* "workers", or "relay.host" for a member of a group;
	                   * "sender[].name" for one of a list's entries;
	                   * NULL ends the table */
	enum conf_type type;
	size_t offset;            /* of the field in the target struct */
	const char *fallback;     /* as in the file, strings without quotes;
	                           * NULL: 0, false, first word, empty string */
	int64_t min, max;         /* CONF_INT, CONF_SIZE, CONF_DURATION;
	                           * both 0: any value >= 0 */
	const char *help;         /* one line */
	const char *const *words; /* CONF_WORD: NULL-terminated */
};

struct conf_table {
	const struct conf_option *options;
	void *target; /* the struct that offsets are into */
};

/* Two rooms may want the same option: a name may be in several tables, with
 * the same type, fallback, range and words in each; all fields are set. */

struct conf;

/*
 * Read the file into the targets. `path` NULL: $PO_CONFIG, else
 * SYSCONFDIR/po/po.conf; only the last may be missing (then every option has
 * its fallback). Unknown names, wrong types and values out of range are
 * refused with "FILE:LINE: ..." and the nearest known name. Tables and
 * targets must outlive *out. Returns 0 or -1 (PO_ECONFIG); after -1 no target
 * holds a pointer.
 */
int conf_load(const char *path, const struct conf_table *tables, size_t n,
    struct conf **out, struct po_err *err);

/*
 * The same for a program that knows only some of the tables (sendmail, which
 * must not link the other rooms for their tables): names that are in no table
 * are passed over, not refused. The grammar is still checked.
 */
int conf_load_some(const char *path, const struct conf_table *tables, size_t n,
    struct conf **out, struct po_err *err);

/* Set one option from "name=value" text (-o on a command line), a string
 * without quotes; conf_dump then says "command line". A value that is refused
 * leaves the old one. Strings read before from that field are freed. */
int conf_set(struct conf *c, const char *assignment, struct po_err *err);

/* Give a string that is empty what the program found for it ("hostname": the
 * system's name), in every table that has it; any other value is left alone.
 * conf_dump says "found". Returns as conf_set. */
int conf_fill(struct conf *c, const char *name, const char *value,
    struct po_err *err);

/* "name = value  # FILE:LINE", "# default", "# command line" or "# found",
 * for every option in the tables' order. */
void conf_dump(const struct conf *c, FILE *out);

/* Where the value of option `name` comes from, as conf_dump says it, for
 * errors about values that are right alone and wrong together. "unknown" for
 * a name in no table. Valid until the next conf_set or conf_free. */
const char *conf_where(const struct conf *c, const char *name);

/* The file that was read, or is not there; as long as the path that was given
 * to conf_load, or the environment, stays. */
const char *conf_file(const struct conf *c);

/* Frees the strings in the targets too. NULL: nothing. */
void conf_free(struct conf *c);

#endif
