/* SPDX-License-Identifier: ISC */
/*
 * From drop/ to queue/ (spool-layout.md, "Ingest"). Runs in a child of the
 * runner, as the spool's owner, with the run lock held: there is one ingester
 * at a time. It knows no index: the parent commits what it reports, then has it
 * release the originals. Whatever lies in drop/, a call ends, and never waits
 * for a file.
 */
#ifndef PO_SPOOL_INGEST_H
#define PO_SPOOL_INGEST_H

#include "spool/spool.h"
#include "util/sha256.h"

struct ingest_conf {
	int64_t give_up_after_s;    /* expiry of what names none: so long after
	                               arrival or due, whichever is later */
	int64_t message_size_limit; /* bytes of content; 0: no limit */
};

/* For the log: what was not taken. `text` is one line without control
 * characters. */
struct ingest_refusal {
	uint32_t uid;
	char text[160]; /* "ID: reason" or "drop entry of inode N: reason" */
};

/* A message that is durable in queue/ or done/. */
struct ingest_taken {
	struct queue_id id;
	bool has_key; /* and so a digest (spool/digest.h) */
	unsigned char digest[SHA256_BYTES];
};

struct ingest;

/* Both arguments must outlive *out. */
int ingest_new(const struct spool *s, const struct ingest_conf *conf,
    struct ingest **out, struct po_err *err);
void ingest_free(struct ingest *ing); /* NULL is harmless */

/*
 * Take in up to `max` messages (1..4096), fewer where they are large, so that
 * nobody waits for the copies of another's. taken[0..*n) are durable in queue/
 * (or were found there or in done/ as their own repeats after a crash): commit
 * them, then ingest_release() them; they are not reported again before that.
 * *more: call again at once, the folder was not read to its end; else all that
 * lay there when the call began was seen. -1: nothing is reported and nothing
 * is lost, the originals stay (PO_EFULL, PO_EIO, PO_EOS); say it and try later.
 */
int ingest_batch(struct ingest *ing, size_t max, struct ingest_taken *taken,
    size_t *n, bool *more, struct po_err *err);

/* What the last ingest_batch() refused; *unsaid more did not fit. */
const struct ingest_refusal *ingest_refusals(const struct ingest *ing,
    size_t *n, size_t *unsaid);

/* A request that lay in drop/ ("a.ID", queue/act.h). The file stays where it is
 * until it is answered. */
struct ingest_act {
	uint32_t uid; /* its owner */
	int fd; /* open for reading and writing; closed by the next call unless
	           it is set to -1 */
	char name[40];
};

/* The requests that the last ingest_batch() met, each once. */
struct ingest_act *ingest_acts(struct ingest *ing, size_t *n);

/* After the commit: take the originals of these ids out of drop/. Idempotent.
 * On -1 the rest was done all the same. */
int ingest_release(struct ingest *ing, const struct queue_id *ids, size_t n,
    struct po_err *err);

/* Unlink up to `max` files of trash/, when there is nothing better to do. How
 * many, -1 on error. */
int ingest_idle(struct ingest *ing, size_t max, struct po_err *err);

#endif
