/* SPDX-License-Identifier: ISC */
/*
 * The spool as its owner sees it: the folders, open, and what every process
 * below the runner needs to find a message. Paths are relative to descriptors.
 * Every function here runs as the spool's owner (euid po, or the owner of an
 * own spool): spool_open() refuses anybody else.
 */
#ifndef PO_SPOOL_SPOOL_H
#define PO_SPOOL_SPOOL_H

#include "spool/file.h"
#include "spool/index.h"

struct spool {
	char *path;
	int dirfd;
	int drop, queue, done, bad, trash, run, history,
	    public_;       /* descriptors of the folders */
	uint32_t uid, gid; /* owner */
	bool own;          /* profile 2: drop/ is 0700 of its owner */
};

/* Open and check owners and modes of the entries; PO_ECONFIG names what is
 * wrong and the remedy (po-queue --setup). */
int spool_open(const char *path, struct spool *s, struct po_err *err);
void spool_close(struct spool *s);
/* In a child that needs none of them: the descriptors alone. */
void spool_close_folders(const struct spool *s);

/* Become the owner of the spool at `path` when started as root (setgroups,
 * setresgid, setresuid, verified); nothing when already he; PO_EPERM for
 * anybody else. Call before anything below the spool is touched. */
int spool_become_owner(const char *path, struct po_err *err);

/*
 * For a tool that root started and that goes back to files of his: be the
 * owner until spool_return_owner(), reading. Nothing when not root.
 */
#define SPOOL_BORROW_GROUPS 256
struct spool_borrow {
	bool borrowed;
	gid_t gid, groups[SPOOL_BORROW_GROUPS];
	int n_groups;
};
int spool_borrow_owner(const char *path, struct spool_borrow *b,
    struct po_err *err);
void spool_return_owner(struct spool_borrow *b);

/* queue/xx/ID, or done/xx/ID when it is not there. 1 found (*in_done says
 * where), 0 none, -1 error. */
int spool_find(const struct spool *s, const struct queue_id *id, bool writable,
    struct message_file *f, bool *in_done, struct po_err *err);
int spool_move_to_done(const struct spool *s, const struct queue_id *id,
    struct po_err *err); /* idempotent */
/* From done/ to queue/: it goes on. */
int spool_move_back(const struct spool *s, const struct queue_id *id,
    struct po_err *err);
int spool_trash(const struct spool *s, const struct queue_id *id,
    struct po_err *err); /* idempotent; from done/ or queue/ */
/* Unlink up to `max` files of trash/; returns how many, -1 on error. */
int spool_empty_trash(const struct spool *s, size_t max, struct po_err *err);

/* What a file means to the index: message record (place NONE, hop and turn 0)
 * and recipients, made by ingest, recovery and rebuild alike, so that they
 * agree. Writes message, recipient and key rows into tx; *m is what was
 * written. `digest` is that of a message with a key, NULL: look into the file.
 * A key that another message holds is left with that one. */
int spool_index_file(const struct message_file *f, struct index_tx *tx,
    struct arena *arena, const unsigned char *digest, struct index_message *m,
    struct po_err *err);

#endif
