/* SPDX-License-Identifier: ISC */
/* What ingest.c (batches) and ingest_entry.c (one entry of drop/) share. */
#ifndef PO_SPOOL_INGEST_STATE_H
#define PO_SPOOL_INGEST_STATE_H

#include <dirent.h>

#include "spool/bad.h"
#include "spool/ingest.h"
#include "spool/take.h"
#include "util/u64_set.h"

#define BATCH_MAX 4096u
#define REFUSALS_MAX 64u
#define BATCH_BYTES ((off_t)64 << 20) /* one file more is begun */
#define NAMES_MAX 65536u
#define ACTS_MAX 64u

struct name {
	struct queue_id id;
	ino_t ino;
};

struct ingest {
	const struct spool *s;
	const struct ingest_conf *conf;
	struct taker *taker;
	struct bad *bad;
	DIR *folder;
	dev_t device;       /* that drop/ lies on */
	bool at_end;        /* the folder is read to its end */
	struct name *names; /* sorted; [next_name, n_names) to be taken */
	size_t n_names, next_name;
	struct ingest_act acts[ACTS_MAX]; /* of this batch */
	size_t n_acts;

	struct u64_set skip, in_flight;
	int64_t skip_since_ms;
	uint64_t junk; /* counts names in trash/ */
	size_t trash;  /* files moved there and not unlinked */

	struct ingest_refusal refusals[REFUSALS_MAX];
	size_t n_refusals, unsaid;

	struct ingest_taken *taken; /* the caller's, of this batch */
	size_t n;
	off_t bytes; /* that the files of this batch have */
	struct queue_id refused[BATCH_MAX]; /* to trash/ after the sync */
	size_t n_refused;
	struct queue_id fresh[BATCH_MAX]; /* TAKE_NEW of this batch */
	size_t n_fresh;

	bool failed; /* an error that the next call has to report */
	struct po_err why;
};

uint64_t ingest_hash(const char *name);
uint64_t ingest_entry_key(const struct dirent *e); /* of the skip set */
void ingest_drop_name(const struct queue_id *id, char name[QUEUE_ID_LEN + 3]);

/* An original to trash/; gone already is well. -1 with errno. */
int ingest_to_trash(struct ingest *ing, const char *name, const char *as);

/* Is this the name of a message, and may it be one by its type? */
bool ingest_is_message(const struct dirent *e, struct queue_id *id);

/* What is no message: dealt with where it is met. */
void ingest_look_at_other(struct ingest *ing, const struct dirent *e);

/* Take it or refuse it: into ing->ids, fresh, refused, or left alone. */
int ingest_look_at(struct ingest *ing, const struct name *name,
    struct po_err *err);

#endif
