/* SPDX-License-Identifier: ISC */
/*
 * The run lock: who may open the index for writing. The kernel decides (fcntl
 * F_OFD_SETLK on run/po-queue.lock, a file that is never unlinked); the file's
 * text only explains. Forked children inherit the lock on purpose, so that
 * nobody starts while an orphan still sends; nobody ever calls F_UNLCK, which
 * would drop it for all of them.
 */
#ifndef PO_QUEUE_LOCK_H
#define PO_QUEUE_LOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/err.h"

enum lock_holder {
	HOLDER_NONE, /* free, or never held */
	HOLDER_LIVE,
	HOLDER_SILENT,   /* alive, but its heartbeat stopped */
	HOLDER_STOPPED,  /* alive, stopped by a signal */
	HOLDER_ZOMBIE,   /* dead, not reaped; its children hold the lock */
	HOLDER_RECYCLED, /* its pid belongs to another process now; its children
	                    hold the lock */
	HOLDER_DEAD,     /* gone; its children hold the lock */
	HOLDER_REMOTE, /* another boot, host or pid namespace: cannot be looked
	                  at */
	HOLDER_UNKNOWN /* the text is not readable */
};

#define LOCK_HEARTBEAT_S 10

struct lock_record {
	pid_t pid;
	uint64_t start;    /* /proc/PID/stat field 22, clock ticks since boot */
	int64_t since;     /* seconds UTC */
	int64_t heartbeat; /* mtime of the file */
	char boot[40];     /* /proc/sys/kernel/random/boot_id */
	uint64_t pidns;    /* inode of /proc/self/ns/pid */
	char host[65];
	char mode[16]; /* "once", "watch", "cleanup"... */
	bool clean;    /* it ended in order */
};

struct run_lock {
	int fd; /* close-on-exec; -1 when not held */
	struct lock_record
	    before; /* the record found when it was taken; pid 0 if none */
};

/*
 * Take the lock in `run_dirfd`: 1 held, 0 somebody else has it (judged in
 * *holder, *record and, as one line for a person, in `text`), -1 error. `mode`
 * says what for.
 */
int lock_take(int run_dirfd, const char *mode, struct run_lock *lock,
    enum lock_holder *holder, struct lock_record *record, char *text,
    size_t max, struct po_err *err);

/* Look without taking: as above, but 1 means free. */
int lock_look(int run_dirfd, enum lock_holder *holder,
    struct lock_record *record, char *text, size_t max, struct po_err *err);

void lock_heartbeat(
    const struct run_lock *lock); /* at least every LOCK_HEARTBEAT_S */
void lock_end(
    struct run_lock *lock); /* note the clean end and close; the parent only */

/* This boot's id, "" when unreadable. */
void lock_boot_id(char out[40]);

#endif
