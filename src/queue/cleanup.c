/* SPDX-License-Identifier: ISC */
#include "queue/cleanup.h"

#include <string.h>

#define STEP 500

static bool
is_past(const struct tick *t, const struct cleanup *c,
    const struct index_message *m)
{
	int64_t keep = m->state == MESSAGE_SENT || m->state == MESSAGE_DUPLICATE
	                   ? t->conf->keep_sent_s
	                   : t->conf->keep_failed_s;

	if (c->days >= 0)
		keep = c->days * 86400;
	if (keep < CLEANUP_MIN_S)
		keep = CLEANUP_MIN_S;
	return t->now - m->finished >= keep;
}

static int
remove_one(struct tick *t, struct cleanup *c, const struct index_message *m,
    struct po_err *err)
{
	if (index_message_delete(t->tx, &m->id, err) == -1)
		return -1;
	after_trash(t->after, &m->id);
	c->removed[m->state]++;
	c->bytes += m->file_size;
	return 0;
}

/* History is kept as long as the mail it tells of can be. */
static void
expire_history(struct tick *t, const struct cleanup *c)
{
	int64_t keep = t->conf->keep_failed_s > t->conf->keep_sent_s
	                   ? t->conf->keep_failed_s
	                   : t->conf->keep_sent_s;
	struct po_err err;

	if (c->days >= 0)
		keep = c->days * 86400;
	if (history_expire(t->spool,
	        t->now - (keep < CLEANUP_MIN_S ? CLEANUP_MIN_S : keep),
	        &err) == -1)
		after_log(t->after, "po/cleanup", LOG_LEVEL_ERROR, "%s",
		    err.text);
}

static void
note_end(struct tick *t, struct cleanup *c)
{
	uint64_t n = 0;
	int i;

	expire_history(t, c);

	for (i = 0; i < MESSAGE_STATES; i++)
		n += c->removed[i];
	after_log(t->after, "po/cleanup", LOG_LEVEL_INFO,
	    "cleanup: removed=%llu, bytes=%llu", (unsigned long long)n,
	    (unsigned long long)c->bytes);
	c->wanted = false;
	c->time = 0;
	memset(&c->id, 0, sizeof(c->id));
}

int
cleanup_step(struct tick *t, struct cleanup *c, struct po_err *err)
{
	struct index_message m;
	int n, rc;

	for (n = 0; n < STEP; n++) {
		rc = index_finished_next(t->tx, &c->time, &c->id, err);
		if (rc == -1)
			return -1;
		/* Nothing younger than the shortest retention can be past it.
		 */
		if (rc == 0 || t->now - c->time < CLEANUP_MIN_S) {
			note_end(t, c);
			return 0;
		}
		rc = index_message_get(t->tx, &c->id, &t->arena, &m, err);
		if (rc == -1)
			return -1;
		if (rc == 1 && message_is_final(m.state) &&
		    m.place == PLACE_NONE && is_past(t, c, &m) &&
		    remove_one(t, c, &m, err) == -1)
			return -1;
	}
	return 0;
}
