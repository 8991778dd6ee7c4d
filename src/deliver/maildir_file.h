/* SPDX-License-Identifier: ISC */
/*
 * One copy of a message into a Maildir: written into tmp/, synced, linked into
 * new/, which is synced when maildir_sync() says so. Nobody finds half a
 * message, and what was synced is there after a power failure.
 */
#ifndef PO_DELIVER_MAILDIR_FILE_H
#define PO_DELIVER_MAILDIR_FILE_H

#include <sys/types.h>

#include "deliver/transport.h"
#include "util/span.h"

struct maildir {
	int tmp, new;     /* -1: closed */
	mode_t mode;      /* of a file: 0600, 0640, 0660; folders have x too */
	const char *host; /* in names of files */
	char *block;      /* CONTENT_BLOCK_BYTES of scratch, the caller's */
	uint64_t count;   /* of files, for their names */
};

/* The mode of folders around files of `mode`. */
mode_t maildir_folder_mode(mode_t mode);

/* Make `name` below `at` if it is missing, open it, not through a link. */
int maildir_make_folder(int at, const char *name, mode_t mode,
    struct po_err *err);

/* Open tmp and new of the Maildir `top`, made with cur where they are missing.
 */
int maildir_open(struct maildir *d, int top, struct po_err *err);
void maildir_close(struct maildir *d);

/* `head`, then the content, as a file of new/. */
int maildir_put(struct maildir *d, const struct deliver_message *m,
    struct span head, struct po_err *err);
int maildir_sync(const struct maildir *d, struct po_err *err);

/* A failure as a result: deferred. True where it concerns all mail that goes
 * this way, not one mailbox. */
bool maildir_judge(const struct po_err *err, struct delivery *d);

#endif
