/* SPDX-License-Identifier: ISC */
/*
 * What po-queue does, verb by verb. The caller has read the configuration, has
 * become the spool's owner and has opened the spool. Output for people goes to
 * stdout.
 */
#ifndef PO_CLI_QUEUE_VERBS_H
#define PO_CLI_QUEUE_VERBS_H

#include "cli/queue_args.h"
#include "log/log.h"
#include "queue/lock.h"
#include "queue/runner.h"
#include "spool/drop.h"
#include "submit/options.h"

/* The programme as configured: every room's options in one place. */
struct queue_program {
	struct queue_args args;
	struct drop_conf drop;
	struct submit_conf
	    submit; /* sendmail's; read here so that a typo is found */
	struct log_conf log;
	struct queue_conf queue;
	struct deliver_conf deliver_conf;
	struct deliver_routes *routes;
	struct bounce_conf bounce;
	struct notice_setup notices;
	struct ingest_conf ingest;
	struct deliver_setup
	    *deliver; /* VERB_RUN without --ingest; else NULL */
};

/* Do what args.verb says on an open spool: VERB_RUN, LIST, SHOW, STATUS,
 * CLEANUP, ACT, REBUILD_INDEX. */
int queue_verb_run(struct queue_program *p, struct spool *s,
    struct po_err *err);

/* VERB_CLEANUP and VERB_ACT: a live runner is asked through drop/, else it is
 * done here under the lock. */
int queue_verb_act(struct queue_program *p, struct spool *s,
    struct po_err *err);

/* VERB_ACT for a uid that may not read the spool: the runner is asked, which
 * knows him by the owner of the request. Before the spool is opened. */
int queue_verb_ask(const struct queue_program *p, struct po_err *err);

/* A run with --flush or --only that finds the lock held by `holder`: have it
 * done by the runner. */
int queue_ask_instead(const struct queue_program *p, const char *holder,
    struct po_err *err);

/* VERB_ROUTE: which way mail to that address takes, and by which settings.
 * Needs no spool. */
int queue_verb_route(const struct queue_program *p, struct po_err *err);

/* 1 taken, 0 somebody else has it (`text` says who, since when, in what state),
 * -1. */
int queue_take_lock(const struct spool *s, const char *mode,
    struct run_lock *lock, char text[512], struct po_err *err);

#endif
