/* SPDX-License-Identifier: ISC */
#include "queue/cleanup.h"

#include <string.h>

#include "spool/templates.h"

#define STEP 500
#define TEMPLATES_KEEP_S                                                       \
	(INT64_C(7) * 86400) /* since it was the current one                   \
	                      */

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

static int
is_used(void *ctx, const struct templates_id *id, struct po_err *err)
{
	const struct tick *t = ctx;
	char version[TEMPLATES_ID_BYTES];
	struct queue_id user;

	templates_id_print(id, version);
	return index_use_next(t->tx, version, NULL, &user, err);
}

/* Old versions that no mail needs. What is in drop/ still was made from one
 * that was current a short while ago. */
static void
expire_templates(struct tick *t)
{
	struct templates store;
	struct po_err err;
	int n;

	if (templates_open(t->spool->path, &store, &err) == -1)
		n = -1;
	else
		n = templates_cleanup(&store, t->now - TEMPLATES_KEEP_S,
		    is_used, t, &err);
	if (n == -1)
		after_log(t->after, "po/cleanup", LOG_LEVEL_ERROR, "%s",
		    err.text);
	if (n > 0)
		after_log(t->after, "po/cleanup", LOG_LEVEL_INFO,
		    "cleanup: versions of templates removed=%d", n);
	templates_close(&store);
}

static void
note_end(struct tick *t, struct cleanup *c)
{
	uint64_t n = 0;
	int i;

	expire_history(t, c);
	expire_templates(t);
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
