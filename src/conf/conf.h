/* SPDX-License-Identifier: ISC */
/*
 * Configuration: each room declares a table of its options and a struct they go into; the program hands the tables
 * over. conf knows no option by name. The file is libconfig's language (po.conf(5)); no libconfig type leaves conf.
 */
#ifndef PO_CONF_CONF_H
#define PO_CONF_CONF_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "util/err.h"

/* What a field of the target struct is, in C, and how it is written in the file. */
enum conf_type {
	CONF_BOOL,     /* bool: true, false, or the strings "yes", "no" */
	CONF_INT,      /* int64_t: an integer in [min, max] */
	CONF_SIZE,     /* int64_t, bytes: "10M" */
	CONF_DURATION, /* int64_t, seconds: "5m", "1h30m" */
	CONF_STRING,   /* char *: heap, owned by the struct conf; never NULL ("" when default is NULL) */
	CONF_WORD      /* int: index into `words` */
};

struct conf_option {
	const char *name; /* "workers", or "relay.host" for a member of a group; NULL ends the table */
	enum conf_type type;
	size_t offset;	  /* of the field in the target struct */
	const char *fallback; /* as written in the file, strings without quotes; NULL: empty string */
	int64_t min, max; /* CONF_INT, CONF_SIZE, CONF_DURATION; both 0: any value >= 0 */
	const char *help; /* one line, for --check-config and the test against the man page */
	const char *const *words; /* CONF_WORD: NULL-terminated */
};

struct conf_table {
	const struct conf_option *options;
	void *target; /* the struct that offsets are into */
};

struct conf;

/*
 * Read the file into the targets. `path` NULL: $PO_CONFIG, else SYSCONFDIR/po/po.conf; only the last may be missing
 * (then every option has its fallback). Unknown names, wrong types and values out of range are refused with
 * "FILE:LINE: ..." and the nearest known name. Tables and targets must outlive *out. Returns 0 or -1 (PO_ECONFIG).
 */
int conf_load(const char *path, const struct conf_table *tables, size_t n, struct conf **out, struct po_err *err);

/* Set one option from "name=value" text (-o on a command line); conf_dump then says "command line". */
int conf_set(struct conf *c, const char *assignment, struct po_err *err);

/* "name = value   # FILE:LINE | default | command line" for every option, in the tables' order. */
void conf_dump(const struct conf *c, FILE *out);

void conf_free(struct conf *c);

#endif
