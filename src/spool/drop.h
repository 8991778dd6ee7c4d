/* SPDX-License-Identifier: ISC */
/*
 * The way into the spool, for any uid: one self-checking file in drop/, made
 * without a name, filled, published by link(2) as "n.ID", then synced
 * (spool-layout.md, "Submission"). This is all that submit and sendmail know of
 * spool.
 */
#ifndef PO_SPOOL_DROP_H
#define PO_SPOOL_DROP_H

#include "conf/conf.h"
#include "envelope/envelope.h"
#include "util/err.h"
#include "util/sink.h"

struct drop_conf {
	char *spool; /* "spool": default LOCALSTATEDIR/spool/po */
	int64_t
	    min_free; /* "min_free": free bytes that must remain, default 64M */
};
extern const struct conf_option drop_options[];

struct drop;

/* A relative path would be another spool for each caller: PO_ECONFIG. */
int drop_check_path(const char *spool, struct po_err *err);

/*
 * Open SPOOL/drop (O_DIRECTORY|O_NOFOLLOW; mode 3733, or 0700 owned by the
 * caller) and look at the free space. Errors name the path, the uid and the
 * remedy (PO_ETEMP; PO_EFULL below min_free).
 */
int drop_open(const struct drop_conf *conf, struct drop **out,
    struct po_err *err);

/* Begin the file of env->id: preamble, blank cells, envelope, blank slots.
 * Content follows through drop_sink(). */
int drop_begin(struct drop *d, const struct envelope *env, struct po_err *err);

/* Takes content: LF-only lines without NUL (the caller's duty; a NUL or CR
 * makes publish fail as PO_EBUG). Buffered, never held as a whole; length, CRC,
 * 8-bit and the longest line are noted on the way. */
struct sink drop_sink(struct drop *d);

/* Trailer, mode 0640 (0600 in an own spool), name, fsync: 0 means accepted and
 * durable. -1: nothing is queued, but for what spool-layout.md says of a failed
 * sync. The file is ended either way; drop_begin() may start the next one. */
int drop_publish(struct drop *d, struct po_err *err);

/*
 * From now on drop_publish() gives the name and no more: what it published is
 * accepted when drop_sync() returned 0, by one syncfs(2) for all. At most
 * DROP_GROUP_MAX between two of them. -1: what nobody has taken yet is gone
 * again, as after a failed drop_publish().
 */
#define DROP_GROUP_MAX 256u
int drop_group(struct drop *d, struct po_err *err);
int drop_sync(struct drop *d, struct po_err *err);

void drop_discard(
    struct drop *d); /* forget what was begun; harmless when nothing was */
void drop_close(struct drop *d); /* discards; NULL is harmless */

#endif
