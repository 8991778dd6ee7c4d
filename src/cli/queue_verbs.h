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
#include "util/buf.h"

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
	    *deliver; /* VERB_RUN without --ingest, VERB_PROBE; else NULL */
	const char *program; /* as it is called, for --verdict */
	int status;          /* the exit status, when nothing failed */
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

/* VERB_VERDICT. `s` NULL: a caller that may not open the spool; a runner is
 * asked. */
int queue_verb_verdict(struct queue_program *p, struct spool *s,
    struct po_err *err);

/* A run with --only that finds the lock held: the runner that lives makes the
 * message due (once: *made_due, first false), and its attempt is awaited for a
 * second. 0 it was tried; 1 try the lock again; -1, after deadline_ms too. */
int queue_only_beside(struct queue_program *p, const char *holder,
    int64_t deadline_ms, bool *made_due, struct po_err *err);

/* Take in what is in drop/, under the lock; send nothing. */
int queue_take_in(struct queue_program *p, struct spool *s,
    struct run_lock *lock, struct po_err *err);

/* A run with --flush that finds the lock held by `holder`: have it done by the
 * runner. */
int queue_ask_instead(const struct queue_program *p, const char *holder,
    struct po_err *err);

/* VERB_ROUTE: which way mail to that address takes, and by which settings.
 * Needs no spool. */
int queue_verb_route(const struct queue_program *p, struct po_err *err);

/* An address of the command line as it would stand in an envelope; as a sender
 * "" and "<>" are the null sender. */
int queue_address(const struct queue_program *p, const char *text, bool sender,
    struct buf *out, struct po_err *err);

/* VERB_PROBE: connects to relays as a worker would, and sends nothing. */
int queue_verb_probe(struct queue_program *p, struct spool *s,
    struct po_err *err);

/* 1 taken, 0 somebody else has it (`text` says who, since when, in what state),
 * -1. */
int queue_take_lock(const struct spool *s, const char *mode,
    struct run_lock *lock, char text[512], struct po_err *err);

#endif
