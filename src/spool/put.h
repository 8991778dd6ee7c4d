/* SPDX-License-Identifier: ISC */
/*
 * A message that po itself makes (a bounce), written right into queue/: neither
 * drop/ nor ingest. Only by the spool's owner, in the process that holds the
 * run lock. Its id is a derived one, so that making it again after a crash is
 * recognised (spool-layout.md, "Notices").
 */
#ifndef PO_SPOOL_PUT_H
#define PO_SPOOL_PUT_H

#include "spool/spool.h"
#include "util/sink.h"

struct spool_put;

enum put_result {
	PUT_NEW,   /* it has its name now; not synced */
	PUT_KNOWN, /* the same message lies there already, and stays */
	PUT_TAKEN  /* somebody else's message has the id: nothing was made */
};

/* `env` (via is VIA_BOUNCE, msgid set) must live until the end. Owner is the
 * spool's, arrival `now`, due at once. */
int put_begin(const struct spool *s, const struct envelope *env, int64_t now,
    int64_t expires, struct spool_put **out, struct po_err *err);

struct sink put_sink(struct spool_put *p); /* as writer_content() */

/*
 * Give it its name. A file of the same id that po made and that has the same
 * Message-ID is PUT_KNOWN if it is whole; another one that po made is replaced:
 * who calls knows that the index has no record of it, so nobody sent it.
 */
int put_publish(struct spool_put *p, enum put_result *result,
    struct po_err *err);

void put_free(struct spool_put *p); /* forgets what has no name; NULL is fine */

/* One syncfs(2) for all that was published: before their records are
 * committed. */
int put_sync(const struct spool *s, struct po_err *err);

#endif
