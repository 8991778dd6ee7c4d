/* SPDX-License-Identifier: ISC */
/* The command line of po-queue: one table of options, one verb a call. */
#ifndef PO_CLI_QUEUE_ARGS_H
#define PO_CLI_QUEUE_ARGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "envelope/queue_id.h"
#include "queue/select.h"
#include "util/err.h"

enum queue_verb {
	VERB_RUN, /* the default */
	VERB_LIST,
	VERB_SHOW,
	VERB_CLEANUP,
	VERB_SETUP,
	VERB_CHECK,
	VERB_CHECK_CONFIG,
	VERB_REBUILD_INDEX,
	VERB_STATUS,
	VERB_STATS,
	VERB_VERDICT,
	VERB_ROUTE,
	VERB_PROBE,
	VERB_ACT, /* hold, release, cancel, requeue: see act */
	VERB_HELP,
	VERB_VERSION
};

#define QUEUE_ARGS_MAX_SETTINGS 32

struct queue_args {
	enum queue_verb verb;
	const char *verb_name; /* as given, for messages */
	const char *config;    /* --config FILE, or NULL */
	const char *settings[QUEUE_ARGS_MAX_SETTINGS]; /* -o name=value */
	size_t n_settings;
	const char *address;              /* --route ADDRESS */
	const char *tag, *login; /* of such mail, or NULL */
	int64_t uid;       /* likewise, -1: of nobody in particular */
	int64_t processes; /* -p N, 0: as configured */
	int64_t batch;     /* --batch N, 0: as configured */
	int64_t days;      /* --days N, -1: as configured */
	bool watch, flush, ingest, fail_if_locked, json, all, user, verbose;
	struct selection which; /* --id, --recipient, --sender */
	bool prometheus;
	bool everything; /* an act on ALL */
	bool has_only;
	struct queue_id only; /* --only ID, --show ID */
	char **ids;           /* operands: the ids of an act, relays to probe */
	int n_ids;
};

/* PO_EUSAGE with a text that names the option. */
int queue_args_parse(int argc, char **argv, struct queue_args *args,
    struct po_err *err);

void queue_args_help(FILE *out);

#endif
